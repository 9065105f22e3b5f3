"""The family of threshold rules: their levels, the state of their lanes, and findings from what the kernel says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.detect import threshold
from monitor.detect.gather import Column
from monitor.detect.lane import LaneKey, Last, withdrawn
from monitor.detect.levels import Levels, compile_levels
from monitor.detect.phases import Phases
from monitor.detect.pick import Picked, pick
from monitor.detect.streams import Panel, StreamKey, Streams
from monitor.model.batch import Finding

FIRST_SLOTS = 1024


class Thresholds:
    """State of all lanes: a lane is a stream under one rule and has a slot; a stream's slots lie side by side."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._levels: dict[int, Levels] = {}
        self._slots = 0
        self._first_slot = np.full(FIRST_SLOTS, -1, dtype=np.int64)  # by stream; -1 where it has none yet
        self._state = threshold.State.empty(FIRST_SLOTS)
        self._last = Last.empty(FIRST_SLOTS)
        self._owner = np.zeros(FIRST_SLOTS, dtype=np.int64)  # the stream of each slot
        self._is_wanted = np.zeros(FIRST_SLOTS, dtype=np.bool_)  # scratch of `_screen`, all False in between

    def step(self, column: Column, phases: Phases) -> list[tuple[int, Finding]]:
        """Judge one column; findings with the row of their reading in its record."""
        levels = self._levels_of(column.panel)
        slots = self._slots_of(column, len(levels.rules))
        is_wanted = self._screen(column, levels, slots, phases)
        segments = np.flatnonzero(is_wanted.any(axis=1))
        if segments.size == 0:
            return []
        near = column.take(segments)
        picked = pick(near, levels, slots[segments], is_wanted[segments], phases)
        if picked.slots.size == 0:
            return []
        changes, after = threshold.judge(picked.lanes, self._state.take(picked.slots))
        self._state.put(picked.slots, after)
        self._last.put(picked.slots, _last_of(near, picked, after))
        return _findings(near, levels, picked, changes, self._streams.keys)

    def active(self) -> tuple[list[LaneKey], threshold.State, Last]:
        """What is remembered: keys, state and last readings of lanes that are pending or firing, ordered by key."""
        slots = np.flatnonzero(self._state.mode != threshold.IDLE)
        keys = [self._key(slot) for slot in slots.tolist()]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        slots = slots[np.array(order, dtype=np.int64)]
        return [keys[i] for i in order], self._state.take(slots), self._last.take(slots)

    def adopt(self, keys: list[LaneKey], state: threshold.State, last: Last) -> list[Finding]:
        """Go on with remembered lanes; those whose rule is no longer in force are dropped, `cleared` if they fired."""
        found: list[Finding] = []
        for row, key in enumerate(keys):
            index = np.array([row])
            slot = self._find_slot(key)
            if slot is not None:
                self._state.put(np.array([slot]), state.take(index))
                self._last.put(np.array([slot]), last.take(index))
            elif state.mode[row] == threshold.FIRING:
                found.append(withdrawn(key, state, last, row))
        return found

    def _screen(self, column: Column, levels: Levels, slots: NDArray[np.int64], phases: Phases) -> NDArray[np.bool_]:
        """Which segments need the machine under which rule, bool [segments, rules].

        Those of lanes that are active, or that come beyond the limit in any segment of the batch.
        """
        reach = np.where(levels.sign > 0, column.highs[:, None], -column.lows[:, None])
        is_near: NDArray[np.bool_] = reach > levels.limit
        _drop_unwatched(is_near, column, levels, phases)
        is_near |= self._state.mode[slots] != threshold.IDLE
        if not is_near.any():
            return is_near
        near_slots = slots[is_near]
        self._is_wanted[near_slots] = True
        is_wanted = self._is_wanted[slots]
        self._is_wanted[near_slots] = False
        return is_wanted

    def _levels_of(self, panel: Panel) -> Levels:
        levels = self._levels.get(panel.number)
        if levels is None:
            levels = self._levels[panel.number] = compile_levels(panel)
        return levels

    def _slots_of(self, column: Column, rules: int) -> NDArray[np.int64]:
        """Slots of each segment under each rule, int64 [segments, rules]; new streams are given theirs."""
        self._make_room_for_streams(int(column.streams.max()) + 1)
        first = self._first_slot[column.streams]
        if (first < 0).any():
            self._allocate(np.unique(column.streams[first < 0]), rules)
            first = self._first_slot[column.streams]
        return first[:, None] + np.arange(rules)

    def _allocate(self, streams: NDArray[np.int64], rules: int) -> None:
        end = self._slots + len(streams) * rules
        if end > len(self._owner):
            length = max(end, 2 * len(self._owner))
            self._state, self._last = self._state.grown(length), self._last.grown(length)
            self._owner = np.pad(self._owner, (0, length - len(self._owner)))
            self._is_wanted = np.zeros(length, dtype=np.bool_)
        self._first_slot[streams] = np.arange(self._slots, end, rules)
        self._owner[self._slots : end] = np.repeat(streams, rules)
        self._slots = end

    def _make_room_for_streams(self, streams: int) -> None:
        length = len(self._first_slot)
        if streams > length:
            self._first_slot = np.pad(self._first_slot, (0, max(streams, 2 * length) - length), constant_values=-1)

    def _key(self, slot: int) -> LaneKey:
        stream = int(self._owner[slot])
        key = self._streams.keys[stream]
        found = self._streams.find(key)
        assert found is not None  # a stream that has slots is known
        levels = self._levels_of(found[1])
        rule = slot - int(self._first_slot[stream])
        return LaneKey(*key, levels.rules[rule].id, levels.digests[rule], levels.rules[rule].sign)

    def _find_slot(self, key: LaneKey) -> int | None:
        """The slot of a remembered lane under the rules in force, None when its rule is not among them."""
        found = self._streams.find(StreamKey(key.container, key.logger, key.is_late, key.channel))
        if found is None:
            return None
        stream, panel = found
        levels = self._levels_of(panel)
        if key.digest not in levels.digests:
            return None
        self._make_room_for_streams(stream + 1)
        if self._first_slot[stream] < 0:
            self._allocate(np.array([stream]), len(levels.rules))
        return int(self._first_slot[stream]) + levels.digests.index(key.digest)


