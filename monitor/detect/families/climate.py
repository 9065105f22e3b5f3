"""The families of rules on what a channel does over time: rate, exposure, mean kinetic temperature, cycles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.detect.families.family import Family, QuietRange
from monitor.detect.kernels import damage, exposure, kinetic, rate
from monitor.detect.kernels.buckets import width_ns
from monitor.detect.kernels.cycles import RangeMemory, RangeParameters, largest_range, stays_within
from monitor.detect.kernels.exposure import ExposureMemory, ExposureParameters
from monitor.detect.kernels.kinetic import KineticMemory, KineticParameters
from monitor.detect.kernels.rainflow import DamageMemory, DamageParameters
from monitor.detect.kernels.rate import RateMemory, RateParameters
from monitor.detect.kernels.readings import Flags, Index, Readings, Series
from monitor.model.clock import NS_PER_S
from monitor.model.limit import CyclesRule, ExposureRule, RateRule, Rule

Fields = dict[str, NDArray[np.float64]]


class Rates(Family):
    """Judges how fast a channel changes, at each reading."""

    memory_type = RateMemory

    def takes(self, rule: Rule) -> bool:
        """Whether it is a rate rule."""
        return isinstance(rule, RateRule)

    def parameters(self, rule: RateRule) -> tuple[Any, ...]:
        """The window and its buckets; rising and falling share them."""
        return RateParameters._make((round(rule.over_s * NS_PER_S), width_ns(rule.over_s)))

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """Change per hour, see `rate`."""
        return rate.rate(readings, memory, parameters)

    def pass_over(self, readings: Readings, slots: Index, parameters: Any, quiet: QuietRange) -> Flags:
        """Lanes in which nothing changes so much that a rate could be beyond a limit."""
        memory: Any = self._memory.take(slots)  # as memory_type says
        is_quiet, after = rate.stays_within(readings, memory, parameters, *quiet())
        self._put_quiet(slots, is_quiet, after)
        return is_quiet


class Exposures(Family):
    """Judges the time beyond a level, or the integral, at each reading."""

    memory_type = ExposureMemory
    has_totals = True

    def takes(self, rule: Rule) -> bool:
        """Whether it is an exposure rule, but not of mean kinetic temperature."""
        return isinstance(rule, ExposureRule) and rule.measure != "mkt"

    def parameters(self, rule: ExposureRule) -> tuple[Any, ...]:
        """The level, the side that counts, and whether the integral is judged."""
        return ExposureParameters._make((rule.base, rule.base_sign, rule.measure == "degree-hours"))

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """The total so far in h or unit x h, see `exposure`."""
        return exposure.exposure(readings, memory, parameters)

    def fields(self, readings: Readings, series: Series, memory: Any, parameters: Any, index: Index) -> Fields:
        """`time_above_s` (of a rule with `below`: the time below), `degree_hours`, `unknown_s`."""
        return exposure.fields(series, index)


class Kinetics(Family):
    """Judges the mean kinetic temperature whenever a bucket of its window closes."""

    memory_type = KineticMemory
    is_sparse = True
    has_totals = True

    def takes(self, rule: Rule) -> bool:
        """Whether it is an exposure rule of mean kinetic temperature."""
        return isinstance(rule, ExposureRule) and rule.measure == "mkt"

    def parameters(self, rule: ExposureRule) -> tuple[Any, ...]:
        """The buckets of the window, which such a rule has."""
        assert rule.window_s is not None
        return KineticParameters._make((width_ns(rule.window_s),))

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """Mean kinetic temperature in degC, see `kinetic`."""
        return kinetic.kinetic(readings, memory, parameters)

    def fields(self, readings: Readings, series: Series, memory: Any, parameters: Any, index: Index) -> Fields:
        """`mkt_c` where a bucket closed."""
        return kinetic.fields(series, index)


class Ranges(Family):
    """Judges the largest swing so far, at each reading."""

    memory_type = RangeMemory

    def takes(self, rule: Rule) -> bool:
        """Whether it is a cycles rule with a limit on the range."""
        return isinstance(rule, CyclesRule) and rule.range_limit is not None

    def parameters(self, rule: CyclesRule) -> tuple[Any, ...]:
        """None."""
        return RangeParameters()

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """Largest minus smallest reading, see `largest_range`."""
        return largest_range(readings, memory, parameters)

    def pass_over(self, readings: Readings, slots: Index, parameters: Any, quiet: QuietRange) -> Flags:
        """Lanes whose range stays within the limit: it only grows."""
        memory: Any = self._memory.take(slots)  # as memory_type says
        is_quiet, after = stays_within(readings, memory, quiet()[1])
        self._put_quiet(slots, is_quiet, after)
        return is_quiet


class Damages(Family):
    """Judges Miner's sum whenever there is a turning point."""

    memory_type = DamageMemory
    is_sparse = True
    has_totals = True

    def takes(self, rule: Rule) -> bool:
        """Whether it is a cycles rule with a limit on the damage."""
        return isinstance(rule, CyclesRule) and rule.damage is not None

    def parameters(self, rule: CyclesRule) -> tuple[Any, ...]:
        """What counts, and what a cycle does."""
        return DamageParameters._make((rule.min_range, rule.ref_range, rule.ref_cycles, rule.exponent))

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """Miner's sum, see `damage`."""
        return damage.damage(readings, memory, parameters)

    def fields(self, readings: Readings, series: Series, memory: Any, parameters: Any, index: Index) -> Fields:
        """`dose`, Miner's sum."""
        return damage.fields(readings, series, memory, index)
