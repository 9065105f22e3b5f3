"""What each rule's value was at least and at most: the truth through the rule's formula, with the sensors' errors.

Each function returns `low` and `high` [n] on the grid of the truth, such that whatever the sensors did (bias within
the accuracy, noise within NOISES standard deviations, rounding, lag, the place of readings and buckets) the rule's
value lay between them. All formulas are written anew here; nothing is shared with the detector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.quality.arrays import F64, Pair, trailing
from benchmarks.quality.truth import LoggerTruth

NOISES = 5.0  # standard deviations: one reading in 1.7 million lies beyond
SETTLED = 5.0  # time constants after which a sensor shows a step but for 0.7 %
BUCKETS = 60  # of a window: what lies on its edges may count or not
KELVIN = 273.15
REFERENCE_K = 293.15
ACTIVATION_K = 10_000.0  # of the mean kinetic temperature: 83.144 kJ/mol over R
WATER = (6.112, 17.62, 243.12)  # Magnus, WMO: hPa, 1, degC
ICE = (6.112, 22.46, 272.62)
MAGNUS_K = 0.05  # by which published sets of constants differ in dew point
MIN_HUMIDITY_PCT = 0.01
LEAK_PA_D = 20.0  # noise and bias of pressure and temperature in a slope over a day: 5 sd of 60 bucket means are 5 Pa/d


def noise_of(sensor: Mapping[str, Any]) -> float:
    """How far a reading may lie from what its sensor feels, bias aside."""
    return float(NOISES * sensor["noise"] + sensor["resolution"] / 2)


def felt(logger: LoggerTruth, channel: str, *, has_bias: bool = True) -> Pair:
    """Bounds of the readings of a channel; without bias those of a sensor that shows differences only."""
    if channel == "differential.computed":
        inside, outside = (felt(logger, f"pressure.{place}", has_bias=has_bias) for place in ("inside", "outside"))
        return inside[0] - outside[1], inside[1] - outside[0]
    sensor = logger.told["sensors"][channel]
    margin = noise_of(sensor) + (sensor["accuracy"] if has_bias else 0.0)
    low, high = trailing(logger.of(channel), _points(logger, SETTLED * sensor["lag_s"]))
    return low - margin, high + margin


def rate(logger: LoggerTruth, channel: str, over_s: float) -> Pair:
    """Change an hour over a window whose edge lies within a bucket and an interval of its place."""
    low, high = felt(logger, channel, has_bias=False)
    slack_s = over_s / BUCKETS + logger.interval_s
    nearest, span = _points(logger, over_s - slack_s), _points(logger, 2 * slack_s)
    before_low, _ = trailing(_delayed(low, nearest), span)
    _, before_high = trailing(_delayed(high, nearest), span)
    least, most = low - before_high, high - before_low
    hours = (over_s - slack_s) / 3600.0, (over_s + slack_s) / 3600.0
    return (
        np.minimum(least / hours[0], least / hours[1]),
        np.maximum(most / hours[0], most / hours[1]),
    )


def dew_margin(logger: LoggerTruth, air: str, surfaces: list[str]) -> Pair:
    """Coldest surface minus dew point, or frost point where that surface is below 0 degC."""
    air_low, air_high = felt(logger, f"temperature.{air}")
    humid_low, humid_high = felt(logger, f"humidity.{air}")
    felt_surfaces = [felt(logger, channel) for channel in surfaces]
    low = np.min([pair[0] for pair in felt_surfaces], axis=0)
    high = np.min([pair[1] for pair in felt_surfaces], axis=0)
    dew_low, dew_high = (_dew_c(t, h, WATER) for t, h in ((air_low, humid_low), (air_high, humid_high)))
    frost_low, frost_high = (_dew_c(t, h, ICE) for t, h in ((air_low, humid_low), (air_high, humid_high)))
    most = np.where(low < 0, np.maximum(dew_high, frost_high), dew_high)
    least = np.where(high < 0, frost_low, np.where(low < 0, np.minimum(dew_low, frost_low), dew_low))
    return low - most - MAGNUS_K, high - least + MAGNUS_K


def _dew_c(air_c: F64, humidity_pct: F64, target: tuple[float, float, float]) -> F64:
    """Temperature at which the vapour of the air (humidity over water) is saturated over water or ice."""
    vapour_hpa = (
        np.maximum(humidity_pct, MIN_HUMIDITY_PCT) / 100 * WATER[0] * np.exp(WATER[1] * air_c / (WATER[2] + air_c))
    )
    logarithm = np.log(vapour_hpa / target[0])
    return np.asarray(target[2] * logarithm / (target[1] - logarithm))


def leak(logger: LoggerTruth, pressure: str, temperature: str, window_s: float) -> Pair:
    """Loss in Pa a day at REFERENCE_K: the least-squares slope over a window that ended up to a bucket ago."""
    reduced_pa = logger.of(pressure) * REFERENCE_K / (logger.of(temperature) + KELVIN)
    loss = -slope(reduced_pa - reduced_pa[0], _points(logger, window_s)) * 86_400.0 / logger.step_s
    least, most = trailing(loss, _points(logger, window_s / BUCKETS + logger.interval_s))
    return least - LEAK_PA_D, most + LEAK_PA_D


def slope(y: F64, points: int) -> F64:
    """Least-squares slope a point over each point and the `points` before it; shorter at the begin."""
    n = points + 1
    k = np.arange(len(y), dtype=np.float64)
    sums, moments = (np.concatenate(([0.0], np.cumsum(values))) for values in (y, k * y))
    end = np.arange(1, len(y) + 1)
    begin = np.maximum(end - n, 0)
    count = (end - begin).astype(np.float64)
    centre = (begin + end - 1) / 2.0
    moment = moments[end] - moments[begin] - centre * (sums[end] - sums[begin])
    return np.asarray(moment / np.maximum(count * (count**2 - 1) / 12.0, 1.0))


def kinetic_mean_c(logger: LoggerTruth, channel: str, window_s: float) -> Pair:
    """Mean kinetic temperature over a window, a bucket longer or shorter; at most of what reached the journal."""
    low, high = felt(logger, channel)
    known, everything = (logger.stretch > 0).astype(np.float64), np.ones(logger.points)
    spans = [_points(logger, window_s * share) for share in (1 - 1 / BUCKETS, 1 + 1 / BUCKETS)]
    return (
        np.min([_kinetic_c(low, span, everything) for span in spans], axis=0),
        np.max([_kinetic_c(high, span, weight) for span in spans for weight in (known, everything)], axis=0),
    )


def _kinetic_c(x_c: F64, points: int, weight: F64) -> F64:
    """Of each point and the `points` before it; absolute zero where none has weight."""
    shares = weight * np.exp(-ACTIVATION_K / (x_c + KELVIN))
    total, weights = (np.concatenate(([0.0], np.cumsum(values))) for values in (shares, weight))
    end = np.arange(1, len(x_c) + 1)
    begin = np.maximum(end - points - 1, 0)
    counted = weights[end] - weights[begin]
    mean = (total[end] - total[begin]) / np.maximum(counted, 1.0)
    return np.where(counted > 0, -ACTIVATION_K / np.log(np.maximum(mean, np.finfo(np.float64).tiny)) - KELVIN, -KELVIN)


def _points(logger: LoggerTruth, seconds: float) -> int:
    return round(seconds / logger.step_s)


def _delayed(x: F64, points: int) -> F64:
    return np.concatenate((np.full(min(points, len(x)), x[0]), x[: max(len(x) - points, 0)]))
