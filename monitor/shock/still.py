"""Axes that stand still to the count amid motion, for longer than chance: their sensor gave nothing new."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.duration import runs

CHANCE = 1e-6  # of an event whose sensor is sound: 10 events a second for a day are a million
MIN_SAMPLES = 8  # a sensor slower than its converter repeats each sample a few times
MIN_REST_SAMPLES = 16  # fewer say nothing of a noise
# Noise below a count shows only where rest happens to lie between two counts, and not where a plateau lies upon one; on
# four counts it is as visible anywhere.
MIN_VALUES = 4
# Of an axis that never moves at all nobody knows the noise. It is dead where those of the other two change more often
# than not at rest, over so many samples that a sensor's axes cannot differ so much by chance.
DEAD_SAMPLES = 100
LIVELY_SHARE = 0.5
ALL = (0, 1, 2)


class Standstill(NamedTuple):
    """The axes (0..2), one or all of them, stand still over samples [start, stop)."""

    axes: tuple[int, ...]
    start: int
    stop: int


def standstills(
    sensor_g: NDArray[np.float64],
    rest: tuple[int, int],
    motion: tuple[int, int],
    is_at_rail: NDArray[np.bool_],
    *,
    is_triggered: bool,
) -> list[Standstill]:
    """That of all axes at once, or the longest of each; of samples float64 [3, n] on the sensor's own axes.

    `rest` and `motion` are samples [a, b). How often a sample repeats the one ahead of it by chance is learnt from the
    rest: a sensor whose noise is below a count always does, and is never found; nor is any where there is too little
    rest to learn from. What stands at a rail is no standstill. `is_triggered`: something moved, so where nothing does
    in all the record its sensor is dead.
    """
    repeats = sensor_g[:, 1:] == sensor_g[:, :-1]
    if not _has_runs(repeats):
        return []
    if is_triggered and repeats.shape[1] >= DEAD_SAMPLES and repeats.all():
        return [Standstill(ALL, 0, sensor_g.shape[1])]
    if rest[1] - rest[0] < MIN_REST_SAMPLES:
        return []
    at_rest_g = sensor_g[:, slice(*rest)]
    shares = [_repeat_share(each) for each in at_rest_g[:, 1:] == at_rest_g[:, :-1]]
    lively = [axis for axis in ALL if len(np.unique(at_rest_g[axis])) >= MIN_VALUES]
    if len(lively) > 1:
        together = math.prod(shares[axis] for axis in lively)
        if found := _unlikely(sensor_g, ALL, together, motion, is_at_rail):
            return [found]
    alone = (_unlikely(sensor_g, (axis,), shares[axis], motion, is_at_rail) for axis in lively)
    dead = [Standstill((axis,), 0, sensor_g.shape[1]) for axis in ALL if _is_dead(repeats, shares, axis)]
    return dead + [found for found in alone if found]


def _is_dead(repeats: NDArray[np.bool_], shares: list[float], axis: int) -> bool:
    """Whether it never moves, while the noise of the other two shows."""
    others = [shares[other] for other in ALL if other != axis]
    return bool(repeats.shape[1] >= DEAD_SAMPLES and max(others) < LIVELY_SHARE and repeats[axis].all())


def _unlikely(
    sensor_g: NDArray[np.float64],
    axes: tuple[int, ...],
    share: float,
    motion: tuple[int, int],
    is_at_rail: NDArray[np.bool_],
) -> Standstill | None:
    """The longest run that some axes stand still together, if it is longer than chance has it."""
    some_g = sensor_g[list(axes)]
    steps_g = np.abs(np.diff(some_g))
    is_still: NDArray[np.bool_] = (steps_g == 0).all(axis=0)
    starts, stops = runs(is_still).T
    stops = stops + 1  # one sample more than steps
    lengths = np.minimum(stops, motion[1]) - np.maximum(starts, motion[0])
    is_jump = (steps_g >= [[_resolution_g(row) * MIN_VALUES] for row in steps_g]).any(axis=0)
    is_jump = np.concatenate(([False], is_jump, [False]))  # to sample i
    begins, ends = (is_jump[at] & (at >= motion[0]) & (at <= motion[1]) for at in (starts, stops))
    lengths = np.where(begins | ends, stops - starts, lengths)  # it takes part of the motion with it
    lengths[~(is_jump[starts] | is_jump[stops]) | is_at_rail[list(axes)][:, starts].any(axis=0)] = 0
    needed = max(math.log(CHANCE / sensor_g.shape[1]) / math.log(share), MIN_SAMPLES)
    if lengths.max(initial=0) <= needed:
        return None
    run = int(lengths.argmax())
    return Standstill(axes, int(starts[run]), int(stops[run]))


def _resolution_g(steps_g: NDArray[np.float64]) -> float:
    """The smallest step between two samples, infinite without any."""
    return float(steps_g[steps_g > 0].min(initial=math.inf))


def _has_runs(repeats: NDArray[np.bool_]) -> bool:
    """Whether MIN_SAMPLES in a row, or a few less, are equal on any axis: most events go no further."""
    length = 1
    while length < MIN_SAMPLES // 2:
        repeats = repeats[:, length:] & repeats[:, :-length]
        length *= 2
    return bool(repeats.any())


def _repeat_share(repeats: NDArray[np.bool_]) -> float:
    """How likely one more sample repeats the one ahead of it, 0..1, both excluded.

    The larger of the share of all and of those behind a repeat: filtered noise repeats in a row. Both count one sample
    more than there were, so that few say little.
    """
    share = (int(repeats.sum()) + 1) / (repeats.size + 2)
    first = int(repeats[:-1].sum())
    in_a_row = (int((repeats[:-1] & repeats[1:]).sum()) + share) / (first + 1)
    return max(share, in_a_row)
