"""Slow, obvious twins of what is told of air and gas: plain loops over readings, to be read against the definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from monitor.model.batch import Block, Tick
from tests.lanes import Reading

Row = dict[str, float]


def vapour_hpa(temperature_c: float, humidity_pct: float) -> float:
    """Vapour pressure by Magnus; NaN for what no air is."""
    if not (abs(temperature_c) <= 100 and -50 <= humidity_pct <= 150):
        return math.nan
    saturation_hpa = 6.112 * math.exp(17.62 * temperature_c / (243.12 + temperature_c))
    return saturation_hpa * max(humidity_pct, 0.01) / 100


def saturation_c(vapour: float, a: float, b: float) -> float:
    """Temperature at which vapour of this pressure (hPa) saturates, by Magnus with these coefficients."""
    if math.isnan(vapour):
        return math.nan
    ln = math.log(vapour / 6.112)
    return b * ln / (a - ln)


def dew_point_c(vapour: float) -> float:
    return saturation_c(vapour, 17.62, 243.12)


def margin_k(surface_c: float, vapour: float) -> float:
    """Surface less dew point, below 0 degC less frost point."""
    return surface_c - (saturation_c(vapour, 22.46, 272.62) if surface_c < 0 else dew_point_c(vapour))


def coldest_c(row: Row, surfaces: Sequence[str]) -> float:
    known = [row[name] for name in surfaces if name in row and abs(row[name]) <= 100]
    return min(known, default=math.nan)


def norm_pa(pressure_pa: float, temperature_c: float) -> float:
    """p Tref / T; NaN for what no gas in a container is."""
    if not (abs(temperature_c) <= 100 and 0 <= pressure_pa <= 1e6):
        return math.nan
    return pressure_pa * 293.15 / (temperature_c + 273.15)


class NaiveLeak:
    """Twin of the leak kernel for one lane."""

    def __init__(self, width_ns: int) -> None:
        self.width_ns = width_ns
        self.span = 0
        self.buckets: dict[int, list[float]] = {}

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading: the loss in Pa/d, None while it is unknown."""
        number = reading.time_ns // self.width_ns
        is_void = math.isinf(reading.value)  # the valve may be open
        if is_void or reading.span != self.span or (self.buckets and number < max(self.buckets)):
            self.buckets = {}
        self.span = reading.span
        if is_void:
            return None
        is_closing = number not in self.buckets and bool(self.buckets) and number - min(self.buckets) >= 60
        loss_pa_d = self._loss_pa_d(number) if is_closing else None
        self.buckets.setdefault(number, []).append(reading.value)
        return loss_pa_d

    def _loss_pa_d(self, opened: int) -> float | None:
        window = {number: sum(values) / len(values) for number, values in self.buckets.items() if opened - number <= 60}
        width_s = self.width_ns / 1e9
        means = [window[number] for number in sorted(window)]
        if len(means) < 45 or any(abs(after - before) > 0.35 * width_s for before, after in pairwise(means)):
            return None
        age_d = np.array([(opened - number - 0.5) * width_s / 86400 for number in sorted(window)])
        wave = 2 * np.pi * age_d
        terms = np.column_stack((np.ones(len(means)), age_d, np.sin(wave), np.cos(wave)))
        return float(np.linalg.lstsq(terms, np.array(means) - means[0], rcond=None)[0][1])


@dataclass
class Teller:
    """A logger's readings in the order of time: (time, the columns it tells); a run for each time it turned back."""

    runs: list[list[tuple[int, Row]]] = field(default_factory=lambda: [[]])

    @property
    def last_ns(self) -> int:
        return self.runs[-1][-1][0]

    def take(self, time_ns: int, row: Row, reach_ns: int, before_ns: int | None) -> None:
        """`before_ns`: the reading before in the block; the first of a block is held against the last one kept."""
        if self.runs[-1] and time_ns < (self.last_ns if before_ns is None else before_ns) - reach_ns:
            self.runs.append([])
        if not self.runs[-1] or time_ns > self.last_ns:
            self.runs[-1].append((time_ns, row))

    def sample(self, point_ns: int, max_age_ns: int, every_ns: int, column: str) -> float:
        """The last value of a column at or before the point, NaN when it is too old; the latest run that tells."""
        for run in reversed(self.runs):
            known = [(time_ns, row) for time_ns, row in run if point_ns - max_age_ns <= time_ns <= point_ns]
            is_passed = run is self.runs[-1] or run[-1][0] // every_ns * every_ns >= point_ns
            if known and is_passed:
                values = [row[column] for _, row in known if not math.isnan(row.get(column, math.nan))]
                return values[-1] if values else math.nan
        return math.nan


