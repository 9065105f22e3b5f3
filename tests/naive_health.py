"""Slow, obvious twins of the kernels of health, statistics and forecast: plain loops, one lane each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.trend import t999
from monitor.model.batch import Block
from monitor.model.limit import HealthRule
from monitor.model.phase import phase_in
from tests.lanes import Reading
from tests.naive_climate import NaiveLane, NaiveMeans

P = TypeVar("P", bound="tuple[NDArray[Any], ...]")


def each_lane(parameters: P, lanes: int) -> P:
    """The parameters of one lane for each of many."""
    return type(parameters)(*(np.repeat(column, lanes) for column in parameters))


class NaiveStuck(NaiveLane):
    """Twin of `stuck`: told once when `for_s` is reached and once when the value changes after that."""

    def __init__(self, tolerance: float, for_s: float) -> None:
        super().__init__()
        self.tolerance, self.for_s = tolerance, for_s
        self.value, self.first_ns, self.is_stuck = math.nan, 0, False

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading."""
        how, _ = self.follow(reading)
        was_stuck, value = self.is_stuck, self.value
        self.value = reading.value
        is_same = reading.value == value or abs(reading.value - value) <= self.tolerance
        if how != "next" or not is_same:
            self.first_ns, self.is_stuck = reading.time_ns, False
            return 0.0 if was_stuck else None
        held_s = (reading.time_ns - self.first_ns) / 1e9
        if self.is_stuck or held_s < self.for_s:
            return None
        self.is_stuck = True
        return held_s


class NaiveReach:
    """Twin of `outside`."""

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading."""
        return max(self.least - reading.value, reading.value - self.most)


class NaiveMissing:
    """Twin of `missing`."""

    def __init__(self) -> None:
        self.rows: list[bool] = []
        self.span: int | None = None

    def reading(self, reading: Reading) -> float | None:
        """Take the next row."""
        if reading.span != self.span:
            self.rows = []
        self.span = reading.span
        self.rows = [*self.rows, reading.value > 0][-60:]
        if True not in self.rows:
            return 0.0
        since = self.rows[self.rows.index(True) :]
        return 100.0 * sum(since) / len(since)


def robust(values: list[float], floor: float) -> tuple[float, float]:
    """Median and 1.4826 MAD, at least `floor`."""
    middle = median(values)
    return middle, max(1.4826 * median([abs(value - middle) for value in values]), floor)


class FastMeans(NaiveMeans):
    """NaiveMeans in float64, each closed bucket summed once: statistics need long streams."""

    def __init__(self, width_ns: int) -> None:
        super().__init__(width_ns, restarts_at_gap=False)
        self.closed: dict[int, tuple[float, float]] = {}
        self.of = self.buckets

    def _mean(self, number: int, opened: int) -> tuple[float, float, int]:
        if self.of is not self.buckets:
            self.closed, self.of = {}, self.buckets
        readings = self.buckets[number]
        if number not in self.closed:
            offsets_ns = [time_ns - number * self.width_ns for _, time_ns in readings]
            n = len(readings)
            self.closed[number] = sum(value for value, _ in readings) / n, sum(offsets_ns) / n
        mean, offset_ns = self.closed[number]
        return mean, ((opened - number) * self.width_ns - offset_ns) / 1e9, len(readings)


class NaiveZScore:
    """Twin of `z_score`."""

    def __init__(self, width_ns: int, floor: float) -> None:
        self.means, self.floor = FastMeans(width_ns), floor

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading."""
        window = self.means.closing(reading)
        if not window:
            return None
        judged = window.pop(min(window))[0]
        if len(window) < 30:
            return None
        middle, sigma = robust([mean for mean, _, _ in window.values()], self.floor)
        return min(abs(judged - middle) / sigma, 1e6)


