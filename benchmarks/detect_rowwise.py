"""The rules of a profile by a plain Python loop over readings, to compare the detector's speed with.

Each rule of a stream is an object that is given its readings one by one, as one would write it first: nothing is
screened. Which rules a channel has is found once. The exceedances are those of the engine, as the tests see to; left
out are growing peaks, running totals, late records, uncertainties and snapshots, and the rules on arrivals and events.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from benchmarks.detect_rules import Limit, Maker, Missing, Told, is_sparse, limit_of, maker_of
from monitor.config import Rules
from monitor.detect.gather import gap_ns
from monitor.detect.kernels.readings import NO_SPAN, UNKNOWN_GAP_NS
from monitor.model.batch import Block
from monitor.model.channel import covers, shown_channel
from monitor.model.limit import CondensationRule, HealthRule, LeakRule, Rule
from monitor.model.phase import Spans, phase_in
from tests.lanes import Reading
from tests.naive_air import dew_point_c, margin_k, norm_pa, vapour_hpa
from tests.naive_health import NaiveClock

OF_CHANNELS = ("stuck", "range", "nan")  # what health rules check of readings
VAPOUR_K_G_M3_HPA = 216.679  # water in g/m3 of air is this times hPa / K

Read = Callable[[Reading], float | None]
Judge = Callable[[float, int, int], None]


class _Scoped:
    """A maker whose rule watches in some phases only: it starts afresh with each stretch of them."""

    def __init__(self, phases: tuple[str, ...], make: Callable[[], Maker], limit: Limit, gap: int | None) -> None:
        self.phases, self.make, self.limit, self.gap = phases, make, limit, gap
        self.maker = make()

    def take(self, reading: Reading, phase: str) -> None:
        if phase not in self.phases:
            self.maker = self.make()
            self.limit.leave(reading.time_ns)
            return
        value = self.maker.reading(reading)
        if value is not None:
            self.limit.take(value, reading.time_ns, self.gap or reading.gap_ns)


class _Stream:
    """One channel of a logger, measured or derived, and its rules."""

    def __init__(self, rules: list[Rule], sender: tuple[str, str], channel: str, told: list[Told]) -> None:
        self.limits: list[tuple[tuple[str, ...] | None, Limit]] = []  # of readings as they are, in these phases or all
        self.makers: list[tuple[Read, Judge, int | None]] = []  # the largest spacing that is no gap, None: as declared
        self.missing: list[tuple[Callable[[Reading], float], Judge]] = []  # to which NaN is a reading
        self.scoped: list[_Scoped] = []
        for rule in rules:
            limit, make = limit_of(rule, (*sender, shown_channel(channel)), told), maker_of(rule, channel)
            gap = UNKNOWN_GAP_NS if is_sparse(rule) else None
            if make is None:
                self.limits.append((rule.phases, limit))
            elif rule.phases is not None:
                self.scoped.append(_Scoped(rule.phases, make, limit, gap))
            elif make is Missing:
                self.missing.append((Missing().reading, limit.take))
            else:
                self.makers.append((make().reading, limit.take, gap))

    def take(self, time_ns: int, value: float, longest_ns: int, phase: str) -> None:
        """Judge one reading under all rules."""
        reading = Reading(value, time_ns, longest_ns, NO_SPAN)
        for share, judge in self.missing:
            judge(share(reading), time_ns, longest_ns)
        if value != value:
            return
        for phases, limit in self.limits:
            if phases is None or phase in phases:
                limit.take(value, time_ns, longest_ns)
            else:
                limit.leave(time_ns)
        for read, judge, gap in self.makers:
            made = read(reading)
            if made is not None:
                judge(made, time_ns, gap or longest_ns)
        for scoped in self.scoped:
            scoped.take(reading, phase)


class _Derived:
    """What follows from the readings of one row of the benchmark's channels, by the formulas as they are written."""

    def __init__(self, channels: tuple[str, ...], rules: tuple[Rule, ...]) -> None:
        at = {channel: column for column, channel in enumerate(channels)}
        self.air, self.humidity = at["temperature.air"], at["humidity.air"]
        self.pressure, self.differential = at["pressure.inside"], at["differential.inside"]
        margins = [rule for rule in rules if isinstance(rule, CondensationRule)]
        leaks = [rule for rule in rules if isinstance(rule, LeakRule)]
        self.surfaces = [at[each] for each in channels if any(covers(glob, each) for glob in margins[0].surfaces)]
        self.cracking_pa = math.inf if leaks[0].cracking is None else leaks[0].cracking
        air = ("dew_point.air", "absolute_humidity.air", margins[0].channel)
        self.channels = (*air, "pressure_norm.inside", leaks[0].channel)

    def of(self, row: list[float]) -> tuple[float, ...]:
        """The derived channels of a row, in the order of `channels`."""
        air_c = row[self.air]
        vapour = vapour_hpa(air_c, row[self.humidity])
        surface_c = min([row[at] for at in self.surfaces if abs(row[at]) <= 100], default=math.nan)
        norm, over_pa = norm_pa(row[self.pressure], air_c), abs(row[self.differential])
        gas_pa = norm if over_pa <= self.cracking_pa else math.nan if over_pa != over_pa else math.inf
        water_g_m3 = VAPOUR_K_G_M3_HPA * vapour / (air_c + 273.15)
        return dew_point_c(vapour), water_g_m3, margin_k(surface_c, vapour), norm, gas_pa


