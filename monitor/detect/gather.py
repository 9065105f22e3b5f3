"""Gathering: the blocks of a batch as flat columns, one for each channel of each profile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.derive import derive
from monitor.detect.kernels.readings import NO_SPAN, UNKNOWN_GAP_NS, Readings
from monitor.detect.streams import Layout, Panel, Streams
from monitor.model.batch import Block, Derived
from monitor.model.channel import shown_channel


@dataclass(frozen=True)
class Rows:
    """Blocks laid end to end: `counts` int64 [segments], all above 0, `starts` where each begins."""

    blocks: list[Block]
    counts: NDArray[np.int64]
    starts: NDArray[np.int64]

    @cached_property
    def times_ns(self) -> NDArray[np.int64]:
        """Time of each row, int64 [n]."""
        return np.concatenate([block.times_ns for block in self.blocks])

    @cached_property
    def gap_ns(self) -> NDArray[np.int64]:
        """Spacing above which a segment's readings count as parted, int64 [segments]: 2.5 declared intervals."""
        return np.array([gap_ns(block.interval_ns) for block in self.blocks], dtype=np.int64)

    def take(self, segments: NDArray[np.int64]) -> Rows:
        """Some of the blocks, in the order given."""
        counts = self.counts[segments]
        return Rows([self.blocks[i] for i in segments.tolist()], counts, offsets(counts))


class Laid(NamedTuple):
    """Readings without NaN, each stream's end to end: `streams` [lanes], and each reading's index in the column."""

    readings: Readings
    streams: NDArray[np.int64]
    source: NDArray[np.int64]

    def take(self, lanes: NDArray[np.int64]) -> Laid:
        """Some of the lanes, in the order given."""
        of, counts = self.readings, self.readings.counts[lanes]
        at = spread(of.starts[lanes], counts)
        readings = Readings(of.values[at], of.times_ns[at], of.gap_ns[at], of.span[at], offsets(counts), counts)
        return Laid(readings, self.streams[lanes], self.source[at])


class Lanes(NamedTuple):
    """Streams [lanes], and which rows are theirs: from `starts`, `counts` of them, int64 [lanes]."""

    streams: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """Segments of one panel laid end to end in journal order; a segment is one block's column.

    `values` float32 [n]; `streams` int64 [segments], the stream of each.
    """

    panel: Panel
    rows: Rows
    streams: NDArray[np.int64]
    values: NDArray[np.float32]

    @cached_property
    def highs(self) -> NDArray[np.float32]:
        """Largest value of each segment, float32 [segments]; NaN where it has none."""
        return np.fmax.reduceat(self.values, self.rows.starts)

    @cached_property
    def lows(self) -> NDArray[np.float32]:
        """Smallest value of each segment, float32 [segments]; NaN where it has none."""
        return np.fmin.reduceat(self.values, self.rows.starts)

    @cached_property
    def lanes(self) -> Lanes | None:
        """Each stream's segments as one; None where those of one do not stand end to end."""
        begins = np.flatnonzero(np.diff(self.streams, prepend=-1))
        streams = self.streams[begins]
        if len(set(streams.tolist())) < len(streams):
            return None
        return Lanes(streams, self.rows.starts[begins], np.add.reduceat(self.rows.counts, begins))

    @cached_property
    def is_valid(self) -> NDArray[np.bool_]:
        """Whether each value is one, bool [n]."""
        return ~np.isnan(self.values)

    @cached_property
    def laid(self) -> Laid:
        """All readings, stream by stream, for the families that follow every one of them."""
        return lay(self)

    def take(self, segments: NDArray[np.int64]) -> Column:
        """The column of some of its segments, in the order given."""
        values = self.values[spread(self.rows.starts[segments], self.rows.counts[segments])]
        return Column(self.panel, self.rows.take(segments), self.streams[segments], values)


