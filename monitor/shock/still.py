"""An axis that stands still to the count amid motion, for longer than chance: its sensor gave nothing new."""

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


class Standstill(NamedTuple):
    """Axis 0..2 stands still over samples [start, stop)."""

    axis: int
    start: int
    stop: int


def standstills(
    sensor_g: NDArray[np.float64], before: int, motion: tuple[int, int], is_at_rail: NDArray[np.bool_]
) -> list[Standstill]:
    """The longest of each axis; `sensor_g` float64 [3, n] on the sensor's own axes, in motion over samples [a, b).

    How often a sample repeats the one ahead of it by chance is learnt from the `before` samples of rest: a sensor whose
    noise is below a count always does, and is never found; nor is any where there is too little rest to learn from.
    What stands at a rail is no standstill.
    """
    repeats = sensor_g[:, 1:] == sensor_g[:, :-1]
    if before < MIN_REST_SAMPLES or not _has_runs(repeats):
        return []
    shares = [_repeat_share(rest) for rest in repeats[:, : before - 1]]
    found = []
    for axis, share in enumerate(shares):
        others = [each for other, each in enumerate(shares) if other != axis]
        if repeats.shape[1] >= DEAD_SAMPLES and max(others) < LIVELY_SHARE and repeats[axis].all():
            found.append(Standstill(axis, 0, sensor_g.shape[1]))
        elif len(np.unique(sensor_g[axis, :before])) >= MIN_VALUES:
            needed = max(math.log(CHANCE / sensor_g.shape[1]) / math.log(share), MIN_SAMPLES)
            start, stop = _longest(repeats[axis], motion, is_at_rail[axis])
            if stop - start > needed and _is_abrupt(sensor_g[axis], start, stop):
                found.append(Standstill(axis, start, stop))
    return found


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


def _longest(repeats: NDArray[np.bool_], motion: tuple[int, int], is_at_rail: NDArray[np.bool_]) -> tuple[int, int]:
    """The run of samples [start, stop) with the longest part in the motion, (0, 0) without any."""
    starts, stops = runs(repeats).T
    stops = stops + 1  # one sample more than steps
    lengths = np.minimum(stops, motion[1]) - np.maximum(starts, motion[0])
    lengths[is_at_rail[starts]] = 0
    if lengths.max(initial=0) <= 0:
        return 0, 0
    run = int(lengths.argmax())
    return int(starts[run]), int(stops[run])


def _is_abrupt(axis_g: NDArray[np.float64], start: int, stop: int) -> bool:
    """Whether the signal jumps to the run [start, stop) or away from it: over a slow crest it goes by a count."""
    steps_g = np.abs(np.diff(axis_g))
    ends = [at for at in (start - 1, stop - 1) if 0 <= at < len(steps_g)]
    return bool(steps_g[ends].max(initial=0.0) >= MIN_VALUES * steps_g[steps_g > 0].min())
