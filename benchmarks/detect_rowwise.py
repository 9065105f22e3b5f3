"""The rules of a profile by a plain Python loop over readings, to compare the detector's speed with.

Each rule of a stream is an object that is given its readings one by one, as one would write it first: nothing is
screened, and what is the same for all rules (phase, gap, what is derived) is found once for each reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from benchmarks.detect_rules import Clock, Cycles, Leak, Limit, Missing, Range, Rate, Stuck, TimeAbove
from monitor.config import Rules
from monitor.model.batch import Block
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
from monitor.model.phase import phase_in

T_REF_K, T_ZERO_K = 293.15, 273.15
MAGNUS_WATER, MAGNUS_ICE = (6.112, 17.62, 243.12), (6.112, 22.46, 272.62)


class _Stream(Protocol):
    def take(self, time_ns: int, value: float, is_parted: bool) -> None: ...


class _Logger:
    """The rules of one logger, by column of its blocks, each with the phases in which it watches (None: all)."""

    def __init__(self, rules: tuple[Rule, ...], block: Block) -> None:
        interval_ns = block.interval_ns or NS_PER_S
        self.gap_ns, self.last_ns = interval_ns * 5 // 2, 0
        self.column = {channel: column for column, channel in enumerate(block.channels)}
        made = [
            (column, [(rule.phases, one.take) for rule in rules if (one := _made(rule, channel, interval_ns))])
            for column, channel in enumerate(block.channels)
        ]
        self.judges = [(column, takes) for column, takes in made if takes]
        self.missing = [
            (column, Missing(rule, interval_ns).take)
            for column, channel in enumerate(block.channels)
            for rule in rules
            if isinstance(rule, HealthRule) and rule.check == "nan" and rule.judges(channel)
        ]
        self.margins = [Limit(rule, interval_ns).take for rule in rules if isinstance(rule, CondensationRule)]
        self.leaks = [(r.phases, Leak(r, interval_ns).take) for r in rules if isinstance(r, LeakRule)]
        self.clocks = [Clock(r, interval_ns).take for r in rules if isinstance(r, HealthRule) and r.check == "clock"]
        self.derived: list[tuple[float, float, float, float]] = []

    def take(self, block: Block, spans: tuple[tuple[int, str], ...]) -> None:
        self.derived.clear()
        for clock in self.clocks:
            clock(int(block.times_ns[0]), block.mono_ns, block.clk)
        for time_ns, row in zip(block.times_ns.tolist(), block.values.tolist(), strict=True):
            phase = phase_in(spans, time_ns)
            is_parted = not 0 < time_ns - self.last_ns <= self.gap_ns
            self.last_ns = time_ns
            for column, missing in self.missing:
                missing(time_ns, row[column], is_parted)
            for column, takes in self.judges:
                value = row[column]
                if value == value:
                    for phases, take in takes:
                        if phases is None or phase in phases:
                            take(time_ns, value, is_parted)
            self._derive(time_ns, row, phase, is_parted)

    def _derive(self, time_ns: int, row: list[float], phase: str, is_parted: bool) -> None:
        column = self.column
        air_c, hardware_c = row[column["temperature.air"]], row[column["temperature.hardware"]]
        humidity_pct = max(row[column["humidity.air"]], 0.1)
        pressure_pa = row[column["pressure.inside"]]
        dew_c = _dew_point_c(air_c, humidity_pct)
        margin_k = hardware_c - dew_c
        norm_pa = pressure_pa * T_REF_K / (air_c + T_ZERO_K)
        vapour_pa = humidity_pct * MAGNUS_WATER[0] * math.exp(MAGNUS_WATER[1] * air_c / (MAGNUS_WATER[2] + air_c))
        self.derived.append((dew_c, margin_k, norm_pa, 2.16679 * vapour_pa / (air_c + T_ZERO_K)))
        for take in self.margins:
            take(time_ns, margin_k, is_parted)
        for phases, take_leak in self.leaks:
            if phases is None or phase in phases:
                take_leak(time_ns, norm_pa, row[column["differential.inside"]], is_parted)


class Rowwise:
    """All loggers; rules on arrivals and events have no readings to judge here."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._loggers: dict[tuple[str, str], _Logger] = {}

    def step(self, blocks: list[Block]) -> None:
        """Judge blocks reading by reading."""
        for block in blocks:
            key = (block.container, block.logger)
            if key not in self._loggers:
                self._loggers[key] = _Logger(self._rules.profile(block.container).rule, block)
            self._loggers[key].take(block, self._rules.phase_spans(block.container))


def _made(rule: Rule, channel: str, interval_ns: int) -> _Stream | None:
    """The judge of a stream under a rule, None when the rule is not for it."""
    if isinstance(rule, CondensationRule | LeakRule) or not rule.judges(channel):
        return None
    if isinstance(rule, HealthRule):
        return _health(rule, channel, interval_ns)
    makers: list[tuple[type, Callable[[Any, int], _Stream]]] = [
        (ThresholdRule, Limit), (RateRule, Rate), (ExposureRule, TimeAbove), (CyclesRule, Cycles)
    ]  # fmt: skip
    return next((make(rule, interval_ns) for kind, make in makers if isinstance(rule, kind)), None)


def _health(rule: HealthRule, channel: str, interval_ns: int) -> _Stream | None:
    if rule.check == "stuck":
        return Stuck(rule, interval_ns)
    return Range(rule, interval_ns, channel) if rule.check == "range" else None


def _dew_point_c(temperature_c: float, humidity_pct: float) -> float:
    _, b, c = MAGNUS_WATER if temperature_c >= 0 else MAGNUS_ICE
    gamma = math.log(humidity_pct / 100) + b * temperature_c / (c + temperature_c)
    return c * gamma / (b - gamma)
