"""The threshold machine over the series of a family: its state by stream and rule, and findings from what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.gather import Column, Laid, offsets, spread
from monitor.detect.kernels import threshold
from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import UNKNOWN_GAP_NS, Flags, Index, Series
from monitor.detect.lane import LIMITS_CHANGED, LaneKey, ordered, read_columns, read_keys, written
from monitor.detect.nearest import Nearest, Reached
from monitor.detect.panels import Compiled
from monitor.detect.rules import RulesView
from monitor.detect.slots import FIRST_SLOTS, Slots
from monitor.detect.streams import StreamKey, Streams
from monitor.model.batch import Finding
from monitor.model.channel import shown_channel
from monitor.model.limit import Rule
from monitor.model.rules.accuracy import propagated

Placed = tuple[int, Finding]  # with the row of the reading in its record
Note = Callable[[Rule, float], str]


class Made(NamedTuple):
    """What a kernel made of a column: its points lane by lane, `counts` [lanes] of them, `streams` [lanes].

    `laid` are the readings that the points refer to; `is_outside` [points] marks those that only say that the rule does
    not watch at that reading: never beyond, always clearing. `is_sparse`: a point is rarer than a reading, so that its
    spacing says nothing of gaps.
    """

    laid: Laid
    series: Series
    counts: Index
    streams: Index
    is_outside: Flags | None = None
    is_sparse: bool = False


@dataclass(frozen=True, slots=True)
class Last(Columns):
    """The last value of an active lane and the record that it comes from, to tell of when its rule is withdrawn."""

    dtypes: ClassVar[dict[str, str]] = {"value": "<f4", "pos": "<i8", "boot": "<i8", "seq": "<i8"}
    value: NDArray[np.float32]
    pos: NDArray[np.int64]
    boot: NDArray[np.int64]
    seq: NDArray[np.int64]


class Machine:
    """State of all lanes, a stream under one rule each."""

    def __init__(self, streams: Streams, rules: RulesView, compiled_of: Callable[[StreamKey], Compiled | None]) -> None:
        self._streams, self._rules, self._compiled_of = streams, rules, compiled_of
        self._slots = Slots()
        self._state, self._last = threshold.State.empty(FIRST_SLOTS), Last.empty(FIRST_SLOTS)
        self._uncertainty = np.full(FIRST_SLOTS, np.nan)  # U (k = 2), NaN where nobody can say

    def quiet_range(
        self, streams: Index, compiled: Compiled, rules: Index
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Between which values nothing happens under any of the rules, float32 [streams]; NaN: a lane is active."""
        slots = self._slots_of(streams, compiled)[:, rules]  # which may make the columns longer
        limits, sign = self._limits(slots, compiled, rules), compiled.sign[rules]
        high = np.where(sign > 0, limits, np.float32(np.inf)).min(axis=1)
        low = np.where(sign < 0, -limits, np.float32(-np.inf)).max(axis=1)
        is_active = (self._state.mode[slots] != threshold.IDLE).any(axis=1)
        nowhere = np.float32(np.nan)
        return np.where(is_active, nowhere, low), np.where(is_active, nowhere, high)

    def _limits(self, slots: Index, compiled: Compiled, rules: Index) -> NDArray[np.float32]:
        """The limit of each lane, mirrored, float32 [lanes or 1, rules]; with a guard U is taken off."""
        limit: NDArray[np.float32] = compiled.limit[rules]
        is_guarded = compiled.is_guarded[rules]
        if not is_guarded.any():
            return limit[None, :]
        margin = np.where(is_guarded, np.nan_to_num(self._uncertainty[slots]), np.float32(0))
        return np.asarray(limit - margin, dtype=np.float32)

    def judge(
        self, column: Column, compiled: Compiled, rules: Index, made: Made, note: Note, nearest: Nearest | None = None
    ) -> list[Placed]:
        """Run the machine over the lanes that come near the limit of one of `rules` or are active.

        How near all of them come goes to `nearest`.
        """
        has_points = made.counts > 0
        starts, counts, streams = offsets(made.counts)[has_points], made.counts[has_points], made.streams[has_points]
        if counts.size == 0:
            return []
        slots, sign = self._slots_of(streams, compiled)[:, rules], compiled.sign[rules]
        limits = self._limits(slots, compiled, rules)
        reach = _reach(made, starts, sign)
        if nearest is not None:
            owners = [self._streams.keys[stream] for stream in streams.tolist()]
            reached = Reached(owners, starts, counts, reach, limits, made.series, made.laid.source, made.is_outside)
            nearest.note_lanes(column, [compiled.rules[number] for number in rules.tolist()], reached)
        lane, rule = np.nonzero((reach > limits) | (self._state.mode[slots] != threshold.IDLE))
        if lane.size == 0:
            return []
        slot, lane_counts = slots[lane, rule], counts[lane]
        point = spread(starts[lane], lane_counts)
        values = made.series.values[point] * np.repeat(sign[rule], lane_counts)
        if made.is_outside is not None:
            values[made.is_outside[point]] = -np.inf
        at, clear = made.series.at[point], compiled.clear[rules][rule]
        limit = limits[lane if len(limits) > 1 else 0, rule]
        readings, since_ns, ends = made.laid.readings, made.series.since_ns, offsets(lane_counts) + lane_counts - 1
        times_ns = readings.times_ns[at] if since_ns is None else since_ns[point]
        gap_ns = np.full(len(at), UNKNOWN_GAP_NS) if made.is_sparse else readings.gap_ns[at]
        lanes = threshold.Lanes(
            values, times_ns, gap_ns, offsets(lane_counts), lane_counts, limit, np.minimum(clear, limit),
            compiled.dwell_ns[rules][rule],
        )  # fmt: skip
        changes, after = threshold.judge(lanes, self._state.take(slot))
        after.last_ns[:] = np.where(after.mode == threshold.IDLE, 0, readings.times_ns[at[ends]])
        self._state.put(slot, after)
        self._last.put(slot, _last_of(column, made, point[ends], after))
        if changes.kind.size == 0:
            return []
        return self._findings(column, compiled, made, changes, rules[rule], slot, point, note)

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """The lanes of a container (None: of all) that are pending or firing, for `adopt`."""
        of = None if container is None else self._streams.of(container)
        slots = self._slots.within(np.flatnonzero(self._state.mode != threshold.IDLE), of)
        keys, slots = ordered([self._key(slot) for slot in slots.tolist()], slots)
        return written(keys, state=self._state.take(slots), last=self._last.take(slots))

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with remembered lanes; those whose rule is no longer in force are dropped, `cleared` if they fired."""
        keys = read_keys(content)
        state, last = read_columns(content, "state", threshold.State), read_columns(content, "last", Last)
        if ((state.mode == threshold.IDLE) | (state.mode > threshold.FIRING)).any():
            raise ValueError("a lane that is neither pending nor firing")
        found: list[Finding] = []
        for row, key in enumerate(keys):
            slot = self._slot(key)
            if slot is not None:
                self._state.put(np.array([slot]), state.take(np.array([row])))
                self._last.put(np.array([slot]), last.take(np.array([row])))
            elif state.mode[row] == threshold.FIRING:
                found.append(_withdrawn(key, state, last, row))
        return found

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's streams."""
        slots = self._slots.known(self._streams.of(container))
        self._state.put(slots, threshold.State.empty(len(slots)))
        self._last.put(slots, Last.empty(len(slots)))

    def _findings(
        self, column: Column, compiled: Compiled, made: Made, changes: threshold.Changes,
        rules: Index, slots: Index, point: Index, note: Note,
    ) -> list[Placed]:  # fmt: skip
        points, starts = point[changes.at], column.rows.starts
        source = made.laid.source[made.series.at[points]]
        segments = np.searchsorted(starts, source, side="right") - 1
        rule = rules[changes.lane]
        detail = np.full(len(points), np.nan) if made.series.detail is None else made.series.detail[points]
        rows = zip(
            changes.kind.tolist(), rule.tolist(), segments.tolist(), (source - starts[segments]).tolist(),
            changes.first_ns.tolist(), column.rows.times_ns[source].tolist(), made.series.values[points].tolist(),
            (changes.peak * compiled.sign[rule]).tolist(), self._uncertainty[slots[changes.lane]].tolist(),
            detail.tolist(), strict=True,
        )  # fmt: skip
        found, channel = [], shown_channel(column.panel.channel)
        for kind, number, segment, row, start_ns, time_ns, value, peak, uncertainty, more in rows:
            block, judged_by = column.rows.blocks[segment], compiled.rules[number]
            more = note(judged_by, more) if kind == threshold.FIRED else ""
            finding = Finding(
                threshold.CHANGES[kind], judged_by.id, block.container, block.logger, channel, None,
                start_ns, time_ns, value, peak, block.pos, block.boot, block.seq,
                uncertainty if uncertainty == uncertainty else None, more,
            )  # fmt: skip
            found.append((row, finding))
        return found

    def _slots_of(self, streams: Index, compiled: Compiled) -> Index:
        """Slots, int64 [streams, rules]; new streams are given theirs."""
        slots, new = self._slots.of(streams, len(compiled.rules))
        more = self._slots.capacity - len(self._uncertainty)
        if more > 0:
            length = self._slots.capacity
            self._state, self._last = self._state.grown(length), self._last.grown(length)
            self._uncertainty = np.pad(self._uncertainty, (0, more), constant_values=np.nan)
        if new.size:
            self._uncertainty[self._slots.of(new, len(compiled.rules))[0]] = self._uncertainties(new, compiled)
        return slots

    def _uncertainties(self, streams: Index, compiled: Compiled) -> NDArray[np.float64]:
        """U of what each rule judges of each stream, float64 [streams, rules]."""
        found = np.full((len(streams), len(compiled.rules)), np.nan)
        for row, stream in enumerate(streams.tolist()):
            container, logger, _, channel = self._streams.keys[stream]
            if self._rules.logger(container, logger).calibration:
                found[row] = [_uncertainty(self._rules, rule, container, logger, channel) for rule in compiled.rules]
        return found

    def _key(self, slot: int) -> LaneKey:
        stream = self._streams.keys[int(self._slots.owner[slot])]
        compiled = self._compiled_of(stream)
        assert compiled is not None  # it has a slot
        rule = int(self._slots.place[slot])
        return LaneKey(*stream, compiled.digests[rule], compiled.rules[rule].id, compiled.rules[rule].sign)

    def _slot(self, key: LaneKey) -> int | None:
        """Where a lane is now; None when its rule is no longer in force."""
        compiled = self._compiled_of(key.stream)
        found = self._streams.find(key.stream)
        if compiled is None or found is None or key.digest not in compiled.digests:
            return None
        return int(self._slots_of(np.array([found[0]]), compiled)[0, compiled.digests.index(key.digest)])


