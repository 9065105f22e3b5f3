"""CUSUM kernel: a drift too slow for any single value to stand out, as the sum of deviations from a reference.

Two-sided tabular CUSUM (Montgomery, Introduction to Statistical Quality Control, chapter 9) of the means of buckets:

    up_i = min(max(up_{i-1} + z_i - slack, 0), cap)      down_i = min(max(down_{i-1} - z_i - slack, 0), cap)

The sums are fixed-point and each step is a map x -> min(max(x + step, low), high). Two such maps one after the other
are one again, so a lane's sums come from doubling the stretch that each map covers, without a loop over its steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.means import Closings, Means, close_means
from monitor.detect.kernels.readings import Flags, Index, Readings, Series, Times, Values
from monitor.detect.kernels.zscore import MIN_BUCKETS, Reference, refer, split_newest, standardised

MAX_STEP = 8.0  # sigmas that one bucket may add: a single outlier is the business of z-score
SIGMA_STEPS = float(1 << 20)  # fixed point of the sums
CAP_LIMITS = 2.0  # the sums stop at twice the limit, so that an alert ends soon after the drift does


@dataclass(frozen=True, slots=True)
class CusumMemory(Means):
    """Beside the means the reference and both sums in steps of 2**-20 sigma; zeros where there is no reference.

    `reference_since` is the first bucket of the stretch that the reference was taken in: it serves no other.
    """

    dtypes: ClassVar[dict[str, str]] = Means.dtypes | {
        "has_reference": "<u1", "reference_since": "<i8", "median": "<f8", "sigma": "<f8", "up": "<i8", "down": "<i8",
    }  # fmt: skip
    has_reference: NDArray[np.uint8]
    reference_since: Index
    median: NDArray[np.float64]
    sigma: NDArray[np.float64]
    up: Index
    down: Index


class CusumParameters(NamedTuple):
    """Width of a bucket in ns [L]; least sigma in the channel's unit [L]; `slack` and `above`, the limit, in sigmas."""

    width_ns: Times
    floor: Values
    slack: Values
    above: Values


class _Steps(NamedTuple):
    """Closings [k]: `lane`, the reading `at` which, the first bucket of the stretch (`since`), the `judged` mean, the
    reference that the `window` would be; its `known` buckets are counted.
    """

    lane: Index
    at: Index
    since: Index
    judged: NDArray[np.float64]
    window: Reference


class _Course(NamedTuple):
    """The reference of each step, whether it has one (`is_known`), and whether it is its first (`begins`); [k].

    `is_carried`: the step goes on with the sums that its lane remembers.
    """

    reference: Reference
    is_known: Flags
    begins: Flags
    is_carried: Flags


def cusum(readings: Readings, memory: CusumMemory, p: CusumParameters) -> tuple[Series, CusumMemory]:
    """The larger sum in sigmas, told at the reading that opens the next bucket; float32 [m].

    Reference is the first full window with 30 known buckets since the lane (re)started; there the sums are 0. It
    stays, also over a silence, until the lane restarts: then nothing is told until there is another.
    """
    means = Means(**{name: getattr(memory, name) for name in Means.dtypes})
    closings, after = close_means(readings, p.width_ns, means)
    steps = _steps(closings, means, p.floor)
    course = _course(steps, memory)
    z = np.nan_to_num(np.clip(standardised(steps.judged, course.reference), -MAX_STEP, MAX_STEP))
    slack, cap = p.slack[steps.lane], _fixed(CAP_LIMITS * p.above[steps.lane])
    sums = [
        _clamped_sum(_fixed(side * z - slack), cap, course, before[steps.lane])
        for side, before in ((1, memory.up), (-1, memory.down))
    ]
    told = np.flatnonzero(course.is_known)
    values = (np.maximum(*sums)[told] / SIGMA_STEPS).astype(np.float32)
    return Series(values, steps.at[told]), _remember(after, memory, steps, course, sums)


