"""Rainflow counting (ASTM E1049, 5.4.4) of a stream, and Miner's sum over the cycles found, over all lanes at once.

Whenever a turning point comes, ranges that the new one is at least as large as are taken out of the residue: as a whole
cycle, or as half a one where they begin at its first point. What is left gets ever smaller, and each of its ranges
counts half. A cycle of range r does (r / ref_range)**exponent / ref_cycles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import Flags, Index, Times, Values

Floats = NDArray[np.float64]
# Ranges of the residue fall from one to the next, each at least min_range: 31 of them from 62 K on with 2 K.
RESIDUE = 32


@dataclass(frozen=True, slots=True)
class DamageMemory(Columns):
    """A lane's last reading, the way it goes, and its residue; 450 B.

    `direction` is +1 rising, -1 falling, 0 not known yet; `high`, `low`: the extreme since the last turning point, that
    which a rising or falling lane needs, both while the direction is not known. `points` are the `depth` turning points
    of the residue; `halves` the damage of half a cycle of the range from the one before; `closed` that of what was
    taken out.
    """

    dtypes: ClassVar[dict[str, str]] = {
        "begun": "?", "last_ns": "<i8", "last_span": "<i8", "direction": "<i1", "low": "<f4", "high": "<f4",
        "depth": "<u1", "points": "(32,)<f4", "halves": "(32,)<f8", "closed": "<f8",
    }  # fmt: skip
    begun: Flags
    last_ns: Times
    last_span: Times
    direction: NDArray[np.int8]
    low: Values
    high: Values
    depth: NDArray[np.uint8]
    points: Values
    halves: Floats
    closed: Floats

    def total(self, lanes: Index) -> Floats:
        """Damage of lanes: of cycles closed and of the residue, summed in order, so that cuts change nothing."""
        return np.asarray(self.closed[lanes] + np.cumsum(self.halves[lanes], axis=1)[:, -1])


class DamageParameters(NamedTuple):
    """What counts, and what a cycle does, float64 [L]; `min_range` and `ref_range` in the channel's difference unit."""

    min_range: Floats
    ref_range: Floats
    ref_cycles: Floats
    exponent: Floats


def push(state: DamageMemory, lanes: Index, value: Values, p: DamageParameters) -> None:
    """Add a turning point to the residue of each lane and take out what closes."""
    _drop_first(state, lanes[state.depth[lanes] == RESIDUE])
    depth = state.depth[lanes].astype(np.int64)
    _set_point(state, lanes, depth, value, p)
    state.depth[lanes] += 1
    while lanes.size:
        depth = state.depth[lanes].astype(np.int64)
        lanes, depth = lanes[depth >= 3], depth[depth >= 3]
        third, second, last = (state.points[lanes, depth - back].astype(np.float64) for back in (3, 2, 1))
        is_closing = np.abs(last - second) >= np.abs(second - third)
        lanes, depth = lanes[is_closing], depth[is_closing]
        _drop_first(state, lanes[depth == 3])
        lanes, depth = lanes[depth > 3], depth[depth > 3]
        _close(state, lanes, depth, p)


def push_all(state: DamageMemory, lane: int, points: list[float], p: DamageParameters) -> Floats:
    """Add turning points to the residue of a single lane one after the other: its total after each, float64 [points].

    The same as `push` to the last bit: ranges are powered by NumPy all at once, as Python's own power may round
    differently, and sums are taken in the same order.
    """
    depth = int(state.depth[lane])
    residue, halves = state.points[lane, :depth].tolist(), state.halves[lane, :depth].tolist()
    sizes, closings = _push_points(residue, points)
    new = _half(np.array(sizes), p, np.full(len(sizes), lane))
    totals, closed = _push_halves(halves, float(state.closed[lane]), iter(new.tolist()), closings)
    rest = [0.0] * (RESIDUE - len(residue))
    state.points[lane], state.halves[lane] = residue + rest, halves + rest
    state.depth[lane], state.closed[lane] = len(residue), closed
    return np.array(totals)


def _push_points(residue: list[float], points: list[float]) -> tuple[list[float], list[int]]:
    """Add points to a residue: the ranges that come into it, one after the other, and how many each point closes."""
    sizes, closings = [], []
    for value in points:
        if len(residue) == RESIDUE:
            del residue[0]
        sizes.append(abs(value - residue[-1]) if residue else 0.0)
        residue.append(value)
        closed = 0
        while len(residue) >= 3 and abs(value - residue[-2]) >= abs(residue[-2] - residue[-3]):
            closed += 1
            if len(residue) == 3:
                del residue[0]
            else:
                del residue[-3:-1]
                sizes.append(abs(value - residue[-2]))
        closings.append(closed)
    return sizes, closings


def _push_halves(
    halves: list[float], closed: float, new: Iterator[float], closings: list[int]
) -> tuple[list[float], float]:
    """Do to the halves of a residue what `_push_points` did to it: the total after each point, and what is closed."""
    totals, sums = [], list(accumulate(halves))
    for count in closings:
        if len(halves) == RESIDUE:
            closed += _drop_half(halves, sums)
        _append_half(halves, sums, next(new))
        for _ in range(count):
            if len(halves) == 3:
                closed += _drop_half(halves, sums)
                continue
            closed += 2 * halves[-2]
            del halves[-3:], sums[-3:]
            _append_half(halves, sums, next(new))
        totals.append(closed + sums[-1])
    return totals, closed


def _drop_half(halves: list[float], sums: list[float]) -> float:
    """Take out the first range, which is returned; `sums` are the halves up to each."""
    dropped = halves[1]
    halves[:2] = [0.0]
    sums[:] = accumulate(halves)
    return dropped


def _append_half(halves: list[float], sums: list[float], half: float) -> None:
    halves.append(half)
    sums.append(sums[-1] + half if sums else half)


def _close(state: DamageMemory, lanes: Index, depth: Index, p: DamageParameters) -> None:
    """Count the last but one range as a whole cycle and take out its two points."""
    last = state.points[lanes, depth - 1]
    state.closed[lanes] += 2 * state.halves[lanes, depth - 2]
    for back in (1, 2):
        state.points[lanes, depth - back], state.halves[lanes, depth - back] = 0, 0
    _set_point(state, lanes, depth - 3, last, p)
    state.depth[lanes] -= 2


def _drop_first(state: DamageMemory, lanes: Index) -> None:
    """Count the first range as half a cycle and take out its first point.

    ASTM E1049 does so when the range is closed or the history ends; here it also makes room where the residue is full.
    """
    state.closed[lanes] += state.halves[lanes, 1]
    for column in (state.points, state.halves):
        column[lanes, :-1], column[lanes, -1] = column[lanes, 1:], 0
    state.halves[lanes, 0] = 0
    state.depth[lanes] -= 1


def _set_point(state: DamageMemory, lanes: Index, place: Index, value: Values, p: DamageParameters) -> None:
    """Set a turning point of the residue, and the damage of half a cycle of the range that leads to it."""
    before = state.points[lanes, np.maximum(place - 1, 0)]
    half = _half(np.abs(value.astype(np.float64) - before), p, lanes)
    state.points[lanes, place] = value
    state.halves[lanes, place] = np.where(place > 0, half, 0)


def _half(size: Floats, p: DamageParameters, lanes: Index) -> Floats:
    """The damage of half a cycle of each range, [k]; nothing for a range of 0."""
    return np.asarray((size / p.ref_range[lanes]) ** p.exponent[lanes] / (2 * p.ref_cycles[lanes]))
