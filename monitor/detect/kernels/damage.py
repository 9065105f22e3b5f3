"""Damage kernel: Miner's sum over the swings of a channel.

    readings ──► turning points ──► `rainflow`: the residue, at most 32 of them ──► cycles closed, ranges left over
                 (each turned back from by min_range)

A turning point counts once the channel has turned back from it by `min_range`; time does not matter. Lanes are worked
on side by side: the first turning point of each, then the second of those that have one, and so on. Once few readings
are left for so many rounds, those go one by one, in a plain loop that comes to the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.gather import offsets, spread
from monitor.detect.kernels.cycles import decode, encode, running_max, running_min
from monitor.detect.kernels.rainflow import DamageMemory, DamageParameters, Floats, push, push_all
from monitor.detect.kernels.readings import Flags, Index, Readings, Series, Values, continuity

PIECE = 1024  # readings of a lane at once, so that one with many turning points is not gone through as often as it has
# A round takes about 0.4 ms however few lanes it has; the plain loop 0.25 us a reading and 25 us a stretch.
READINGS_A_ROUND = 1600
READINGS_A_STRETCH = 100
_NEVER = np.iinfo(np.int64).max


class _Piece(NamedTuple):
    """Readings of some `lanes` [l] on end: `codes` (as `encode` makes them) and `at` [n], `counts` [l], all above 0.

    A lane may come again only where the piece is gone through one by one.
    """

    lanes: Index
    codes: Index
    at: Index
    counts: Index

    def some(self, is_chosen: Flags, is_left: Flags) -> _Piece:
        """The piece of chosen lanes [l], with the readings that are left [n], none of other lanes."""
        counts = np.add.reduceat(is_left, offsets(self.counts), dtype=np.int64)[is_chosen]
        return _Piece(self.lanes[is_chosen], self.codes[is_left], self.at[is_left], counts)


def damage(readings: Readings, memory: DamageMemory, p: DamageParameters) -> tuple[Series, DamageMemory]:
    """Miner's sum at each reading that shows a turning point, and 0 where a lane or a span begins: float32 [m]."""
    lanes, ends = np.arange(len(readings.counts)), readings.starts + readings.counts - 1
    is_first = continuity(readings, memory.begun, memory.last_ns, memory.last_span).is_first
    state = memory.take(lanes)
    codes = encode(readings.values + np.float32(0))  # of the two zeros one, or which is kept would depend on the order
    at, told = [np.flatnonzero(is_first)], [np.zeros(int(is_first.sum()))]
    with np.errstate(invalid="ignore", over="ignore"):  # infinite readings do infinite damage
        for piece, is_rest in _pieces(readings, codes, is_first):
            is_fresh = is_first[piece.at[offsets(piece.counts)]]
            for turned_at, total in (_one_by_one if is_rest else _side_by_side)(piece, is_fresh, state, p):
                at.append(turned_at)
                told.append(total)
        where = np.concatenate(at)
        order = np.argsort(where)
        values = np.concatenate(told)[order].astype(np.float32)
    state.begun[:] = True
    state.last_ns[:], state.last_span[:] = readings.times_ns[ends], readings.span[ends]
    return Series(values, where[order]), state


def fields(readings: Readings, series: Series, memory: DamageMemory, index: Index) -> dict[str, Floats]:
    """The damage up to some readings as `dose`, float64 [k]; `memory` is that before."""
    lane = readings.lane[index]
    point = np.searchsorted(series.at, index, side="right") - 1
    is_before = point < 0
    is_before[~is_before] = series.at[point[~is_before]] < readings.starts[lane[~is_before]]
    dose = memory.total(np.arange(len(readings.counts)))[lane]
    dose[~is_before] = series.values[point[~is_before]]
    return {"dose": dose}


def _pieces(readings: Readings, codes: Index, is_first: Flags) -> Iterator[tuple[_Piece, bool]]:
    """The readings in stretches, one of each lane at a time; True: all that are left, to be gone through one by one.

    A stretch ends before a reading that begins anew, and after 1024.
    """
    starts, counts = readings.starts, readings.counts
    begins = is_first.copy()
    begins[starts] = True
    if counts.max() > PIECE:
        begins |= (np.arange(len(codes)) - np.repeat(starts, counts)) % PIECE == 0
    begin = np.flatnonzero(begins)
    length = np.diff(begin, append=len(codes))
    lane = np.searchsorted(starts, begin, side="right") - 1
    turn = np.arange(len(begin)) - np.searchsorted(begin, starts)[lane]
    left = np.bincount(turn, length + READINGS_A_STRETCH)[::-1].cumsum()[::-1]
    for number in range(len(left)):
        is_rest = bool(left[number] <= number * READINGS_A_ROUND)
        chosen = np.flatnonzero(turn >= number if is_rest else turn == number)
        at = spread(begin[chosen], length[chosen])
        yield _Piece(lane[chosen], codes[at], at, length[chosen]), is_rest
        if is_rest:
            return


def _restart(state: DamageMemory, lanes: Index) -> None:
    state.put(lanes, DamageMemory.empty(len(lanes)))
    state.low[lanes], state.high[lanes] = np.inf, -np.inf


