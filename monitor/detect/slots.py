"""Slots: where the state of each stream lies in columns that all streams share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FIRST_SLOTS = 1024
SPARE = 4  # columns grow by a quarter: a copy now and then, and at most a fifth of the memory for nobody


class Slots:
    """A stream has as many slots as its panel has of what is remembered, side by side; they are given out as met."""

    def __init__(self) -> None:
        self.owner = np.zeros(FIRST_SLOTS, dtype=np.int32)  # the stream of each slot
        self.place = np.zeros(FIRST_SLOTS, dtype=np.int16)  # which of the stream's slots it is
        self._used = 0
        self._first = np.full(FIRST_SLOTS, -1, dtype=np.int64)  # by stream; -1 where it has none yet

    @property
    def capacity(self) -> int:
        """How many slots there is room for: the columns need as many rows."""
        return len(self.owner)

    def of(self, streams: NDArray[np.int64], width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Slots of each stream, int64 [streams, width], and the streams that were new, each once."""
        self._make_room(int(streams.max(initial=-1)) + 1)
        first = self._first[streams]
        is_new = first < 0
        new = np.array(sorted(set(streams[is_new].tolist())), dtype=np.int64)
        if new.size:
            self._allocate(new, width)
            first = self._first[streams]
        return first[:, None] + np.arange(width), new

    def within(self, slots: NDArray[np.int64], streams: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """Those of some slots that belong to one of `streams` (None: all)."""
        return slots if streams is None else slots[np.isin(self.owner[slots], streams)]

    def known(self, streams: NDArray[np.int64]) -> NDArray[np.int64]:
        """All slots of some streams, int64 [k]."""
        return self.within(np.arange(self._used), streams)

    def _allocate(self, streams: NDArray[np.int64], width: int) -> None:
        end = self._used + len(streams) * width
        if end > self.capacity:
            more = max(end, self.capacity + self.capacity // SPARE) - self.capacity
            self.owner, self.place = np.pad(self.owner, (0, more)), np.pad(self.place, (0, more))
        self._first[streams] = np.arange(self._used, end, width)
        self.owner[self._used : end] = np.repeat(streams, width)
        self.place[self._used : end] = np.tile(np.arange(width), len(streams))
        self._used = end

    def _make_room(self, streams: int) -> None:
        if streams > len(self._first):
            length = max(streams, len(self._first) + len(self._first) // SPARE)
            self._first = np.pad(self._first, (0, length - len(self._first)), constant_values=-1)
