"""Means of buckets: what leak, statistic and forecast remember of a channel, and the windows of them that close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.buckets import BUCKETS, Chain, Opened, chain, find_opened
from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import Flags, Index, Readings, Times, Values, continuity

# Fixed point of values: 2**-20 is finer than float32 from 8 on (degC, %, Pa); with |value| at most 2**23 a bucket of
# 2**20 readings stays below 2**63.
VALUE_STEPS = float(1 << 20)
MAX_VALUE = float(1 << 23)
MAX_CLOSINGS = 4096  # windows laid out at once: x 60 buckets x 4 columns x 8 B are 8 MB


@dataclass(frozen=True, slots=True)
class Means(Columns):
    """Memory of `close_means`, 1.7 kB a lane: its last reading and up to 61 buckets, the open one last.

    `held` is how many, `since` the first bucket since the last restart. Of each bucket: `number`; `total`, the sum of
    values in steps of 2**-20; `offset_us`, the sum of times from its beginning; `count`.
    """

    dtypes: ClassVar[dict[str, str]] = {
        "begun": "?", "last_ns": "<i8", "last_span": "<i8", "held": "<u1", "since": "<i8",
        "number": "(61,)<i8", "total": "(61,)<i8", "offset_us": "(61,)<i8", "count": "(61,)<i4",
    }  # fmt: skip
    begun: Flags
    last_ns: Times
    last_span: Times
    held: NDArray[np.uint8]
    since: Index
    number: Index
    total: Index
    offset_us: Index
    count: NDArray[np.int32]


class Closing(NamedTuple):
    """k closed windows, in order of their readings: the 60 buckets before the bucket that a reading opened.

    `lane` int64 [k]; `at` int64 [k], the reading; `mean` float64 [k, 60], oldest bucket first, NaN where empty;
    `age_s` float64 [k, 60], from the mean time of a bucket's readings to the beginning of the bucket just opened, NaN
    where empty; `counts` int64 [k, 60], the readings in each.
    """

    lane: Index
    at: Index
    mean: NDArray[np.float64]
    age_s: NDArray[np.float64]
    counts: Index


class Closings(NamedTuple):
    """Windows that closed in a batch, those that are full: 60 buckets have passed since the lane's last restart.

    `lane`, `at`, `place` int64 [k]: the lane, the reading that opened a bucket, the place of that bucket in `chain`,
    whose columns are `number`, `total`, `offset_us`, `counts` [c], as in `Means`; `widths_ns` int64 [L].
    """

    lane: Index
    at: Index
    place: Index
    chain: Chain
    number: Index
    total: Index
    offset_us: Index
    counts: NDArray[np.int32]
    widths_ns: Times

    def chunks(self) -> Iterator[Closing]:
        """The windows laid out, in order, at most 4096 at a time."""
        for start in range(0, len(self.at), MAX_CLOSINGS):
            yield self._closing(slice(start, start + MAX_CLOSINGS))

    def _closing(self, part: slice) -> Closing:
        place, lane = self.place[part], self.lane[part]
        total, offset_us, count, number = self.chain.windows(
            self.number, place, self.total, self.offset_us, self.counts, self.number
        )
        known = np.where(count > 0, count, np.nan)
        buckets_back = self.number[place][:, None] - number
        age_s = (buckets_back * (self.widths_ns[lane] * 1e-9)[:, None]) - offset_us / known * 1e-6
        mean = total / (known * VALUE_STEPS)
        return Closing(lane, self.at[part], mean, age_s, count.astype(np.int64))


def close_means(
    readings: Readings, widths_ns: Times, memory: Means, *, restarts_at_gap: bool = False
) -> tuple[Closings, Means]:
    """Sort readings into buckets of `widths_ns` [L]: the windows that closed and the memory after.

    A lane restarts at the first reading of a span, at a reading in a bucket before the open one and, if wanted, after a
    gap. Equal times are as good as others. Values beyond +-2**23 (infinities too) count as that.
    """
    follows = continuity(readings, memory.begun, memory.last_ns, memory.last_span)
    restarts = follows.is_first | follows.is_gap if restarts_at_gap else follows.is_first
    opened = find_opened(readings, restarts, widths_ns, memory.number[:, -1])
    runs = _runs(readings, opened, widths_ns)
    memory = _with_heads(memory, runs)

    links = chain(readings, opened, memory.held)
    at = np.flatnonzero(opened.opens)
    number = links.lay(memory.number, opened.number[at])
    total = links.lay(memory.total, runs.total[runs.opens])
    offset_us = links.lay(memory.offset_us, runs.offset_us[runs.opens])
    count = links.lay(memory.count, runs.counts[runs.opens])

    since = links.since(number, links.opened_at, memory.since)
    is_full = opened.number[at] - since >= BUCKETS
    place, closed_at = links.opened_at[is_full], at[is_full]
    lane = np.searchsorted(readings.starts, closed_at, side="right") - 1
    closings = Closings(lane, closed_at, place, links, number, total, offset_us, count, widths_ns)
    held, kept = links.keep(number, total, offset_us, count)
    ends = readings.starts + readings.counts - 1
    last = held > 0, readings.times_ns[ends], readings.span[ends]
    return closings, Means(*last, held, links.since(number, links.end - 1, memory.since), *kept)


def add_to_open(readings: Readings, rows: Means, slots: Index, widths_ns: Times) -> Flags:
    """Add what lies in the bucket that is open already, in the memory itself: bool [L], which lanes that was all of.

    Only finite values are taken, and only lanes without a new span: the same comes of `close_means`, but a lane costs
    no copy of its 61 buckets.
    """
    starts, counts = readings.starts, readings.counts
    earliest_ns, latest_ns = (each.reduceat(readings.times_ns, starts) for each in (np.minimum, np.maximum))
    number = rows.number[slots, -1]
    is_open: Flags = (earliest_ns // widths_ns == number) & (latest_ns // widths_ns == number) & rows.begun[slots]
    is_open &= readings.span[starts] == rows.last_span[slots]
    if (readings.span != readings.span[0]).any():
        is_open &= ~np.logical_or.reduceat(_changes(readings), starts)
    is_open &= np.isfinite(np.minimum.reduceat(readings.values, starts))
    is_open &= np.isfinite(np.maximum.reduceat(readings.values, starts))
    lanes = np.flatnonzero(is_open)
    if lanes.size == 0:
        return is_open
    offset_us = (readings.times_ns - np.repeat(number * widths_ns, counts)) // 1000
    at = slots[lanes]
    rows.total[at, -1] += np.add.reduceat(_steps(readings.values), starts)[lanes]
    rows.offset_us[at, -1] += np.add.reduceat(offset_us, starts)[lanes]
    rows.count[at, -1] += counts[lanes].astype(np.int32)
    rows.last_ns[at] = readings.times_ns[starts + counts - 1][lanes]
    return is_open


def _changes(readings: Readings) -> Flags:
    """Whether a reading begins another span than the one before it in its lane, bool [n]."""
    changes: Flags = readings.within.is_first.copy()
    changes[readings.starts] = False
    return changes


def _steps(values: Values) -> Index:
    """Values in fixed point, int64 [n]."""
    return np.rint(np.clip(values.astype(np.float64), -MAX_VALUE, MAX_VALUE) * VALUE_STEPS).astype(np.int64)


class _Runs(NamedTuple):
    """Readings of a lane in one bucket: the sums over each run [r], whether it `opens` its bucket; `heads` [L]."""

    opens: Flags
    heads: Index
    total: Index
    offset_us: Index
    counts: NDArray[np.int32]


def _runs(readings: Readings, opened: Opened, widths_ns: Times) -> _Runs:
    begins = opened.opens.copy()
    begins[readings.starts] = True
    begin = np.flatnonzero(begins)
    offset_us = (readings.times_ns - opened.number * np.repeat(widths_ns, readings.counts)) // 1000
    return _Runs(
        opened.opens[begin],
        np.searchsorted(begin, readings.starts),
        np.add.reduceat(_steps(readings.values), begin),
        np.add.reduceat(offset_us, begin),
        np.diff(begin, append=len(readings.values)).astype(np.int32),
    )


def _with_heads(memory: Means, runs: _Runs) -> Means:
    """The memory with the first runs of lanes that go on in their open bucket added to it."""
    columns = memory.arrays()
    lane = np.flatnonzero(~runs.opens[runs.heads])
    for name, sums in (("total", runs.total), ("offset_us", runs.offset_us), ("count", runs.counts)):
        columns[name] = columns[name].copy()
        columns[name][lane, -1] += sums[runs.heads[lane]]
    return Means(**columns)
