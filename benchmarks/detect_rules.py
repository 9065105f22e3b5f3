"""Rules of a stream by plain Python, given its readings one by one (see `detect_rowwise`).

What is judged of a stream is told by the twins that the tests hold the detector's kernels against; a limit judges it.
Where a twin spends time so that it can be read against the definitions, above all by going through its whole memory at
each reading, what a programmer would write stands here in its place; the tests hold these classes against the twins.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from monitor.detect.kernels.readings import NO_SPAN, UNKNOWN_GAP_NS
from monitor.model.channel import PHYSICAL_RANGE, quantity_of
from monitor.model.clock import NS_PER_S
from monitor.model.limit import (
    CondensationRule,
    CyclesRule,
    ExposureRule,
    HealthRule,
    LeakRule,
    RateRule,
    Rule,
    ThresholdRule,
)
from tests.lanes import Reading
from tests.naive_air import NaiveLeak
from tests.naive_climate import BUCKETS, NaiveExposure, NaiveRange
from tests.naive_health import NaiveReach

NS_PER_H = 3600 * NS_PER_S


class Told(NamedTuple):
    """An exceedance that was raised or cleared: `change` is `fired` or `cleared`, `start_ns` its first reading."""

    change: str
    rule: str
    container: str
    logger: str
    channel: str
    start_ns: int
    time_ns: int
    peak: float


class Maker(Protocol):
    """What makes the value to be judged of a stream."""

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading: the value, None while it is not known."""


