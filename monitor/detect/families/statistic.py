"""Families of statistic and forecast rules: a channel departs from what it was, or is on its way to its limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.detect.families.family import Family
from monitor.detect.kernels.buckets import width_ns
from monitor.detect.kernels.cusum import CusumMemory, CusumParameters, cusum
from monitor.detect.kernels.means import Means
from monitor.detect.kernels.readings import Readings, Series
from monitor.detect.kernels.trend import TrendParameters, trend
from monitor.detect.kernels.zscore import ZScoreParameters, z_score
from monitor.model.channel import quantity_of
from monitor.model.clock import MINUTE_NS, rfc3339
from monitor.model.limit import ForecastRule, Rule, StatisticRule

FLOORS: dict[str, float] = {
    # quantity: least sigma of a bucket's mean in the channel's unit, a tenth of what good sensors are accurate to
    "temperature": 0.03,
    "humidity": 0.2,
    "pressure": 10.0,
    "differential": 1.0,
    "acceleration": 0.01,
    "tilt": 0.05,
    "light": 1.0,
    "voltage": 0.005,
    "dew_point": 0.05,
    "absolute_humidity": 0.05,
    "dew_margin": 0.05,
    "pressure_norm": 15.0,
}


class ZScores(Family):
    """Each bucket's mean against the window before it."""

    memory_type = Means
    is_sparse = True

    def takes(self, rule: Rule) -> bool:
        """Whether it is a statistic rule of that method."""
        return isinstance(rule, StatisticRule) and rule.method == "z-score"

    def parameters(self, rule: StatisticRule) -> tuple[Any, ...]:
        """Width of a bucket and least sigma."""
        return ZScoreParameters(_width_ns(rule), _floor(rule))  # type: ignore[arg-type]  # a number for each lane

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """Robust sigmas, see `z_score`."""
        return z_score(readings, memory, parameters)


class Cusums(Family):
    """The sum of each bucket's deviations from a reference."""

    memory_type = CusumMemory
    is_sparse = True

    def takes(self, rule: Rule) -> bool:
        """Whether it is a statistic rule of that method."""
        return isinstance(rule, StatisticRule) and rule.method == "cusum"

    def parameters(self, rule: StatisticRule) -> tuple[Any, ...]:
        """Width of a bucket, least sigma, slack and limit."""
        return CusumParameters(_width_ns(rule), _floor(rule), rule.slack, rule.above)  # type: ignore[arg-type]  # a number for each lane

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """The larger sum in sigmas, see `cusum`."""
        return cusum(readings, memory, parameters)


class Forecasts(Family):
    """The level that a significant trend leads to within the rule's horizon."""

    memory_type = Means
    is_sparse = True

    def takes(self, rule: Rule) -> bool:
        """Whether it is a forecast rule."""
        return isinstance(rule, ForecastRule)

    def parameters(self, rule: ForecastRule) -> tuple[Any, ...]:
        """Width of a bucket, horizon, limit and its side."""
        return TrendParameters(width_ns(rule.window_s), rule.within_s, rule.limit, rule.sign)  # type: ignore[arg-type]  # a number for each lane

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """The level at the horizon, and when the limit is reached, see `trend`."""
        return trend(readings, memory, parameters)

    def note(self, rule: Rule, detail: float) -> str:
        """When the limit is reached."""
        if np.isnan(detail):
            return ""
        return f"reaches {rule.limit:.4g} {rule.unit} about {rfc3339(round(detail) // MINUTE_NS * MINUTE_NS)}"


def _width_ns(rule: StatisticRule) -> int:
    assert rule.window_s is not None  # both methods require it
    return width_ns(rule.window_s)


def _floor(rule: StatisticRule) -> float:
    return FLOORS[quantity_of(rule.channel)]
