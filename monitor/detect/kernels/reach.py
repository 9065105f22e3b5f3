"""Reach kernel: readings that no working sensor gives, as they lie outside its physical range."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monitor.detect.kernels.readings import Readings, Series, Values


class ReachParameters(NamedTuple):
    """The `least` and `most` that the sensor can give, float32 [L]."""

    least: Values
    most: Values


def outside(readings: Readings, p: ReachParameters) -> Series:
    """How far each reading lies outside its lane's range, in the channel's unit: above 0 outside, float32 [n].

    At the least and the most it is 0, inside negative; an infinity lies infinitely far outside. Remembers nothing.
    """
    lane = readings.lane
    with np.errstate(over="ignore"):  # 3e38 may lie further outside than a float32 can say
        beyond = np.maximum(p.least[lane] - readings.values, readings.values - p.most[lane])
    return Series(beyond, np.arange(len(beyond)))
