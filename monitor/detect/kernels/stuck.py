"""Stuck kernel: for how long a sensor has shown no change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import NO_SPAN, Flags, Index, Readings, Series, Times, Values, continuity
from monitor.model.clock import NS_PER_S

PROBES, MAX_PROBES = 3, 48  # places in a lane at which `pass_over` looks for a change: it may last some 16 times `for`
LOOK_BACK = 8  # readings before each of them, as a coarse sensor often gives the same value twice


@dataclass(frozen=True, slots=True)
class StuckMemory(Columns):
    """A lane's last reading and `first_ns`, since when it has not changed; zeros before the first one."""

    dtypes: ClassVar[dict[str, str]] = {
        "begun": "?", "last_ns": "<i8", "last_span": "<i8", "first_ns": "<i8", "value": "<f4",
    }  # fmt: skip
    begun: Flags
    last_ns: Times
    last_span: Times
    first_ns: Times
    value: Values


class StuckParameters(NamedTuple):
    """What counts as stuck, [L]: a change of no more than `tolerance` is none; after `for_ns` (at least 1) it is."""

    tolerance: Values
    for_ns: Times


def stuck(readings: Readings, memory: StuckMemory, p: StuckParameters) -> tuple[Series, StuckMemory]:
    """Seconds without a change, told when they reach `for_ns`, and 0 at the reading that ends such a stretch.

    A stretch begins at a reading that differs from the one before by more than the tolerance (an infinity equals
    itself), that follows a gap or a time that does not rise, or that begins a span. So a stuck channel makes two
    points, all others none, and any positive value says stuck. float32 [m], s; `detail` is the same in float64, and
    `since_ns` the stretch's first reading.
    """
    times_ns, starts, lane = readings.times_ns, readings.starts, readings.lane
    follows = continuity(readings, memory.begun, memory.last_ns, memory.last_span)
    is_same = _is_same(readings, memory, p.tolerance[lane]) & ~follows.is_parted
    begins = ~is_same
    begins[starts] = True
    stretch = np.cumsum(begins) - 1
    first_ns = times_ns[begins]
    carried = is_same[starts]
    first_ns[stretch[starts[carried]]] = memory.first_ns[carried]
    held_ns = times_ns - first_ns[stretch]

    for_ns = p.for_ns[lane]
    is_long = held_ns >= for_ns
    was_long = np.empty_like(is_long)
    was_long[1:] = is_long[:-1]
    was_long[starts] = memory.begun & (memory.last_ns - memory.first_ns >= p.for_ns)
    at = np.flatnonzero((is_long & ~was_long) | (was_long & ~is_same))
    ends = starts + readings.counts - 1
    begun = np.ones(len(starts), dtype=np.bool_)
    after = StuckMemory(begun, times_ns[ends], readings.span[ends], first_ns[stretch[ends]], readings.values[ends])
    held_s = held_ns[at] / NS_PER_S
    return Series(held_s.astype(np.float32), at, held_s, since_ns=first_ns[stretch[at]]), after


def _is_same(readings: Readings, memory: StuckMemory, tolerance: Values) -> NDArray[np.bool_]:
    """Whether each reading equals the one before in its lane within the tolerance, bool [n]."""
    values = readings.values
    before = np.empty_like(values)
    before[1:] = values[:-1]
    before[readings.starts] = memory.value
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, 3e38 + 3e38 is inf: both are a change
        same: NDArray[np.bool_] = (values == before) | (np.abs(values - before) <= tolerance)
    return same


class Segments(NamedTuple):
    """Readings of lanes end to end whose times rise without a gap: `values`, `times_ns` [n]; the others [L]."""

    values: Values
    times_ns: Times
    starts: Index
    counts: Index


def pass_over(segments: Segments, memory: StuckMemory, p: StuckParameters) -> tuple[Flags, StuckMemory]:
    """Which lanes `stuck` certainly tells nothing of, bool [L], and their memory after (rubbish for the others).

    A few readings of each are looked at: where one differs from the one before, no stretch goes past it. For rules that
    always watch.
    """
    values, times_ns, starts, counts = segments
    ends = starts + counts - 1
    is_quiet = memory.begun & (times_ns[starts] > memory.last_ns) & (memory.last_ns - memory.first_ns < p.for_ns)
    since_ns = memory.first_ns
    is_short = bool((times_ns[ends] - memory.first_ns < p.for_ns).all())  # whatever lies within: only its end counts
    lengths = (times_ns[ends] - times_ns[starts]) // p.for_ns
    probes = min(PROBES * max(int(lengths.max(initial=0)), 1), MAX_PROBES)
    for probe in range(probes if is_short else 1, probes + 1):
        change = _last_change(segments, starts + (counts - 1) * probe // probes, memory, p)
        change_ns = times_ns[change]
        is_quiet &= (change >= 0) & (change_ns - since_ns <= p.for_ns)
        since_ns = change_ns
    is_quiet &= times_ns[ends] - since_ns < p.for_ns
    return is_quiet, StuckMemory(memory.begun, times_ns[ends], np.full(len(ends), NO_SPAN), since_ns, values[ends])


def _last_change(segments: Segments, at: Index, memory: StuckMemory, p: StuckParameters) -> Index:
    """The last reading of each lane, at most LOOK_BACK up to `at`, that differs from the one before; -1 for none."""
    values, starts = segments.values, segments.starts
    found = np.full(len(at), -1)
    lanes = np.arange(len(at))
    with np.errstate(invalid="ignore", over="ignore"):  # as in `_is_same`
        for _ in range(LOOK_BACK):
            before = np.where(at > starts[lanes], values[at - 1], memory.value[lanes])
            differs = np.abs(values[at] - before) > p.tolerance[lanes]
            found[lanes[differs]] = at[differs]
            goes_on = ~differs & (at > starts[lanes])
            lanes, at = lanes[goes_on], at[goes_on] - 1
            if lanes.size == 0:
                break
    return found