class NaiveCusum:
    """Twin of `cusum`."""

    def __init__(self, width_ns: int, floor: float, slack: float, above: float) -> None:
        self.means, self.floor = FastMeans(width_ns), floor
        self.slack, self.cap = slack, 2 * above
        self.reference: tuple[float, float] | None = None
        self.up = self.down = 0.0
        self.since: int | None = None

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading."""
        window = self.means.closing(reading)
        since = min(self.means.buckets)
        if since != self.since:
            self.reference, self.since = None, since
        if window is None:
            return None
        if self.reference is None:
            if len(window) < 30:
                return None
            self.reference = robust([mean for mean, _, _ in window.values()], self.floor)
            self.up = self.down = 0.0
            return 0.0
        middle, sigma = self.reference
        z = 0.0 if not window else min(max((window[min(window)][0] - middle) / sigma, -8.0), 8.0)
        self.up = min(max(self.up + z - self.slack, 0.0), self.cap)
        self.down = min(max(self.down - z - self.slack, 0.0), self.cap)
        return max(self.up, self.down)


def line(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Slope, level at 0, standard error of the slope and effective number of points (x, y), in order of x."""
    n = len(points)
    x_mean, y_mean = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    slope = sum((x - x_mean) * (y - y_mean) for x, y in points) / spread
    residuals = [y - y_mean - slope * (x - x_mean) for x, y in points]
    squares = sum(e * e for e in residuals)
    r = sum(a * b for a, b in pairwise(residuals)) / squares if squares else 0.0
    r = min(max(r + (1 + 4 * r) / n, 0.0), 1.0)
    effective = max(n * (1 - r) / (1 + r), 4.0)
    return slope, y_mean - slope * x_mean, math.sqrt(squares / (effective - 2) / spread), effective


class NaiveTrend:
    """Twin of `trend`; `reached_ns` is when the limit is, NaN if not within."""

    def __init__(self, width_ns: int, within_s: float, limit: float, sign: int) -> None:
        self.means, self.within_s, self.limit, self.sign = FastMeans(width_ns), within_s, limit, sign
        self.reached_ns = math.nan

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading."""
        window = self.means.closing(reading)
        if window is None or len(window) < 30:
            return None
        points = [(-window[back][1], window[back][0]) for back in sorted(window, reverse=True)]
        newer = [(-window[back][1], window[back][0]) for back in sorted(window, reverse=True) if back <= 30]
        if len(newer) < 4:
            return None
        slope, _, error, effective = line(points)
        newer_slope, present, _, _ = line(newer)
        if not (abs(slope) > float(t999(np.array([effective - 2]))[0]) * error and (slope > 0) == (newer_slope > 0)):
            slope = 0.0
        slope = min(slope, newer_slope, key=abs)
        margin = (self.limit - present) * self.sign
        if margin < 0:
            return None
        self.reached_ns = math.nan
        if slope * self.sign > 0 and margin / (slope * self.sign) <= self.within_s:
            opened_ns = reading.time_ns // self.means.width_ns * self.means.width_ns
            self.reached_ns = opened_ns + margin / (slope * self.sign) * 1e9
        return present + slope * self.within_s


class NaiveClock:
    """Twin of `Clocks` for one lane under one rule."""

    def __init__(self, rule: HealthRule, spans: Sequence[tuple[int, str]]) -> None:
        self.rule, self.spans = rule, spans
        self.last: Block | None = None
        self.synced: Block | None = None
        self.unset_ns: int | None = None
        self.is_firing, self.start_ns = False, 0

    def take(self, block: Block) -> list[str]:
        """What the next block changes."""
        is_wrong = self._is_wrong(block)
        self.last = block
        if is_wrong == self.is_firing:
            return []
        self.is_firing = is_wrong
        if is_wrong:
            self.start_ns = int(block.times_ns[0])
            if self.unset_ns is not None and self._is_unset(block):
                self.start_ns = min(self.start_ns, self.unset_ns)
        return ["fired" if is_wrong else "cleared"]

    def _is_unset(self, block: Block) -> bool:
        if self.unset_ns is None:
            return False
        return max(int(block.times_ns[-1]) - self.unset_ns, 0) / 1e9 >= self.rule.for_s

    def _is_wrong(self, block: Block) -> bool:
        times_ns, wrong = block.times_ns.tolist(), False
        if block.clk == 2:
            if self.synced is not None and self.synced.boot == block.boot and block.mono_ns:
                elapsed_ns = block.mono_ns - self.synced.mono_ns
                step_ns = abs(times_ns[0] - int(self.synced.times_ns[0]) - elapsed_ns) - abs(elapsed_ns) * 100e-6
                wrong = max(step_ns, 0) / 1e9 > self.rule.step_s
            self.synced, self.unset_ns = block, None
        elif self.unset_ns is None:
            self.unset_ns = times_ns[0]
        wrong |= self._is_unset(block)
        wrong |= any(after <= before for before, after in pairwise(times_ns))
        last = self.last
        if last is not None and last.boot == block.boot and (last.clk == 2) == (block.clk == 2):
            wrong |= block.mono_ns > last.mono_ns and times_ns[0] <= int(last.times_ns[-1])
        return wrong and (self.rule.phases is None or phase_in(tuple(self.spans), times_ns[0]) in self.rule.phases)
