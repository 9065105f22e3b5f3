"""State as columns: one array for each state variable over all streams."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray


class Columns:
    """Base of a dataclass whose fields are arrays of equal length; `dtypes` names and types them in order."""

    dtypes: ClassVar[dict[str, str]]

    @classmethod
    def empty(cls, length: int) -> Self:
        """Columns of zeros."""
        return cls(*(np.zeros(length, dtype) for dtype in cls.dtypes.values()))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The columns by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # subclasses are dataclasses

    def take(self, index: NDArray[np.int64]) -> Self:
        """A copy of some rows."""
        return type(self)(*(array[index] for array in self.arrays().values()))

    def put(self, index: NDArray[np.int64], rows: Self) -> None:
        """Write `rows` where `index` says."""
        for name, array in rows.arrays().items():
            getattr(self, name)[index] = array

    def grown(self, length: int) -> Self:
        """The same rows followed by zeros up to `length`."""
        longer = self.empty(length)
        for name, array in self.arrays().items():
            getattr(longer, name)[: len(array)] = array
        return longer