def _side_by_side(
    piece: _Piece, is_fresh: Flags, state: DamageMemory, p: DamageParameters
) -> Iterator[tuple[Index, Floats]]:
    """Turning points of the lanes, the next of each at a time: the readings that show them, and the totals then.

    `is_fresh` [l] says which lanes begin anew. What is left goes one by one as soon as that takes no longer than the
    rounds so far have: so both together take at most twice as long as the quicker one alone.
    """
    _restart(state, piece.lanes[is_fresh])
    rounds = 0
    while piece.lanes.size:
        is_near = _pass_quiet(piece, state, p)
        if not is_near.any():
            return
        if not is_near.all():
            piece = piece.some(is_near, np.repeat(is_near, piece.counts))
        rounds += 1
        if len(piece.at) + READINGS_A_STRETCH * len(piece.lanes) <= rounds * READINGS_A_ROUND:
            yield from _one_by_one(piece, np.zeros(len(piece.lanes), dtype=np.bool_), state, p)
            return
        turn, low, high = _find_turns(piece, state, p)
        starts = offsets(piece.counts)
        is_turned = turn != _NEVER
        until = np.where(is_turned, turn, starts + piece.counts - 1)
        _extend(state, piece.lanes, low[until], high[until])

        lanes, turn = piece.lanes[is_turned], turn[is_turned]
        now = decode(piece.codes[turn])
        is_up = np.where(state.direction[lanes] == 0, now == state.high[lanes], state.direction[lanes] < 0)
        push(state, lanes, np.where(is_up, state.low[lanes], state.high[lanes]), p)
        state.direction[lanes] = np.where(is_up, 1, -1)
        state.low[lanes], state.high[lanes] = now, now
        yield piece.at[turn], state.total(lanes)

        is_left = np.arange(len(piece.at)) > np.repeat(np.where(is_turned, until, len(piece.at)), piece.counts)
        piece = piece.some(np.logical_or.reduceat(is_left, starts), is_left)


def _one_by_one(
    piece: _Piece, is_fresh: Flags, state: DamageMemory, p: DamageParameters
) -> Iterator[tuple[Index, Floats]]:
    """As `_side_by_side`, stretch by stretch and reading by reading."""
    values, start = decode(piece.codes).tolist(), 0
    for lane, count, begins in zip(piece.lanes.tolist(), piece.counts.tolist(), is_fresh.tolist(), strict=True):
        if begins:
            _restart(state, np.array([lane]))
        rows, points = _turns(values[start : start + count], state, lane, float(p.min_range[lane]))
        if rows:
            yield piece.at[start:][rows], push_all(state, lane, points, p)
        start += count


def _turns(values: list[float], state: DamageMemory, lane: int, min_range: float) -> tuple[list[int], list[float]]:
    """The readings of a stretch that show a turning point, and these; direction and extremes of the lane go on."""
    direction, low, high = int(state.direction[lane]), float(state.low[lane]), float(state.high[lane])
    rows, points = [], []
    for row, now in enumerate(values):
        if direction >= 0 and now > high:
            high = now
        if direction <= 0 and now < low:
            low = now
        back = (now if direction < 0 else high) - (now if direction > 0 else low)
        if not (back >= min_range and back > 0):
            continue
        is_up = now == high if direction == 0 else direction < 0
        rows.append(row)
        points.append(low if is_up else high)
        direction, low, high = 1 if is_up else -1, now, now
    state.direction[lane], state.low[lane], state.high[lane] = direction, low, high
    return rows, points


def _pass_quiet(piece: _Piece, state: DamageMemory, p: DamageParameters) -> Flags:
    """Extend the extremes of lanes that cannot have turned in this piece; the others [l]."""
    starts, lanes = offsets(piece.counts), piece.lanes
    lowest, highest = (decode(extreme.reduceat(piece.codes, starts)) for extreme in (np.minimum, np.maximum))
    low, high = np.minimum(lowest, state.low[lanes]), np.maximum(highest, state.high[lanes])
    back = _turned_back(state.direction[lanes], low, high, lowest, highest)
    is_near: Flags = (back >= p.min_range[lanes]) & (back > 0)
    quiet = ~is_near
    _extend(state, lanes[quiet], low[quiet], high[quiet])
    return is_near


def _find_turns(piece: _Piece, state: DamageMemory, p: DamageParameters) -> tuple[Index, Values, Values]:
    """The first reading of each lane that shows a turn [l], _NEVER if none does; lowest and highest so far [n]."""
    starts, lanes = offsets(piece.counts), piece.lanes
    low, high = piece.codes.copy(), piece.codes.copy()
    low[starts] = np.minimum(low[starts], encode(state.low[lanes]))
    high[starts] = np.maximum(high[starts], encode(state.high[lanes]))
    number = np.repeat(np.arange(len(lanes)), piece.counts)
    lowest, highest, now = decode(running_min(low, number)), decode(running_max(high, number)), decode(piece.codes)
    back = _turned_back(state.direction[lanes][number], lowest, highest, now, now)
    is_turn = (back >= p.min_range[lanes][number]) & (back > 0)
    return np.minimum.reduceat(np.where(is_turn, np.arange(len(now)), _NEVER), starts), lowest, highest


def _turned_back(direction: NDArray[np.int8], low: Values, high: Values, least: Values, most: Values) -> Floats:
    """How far a lane has come back from its extreme: rising from `high` to `least`, falling from `low` to `most`.

    Without a direction yet: the whole range.
    """
    top = np.where(direction < 0, most, high).astype(np.float64)
    return np.asarray(top - np.where(direction > 0, least, low))


def _extend(state: DamageMemory, lanes: Index, low: Values, high: Values) -> None:
    """Take over extremes, of a lane with a direction only the one that it needs."""
    direction = state.direction[lanes]
    state.low[lanes] = np.where(direction > 0, state.low[lanes], low)
    state.high[lanes] = np.where(direction < 0, state.high[lanes], high)
