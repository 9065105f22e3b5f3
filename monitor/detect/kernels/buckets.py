"""Windows of 60 buckets aligned in UTC: what a lane remembers of the past, however long its window is.

A window (`over`, `window`) is 60 buckets; bucket number = time // (window / 60). Of a bucket only what its kernel needs
is kept, all sums as int64, so that however the stream was cut they are the same to the last bit. A lane remembers at
most 61 buckets, the last of them open; a bucket closes at the first reading of a later one:

    remembered [L, 61]          ──► Chain: buckets of each lane end to end ──► remembered [L, 61]
    readings ─► `find_opened` ──┘     │ `oldest`: where the window of a bucket begins (rate, rolling sums)
                                      └ `windows`: the 60 buckets before a bucket [k, 60] (leak, statistics, trend)

`monitor.detect.kernels.means` is all of that for kernels that judge the mean of each bucket.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.readings import Flags, Index, Readings, Times

BUCKETS = 60
HELD = BUCKETS + 1  # the open bucket and the 60 before it
_BACK = np.arange(BUCKETS, 0, -1)
_HELD_BACK = np.arange(HELD, 0, -1)
_HALVINGS = 6  # 2**6 > 60


def width_ns(window_s: float) -> int:
    """Width of a bucket; a window is taken as a whole number of nanoseconds for each bucket, at least one."""
    return max(1, round(window_s * 1e9 / BUCKETS))


def bucket_numbers(times_ns: Times, widths_ns: Times, counts: Index) -> Index:
    """The bucket of each time, int64 [n]; `widths_ns` [L] is that of each lane, `counts` [L] its number of times."""
    if (widths_ns == widths_ns[0]).all():
        numbers: Index = times_ns // widths_ns[0]  # a division by one number is four times as fast
        return numbers
    return times_ns // np.repeat(widths_ns, counts)


class Opened(NamedTuple):
    """The bucket `number` of each reading, whether it `opens` it, and whether nothing before it counts; all [n]."""

    number: Index
    opens: Flags
    restarts: Flags


def find_opened(readings: Readings, restarts: Flags, widths_ns: Times, open_number: Index) -> Opened:
    """Which readings open a bucket; one that comes in a bucket before the open one restarts its lane.

    `restarts` bool [n] is what the kernel says, True at the very first reading of a lane; `open_number` int64 [L] is
    the open bucket that a lane remembers.
    """
    number = bucket_numbers(readings.times_ns, widths_ns, readings.counts)
    before = np.empty_like(number)
    before[1:] = number[:-1]
    before[readings.starts] = open_number
    restarts = restarts | (number < before)
    return Opened(number, restarts | (number != before), restarts)


class Chain(NamedTuple):
    """Buckets of L lanes end to end: in each lane the 61 places of those it remembers, then those opened now.

    `begin`, `end` int64 [L]; `opened_at` int64 [o], the places of the opened; `stretch` int64 [c]: where the stretch
    that a bucket belongs to begins, nothing before it counts. Within a stretch numbers rise strictly; places that
    nothing is remembered in belong to none. `is_even`: all lanes are of one length, so that a column is a matrix.
    """

    begin: Index
    end: Index
    opened_at: Index
    stretch: Index
    is_even: bool

    def lay(self, held: NDArray[Any], opened: NDArray[Any]) -> NDArray[Any]:
        """A column of all buckets [c] from what is remembered [L, 61] and what was opened [o]."""
        if self.is_even:
            return np.concatenate((held, opened.reshape(len(held), -1)), axis=1).ravel()
        column = np.empty(len(self.stretch), dtype=held.dtype)
        column[self.begin[:, None] + np.arange(HELD)] = held
        column[self.opened_at] = opened
        return column

    def places(self, readings: Readings, opened: Opened) -> Index:
        """The place of each reading's bucket [n]."""
        places = np.cumsum(opened.opens, dtype=np.int64)
        before = places[readings.starts] - opened.opens[readings.starts]
        places += np.repeat(self.begin + BUCKETS - before, readings.counts)
        return places

    def keep(self, *columns: NDArray[Any]) -> tuple[NDArray[np.uint8], list[NDArray[Any]]]:
        """What is to be remembered: how many of the 61 buckets [L], and each column [L, 61], the open one last."""
        held = np.minimum(self.end - self.stretch[self.end - 1], HELD)
        if self.is_even:
            kept = [column.reshape(len(held), -1)[:, -HELD:] for column in columns]
        else:
            places = self.end[:, None] - _HELD_BACK
            kept = [column[places] for column in columns]
        if (held < HELD).any():
            is_kept = held[:, None] >= _HELD_BACK
            kept = [np.where(is_kept, column, 0) for column in kept]
        return held.astype(np.uint8), kept

    def oldest(self, number: Index, at: Index) -> Index:
        """Place of the oldest bucket at most 60 before the bucket at each place `at`, itself at the latest [k]."""
        floor = number[at] - BUCKETS
        low = np.maximum(self.stretch[at], at - BUCKETS)  # as numbers rise, what lies before is older
        late = np.flatnonzero(number[low] < floor)
        if late.size == 0:
            return low
        first, last, sought = low[late] + 1, at[late], floor[late]
        for _ in range(_HALVINGS):
            middle = (first + last) >> 1
            is_old = number[middle] < sought
            first = np.where(is_old, middle + 1, first)
            last = np.where(is_old, last, middle)
        low[late] = last
        return low

    def since(self, number: Index, at: Index, remembered: Index) -> Index:
        """First bucket since the last restart, seen from each place `at` [k]; `remembered` [L] is that of before."""
        stretch = self.stretch[at]
        lane = np.searchsorted(self.end, at, side="right")
        is_new = stretch >= self.begin[lane] + HELD
        since: Index = np.where(is_new, number[stretch], remembered[lane])
        return since

    def windows(self, number: Index, at: Index, *columns: NDArray[Any]) -> list[NDArray[Any]]:
        """Each column over the 60 buckets before the bucket at each place `at` [k, 60], oldest first; 0 if empty."""
        places = at[:, None] - _BACK
        is_valid = places >= self.stretch[at][:, None]
        offset = number[places * is_valid] - (number[at][:, None] - BUCKETS)
        is_valid &= offset >= 0
        row, offset, places = np.nonzero(is_valid)[0], offset[is_valid], places[is_valid]
        windows = [np.zeros((len(at), BUCKETS), dtype=column.dtype) for column in columns]
        for window, column in zip(windows, columns, strict=True):
            window[row, offset] = column[places]
        return windows


def chain(readings: Readings, opened: Opened, held: NDArray[np.uint8]) -> Chain:
    """The buckets of each lane: `held` uint8 [L] of those remembered (at the end of its row of 61), then the opened."""
    opened_counts = np.add.reduceat(opened.opens, readings.starts, dtype=np.int64)
    counts = opened_counts + HELD
    end = np.cumsum(counts)
    begin = end - counts
    lanes = np.arange(1, len(counts) + 1)
    opened_at = np.repeat(lanes * HELD, opened_counts)
    opened_at += np.arange(len(opened_at))
    stretch = np.repeat(begin + HELD - held, counts)
    if opened.restarts.any():
        fresh = opened_at[opened.restarts[opened.opens]]
        stretch[fresh] = fresh
        np.maximum.accumulate(stretch, out=stretch)
    return Chain(begin, end, opened_at, stretch, bool((counts == counts[0]).all()))
