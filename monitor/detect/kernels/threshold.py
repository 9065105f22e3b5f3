"""Threshold kernel: the exact state machine of limit, dwell and hysteresis, over all streams at once.

Readings lie flat, one lane (a stream under one rule) after the other. A lane with a lower limit is mirrored beforehand
(reading, limit and clear level times -1), so that beyond always means above. What makes it one pass without a loop:

- A *run* is a stretch of consecutive readings beyond the limit, without a gap inside. Its first reading is `first_ns`;
  it is due at its first reading with t - first_ns >= dwell.
- A reading that clears is never beyond, so no run straddles one: runs can be found without knowing what is firing.
- Due runs and clearing readings are the only events, and the state after an event depends on that event alone. So an
  event changes something exactly when it differs from the event before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import UNKNOWN_GAP_NS, Flags, Index, Times, Values

IDLE, PENDING, FIRING = 0, 1, 2
FIRED, PEAK, CLEARED = 0, 1, 2
CHANGES = ("fired", "peak", "cleared")


@dataclass(frozen=True, slots=True)
class State(Columns):
    """What a lane remembers; an idle lane's row is all zeros.

    `mode`; `first_ns`, the first reading of the run or exceedance; `last_ns`, the last reading; `peak`, mirrored like
    the readings, the most extreme since `first_ns`, of which the last finding of a firing lane has told.
    """

    dtypes: ClassVar[dict[str, str]] = {"mode": "<u1", "first_ns": "<i8", "last_ns": "<i8", "peak": "<f4"}
    mode: NDArray[np.uint8]
    first_ns: Times
    last_ns: Times
    peak: Values


class Lanes(NamedTuple):
    """Readings of L lanes end to end, none of them NaN, and each lane's levels.

    `values` float32 [n] and `times_ns` int64 [n]; `gap_ns` int64 [n], the spacing above which a reading is parted from
    the one before; `starts`, `counts` int64 [L], all counts above 0; `limit`, `clear` float32 [L];
    `dwell_ns` int64 [L].
    """

    values: Values
    times_ns: Times
    gap_ns: Times
    starts: Index
    counts: Index
    limit: Values
    clear: Values
    dwell_ns: Times


class Changes(NamedTuple):
    """What happened, [k]: `kind`, the `lane`, the reading `at` which, `first_ns` and `peak` (mirrored) up to it."""

    kind: Index
    lane: Index
    at: Index
    first_ns: Times
    peak: Values


class _Runs(NamedTuple):
    """Runs by number; number 0 is none. `of` [n] is the last run that began at or before each reading."""

    of: Index
    starts: Index
    first_ns: Times
    peak_before: Values
    begins: Flags
    is_first: Flags

    def peak(self, run: Index, values: Values, stops: Index) -> Values:
        """The largest reading of each run from its beginning, in earlier batches too, up to before `stops`."""
        peak: Values = np.maximum(self.peak_before[run], _range_max(values, self.starts[run], stops))
        return peak


def judge(lanes: Lanes, state: State) -> tuple[Changes, State]:
    """Run the machine over `lanes` from `state` (a row for each lane): the changes, unordered, and the state after."""
    values, starts = lanes.values, lanes.starts
    beyond = values > np.repeat(lanes.limit, lanes.counts)
    runs = _find_runs(lanes, beyond, state)
    index, lane, is_fired = _transitions(lanes, beyond, runs, state)

    run = runs.of[index]
    opened = runs.of[starts[lane]]  # a lane that came in firing has its run at its start
    same = lane[1:] == lane[:-1]
    opened[1:][same] = run[:-1][same]
    run = np.where(is_fired, run, opened)
    peak = runs.peak(run, values, index + 1)
    changes = Changes(np.where(is_fired, FIRED, CLEARED), lane, index, runs.first_ns[run], peak)

    ends = starts + lanes.counts - 1
    is_firing, open_run, told = state.mode == FIRING, runs.of[starts], state.peak.copy()
    is_firing[lane], open_run[lane], told[lane] = is_fired, run, peak  # of several in a lane the last one stays
    is_pending = ~is_firing & beyond[ends]
    open_run[is_pending] = runs.of[ends[is_pending]]
    after = _state_after(lanes, runs, ends, open_run, is_firing, is_pending)
    return _with_grown_peaks(changes, lanes, runs.starts[open_run], after, is_firing & (after.peak > told)), after


def _find_runs(lanes: Lanes, beyond: Flags, state: State) -> _Runs:
    """Number the runs; a lane that comes in firing, or pending and unbroken, goes on with what it brought."""
    times_ns, starts = lanes.times_ns, lanes.starts
    spacing_ns = np.empty_like(times_ns)
    np.subtract(times_ns[1:], times_ns[:-1], out=spacing_ns[1:])
    spacing_ns[starts] = times_ns[starts] - state.last_ns
    is_parted = (spacing_ns <= 0) | (spacing_ns > lanes.gap_ns)
    begins = beyond & (is_parted | ~_before(beyond))
    begins[starts] = beyond[starts] | (state.mode == FIRING)
    carried = (state.mode == FIRING) | ((state.mode == PENDING) & beyond[starts] & ~is_parted[starts])

    of = np.cumsum(begins, dtype=np.int64)
    run_starts = np.concatenate(([0], np.flatnonzero(begins)))
    first_ns = times_ns[run_starts]
    peak_before = np.full(len(run_starts), -np.inf, dtype=np.float32)
    carried_run = of[starts[carried]]
    first_ns[carried_run] = state.first_ns[carried]
    peak_before[carried_run] = state.peak[carried]
    is_first = begins.copy()
    is_first[starts[carried]] = False
    return _Runs(of, run_starts, first_ns, peak_before, begins, is_first)


def _transitions(lanes: Lanes, beyond: Flags, runs: _Runs, state: State) -> tuple[Index, Index, Flags]:
    """Readings at which a lane fires or clears: their index, lane and whether it fires."""
    dwell_ns = np.repeat(lanes.dwell_ns, lanes.counts)
    # A gap is 2.5 intervals: with an interval longer than the dwell the second reading of a run is as good as its end.
    is_slow = (lanes.gap_ns // 5 * 2 > dwell_ns) & (lanes.gap_ns != UNKNOWN_GAP_NS)
    is_due = beyond & ((lanes.times_ns - runs.first_ns[runs.of] >= dwell_ns) | (is_slow & ~runs.is_first))
    fires = is_due & (runs.begins | ~_before(is_due))  # time rises within a run: once due, due to its end
    clears = lanes.values <= np.repeat(lanes.clear, lanes.counts)
    index = np.flatnonzero(fires | clears)
    lane = np.repeat(np.arange(len(lanes.starts)), lanes.counts)[index]
    is_fire = fires[index]
    was_firing = _before(is_fire)
    is_lanes_first = np.diff(lane, prepend=-1) != 0
    was_firing[is_lanes_first] = state.mode[lane[is_lanes_first]] == FIRING
    is_change = is_fire != was_firing
    return index[is_change], lane[is_change], is_fire[is_change]


def _state_after(lanes: Lanes, runs: _Runs, ends: Index, open_run: Index, is_firing: Flags, is_pending: Flags) -> State:
    is_active = is_firing | is_pending
    mode = np.where(is_firing, FIRING, np.where(is_pending, PENDING, IDLE)).astype(np.uint8)
    peak = np.zeros(len(ends), dtype=np.float32)
    peak[is_active] = runs.peak(open_run[is_active], lanes.values, ends[is_active] + 1)
    first_ns = np.where(is_active, runs.first_ns[open_run], 0)
    return State(mode, first_ns, np.where(is_active, lanes.times_ns[ends], 0), peak)


def _with_grown_peaks(changes: Changes, lanes: Lanes, since: Index, after: State, has_grown: Flags) -> Changes:
    """Add a `PEAK` at the most extreme reading of each lane that grew; `since` is where its exceedance begins."""
    lane = np.flatnonzero(has_grown)
    if lane.size == 0:
        return changes
    sought = np.where(has_grown, after.peak, np.float32(np.nan))
    hits = np.flatnonzero(lanes.values == np.repeat(sought, lanes.counts))
    index = hits[np.searchsorted(hits, since[lane])]
    return Changes(
        np.concatenate((changes.kind, np.full(len(lane), PEAK))),
        np.concatenate((changes.lane, lane)),
        np.concatenate((changes.at, index)),
        np.concatenate((changes.first_ns, after.first_ns[lane])),
        np.concatenate((changes.peak, after.peak[lane])),
    )


def _before(flags: Flags) -> Flags:
    """Each flag's predecessor, False for the first."""
    return np.concatenate((np.zeros(min(1, len(flags)), dtype=np.bool_), flags[:-1]))


def _range_max(values: Values, starts: Index, stops: Index) -> Values:
    """Maximum of values[start:stop] for each pair, none of them empty, float32 [pairs]."""
    if len(starts) == 0:
        return np.empty(0, dtype=np.float32)
    padded = np.append(values, np.float32(-np.inf))  # `reduceat` takes no index behind the end
    peaks: Values = np.maximum.reduceat(padded, np.column_stack((starts, stops)).ravel())[::2]
    return peaks
