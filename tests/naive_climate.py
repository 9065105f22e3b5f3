"""Slow, obvious twins of the climate kernels: plain loops over readings, to be read against the definitions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np

from monitor.detect.kernels.readings import UNKNOWN_GAP_NS
from tests.lanes import Reading

BUCKETS = 60


class NaiveLane:
    """How a reading follows the one before: `first` (of all or of a span), `gap`, `back` or `next`."""

    def __init__(self) -> None:
        self.before: Reading | None = None

    def follow(self, reading: Reading) -> tuple[str, int]:
        """How it follows, and the time since the reading before."""
        before, self.before = self.before, reading
        if before is None or before.span != reading.span:
            return "first", 0
        spacing_ns = reading.time_ns - before.time_ns
        if spacing_ns <= 0:
            return "back", spacing_ns
        return ("gap" if spacing_ns > reading.gap_ns else "next"), spacing_ns


class NaiveMeans(NaiveLane):
    """Means of the 60 buckets before one that opens: {buckets back: (mean, age in s, count)}, None if not full."""

    def __init__(self, width_ns: int, *, restarts_at_gap: bool) -> None:
        super().__init__()
        self.width_ns, self.restarts_at_gap = width_ns, restarts_at_gap
        self.buckets: dict[int, list[tuple[float, int]]] = {}

    def closing(self, reading: Reading) -> dict[int, tuple[float, float, int]] | None:
        """Take the next reading: the window it closes, if it does."""
        how, _ = self.follow(reading)
        number = reading.time_ns // self.width_ns
        is_back = bool(self.buckets) and number < max(self.buckets)
        if how == "first" or is_back or (how == "gap" and self.restarts_at_gap):
            self.buckets = {}
        window = None
        if number not in self.buckets and self.buckets and number - min(self.buckets) >= BUCKETS:
            window = {number - k: self._mean(k, number) for k in self.buckets if number - k <= BUCKETS}
        value = min(max(reading.value, -(2.0**23)), 2.0**23)
        self.buckets.setdefault(number, []).append((value, reading.time_ns))
        return window

    def _mean(self, number: int, opened: int) -> tuple[float, float, int]:
        readings = self.buckets[number]
        mean = sum(Fraction(value) for value, _ in readings) / len(readings)
        time_ns = Fraction(sum(time_ns for _, time_ns in readings), len(readings))
        return float(mean), float(opened * self.width_ns - time_ns) / 1e9, len(readings)


class NaiveRate(NaiveLane):
    """Twin of the rate kernel: change per hour since the oldest bucket that is at most 60 back."""

    def __init__(self, over_ns: int) -> None:
        super().__init__()
        self.over_ns, self.width_ns = over_ns, over_ns // BUCKETS
        self.firsts: dict[int, Reading] = {}

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading: the rate, None while it is unknown."""
        how, _ = self.follow(reading)
        if how != "next":
            self.firsts = {}
        number = reading.time_ns // self.width_ns
        self.firsts.setdefault(number, reading)
        self.firsts = {k: first for k, first in self.firsts.items() if k >= number - BUCKETS}
        since = self.firsts[min(self.firsts)]
        span_ns = reading.time_ns - since.time_ns
        interval_ns = 0 if reading.gap_ns == UNKNOWN_GAP_NS else reading.gap_ns // 5 * 2
        change = reading.value - since.value
        if span_ns == 0 or span_ns + interval_ns < self.over_ns or math.isnan(change):
            return None
        with np.errstate(over="ignore"):
            return float(np.float32(change * (3.6e12 / span_ns)))


class NaiveExposure(NaiveLane):
    """Twin of the exposure kernel: hours beyond a level, or the integral, reading by reading."""

    def __init__(self, level: float, sign: int, *, is_area: bool) -> None:
        super().__init__()
        self.level, self.sign, self.is_area = float(np.float32(level)), sign, is_area
        self.beyond_ns, self.area, self.unknown_ns = 0, 0, 0  # the area in unit x us

    def reading(self, reading: Reading) -> float:
        """Take the next reading: the total in h or unit x h."""
        before = self.before
        how, spacing_ns = self.follow(reading)
        if how == "first":
            self.beyond_ns, self.area, self.unknown_ns = 0, 0, 0
        elif how == "gap":
            self.unknown_ns = min(self.unknown_ns + spacing_ns, 2**62)
        elif how == "next" and before is not None:
            self._add(self._excess(before), self._excess(reading), spacing_ns)
        return float(np.float32(self.area / 3.6e9 if self.is_area else self.beyond_ns / 3.6e12))

    def _add(self, before: float, after: float, spacing_ns: int) -> None:
        high, low = max(before, after), min(before, after)
        if high <= 0:
            return
        share = high / (high - low) if low < 0 else 1.0
        beyond_ns = round(spacing_ns * share)
        self.beyond_ns = min(self.beyond_ns + beyond_ns, 2**62)
        area = (high + max(low, 0.0)) / 2 * beyond_ns / 1000
        self.area = min(self.area + round(min(area, 2.0**62)), 2**62)

    def _excess(self, reading: Reading) -> float:
        return min(max((reading.value - self.level) * self.sign, -1e6), 1e6)