class NaiveGrid:
    """Twin of the grid for one pair in one container: a dictionary (point, logger) -> (value, pos by which it is done).

    `kind`: margin, differential or disagreement. Readings are kept for ever; stretches of time that lie far apart are
    not for it.
    """

    def __init__(self, kind: str, every_ns: int, max_age_ns: int) -> None:
        self.kind, self.every_ns, self.max_age_ns = kind, every_ns, max_age_ns
        self.tellers: dict[str, Teller] = {}
        self.done: int | None = None
        self.told: dict[tuple[int, str], tuple[float, int]] = {}
        self.reach_ns = every_ns + max_age_ns
        self.has_outside = False

    def block(self, block: Block) -> None:
        """Take a block."""
        rows = [self._columns(dict(zip(block.channels, row, strict=True))) for row in block.values.tolist()]
        if block.is_late or not rows or all(row is None for row in rows):
            return
        if self.kind == "differential" and not self.tellers:
            if "pressure.outside" in block.channels:
                self.has_outside = True
                return  # nobody needs it yet
            if not self.has_outside:
                return  # nobody tells of the other side
        teller = self.tellers.setdefault(block.logger, Teller())
        if self.done is None:
            self.done = int(block.times_ns[0]) // self.every_ns - 1
        before_ns = None
        for time_ns, row in zip(block.times_ns.tolist(), rows, strict=True):
            if before_ns is not None and time_ns < before_ns - self.reach_ns:
                self._finish_told(block.pos)  # before it turns back
            teller.take(time_ns, row or {}, self.reach_ns, before_ns)
            before_ns = time_ns
        self._finish_told(block.pos)

    def tick(self, tick: Tick) -> None:
        """Take a tick."""
        if self.tellers and tick.is_connected and tick.is_drained:
            newest = max(each.last_ns // self.every_ns for each in self.tellers.values())
            self._finish(min(newest, (tick.now_ns - self.max_age_ns) // self.every_ns), tick.pos)

    def _columns(self, row: Row) -> Row | None:
        """What a logger tells of a row, None when it has no part at all."""
        if self.kind == "margin":
            names = {"temperature.hardware", "temperature.lid"} & set(row)
            has_air = {"temperature.air", "humidity.air"} <= set(row)
            if not names and not has_air:
                return None
            vapour = vapour_hpa(row["temperature.air"], row["humidity.air"]) if has_air else math.nan
            return {"surface": coldest_c(row, sorted(names)), "vapour": vapour}
        if self.kind == "differential":
            if "pressure.outside" in row:
                return {"outside": _finite(row["pressure.outside"])}
            is_whole = any(name.startswith("differential.") for name in row)
            return {"inside": _finite(row["pressure.inside"])} if "pressure.inside" in row and not is_whole else None
        return {"x": _finite(row["temperature.air"])} if "temperature.air" in row else None

    def _finish_told(self, pos: int) -> None:
        self._finish(min(each.last_ns // self.every_ns for each in self.tellers.values()), pos)

    def _finish(self, until: int, pos: int) -> None:
        assert self.done is not None
        for point in range(self.done + 1, until + 1):
            for logger, value in self._values(point * self.every_ns).items():
                if not math.isnan(value):
                    self.told[point * self.every_ns, logger] = (value, pos)
        self.done = max(self.done, until)

    def _values(self, point_ns: int) -> dict[str, float]:
        def known(column: str) -> dict[str, float]:
            samples = {
                name: each.sample(point_ns, self.max_age_ns, self.every_ns, column)
                for name, each in self.tellers.items()
            }
            return {name: value for name, value in samples.items() if not math.isnan(value)}

        if self.kind == "margin":
            surfaces, vapours = known("surface").values(), known("vapour").values()
            return {"-": margin_k(min(surfaces), max(vapours))} if surfaces and vapours else {}
        if self.kind == "differential":
            outside = sorted(known("outside").values())
            if not outside:
                return {}
            middle = (outside[(len(outside) - 1) // 2] + outside[len(outside) // 2]) / 2
            return {name: inside - middle for name, inside in known("inside").items()}
        values = known("x").values()
        return {"-": max(values) - min(values)} if len(values) >= 2 else {}


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan
