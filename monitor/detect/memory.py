"""What the kernel of a family remembers of each stream, once for each feature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.lane import LaneKey, ordered, read_columns, read_keys, written
from monitor.detect.panels import Compiled
from monitor.detect.slots import FIRST_SLOTS, Slots
from monitor.detect.streams import StreamKey, Streams

Kind = TypeVar("Kind", bound=Columns)


class Memory(Generic[Kind]):
    """Rows of `kind` by stream and feature."""

    def __init__(self, streams: Streams, kind: type[Kind], compiled_of: Callable[[StreamKey], Compiled | None]) -> None:
        self._streams, self._kind, self._compiled_of = streams, kind, compiled_of
        self._slots = Slots()
        self._rows = kind.empty(FIRST_SLOTS)

    def slots(self, streams: NDArray[np.int64], features: int) -> NDArray[np.int64]:
        """Where the rows of each stream are, int64 [streams, features]."""
        slots, _ = self._slots.of(streams, features)
        if self._slots.capacity > len(self._rows.is_used):
            self._rows = self._rows.grown(self._slots.capacity)
        return slots

    @property
    def rows(self) -> Kind:
        """The rows themselves, for those who change a few of their columns in place."""
        return self._rows

    def take(self, slots: NDArray[np.int64]) -> Kind:
        """A copy of some rows."""
        return self._rows.take(slots)

    def put(self, slots: NDArray[np.int64], rows: Kind) -> None:
        """Write some rows."""
        self._rows.put(slots, rows)

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """What is remembered of a container's streams (None: of all), for `adopt`."""
        of = None if container is None else self._streams.of(container)
        slots = self._slots.within(np.flatnonzero(self._rows.is_used), of)
        keys, slots = ordered([self._key(slot) for slot in slots.tolist()], slots)
        return written(keys, rows=self._rows.take(slots))

    def adopt(self, content: dict[str, Any]) -> None:
        """Go on with what is remembered, where the same feature is still computed."""
        keys = read_keys(content)
        rows = read_columns(content, "rows", self._kind)
        places = [self._slot(key) for key in keys]
        kept = [i for i, place in enumerate(places) if place is not None]
        slots = np.array([place for place in places if place is not None], dtype=np.int64)
        self._rows.put(slots, rows.take(np.array(kept, dtype=np.int64)))

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's streams."""
        slots = self._slots.known(self._streams.of(container))
        self._rows.put(slots, self._kind.empty(len(slots)))

    def _key(self, slot: int) -> LaneKey:
        stream = self._streams.keys[int(self._slots.owner[slot])]
        compiled = self._compiled_of(stream)
        assert compiled is not None  # it has a slot
        return LaneKey(*stream, compiled.feature_digests[int(self._slots.place[slot])])

    def _slot(self, key: LaneKey) -> int | None:
        """Where the row of a key is now; None when nobody computes that any more."""
        compiled = self._compiled_of(key.stream)
        found = self._streams.find(key.stream)
        if compiled is None or found is None or key.digest not in compiled.feature_digests:
            return None
        slots = self.slots(np.array([found[0]]), len(compiled.features))
        return int(slots[0, compiled.feature_digests.index(key.digest)])