def mkt_c(weighted: list[tuple[float, float]]) -> float:
    """Mean kinetic temperature of (weight, degC), none of them lighter than nothing, by its formula."""
    total = sum(weight for weight, _ in weighted)
    mean = sum(weight * math.exp(-10_000 / (degc + 273.15)) for weight, degc in weighted) / total
    return 10_000 / -math.log(mean) - 273.15


class NaiveKinetic(NaiveLane):
    """Twin of the kinetic kernel: MKT of the 60 buckets before one that opens."""

    def __init__(self, width_ns: int) -> None:
        super().__init__()
        self.width_ns = width_ns
        self.buckets: dict[int, list[tuple[float, float]]] = {}

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading: the MKT if it closes a full window that is known at all."""
        before = self.before
        how, spacing_ns = self.follow(reading)
        number = reading.time_ns // self.width_ns
        if how == "first" or (self.buckets and number < max(self.buckets)):
            self.buckets = {}
        elif how == "next" and before is not None:
            degc = min(max(before.value, -60.0), 125.0)
            self.buckets[max(self.buckets)].append((spacing_ns, degc))
        is_closing = self.buckets and number not in self.buckets and number - min(self.buckets) >= BUCKETS
        window = [each for k, bucket in self.buckets.items() if number - k <= BUCKETS for each in bucket]
        self.buckets.setdefault(number, [])
        return mkt_c(window) if is_closing and window else None


class NaiveRange(NaiveLane):
    """Twin of the range kernel: largest minus smallest so far."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def reading(self, reading: Reading) -> float:
        """Take the next reading."""
        how, _ = self.follow(reading)
        self.seen = (
            [reading.value] if how == "first" else [min(*self.seen, reading.value), max(*self.seen, reading.value)]
        )
        return 0.0 if min(self.seen) == max(self.seen) else max(self.seen) - min(self.seen)


class NaiveRainflow:
    """ASTM E1049, 5.4.4, as it is written there, with a residue of bounded depth: (range, cycles) counted."""

    def __init__(self, residue: int = 32) -> None:
        self.residue = residue
        self.points: list[float] = []
        self.counted: list[tuple[float, float]] = []

    def turn(self, point: float) -> None:
        """Take the next turning point."""
        if len(self.points) == self.residue:
            self._count(0, 0.5)
            del self.points[0]
        self.points.append(point)
        while len(self.points) >= 3:
            newest, before = abs(self.points[-1] - self.points[-2]), abs(self.points[-2] - self.points[-3])
            if newest < before:
                break
            if len(self.points) == 3:
                self._count(0, 0.5)
                del self.points[0]
            else:
                self._count(-3, 1.0)
                del self.points[-3:-1]

    def all(self) -> list[tuple[float, float]]:
        """The cycles counted, and the ranges left over as half ones."""
        left = [(abs(b - a), 0.5) for a, b in itertools.pairwise(self.points)]
        return self.counted + left

    def _count(self, at: int, cycles: float) -> None:
        self.counted.append((abs(self.points[at + 1] - self.points[at]), cycles))


class NaiveDamage(NaiveLane):
    """Twin of the damage kernel: turning points turned back from by `min_range`, counted, summed after Miner."""

    def __init__(self, min_range: float, ref_range: float, ref_cycles: float, exponent: float) -> None:
        super().__init__()
        self.min_range, self.ref_range, self.ref_cycles, self.exponent = min_range, ref_range, ref_cycles, exponent
        self._restart()

    def _restart(self) -> None:
        self.rainflow = NaiveRainflow()
        self.direction, self.low, self.high = 0, math.inf, -math.inf

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading: the damage where it shows a turning point, 0 where it begins."""
        how, _ = self.follow(reading)
        if how == "first":
            self._restart()
        is_turned = self._turn(reading.value)
        with np.errstate(over="ignore"):
            return float(np.float32(self.damage())) if is_turned or how == "first" else None

    def damage(self) -> float:
        """Miner's sum so far."""
        each = [(size / self.ref_range) ** self.exponent * cycles for size, cycles in self.rainflow.all()]
        return math.fsum(each) / self.ref_cycles

    def _turn(self, value: float) -> bool:
        if self.direction >= 0:
            self.high = max(self.high, value)
        if self.direction <= 0:
            self.low = min(self.low, value)
        back = {1: self.high - value, -1: value - self.low, 0: self.high - self.low}[self.direction]
        if not (back > 0 and back >= self.min_range):
            return False
        is_up = self.direction < 0 or (self.direction == 0 and value == self.high)
        self.rainflow.turn(self.low if is_up else self.high)
        self.direction, self.low, self.high = (1 if is_up else -1), value, value
        return True
