"""Rate kernel: how fast a channel has changed over its window, at every reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.buckets import HELD, Chain, Opened, bucket_numbers, chain, find_opened
from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import (
    UNKNOWN_GAP_NS,
    Flags,
    Index,
    Readings,
    Series,
    Times,
    Values,
    continuity,
    per_reading,
)

NS_PER_H = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class RateMemory(Columns):
    """A lane's last reading, and the first reading of each of the last `held` buckets, the open one last; 750 B."""

    dtypes: ClassVar[dict[str, str]] = {
        "begun": "?", "last_ns": "<i8", "last_span": "<i8", "held": "<u1", "first_ns": "(61,)<i8", "first": "(61,)<f4",
    }  # fmt: skip
    begun: Flags
    last_ns: Times
    last_span: Times
    held: NDArray[np.uint8]
    first_ns: Times
    first: Values


class RateParameters(NamedTuple):
    """The window of each lane, `over_ns` int64 [L], and the width of its 60 buckets, `width_ns` int64 [L]."""

    over_ns: Times
    width_ns: Times


def rate(readings: Readings, memory: RateMemory, p: RateParameters) -> tuple[Series, RateMemory]:
    """Change per hour since the first reading of the oldest bucket that is at most 60 back: float32, unit/h.

    Known once that reading and this one, with the interval that this one stands for, span the window; begins anew after
    a gap, at a time that does not rise and in a new span. A change from an infinity is none that could be told.
    """
    told = _remember(readings, memory, p)
    reference = told.links.oldest(told.number, told.links.places(readings, told.opened))
    return _series(readings, told.first_ns[reference], told.first[reference], p), told.after


def stays_within(
    readings: Readings, memory: RateMemory, p: RateParameters, low: Values, high: Values
) -> tuple[Flags, RateMemory]:
    """Lanes in which no rate can lie outside `low` .. `high`, float32 [L] (NaN: not to be said); all memory after.

    Whatever two readings are compared, they differ by no more than the largest and the smallest of all, and they are at
    least the window less one interval apart.
    """
    told = _remember(readings, memory, p)
    is_held = np.arange(HELD) >= HELD - memory.held[:, None]
    largest = np.where(is_held, memory.first, -np.inf).max(axis=1)
    smallest = np.where(is_held, memory.first, np.inf).min(axis=1)
    largest = np.maximum(largest, np.maximum.reduceat(readings.values, readings.starts))
    smallest = np.minimum(smallest, np.minimum.reduceat(readings.values, readings.starts))
    gap_ns = np.maximum.reduceat(readings.gap_ns, readings.starts)  # 2.5 intervals; where none was declared, not quiet
    least_ns = np.where(gap_ns == UNKNOWN_GAP_NS, 0, p.over_ns - gap_ns // 5 * 2)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # as in `_series`
        most = (largest - smallest) * (NS_PER_H / np.maximum(least_ns, 1))
        return (most <= high) & (-most >= low) & (least_ns > 0), told.after


class _Told(NamedTuple):
    """The first reading of each bucket, `first_ns` and `first`, its `number`, and the memory `after`."""

    opened: Opened
    links: Chain
    first_ns: Times
    first: Values
    number: Index
    after: RateMemory


def _remember(readings: Readings, memory: RateMemory, p: RateParameters) -> _Told:
    follows = continuity(readings, memory.begun, memory.last_ns, memory.last_span)
    opened = find_opened(readings, follows.is_parted, p.width_ns, memory.first_ns[:, -1] // p.width_ns)
    links = chain(readings, opened, memory.held)
    at = np.flatnonzero(opened.opens)
    first_ns = links.lay(memory.first_ns, readings.times_ns[at])
    first = links.lay(memory.first, readings.values[at])
    held, (kept_ns, kept) = links.keep(first_ns, first)
    ends = readings.starts + readings.counts - 1
    after = RateMemory(held > 0, readings.times_ns[ends], readings.span[ends], held, kept_ns, kept)
    return _Told(opened, links, first_ns, first, bucket_numbers(first_ns, p.width_ns, links.end - links.begin), after)


def _interval_ns(readings: Readings) -> Times:
    """The interval that each reading stands for, 0 where none was declared: a gap is 2.5 of them."""
    interval_ns = readings.gap_ns // 5 * 2
    interval_ns[readings.gap_ns == UNKNOWN_GAP_NS] = 0
    return interval_ns


def _series(readings: Readings, since_ns: Times, since: Values, p: RateParameters) -> Series:
    span_ns = readings.times_ns - since_ns
    is_known = (span_ns + _interval_ns(readings) >= per_reading(p.over_ns, readings)) & (span_ns > 0)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        # inf - inf is no change to tell; 6e38 in an hour is infinite; nothing is known of a span of 0
        change = (readings.values.astype(np.float64) - since) * (NS_PER_H / span_ns)
        values = change.astype(np.float32)
    at = np.flatnonzero(is_known & ~np.isnan(values))
    return Series(values[at], at)