class _Logger:
    """The streams and the clock of one logger."""

    def __init__(self, rules: tuple[Rule, ...], spans: Spans, block: Block, told: list[Told]) -> None:
        self.spans, self.derived, self.told = spans, _Derived(block.channels, rules), told
        sender = (block.container, block.logger)
        self.streams = []
        for column, channel in enumerate((*block.channels, *self.derived.channels)):
            judging = [rule for rule in rules if _judges(rule, channel)]
            if judging:
                self.streams.append((column, _Stream(judging, sender, channel, told)))
        clocks = [rule for rule in rules if isinstance(rule, HealthRule) and rule.check == "clock"]
        self.clocks = [NaiveClock(rule, spans) for rule in clocks]

    def take(self, block: Block) -> list[tuple[float, ...]]:
        """Judge a block: the derived channels of each row."""
        self._take_clock(block)
        longest_ns, derived = gap_ns(block.interval_ns), []
        for time_ns, row in zip(block.times_ns.tolist(), block.values.tolist(), strict=True):
            phase = phase_in(self.spans, time_ns)
            derived.append(self.derived.of(row))
            row += derived[-1]
            for column, stream in self.streams:
                stream.take(time_ns, row[column], longest_ns, phase)
        return derived

    def _take_clock(self, block: Block) -> None:
        for clock in self.clocks:
            for change in clock.take(block):
                sender, time_ns = (block.container, block.logger), int(block.times_ns[0])
                self.told.append(Told(change, clock.rule.id, *sender, "clock", clock.start_ns, time_ns, 1.0))


class Rowwise:
    """All loggers."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._loggers: dict[tuple[str, str], _Logger] = {}

    def step(self, blocks: list[Block]) -> list[Told]:
        """Judge blocks reading by reading: what was raised and cleared."""
        told: list[Told] = []
        for block in blocks:
            key = (block.container, block.logger)
            if key not in self._loggers:
                rules, spans = self._rules.profile(block.container).rule, self._rules.phase_spans(block.container)
                self._loggers[key] = _Logger(rules, spans, block, [])
            logger = self._loggers[key]
            logger.take(block)
            told += logger.told
            logger.told.clear()
        return told


def _judges(rule: Rule, channel: str) -> bool:
    """Whether a rule judges readings of the channel."""
    return rule.judges(channel) and not (isinstance(rule, HealthRule) and rule.check not in OF_CHANNELS)
