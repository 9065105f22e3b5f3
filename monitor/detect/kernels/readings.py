"""Readings of many lanes end to end, and the series of values that a kernel makes of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

UNKNOWN_GAP_NS = int(np.iinfo(np.int64).max)  # no declared interval, no spacing is a gap
NO_SPAN = int(np.iinfo(np.int64).min)

Flags = NDArray[np.bool_]
Index = NDArray[np.int64]
Times = NDArray[np.int64]
Values = NDArray[np.float32]
Column = TypeVar("Column", bound=NDArray[Any])


class _Readings(NamedTuple):
    values: Values
    times_ns: Times
    gap_ns: Times
    span: Times
    starts: Index
    counts: Index


class Readings(_Readings):
    """Readings of L lanes (a stream under one rule each), lane by lane, in journal order within a lane.

    `values` float32 [n], never NaN, but infinities may be there; `times_ns` int64 [n], not necessarily rising; `gap_ns`
    int64 [n], the spacing above which a reading is parted from the one before; `span` int64 [n], the beginning of the
    stretch of time in which the rule watches (NO_SPAN: always): one that differs from that of the reading before starts
    afresh; `starts`, `counts` int64 [L], all counts above 0.

    What several kernels need of the same readings is found once.
    """

    @cached_property
    def lane(self) -> Index:
        """The lane of each reading, int64 [n]."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def within(self) -> Continuity:
        """How each reading follows the one before it here; of the first of a lane it means nothing."""
        spacing_ns, is_first = np.empty_like(self.times_ns), np.zeros(len(self.span), dtype=np.bool_)
        spacing_ns[:1] = 0
        np.subtract(self.times_ns[1:], self.times_ns[:-1], out=spacing_ns[1:])
        np.not_equal(self.span[1:], self.span[:-1], out=is_first[1:])
        if is_first.any():
            spacing_ns[is_first] = 0
        is_back = spacing_ns <= 0
        if is_first.any():
            is_back &= ~is_first
        return Continuity(spacing_ns, is_first, spacing_ns > self.gap_ns, is_back)


def per_reading(of_lanes: Column, readings: Readings) -> Column:
    """A column [L] at each reading [n]; one number for all where it is the same for all lanes, as it mostly is."""
    is_one = bool((of_lanes == of_lanes[0]).all())
    column: Any = of_lanes[:1] if is_one else np.repeat(of_lanes, readings.counts)
    return column  # type: ignore[no-any-return]  # of the type that it was made of


class Series(NamedTuple):
    """Values to be judged, lane by lane, in order: float32 [m], never NaN; `at` int64 [m] is the reading of each.

    A reading may make one value or none; one for which nothing is known makes none. `detail` float64 [m] is what the
    message of an alert tells besides, for families with a `note`; `totals` are the kernel's running totals at each
    reading [n], for families that have them; `since_ns` int64 [m] is when what a value tells of began (None: with its
    reading), from which the machine counts.
    """

    values: Values
    at: Index
    detail: NDArray[np.float64] | None = None
    totals: tuple[Index, ...] = ()
    since_ns: Times | None = None


class Continuity(NamedTuple):
    """How each reading follows the one before in its lane, [n].

    `spacing_ns` is 0 for the very first of a lane; `is_first` that or the first of a span; `is_gap`: it follows, but
    after more than `gap_ns`; `is_back`: time does not rise. At most one of the three is set.
    """

    spacing_ns: Times
    is_first: Flags
    is_gap: Flags
    is_back: Flags

    @property
    def is_parted(self) -> Flags:
        """Whether what is remembered of the readings before does not lead up to this one."""
        return self.is_first | self.is_gap | self.is_back


def continuity(readings: Readings, begun: Flags, last_ns: Times, last_span: Times) -> Continuity:
    """How each reading follows; `begun`, `last_ns`, `last_span` [L] are what each lane remembers of its last one."""
    starts = readings.starts
    is_first = ~begun | (readings.span[starts] != last_span)
    spacing_ns = np.where(is_first, 0, readings.times_ns[starts] - last_ns)
    is_back = ~is_first & (spacing_ns <= 0)
    is_gap = spacing_ns > readings.gap_ns[starts]
    within = readings.within
    return Continuity(
        _with(within.spacing_ns, starts, spacing_ns), _with(within.is_first, starts, is_first),
        _with(within.is_gap, starts, is_gap), _with(within.is_back, starts, is_back),
    )  # fmt: skip


def _with(column: Column, at: Index, values: Column) -> Column:
    """A copy of a column with other values at some places."""
    changed = column.copy()
    changed[at] = values
    return changed