def _reach(made: Made, starts: Index, sign: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each lane's points go in the direction of each rule, mirrored, float32 [lanes, rules]."""
    values = made.series.values
    if made.is_outside is None:
        highs, lows = np.maximum.reduceat(values, starts), np.minimum.reduceat(values, starts)
    else:
        highs = np.maximum.reduceat(np.where(made.is_outside, -np.inf, values), starts)
        lows = np.minimum.reduceat(np.where(made.is_outside, np.inf, values), starts)
    return np.where(sign > 0, highs[:, None], -lows[:, None])


def _uncertainty(rules: RulesView, rule: Rule, container: str, logger: str, channel: str) -> float:
    volume_m3 = rules.container(container).free_gas_volume_m3
    known = propagated(rule, lambda of: rules.accuracy(container, logger, of), channel, volume_m3)
    return np.nan if known is None else known


def _last_of(column: Column, made: Made, points: Index, after: threshold.State) -> Last:
    """The last value of each lane and its record; zeros for a lane that is idle."""
    last = Last.empty(len(points))
    active = np.flatnonzero(after.mode != threshold.IDLE)
    source = made.laid.source[made.series.at[points[active]]]
    segments = np.searchsorted(column.rows.starts, source, side="right") - 1
    blocks = [column.rows.blocks[i] for i in segments.tolist()]
    last.value[active] = made.series.values[points[active]]
    for name in ("pos", "boot", "seq"):
        getattr(last, name)[active] = [getattr(block, name) for block in blocks]
    return last


def _withdrawn(key: LaneKey, state: threshold.State, last: Last, row: int) -> Finding:
    """A firing exceedance of a rule that is no longer in force, cleared at the last reading it saw."""
    first_ns = int(state.first_ns[row])
    return Finding(
        threshold.CHANGES[threshold.CLEARED], key.rule, key.container, key.logger, shown_channel(key.channel), None,
        first_ns, max(first_ns, int(state.last_ns[row])), float(last.value[row]), float(state.peak[row]) * key.sign,
        int(last.pos[row]), int(last.boot[row]), int(last.seq[row]), note=LIMITS_CHANGED,
    )  # fmt: skip
