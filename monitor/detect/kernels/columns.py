"""State as columns: one array for each state variable over all streams."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray


class Columns:
    """Base of a dataclass whose fields are arrays of equal length; `dtypes` names and types them in order.

    A type such as "(61,)<f4" makes a column of rows. A row of zeros remembers nothing: then
    the first column is 0.
    """

    dtypes: ClassVar[dict[str, str]]

    @classmethod
    def empty(cls, length: int) -> Self:
        """Columns of zeros."""
        return cls(*(np.zeros(length, dtype) for dtype in cls.dtypes.values()))

    @classmethod
    def from_bytes(cls, raw: dict[str, Any], length: int) -> Self:
        """Columns that `to_bytes` wrote; KeyError, TypeError or ValueError when they are not those."""
        arrays = []
        for name, text in cls.dtypes.items():
            dtype = np.dtype(text)
            array = np.frombuffer(raw[name], dtype=dtype.base).reshape(-1, *dtype.shape)
            if len(array) != length:
                raise ValueError(f"expected {length} rows of {name}, got {len(array)}")
            arrays.append(array)
        return cls(*arrays)

    def to_bytes(self) -> dict[str, bytes]:
        """Each column as little-endian bytes."""
        return {name: array.astype(np.dtype(self.dtypes[name]).base).tobytes() for name, array in self.arrays().items()}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The columns by name."""
        return {name: getattr(self, name) for name in self.dtypes}

    @property
    def is_used(self) -> NDArray[np.bool_]:
        """Which rows remember anything, bool [rows]."""
        used: NDArray[np.bool_] = getattr(self, next(iter(self.dtypes))) != 0
        return used

    def take(self, index: NDArray[np.int64]) -> Self:
        """A copy of some rows."""
        return type(self)(*[getattr(self, name)[index] for name in self.dtypes])

    def put(self, index: NDArray[np.int64], rows: Self) -> None:
        """Write `rows` where `index` says."""
        for name in self.dtypes:
            getattr(self, name)[index] = getattr(rows, name)

    def grown(self, length: int) -> Self:
        """The same rows followed by zeros up to `length`."""
        longer = self.empty(length)
        for name, array in self.arrays().items():
            getattr(longer, name)[: len(array)] = array
        return longer