def _drop_unwatched(is_near: NDArray[np.bool_], column: Column, levels: Levels, phases: Phases) -> None:
    """Unmark segments that lie outside their rule's phases altogether.

    Else a rule for the open container (too dry) would keep the machine busy for the whole of a dry journey.
    """
    for index, rule in enumerate(levels.rules):
        if rule.phases is not None:
            for segment in np.flatnonzero(is_near[:, index]).tolist():
                is_near[segment, index] = not phases.met(column.blocks[segment]).isdisjoint(rule.phases)


def _last_of(near: Column, picked: Picked, after: threshold.State) -> Last:
    """The last reading of each lane and its record; zeros for a lane that is idle."""
    source = picked.source[picked.lanes.starts + picked.lanes.counts - 1]
    is_active = after.mode != threshold.IDLE
    blocks = [near.blocks[i] for i in (np.searchsorted(near.starts, source, side="right") - 1).tolist()]
    places = [np.array([getattr(block, name) for block in blocks], dtype=np.int64) for name in ("pos", "boot", "seq")]
    return Last(np.where(is_active, near.values[source], np.float32(0)), *(place * is_active for place in places))


def _findings(
    near: Column, levels: Levels, picked: Picked, changes: threshold.Changes, keys: list[StreamKey]
) -> list[tuple[int, Finding]]:
    source = picked.source[changes.at]
    segments = np.searchsorted(near.starts, source, side="right") - 1
    rules = picked.rule[changes.lane]
    rows = zip(
        changes.kind.tolist(), rules.tolist(), segments.tolist(), (source - near.starts[segments]).tolist(),
        changes.first_ns.tolist(), near.times_ns[source].tolist(), near.values[source].tolist(),
        (changes.peak * levels.sign[rules]).tolist(), strict=True,
    )  # fmt: skip
    found = []
    for kind, rule, segment, row, start_ns, time_ns, value, peak in rows:
        block = near.blocks[segment]
        finding = Finding(
            threshold.CHANGES[kind], levels.rules[rule].id, block.container, block.logger, near.panel.channel, None,
            start_ns, time_ns, value, peak, block.pos, block.boot, block.seq,
        )  # fmt: skip
        found.append((row, finding))
    return found
