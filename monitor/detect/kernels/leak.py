"""Leak kernel: the loss of gas in Pa a day, from the slope of p Tref / T over windows of whole days.

    readings ─► without void ones ─► means of buckets ─► windows that are full, known and steady ─► slope of each

Two things besides a leak move p Tref / T. A day's swing of temperature does, by 15 Pa for each minute that the sensor
lags behind gas that swings by +-10 K; and a straight line through one period of a wave is not level: its slope is up to
6 / pi of the wave's height a day. So wave and line are fitted together. And whatever opens the hull does, or presses on
it as a climb does, by 12 Pa a second at 1 m/s.

With a noise of 2 Pa and 0.03 K (10 Pa of p Tref / T) and a reading a minute the mean of a bucket of 24 min is good to
2.2 Pa, the slope of a full day to 0.71 times that a day: 1.6 Pa/d, 3.1 Pa/d at k = 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.gather import offsets
from monitor.detect.kernels.buckets import BUCKETS
from monitor.detect.kernels.means import VALUE_STEPS, Closings, Means, close_means
from monitor.detect.kernels.readings import Flags, Index, Readings, Series, Times

DAY_S = 86_400.0
# Three quarters of the window: with fewer buckets line and wave can hardly be told apart. At the 45 oldest of a day's
# 60 the slope is 3 times as uncertain as at all of them.
MIN_BUCKETS = 45
# No leak of days is so fast, 30 kPa a day, and no weather: the content was changed otherwise, or climb or descent bend
# the hull. An open container follows a climb of 0.03 m/s so fast.
CLIMB_PA_S = 0.35
MAX_WINDOWS = 4096  # laid out at once: x 60 buckets x 8 B are 2 MB
_BACK = np.arange(BUCKETS, 0, -1)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LeakMemory(Means):
    """Memory of `leak`: that of the means, and how many void readings there were."""

    dtypes: ClassVar[dict[str, str]] = Means.dtypes | {"voids": "<i8"}
    voids: Index


class LeakParameters(NamedTuple):
    """Width of a bucket in ns, int64 [L]; whether the limit is a flow, which is for the family to know."""

    width_ns: Times
    is_flow: Flags


def leak(readings: Readings, memory: LeakMemory, p: LeakParameters) -> tuple[Series, LeakMemory]:
    """Loss in Pa/d (positive: gas is lost) whenever a window closes.

    Readings are p Tref / T in Pa, infinite while the valve may be open: how much went through it nobody knows, so the
    lane starts anew. A window says nothing unless it is full, readings stand in 45 of its 60 buckets, and none of its
    means is further from the one before than in climb or descent. The mean of a bucket stands for its middle.
    """
    lanes, source, rest, voids = _without_void(readings, memory)
    after = LeakMemory(**memory.arrays() | {"begun": memory.begun | (voids > 0), "voids": voids})
    if lanes.size == 0:
        return Series(np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)), after
    width_ns, is_all = p.width_ns[lanes], len(lanes) == len(voids)
    columns = (getattr(memory, name) for name in Means.dtypes)
    closings, means = close_means(rest, width_ns, Means(*(column if is_all else column[lanes] for column in columns)))
    if is_all:
        after = LeakMemory(**means.arrays(), voids=voids)
    else:
        after = after.take(np.arange(len(voids)))  # what it was made of belongs to others
        after.put(lanes, LeakMemory(**means.arrays(), voids=voids[lanes]))
    values, at = _losses(closings, width_ns * 1e-9)
    return Series(values, source[at]), after


def slope_weights(age_d: NDArray[Any]) -> Floats:
    """What each point counts for in the slope of level, line and a wave of one day: float64 [n] for ages [n] in days.

    The sum of weight x value is the change with age, a loss a day, by least squares.
    """
    wave = 2 * np.pi * age_d
    terms = np.column_stack((np.ones_like(age_d), age_d, np.sin(wave), np.cos(wave)))
    weights: Floats = np.linalg.pinv(terms)[1]
    return weights


@lru_cache(maxsize=64)  # one for each window that a profile names
def _whole_weights(width_d: float) -> Floats:
    return slope_weights((_BACK - 0.5) * width_d)


def _losses(closings: Closings, width_s: NDArray[Any]) -> tuple[NDArray[np.float32], Index]:
    """Loss over each window that says something, Pa/d float32 [k], and the reading that closed it."""
    chain, number = closings.chain, closings.number
    mean = closings.total / (np.maximum(closings.counts, 1) * VALUE_STEPS)  # 0 where nothing is remembered
    climbs = np.abs(np.diff(mean, prepend=mean[:1])) > CLIMB_PA_S * np.repeat(width_s, chain.end - chain.begin)
    climbed = np.cumsum(climbs)  # a window is steady when nothing is added between its first bucket and its last
    oldest = chain.oldest(number, closings.place)
    known = closings.place - oldest
    is_told = (known >= MIN_BUCKETS) & (climbed[closings.place - 1] == climbed[oldest])
    told = np.flatnonzero(is_told)
    place, width_d = closings.place[told], width_s[closings.lane[told]] / DAY_S
    loss_pa_d = np.empty(len(told))
    for days in sorted(set(width_d.tolist())):
        alike = np.flatnonzero(width_d == days)
        loss_pa_d[alike] = _slopes(mean, number, place[alike], known[told[alike]], days)
    return loss_pa_d.astype(np.float32), closings.at[told]


def _slopes(mean: Floats, number: Index, place: Index, known: Index, width_d: float) -> Floats:
    """Slope over the `known` buckets before each place, Pa/d float64 [k]; buckets are `width_d` days wide."""
    slopes = np.empty(len(place))
    weights = _whole_weights(width_d)
    whole = np.flatnonzero(known == BUCKETS)
    for start in range(0, len(whole), MAX_WINDOWS):
        part = whole[start : start + MAX_WINDOWS]
        windows = mean[place[part][:, None] - _BACK]
        slopes[part] = ((windows - windows[:, :1]) * weights).sum(axis=1)
    for at in np.flatnonzero(known < BUCKETS).tolist():  # windows with holes: each has weights of its own
        stop = int(place[at])
        window = slice(stop - int(known[at]), stop)
        part_weights = slope_weights((number[stop] - number[window] - 0.5) * width_d)
        slopes[at] = ((mean[window] - mean[window.start]) * part_weights).sum()
    return slopes


def _without_void(readings: Readings, memory: LeakMemory) -> tuple[Index, Index, Readings, Index]:
    """Lanes that have other readings than void ones, which those are, they, and the void ones so far of all lanes.

    A void moves the span of what follows on by 1 ns: as a new span does, that makes it start anew.
    """
    is_void = np.isinf(readings.values)
    if not (is_void.any() or memory.voids.any()):
        return np.arange(len(readings.counts)), np.arange(len(is_void)), readings, memory.voids
    lane, counted = readings.lane, np.cumsum(is_void)
    before = counted[readings.starts] - is_void[readings.starts]
    so_far = counted - (before - memory.voids)[lane]
    kept = np.flatnonzero(~is_void)
    counts = np.bincount(lane[kept], minlength=len(readings.counts))
    lanes = np.flatnonzero(counts)
    rest = Readings(
        readings.values[kept], readings.times_ns[kept], readings.gap_ns[kept], (readings.span + so_far)[kept],
        offsets(counts[lanes]), counts[lanes],
    )  # fmt: skip
    return lanes, kept, rest, so_far[readings.starts + readings.counts - 1]