def gap_ns(interval_ns: int | None) -> int:
    """Largest spacing that is no gap: 2.5 intervals, rounded down, as a spacing is whole."""
    return UNKNOWN_GAP_NS if interval_ns is None else min(interval_ns * 5 // 2, UNKNOWN_GAP_NS)


def offsets(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of consecutive segments begins, int64 [segments]."""
    return np.cumsum(counts) - counts


def spread(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices start, start + 1, ... (`count` of them) for each segment, end to end, int64 [sum of counts]."""
    return np.repeat(starts - offsets(counts), counts) + np.arange(int(counts.sum()))


def lay(column: Column) -> Laid:
    """The column's readings stream by stream, in a stream in journal order, without NaN and streams of NaN only."""
    rows, streams = column.rows, column.streams
    times_ns, segment_gap_ns, counts = rows.times_ns, rows.gap_ns, rows.counts
    values, source = column.values, np.arange(len(column.values))
    if (np.diff(streams) <= 0).any():
        order = np.argsort(streams, kind="stable")
        source = spread(rows.starts[order], counts[order])
        streams, segment_gap_ns, counts = streams[order], segment_gap_ns[order], counts[order]
    if not column.is_valid.all():
        is_valid = column.is_valid[source]
        counts = np.add.reduceat(is_valid, offsets(counts), dtype=np.int64)
        source = source[is_valid]
    if len(source) != len(values) or streams is not column.streams:
        values, times_ns = values[source], times_ns[source]
    begins = np.flatnonzero(np.diff(streams, prepend=-1))
    lane_counts = np.add.reduceat(counts, begins)
    is_lane = lane_counts > 0
    lane_counts = lane_counts[is_lane]
    readings = Readings(
        values, times_ns, np.repeat(segment_gap_ns, counts), np.full(len(values), NO_SPAN, dtype=np.int64),
        offsets(lane_counts), lane_counts,
    )  # fmt: skip
    return Laid(readings, streams[begins[is_lane]], source)


class _Group(NamedTuple):
    """Blocks of one layout, their places in the batch and the streams of their judged columns."""

    layout: Layout
    blocks: list[Block]
    places: list[int]
    streams: list[NDArray[np.int64]]


def gather(
    blocks: Iterable[Block], streams: Streams, *, wants_derived: bool = True
) -> tuple[list[Column], list[Derived]]:
    """The judged columns of `blocks`, and what was derived; blocks without readings are left out.

    Where nobody `wants_derived`, only what is judged is derived, and each stream's segments stand end to end.
    """
    groups: dict[int, _Group] = {}
    for place, block in enumerate(blocks):
        if block.times_ns.size == 0:
            continue
        layout, numbers = streams.route(block)
        group = groups.get(layout.number)
        if group is None:
            group = groups[layout.number] = _Group(layout, [], [], [])
        group.blocks.append(block)
        group.places.append(place)
        group.streams.append(numbers)
    parts: dict[int, list[tuple[list[int], Column]]] = {}
    derived: list[Derived] = []
    for each in groups.values():
        group = each if wants_derived else _by_stream(each)
        for column in _columns(group, derived if wants_derived else None):
            parts.setdefault(column.panel.number, []).append((group.places, column))
    return [_merged(part) for part in parts.values()], derived


def _by_stream(group: _Group) -> _Group:
    """The blocks of each sender end to end; its streams are its alone, so all columns are in order of theirs."""
    if len(group.layout.judged) == 0:
        return group
    order = np.argsort([numbers[0] for numbers in group.streams], kind="stable").tolist()
    return _Group(group.layout, *([items[place] for place in order] for items in group[1:]))


def _columns(group: _Group, derived: list[Derived] | None) -> list[Column]:
    """The judged columns of a group; all that is stored of what is derived goes to `derived` (None: nowhere)."""
    counts = np.array([len(block.times_ns) for block in group.blocks], dtype=np.int64)
    rows = Rows(group.blocks, counts, offsets(counts))
    values = np.concatenate([block.values for block in group.blocks])
    width, derivations = values.shape[1], group.layout.derivations
    wanted = {at - width for at, _ in group.layout.judged if at >= width}
    if derived is not None:
        wanted |= {number for number, each in enumerate(derivations) if each.is_stored}
    made = dict(zip(sorted(wanted), derive(values, [derivations[number] for number in sorted(wanted)]), strict=True))
    if derived is not None:
        derived += _derived(group, rows, made)
    streams = np.array(group.streams)
    return [
        Column(panel, rows, streams[:, number], np.ascontiguousarray(values[:, at]) if at < width else made[at - width])
        for number, (at, panel) in enumerate(group.layout.judged)
    ]


def _derived(group: _Group, rows: Rows, made: dict[int, NDArray[np.float32]]) -> list[Derived]:
    stored = [i for i, each in enumerate(group.layout.derivations) if each.is_stored]
    if not stored:
        return []
    channels = tuple(shown_channel(group.layout.derivations[i].channel) for i in stored)
    return [Derived(rows.blocks, rows.starts, channels, np.column_stack([made[i] for i in stored]))]


def _merged(parts: list[tuple[list[int], Column]]) -> Column:
    """One column of those that several layouts have, their segments in the order of the batch."""
    if len(parts) == 1:
        return parts[0][1]
    columns = [column for _, column in parts]
    counts = np.concatenate([column.rows.counts for column in columns])
    rows = Rows([block for column in columns for block in column.rows.blocks], counts, offsets(counts))
    streams, values = (np.concatenate([getattr(column, name) for column in columns]) for name in ("streams", "values"))
    order = np.argsort(np.array([place for places, _ in parts for place in places]))
    return Column(columns[0].panel, rows, streams, values).take(order)
