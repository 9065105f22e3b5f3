"""Range kernel: the largest swing of a channel since its lane began.

That is its largest reading minus its smallest, and the largest range that rainflow counting (ASTM E1049) finds: of the
largest and the smallest reading neither lies within a smaller swing, so no cycle that closes takes them away; they stay
side by side in the residue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import Flags, Index, Readings, Series, Times, Values, continuity

_CODE_BITS = 32
_MAGNITUDE = 0x7FFFFFFF
_OFFSET = 1 << 31


@dataclass(frozen=True, slots=True)
class RangeMemory(Columns):
    """A lane's last reading, and its smallest and largest so far."""

    dtypes: ClassVar[dict[str, str]] = {
        "begun": "?", "last_ns": "<i8", "last_span": "<i8", "low": "<f4", "high": "<f4",
    }  # fmt: skip
    begun: Flags
    last_ns: Times
    last_span: Times
    low: Values
    high: Values


class RangeParameters(NamedTuple):
    """None."""


def largest_range(readings: Readings, memory: RangeMemory, p: RangeParameters) -> tuple[Series, RangeMemory]:
    """Largest minus smallest reading since the lane or its span began, at each reading: float32 [n], the unit's.

    Times do not matter. Of infinities alone it is 0, between an infinity and anything else infinite.
    """
    del p
    values, starts, counts = readings.values, readings.starts, readings.counts
    is_first = continuity(readings, memory.begun, memory.last_ns, memory.last_span).is_first
    is_within = (np.minimum.reduceat(values, starts) >= memory.low) & (
        np.maximum.reduceat(values, starts) <= memory.high
    )
    if is_within.all() and not is_first.any():
        low, high = np.repeat(memory.low, counts), np.repeat(memory.high, counts)
    else:
        low, high = _extremes(readings, memory, is_first)
    with np.errstate(over="ignore", invalid="ignore"):  # 3e38 - -3e38 is more than a float32 can say
        found = np.where(high == low, np.float32(0), high - low)
    ends = starts + counts - 1
    last = np.ones(len(ends), dtype=np.bool_), readings.times_ns[ends], readings.span[ends]
    return Series(found, np.arange(len(found))), RangeMemory(*last, low[ends], high[ends])


def stays_within(readings: Readings, memory: RangeMemory, most: Values) -> tuple[Flags, RangeMemory]:
    """Lanes in which no range comes beyond `most`, float32 [L] (NaN: not to be said), and the memory after of all."""
    starts, counts = readings.starts, readings.counts
    low, high = np.minimum.reduceat(readings.values, starts), np.maximum.reduceat(readings.values, starts)
    low = np.where(memory.begun, np.minimum(low, memory.low), low)
    high = np.where(memory.begun, np.maximum(high, memory.high), high)
    has_one_span = np.logical_and.reduceat(~readings.within.is_first | _is_head(readings), starts)
    has_one_span &= ~memory.begun | (readings.span[starts] == memory.last_span)
    with np.errstate(over="ignore", invalid="ignore"):
        is_within = (high - low <= most) & has_one_span
    ends = starts + counts - 1
    begun = np.ones(len(ends), dtype=np.bool_)
    after = RangeMemory(begun, readings.times_ns[ends], readings.span[ends], low, high)
    return is_within, after


def _is_head(readings: Readings) -> Flags:
    is_head = np.zeros(len(readings.values), dtype=np.bool_)
    is_head[readings.starts] = True
    return is_head


def _extremes(readings: Readings, memory: RangeMemory, is_first: Flags) -> tuple[Values, Values]:
    """Smallest and largest reading so far, at each reading."""
    starts, codes = readings.starts, encode(readings.values)
    begins = is_first.copy()
    begins[starts] = True
    stretch = np.cumsum(begins, dtype=np.int64)
    low, high = codes.copy(), codes
    carried = ~is_first[starts]
    head = starts[carried]
    low[head] = np.minimum(low[head], encode(memory.low[carried]))
    high[head] = np.maximum(high[head], encode(memory.high[carried]))
    return decode(running_min(low, stretch)), decode(running_max(high, stretch))


def encode(values: Values) -> Index:
    """Whole numbers of 32 bits that are ordered as the values are (IEEE 754: magnitudes are ordered by their bits)."""
    bits = values.view(np.int32).astype(np.int64)
    return bits ^ (bits >> 63 & _MAGNITUDE)


def decode(codes: Index) -> Values:
    """The values of `encode`."""
    return (codes ^ (codes >> 63 & _MAGNITUDE)).astype(np.int32).view(np.float32)


def running_max(codes: Index, stretch: Index) -> Index:
    """Largest code so far in each stretch; `stretch` int64 [n] rises from one to the next.

    The number of the stretch in front of the code makes one running maximum of all.
    """
    keys = (stretch << _CODE_BITS) + (codes + _OFFSET)
    np.maximum.accumulate(keys, out=keys)
    keys &= (1 << _CODE_BITS) - 1
    keys -= _OFFSET
    return keys


def running_min(codes: Index, stretch: Index) -> Index:
    """Smallest code so far in each stretch."""
    return -running_max(-codes, stretch)
