"""Gathering: the blocks of a batch as flat columns, one for each channel of each profile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitor.detect.streams import Panel, Streams
from monitor.detect.threshold import UNKNOWN_GAP_NS
from monitor.model.batch import Block


@dataclass(frozen=True)
class Column:
    """Segments of one panel laid end to end in journal order; a segment is one block's column.

    `values` float32 [n]; `streams` int64 [segments], the stream of each; `counts` int64 [segments], all above 0;
    `starts` int64 [segments], where each begins in `values`.
    """

    panel: Panel
    blocks: list[Block]
    streams: NDArray[np.int64]
    values: NDArray[np.float32]
    counts: NDArray[np.int64]
    starts: NDArray[np.int64]

    @cached_property
    def highs(self) -> NDArray[np.float32]:
        """Largest value of each segment, float32 [segments]; NaN where it has none."""
        return np.fmax.reduceat(self.values, self.starts)

    @cached_property
    def lows(self) -> NDArray[np.float32]:
        """Smallest value of each segment, float32 [segments]; NaN where it has none."""
        return np.fmin.reduceat(self.values, self.starts)

    @cached_property
    def times_ns(self) -> NDArray[np.int64]:
        """Time of each value, int64 [n]."""
        return np.concatenate([block.times_ns for block in self.blocks])

    @cached_property
    def gap_ns(self) -> NDArray[np.int64]:
        """Spacing above which a segment's readings count as parted, int64 [segments]: 2.5 declared intervals."""
        return np.array([gap_ns(block.interval_ns) for block in self.blocks], dtype=np.int64)

    def take(self, segments: NDArray[np.intp]) -> Column:
        """The column of some of its segments, in the order given."""
        values = self.values[spread(self.starts[segments], self.counts[segments])]
        counts = self.counts[segments]
        blocks = [self.blocks[i] for i in segments.tolist()]
        return Column(self.panel, blocks, self.streams[segments], values, counts, offsets(counts))


def gap_ns(interval_ns: int | None) -> int:
    """Largest spacing that is no gap: 2.5 intervals, rounded down, as a spacing is whole."""
    return UNKNOWN_GAP_NS if interval_ns is None else min(interval_ns * 5 // 2, UNKNOWN_GAP_NS)


def offsets(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of consecutive segments begins, int64 [segments]."""
    return np.cumsum(counts) - counts


def spread(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices start, start + 1, ... (`count` of them) for each segment, end to end, int64 [sum of counts]."""
    return np.repeat(starts - offsets(counts), counts) + np.arange(int(counts.sum()))


def gather(blocks: Iterable[Block], streams: Streams) -> list[Column]:
    """The judged columns of `blocks`; blocks without readings are passed over."""
    parts: dict[int, tuple[Panel, list[Block], list[int], list[NDArray[np.float32]]]] = {}
    for block in blocks:
        if block.times_ns.size == 0:
            continue
        for route in streams.route(block):
            part = parts.get(route.panel.number)
            if part is None:
                part = parts[route.panel.number] = (route.panel, [], [], [])
            part[1].append(block)
            part[2].append(route.stream)
            part[3].append(block.values[:, route.column])
    return [_column(*part) for part in parts.values()]


def _column(panel: Panel, blocks: list[Block], streams: list[int], values: list[NDArray[np.float32]]) -> Column:
    counts = np.array([len(piece) for piece in values], dtype=np.int64)
    return Column(panel, blocks, np.array(streams, dtype=np.int64), np.concatenate(values), counts, offsets(counts))