class Limit:
    """A rule's limit over one stream, with hysteresis, dwell and gaps; appends to `told`."""

    def __init__(self, rule: Any, stream: tuple[str, str, str], told: list[Told]) -> None:
        self.rule, self.stream, self.told, self.sign = rule.id, stream, told, rule.sign
        self.limit, self.clear = (float(np.float32(level)) * rule.sign for level in (rule.limit, rule.clear))
        self.for_ns = round(rule.for_s * NS_PER_S)
        self.is_firing = self.is_pending = False
        self.first_ns = self.last_ns = 0
        self.peak = 0.0

    def take(self, value: float, time_ns: int, gap_ns: int) -> None:
        """Judge one value."""
        value *= self.sign
        if self.is_firing:
            if value <= self.clear:
                self.is_firing = False
                self._tell("cleared", time_ns)
            elif value > self.peak:
                self.peak = value
        elif value > self.limit:
            if not self.is_pending or not 0 < time_ns - self.last_ns <= gap_ns:
                self.is_pending, self.first_ns, self.peak = True, time_ns, value
            elif value > self.peak:
                self.peak = value
            held_ns = time_ns - self.first_ns
            # A gap is 2.5 intervals: with an interval longer than the dwell the second reading is as good as its end.
            if held_ns >= self.for_ns or (held_ns and self.for_ns < gap_ns // 5 * 2 and gap_ns != UNKNOWN_GAP_NS):
                self.is_firing, self.is_pending = True, False
                self._tell("fired", time_ns)
            self.last_ns = time_ns
        else:
            self.is_pending = False

    def leave(self, time_ns: int) -> None:
        """The rule does not watch at this reading."""
        self.take(-math.inf * self.sign, time_ns, UNKNOWN_GAP_NS)

    def _tell(self, change: str, time_ns: int) -> None:
        self.told.append(Told(change, self.rule, *self.stream, self.first_ns, time_ns, self.peak * self.sign))


class HeldLimit(Limit):
    """Over the seconds without a change, which are told when they have reached the dwell: they began so long ago."""

    def __init__(self, rule: Any, stream: tuple[str, str, str], told: list[Told]) -> None:
        super().__init__(rule, stream, told)
        self.for_ns = 0

    def _tell(self, change: str, time_ns: int) -> None:
        if change == "fired":
            self.first_ns = time_ns - round(self.peak * NS_PER_S)
        super()._tell(change, time_ns)


class Rate:
    """As `NaiveRate`: change per hour since the first reading of the oldest bucket that is at most 60 back."""

    def __init__(self, over_ns: int) -> None:
        self.over_ns, self.width_ns, self.last_ns = over_ns, over_ns // BUCKETS, 0
        self.firsts: deque[tuple[int, int, float]] = deque()
        self.span = 0

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading: the rate, None while it is unknown."""
        value, time_ns, gap_ns, span = reading
        number, firsts = time_ns // self.width_ns, self.firsts
        if not 0 < time_ns - self.last_ns <= gap_ns or span != self.span:
            firsts.clear()
        self.last_ns, self.span = time_ns, span
        if not firsts or firsts[-1][0] != number:
            firsts.append((number, time_ns, value))
            while firsts[0][0] < number - BUCKETS:
                firsts.popleft()
        _, since_ns, since = firsts[0]
        span_ns, change = time_ns - since_ns, value - since
        interval_ns = 0 if gap_ns == UNKNOWN_GAP_NS else gap_ns // 5 * 2
        if span_ns == 0 or span_ns + interval_ns < self.over_ns or change != change:
            return None
        return change * NS_PER_H / span_ns


class Missing:
    """As `NaiveMissing`: the share in % of NaN among the rows since the first NaN of the last 60 rows."""

    def __init__(self) -> None:
        self.row = 0
        self.missing: deque[int] = deque()

    def reading(self, reading: Reading) -> float:
        """Take the next row; NaN is a reading here."""
        row, missing = self.row, self.missing
        self.row += 1
        if reading.value != reading.value:
            missing.append(row)
        if missing and missing[0] <= row - 60:
            missing.popleft()
        return 100.0 * len(missing) / (row - missing[0] + 1) if missing else 0.0


class Stuck:
    """As `NaiveStuck`: the seconds without a change, once when they reach `for_s`; 0 at the change after that."""

    def __init__(self, tolerance: float, for_s: float) -> None:
        self.tolerance, self.for_s = tolerance, for_s
        self.value, self.span = math.nan, NO_SPAN
        self.first_ns = self.last_ns = 0
        self.is_stuck = False

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading."""
        value, time_ns, gap_ns, span = reading
        is_next = 0 < time_ns - self.last_ns <= gap_ns and span == self.span
        is_same = value == self.value or abs(value - self.value) <= self.tolerance
        was_stuck = self.is_stuck
        self.value, self.last_ns, self.span = value, time_ns, span
        if not (is_next and is_same):
            self.first_ns, self.is_stuck = time_ns, False
            return 0.0 if was_stuck else None
        held_s = (time_ns - self.first_ns) / NS_PER_S
        if self.is_stuck or held_s < self.for_s:
            return None
        self.is_stuck = True
        return held_s


class Leak(NaiveLeak):
    """As `NaiveLeak`, of whose buckets it keeps the window and the oldest, and looks at them when one opens."""

    newest = -1

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading: the loss in Pa/d, None while it is unknown."""
        number = reading.time_ns // self.width_ns
        is_open = number == self.newest and number in self.buckets and reading.span == self.span
        if is_open and not math.isinf(reading.value):
            self.buckets[number].append(reading.value)
            return None
        self.newest = number
        loss_pa_d = super().reading(reading)
        oldest = min(self.buckets, default=0)
        self.buckets = {k: bucket for k, bucket in self.buckets.items() if k == oldest or number - k <= BUCKETS}
        return loss_pa_d


def maker_of(rule: Rule, channel: str) -> Callable[[], Maker] | None:
    """What makes the value that a rule judges of a channel; None where it judges the readings as they are."""
    if isinstance(rule, ThresholdRule | CondensationRule):
        return None
    return _health(rule, channel) if isinstance(rule, HealthRule) else _climate(rule)


def limit_of(rule: Rule, stream: tuple[str, str, str], told: list[Told]) -> Limit:
    """The limit of a rule over one stream: container, logger, channel."""
    is_held = isinstance(rule, HealthRule) and rule.check == "stuck"
    return (HeldLimit if is_held else Limit)(rule, stream, told)


def is_sparse(rule: Rule) -> bool:
    """Whether a rule's values are rarer than readings, so that their spacing says nothing of gaps."""
    return isinstance(rule, LeakRule) or (isinstance(rule, HealthRule) and rule.check == "stuck")


def _climate(rule: Rule) -> Callable[[], Maker]:
    if isinstance(rule, RateRule):
        over_ns = round(rule.over_s * NS_PER_S)
        return lambda: Rate(over_ns)
    if isinstance(rule, ExposureRule) and rule.measure != "mkt" and rule.per == "journey":
        base, sign, is_area = rule.base, rule.base_sign, rule.measure == "degree-hours"
        return lambda: NaiveExposure(base, sign, is_area=is_area)
    if isinstance(rule, CyclesRule) and rule.range_limit is not None and rule.per == "journey":
        return NaiveRange
    if isinstance(rule, LeakRule) and not rule.is_flow:
        width_ns = round(rule.window_s * NS_PER_S) // BUCKETS
        return lambda: Leak(width_ns)
    raise ValueError(f"benchmark: the plain loop has nothing for rule {rule.id}, kind {rule.kind}; add a twin of it")


def _health(rule: HealthRule, channel: str) -> Callable[[], Maker]:
    if rule.check == "nan":
        return Missing
    if rule.check == "stuck":
        tolerance, for_s = float(np.float32(rule.tolerance or 0.0)), rule.for_s
        return lambda: Stuck(tolerance, for_s)
    physical = PHYSICAL_RANGE[quantity_of(channel)]
    least, most = physical[0] if rule.least is None else rule.least, physical[1] if rule.most is None else rule.most
    return lambda: NaiveReach(least, most)
