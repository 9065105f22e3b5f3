"""Exposure kernel: for how long, and how far, a channel has been beyond a level since its lane began.

Between two readings the channel runs straight, so crossings lie where the line meets the level. Everything is summed as
whole numbers (ns, and K us in steps of one), so that cuts change nothing; a lane starts from zero with each span.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import (
    Continuity,
    Flags,
    Index,
    Readings,
    Series,
    Times,
    Values,
    continuity,
    per_reading,
)

NS_PER_S = 1e9
NS_PER_H = 3.6e12
US_PER_H = 3.6e9
NS_PER_US = 1e3
# Of unit x us: 2**62 is 1.3e9 K h. What lies further beyond the level counts as 10**6 (K, Pa, %): 10 bar or the surface
# of no star. Totals stop at the most, 146 years or as many unit x us.
MOST = 1 << 62
MAX_EXCESS = 1e6


@dataclass(frozen=True, slots=True)
class ExposureMemory(Columns):
    """A lane's last reading and its totals: `beyond_ns`; `area`, the integral beyond the level in unit x us; both up to
    2**62; `unknown_ns`, the time in gaps.
    """

    dtypes: ClassVar[dict[str, str]] = {
        "begun": "?", "last_ns": "<i8", "last_span": "<i8", "value": "<f4",
        "beyond_ns": "<i8", "area": "<i8", "unknown_ns": "<i8",
    }  # fmt: skip
    begun: Flags
    last_ns: Times
    last_span: Times
    value: Values
    beyond_ns: Times
    area: Index
    unknown_ns: Times


class ExposureParameters(NamedTuple):
    """The level (taken as float32) and the side of it that counts, +1 above or -1 below, [L].

    `is_area`: judged by the integral beyond the level, not by the time.
    """

    level: NDArray[np.float64]
    sign: NDArray[np.int64]
    is_area: Flags


class Running(NamedTuple):
    """The totals after each reading, int64 [n], as in `ExposureMemory`."""

    beyond_ns: Times
    area: Index
    unknown_ns: Times


def exposure(readings: Readings, memory: ExposureMemory, p: ExposureParameters) -> tuple[Series, ExposureMemory]:
    """The total after each reading: float32, h, or unit x h where judged by the integral."""
    running = accumulate(readings, memory, p)
    ends = readings.starts + readings.counts - 1
    after = ExposureMemory(
        np.ones(len(ends), dtype=np.bool_), readings.times_ns[ends], readings.span[ends], readings.values[ends],
        *(total[ends] for total in running),
    )  # fmt: skip
    is_area = per_reading(p.is_area, readings)
    if len(is_area) == 1:
        total = running.area if is_area[0] else running.beyond_ns
    else:
        total = np.where(is_area, running.area, running.beyond_ns)
    total_h = total / per_reading(np.where(p.is_area, US_PER_H, NS_PER_H), readings)
    return Series(total_h.astype(np.float32), np.arange(len(total_h)), totals=running), after


def fields(series: Series, index: Index) -> dict[str, NDArray[np.float64]]:
    """Running totals at some readings, float64 [k]."""
    running = Running(*(total[index] for total in series.totals))
    return {
        "time_above_s": running.beyond_ns / NS_PER_S,
        "degree_hours": running.area / US_PER_H,
        "unknown_s": running.unknown_ns / NS_PER_S,
    }


def accumulate(readings: Readings, memory: ExposureMemory, p: ExposureParameters) -> Running:
    """The totals after each reading. A gap is unknown time; time that does not rise counts nothing."""
    follows = continuity(readings, memory.begun, memory.last_ns, memory.last_span)
    level, sign = p.level.astype(np.float32).astype(np.float64), p.sign.astype(np.float64)
    excess = readings.values.astype(np.float64)
    excess -= per_reading(level, readings)
    excess *= per_reading(sign, readings)
    before = np.empty_like(excess)
    before[1:] = excess[:-1]
    before[readings.starts] = (memory.value - level) * sign

    told = np.flatnonzero(((excess > 0) | (before > 0)) & ~follows.is_parted)
    beyond_ns, area = None, None
    if told.size:
        beyond_ns, area = np.zeros_like(readings.times_ns), np.zeros_like(readings.times_ns)
        beyond_ns[told], area[told] = beyond(before[told], excess[told], follows.spacing_ns[told])
    unknown_ns = np.minimum(follows.spacing_ns, MOST) * follows.is_gap if follows.is_gap.any() else None
    return Running(
        _running(readings, follows, memory.beyond_ns, beyond_ns),
        _running(readings, follows, memory.area, area),
        _running(readings, follows, memory.unknown_ns, unknown_ns),
    )


def beyond(before: NDArray[np.float64], after: NDArray[np.float64], spacing_ns: Times) -> tuple[Times, Index]:
    """Time above 0 of lines `before` to `after`, one of them at least above 0, in ns, and the area in unit x us."""
    before, after = (np.clip(excess, -MAX_EXCESS, MAX_EXCESS) for excess in (before, after))
    high, low = np.maximum(before, after), np.minimum(before, after)
    is_crossing = low < 0
    share = np.where(is_crossing, high / (high - np.where(is_crossing, low, 0)), 1)
    beyond_ns = np.rint(np.minimum(spacing_ns, MOST) * share)
    area = (high + np.maximum(low, 0)) / 2 * beyond_ns / NS_PER_US
    return beyond_ns.astype(np.int64), np.rint(np.minimum(area, MOST)).astype(np.int64)


def _running(readings: Readings, follows: Continuity, total: Index, amounts: Index | None) -> Index:
    """Running sums of amounts (0 to 2**62; None: all 0) on each lane's total, from 0 in each span, up to 2**62."""
    is_fresh = follows.is_first
    if amounts is None and not is_fresh.any():
        return np.repeat(total, readings.counts)
    amounts = np.zeros_like(readings.times_ns) if amounts is None else amounts
    begins = is_fresh.copy()
    begins[readings.starts] = True
    begin = np.flatnonzero(begins)
    sums = np.cumsum(amounts)  # wraps around, and differences of it wrap back
    carried = np.zeros(len(begin), dtype=np.int64)
    heads = np.searchsorted(begin, readings.starts)
    carried[heads] = np.where(is_fresh[readings.starts], 0, total)
    lengths = np.diff(begin, append=len(sums))
    running: Index = sums + np.repeat(carried - (sums[begin] - amounts[begin]), lengths)
    # No amount is above 2**62, so the first sum beyond it shows: it is between that and 2**63, or has become negative.
    is_over = (running > MOST) | (running < 0)
    if is_over.any():
        over = np.minimum.reduceat(np.where(is_over, np.arange(len(sums)), len(sums)), begin)
        running[np.arange(len(sums)) >= np.repeat(over, lengths)] = MOST
    return running