def _steps(closings: Closings, means: Means, floor: Values) -> _Steps:
    since = closings.chain.since(closings.number, closings.place, means.since)
    judged, median, sigma, known = [np.empty(0)], [np.empty(0)], [np.empty(0)], [np.empty(0, dtype=np.int64)]
    for closing in closings.chunks():
        window = refer(closing.mean, floor[closing.lane])
        judged.append(split_newest(closing.mean)[0])
        median.append(window.median)
        sigma.append(window.sigma)
        known.append(window.known)
    window = Reference(np.concatenate(median), np.concatenate(sigma), np.concatenate(known))
    return _Steps(closings.lane, closings.at, since, np.concatenate(judged), window)


def _course(steps: _Steps, memory: CusumMemory) -> _Course:
    """Sort steps into stretches (a lane since a restart); what the lane remembers serves its first one only."""
    lane, index = steps.lane, np.arange(len(steps.lane))
    is_first = np.diff(lane, prepend=-1) != 0
    starts = is_first | (np.diff(steps.since, prepend=0) != 0)
    start = np.maximum.accumulate(np.where(starts, index, 0))
    is_carried = is_first & (memory.has_reference[lane] > 0) & (memory.reference_since[lane] == steps.since)
    goes_on = is_carried[start]
    is_able = steps.window.known >= MIN_BUCKETS
    able = np.cumsum(is_able)
    none_yet: Index = (able - is_able)[start]
    begins = is_able & (able == none_yet + 1) & ~goes_on
    is_known = goes_on | (able > none_yet)
    source = np.maximum.accumulate(np.where(begins, index, 0))
    median, sigma = (
        np.where(goes_on, old[lane], new[source])
        for old, new in ((memory.median, steps.window.median), (memory.sigma, steps.window.sigma))
    )
    return _Course(Reference(median, sigma, steps.window.known), is_known, begins, is_carried)


def _clamped_sum(step: Index, cap: Index, course: _Course, before: Index) -> Index:
    """x_i = min(max(x_{i-1} + step_i, 0), cap), from `before` where carried, 0 without or at a reference; int64 [k]."""
    low, high, add = np.zeros_like(step), cap.copy(), step.copy()
    is_zero = course.begins | ~course.is_known
    start = np.clip(before + step, 0, cap)
    for bound in (low, high):
        bound[course.is_carried] = start[course.is_carried]
        bound[is_zero] = 0
    length = 1
    while length < len(step) and (low != high).any():
        low_before, high_before, add_before = low[:-length], high[:-length], add[:-length]
        low_now, high_now, add_now = low[length:], high[length:], add[length:]
        low_next = np.clip(low_before + add_now, low_now, high_now)
        high_next = np.clip(high_before + add_now, low_now, high_now)
        add = np.concatenate((add[:length], add_before + add_now))
        low = np.concatenate((low[:length], low_next))
        high = np.concatenate((high[:length], high_next))
        length *= 2
    return low


def _fixed(sigmas: NDArray[np.floating]) -> Index:
    fixed: Index = np.rint(sigmas.astype(np.float64) * SIGMA_STEPS).astype(np.int64)
    return fixed


def _remember(means: Means, memory: CusumMemory, steps: _Steps, course: _Course, sums: list[Index]) -> CusumMemory:
    """The memory after: that of the last step of each lane that had one."""
    last = np.flatnonzero(np.diff(steps.lane, append=-1))
    lane, is_known = steps.lane[last], course.is_known[last]
    told: dict[str, NDArray[Any]] = {
        "has_reference": course.is_known, "reference_since": steps.since, "median": course.reference.median,
        "sigma": course.reference.sigma, "up": sums[0], "down": sums[1],
    }  # fmt: skip
    columns = {name: getattr(memory, name).copy() for name in told}
    for name, column in told.items():
        columns[name][lane] = np.where(is_known, column[last], 0)
    return CusumMemory(**means.arrays(), **columns)
