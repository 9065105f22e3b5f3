"""Rules by plain Python, one object for each rule of a stream, given its readings one by one (see `detect_rowwise`).

`is_parted` says that a reading does not follow the one before: a gap, or time that does not rise.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from monitor.model.channel import PHYSICAL_RANGE, quantity_of
from monitor.model.clock import NS_PER_S
from monitor.model.limit import CyclesRule, ExposureRule, HealthRule, LeakRule, RateRule
from monitor.model.record import SYNCHRONISED

BUCKETS = 60


class Limit:
    """A value against a limit with hysteresis, dwell and gaps."""

    def __init__(self, rule: Any, interval_ns: int) -> None:
        self.sign, self.limit, self.clear = rule.sign, rule.limit * rule.sign, rule.clear * rule.sign
        self.for_ns, self.is_slow = round(rule.for_s * NS_PER_S), interval_ns > rule.for_s * NS_PER_S
        self.is_firing = self.is_pending = False
        self.first_ns = 0
        self.peak = 0.0
        self.fired = 0

    def take(self, time_ns: int, value: float, is_parted: bool) -> None:
        """Judge one reading."""
        value *= self.sign
        if self.is_firing:
            if value <= self.clear:
                self.is_firing = False
            elif value > self.peak:
                self.peak = value
        elif value > self.limit:
            if not self.is_pending or is_parted:
                self.is_pending, self.first_ns, self.peak = True, time_ns, value
            elif value > self.peak:
                self.peak = value
            if time_ns - self.first_ns >= self.for_ns or (self.is_slow and time_ns > self.first_ns):
                self.is_firing, self.is_pending = True, False
                self.fired += 1
        else:
            self.is_pending = False


class Rate:
    """The change over a window: from the first reading of the bucket a window ago."""

    def __init__(self, rule: RateRule, interval_ns: int) -> None:
        self.width_ns = round(rule.over_s * NS_PER_S / BUCKETS)
        self.firsts: deque[tuple[int, int, float]] = deque(maxlen=BUCKETS + 1)
        self.judge = Limit(rule, interval_ns).take

    def take(self, time_ns: int, value: float, is_parted: bool) -> None:
        """Judge one reading."""
        bucket, firsts = time_ns // self.width_ns, self.firsts
        if is_parted:
            firsts.clear()
        if not firsts or firsts[-1][0] != bucket:
            firsts.append((bucket, time_ns, value))
        if len(firsts) > BUCKETS:
            _, first_ns, first = firsts[0]
            self.judge(time_ns, (value - first) / (time_ns - first_ns) * 3.6e12, is_parted)


class TimeAbove:
    """Time beyond a level, crossings interpolated."""

    def __init__(self, rule: ExposureRule, interval_ns: int) -> None:
        self.above = float(rule.above or 0.0)
        self.last_ns, self.last = 0, math.nan
        self.above_s = self.degree_s = self.unknown_s = 0.0
        self.judge = Limit(rule, interval_ns).take

    def take(self, time_ns: int, value: float, is_parted: bool) -> None:
        """Judge one reading."""
        before, after = self.last - self.above, value - self.above
        if is_parted:
            self.unknown_s += max(time_ns - self.last_ns, 0) * 1e-9 if self.last_ns else 0.0
        elif before > 0 or after > 0:
            span_s = (time_ns - self.last_ns) * 1e-9
            if before > 0 and after > 0:
                self.above_s += span_s
                self.degree_s += span_s * (before + after) / 2
            elif before == before:
                share_s = span_s * max(before, after) / abs(after - before)
                self.above_s += share_s
                self.degree_s += share_s * max(before, after) / 2
        self.last_ns, self.last = time_ns, value
        self.judge(time_ns, self.above_s / 3600, is_parted)


class Cycles:
    """Rainflow by turning points: the largest range so far."""

    def __init__(self, rule: CyclesRule, interval_ns: int) -> None:
        self.points: list[float] = []
        self.last, self.is_rising, self.largest = math.nan, True, 0.0
        self.judge = Limit(rule, interval_ns).take

    def take(self, time_ns: int, value: float, is_parted: bool) -> None:
        """Judge one reading."""
        if value != self.last:
            if (value > self.last) != self.is_rising:
                self._turn(self.last)
                self.is_rising = not self.is_rising
            self.last = value
        self.judge(time_ns, self.largest, is_parted)

    def _turn(self, point: float) -> None:
        points = self.points
        points.append(point)
        while len(points) >= 3:
            newest, middle = abs(points[-1] - points[-2]), abs(points[-2] - points[-3])
            self.largest = max(self.largest, middle, newest)
            if newest < middle:
                return
            del points[-3:-1]


class Leak:
    """The slope of p / T over a day, from means of 60 buckets."""

    def __init__(self, rule: LeakRule, interval_ns: int) -> None:
        self.width_ns, self.cracking = round(rule.window_s * NS_PER_S / BUCKETS), rule.cracking or math.inf
        self.bucket, self.sum, self.count = -1, 0.0, 0
        self.means: deque[float] = deque(maxlen=BUCKETS)
        self.judge = Limit(rule, interval_ns).take

    def take(self, time_ns: int, norm_pa: float, differential_pa: float, is_parted: bool) -> None:
        """Judge one reading."""
        bucket = time_ns // self.width_ns
        if bucket != self.bucket:
            if self.count:
                self.means.append(self.sum / self.count)
            self.bucket, self.sum, self.count = bucket, 0.0, 0
            if len(self.means) == BUCKETS:
                self.judge(time_ns, self._slope(), is_parted)
        if differential_pa <= self.cracking:
            self.sum += norm_pa
            self.count += 1

    def _slope(self) -> float:
        middle = (BUCKETS - 1) / 2
        mean = sum(self.means) / BUCKETS
        rise = sum((i - middle) * (value - mean) for i, value in enumerate(self.means))
        return -rise / (BUCKETS * (BUCKETS**2 - 1) / 12) / (self.width_ns / 86_400e9)


class Stuck:
    """No change for too long."""

    def __init__(self, rule: HealthRule, interval_ns: int) -> None:
        self.tolerance = rule.tolerance or 0.0
        self.since_ns, self.held = 0, math.nan
        self.judge = Limit(rule, interval_ns).take

    def take(self, time_ns: int, value: float, is_parted: bool) -> None:
        """Judge one reading."""
        if not abs(value - self.held) <= self.tolerance:
            self.since_ns, self.held = time_ns, value
        self.judge(time_ns, 1.0 if time_ns > self.since_ns else 0.0, is_parted)


class Range:
    """By how much a reading lies outside of what the sensor can measure."""

    def __init__(self, rule: HealthRule, interval_ns: int, channel: str) -> None:
        least, most = PHYSICAL_RANGE[quantity_of(channel)]
        self.least, self.most = rule.least or least, rule.most or most
        self.judge = Limit(rule, interval_ns).take

    def take(self, time_ns: int, value: float, is_parted: bool) -> None:
        """Judge one reading."""
        self.judge(time_ns, max(self.least - value, value - self.most, 0.0), is_parted)


class Missing:
    """The share of readings that are none, over an hour of 60 buckets; NaN is a reading here."""

    def __init__(self, rule: HealthRule, interval_ns: int) -> None:
        self.width_ns = max(round(rule.for_s * NS_PER_S / BUCKETS), 1)
        self.bucket, self.count, self.missing = -1, 0, 0
        self.buckets: deque[tuple[int, int]] = deque(maxlen=BUCKETS)
        self.judge = Limit(rule, interval_ns).take

    def take(self, time_ns: int, value: float, is_parted: bool) -> None:
        """Judge one reading."""
        bucket = time_ns // self.width_ns
        if bucket != self.bucket:
            self.buckets.append((self.count, self.missing))
            self.bucket, self.count, self.missing = bucket, 0, 0
            total = sum(count for count, _ in self.buckets)
            self.judge(time_ns, 100.0 * sum(missing for _, missing in self.buckets) / max(total, 1), is_parted)
        self.count += 1
        if value != value:
            self.missing += 1


class Clock:
    """Whether a block's clock is set and goes on as the logger's own counter does."""

    def __init__(self, rule: HealthRule, interval_ns: int) -> None:
        self.step_ns, self.offset_ns = rule.step_s * NS_PER_S, 0
        self.judge = Limit(rule, interval_ns).take

    def take(self, time_ns: int, mono_ns: int, clk: int) -> None:
        """Judge one reading."""
        offset_ns = time_ns - mono_ns
        is_wrong = clk != SYNCHRONISED or (self.offset_ns and abs(offset_ns - self.offset_ns) > self.step_ns)
        self.offset_ns = offset_ns
        self.judge(time_ns, 1.0 if is_wrong else 0.0, False)
