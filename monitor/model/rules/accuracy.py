"""How far a judged value may be wrong: U (k = 2) of each kind, from the accuracies of the channels it is made of.

Independent errors add as the root of the sum of their squares (GUM, JCGM 100:2008, 5.1). What makes no statement here
makes none in an alert: its uncertainty is None, and nobody says `exceeded`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import hypot, sqrt

from monitor.model.channel import inputs_of, quantity_of
from monitor.model.rules import (
    CondensationRule,
    CyclesRule,
    ExposureRule,
    ForecastRule,
    LeakRule,
    RateRule,
    Rule,
    ShockRule,
    ThresholdRule,
)

Accuracy = Callable[[str], float | None]  # channel (or glob: the worst it covers) -> U, None when nobody can say
HOUR_S, DAY_S = 3600.0, 86_400.0

# Sensitivities at 20 degC and 70 %RH, where a margin of 5 K begins: drier air is less certain, but far from condensing.
# Magnus (a 17.62, b 243.12 degC): g = ln 0.7 + a 20 / (b + 20) = 0.98264; dew point b g / (a - g) = 14.36 degC.
# d dew / d g = a b / (a - g)^2 = 15.476 K; d g / d T = a b / (b + T)^2 = 0.061876 / K; d g / d RH = 1 / 70.
DEW_PER_K = 0.9576  # 15.476 x 0.061876
DEW_K_PER_PERCENT = 0.2211  # 15.476 / 70
# Absolute humidity 216.68 e / T with e = 16.33 hPa: 12.07 g/m3, and its derivatives.
VAPOUR_G_M3_PER_K = 0.7057  # 12.07 x (0.061876 - 1 / 293.15)
VAPOUR_G_M3_PER_PERCENT = 0.1724  # 12.07 / 70
NORM_PA_PER_K = 345.6  # p Tref / T at sea level: 101 325 Pa / 293.15 K


def accuracy_of(channel: str, accuracy: Accuracy) -> float | None:
    """U of a channel in its unit, of a derived one from its inputs; None when one of them has no calibration record."""
    known = accuracy(channel)
    if known is not None or not inputs_of(channel):
        return known
    inputs = [accuracy(name) for name in inputs_of(channel)]
    parts = [part for part in inputs if part is not None]
    if len(parts) < len(inputs):
        return None
    return hypot(*(factor * part for factor, part in zip(_sensitivities(channel), parts, strict=True)))


def _sensitivities(channel: str) -> tuple[float, ...]:
    """How much a derived channel changes with each of its inputs, in their order."""
    return {
        "dew_point": (DEW_PER_K, DEW_K_PER_PERCENT),
        "dew_margin": (DEW_PER_K, DEW_K_PER_PERCENT, 1.0),
        "absolute_humidity": (VAPOUR_G_M3_PER_K, VAPOUR_G_M3_PER_PERCENT),
        "pressure_norm": (1.0, NORM_PA_PER_K),
        "differential": (1.0, 1.0),
    }[quantity_of(channel)]


def propagated(rule: Rule, accuracy: Accuracy, channel: str, volume_m3: float | None = None) -> float | None:
    """U (k = 2) of the value that `rule` judges on `channel`, in the rule's unit; None when nobody can say.

    `accuracy` tells U of the channels of the logger concerned, `volume_m3` is the container's free gas volume, for a
    leak in Pa m3/s. Of what one event does it is U of the acceleration in g, of which `of_event` makes the quantity's;
    a drop height is a range even where nobody says that. Counts, doses, damages, accumulated times, statistics and
    health have none.
    """
    match rule:
        case ThresholdRule() | ForecastRule():
            return accuracy_of(channel, accuracy)
        case RateRule():  # a difference of two readings; that a constant error cancels is nothing to rely on
            return _scaled(accuracy_of(channel, accuracy), sqrt(2) * HOUR_S / rule.over_s)
        case ExposureRule() if rule.measure == "mkt":  # a mean of temperatures is no better than their common error
            return accuracy_of(channel, accuracy)
        case CyclesRule() if rule.range_limit is not None:
            return _scaled(accuracy_of(channel, accuracy), sqrt(2))
        case CondensationRule():
            return _of_margin(rule, accuracy)
        case LeakRule():
            return _of_leak(rule, accuracy, volume_m3)
        case ShockRule() if rule.quantity == "drop_height" and rule.is_of_events:
            return accuracy(channel) or 0.0
        case ShockRule() if rule.is_of_events:
            return accuracy(channel)
    return None


def of_event(value: float, peak_g: float, accuracy_g: float | None, power: int = 1) -> float | None:
    """U (k = 2) of what is worked out of an event and grows with a power of its acceleration: the peak's, relatively.

    None when nobody can say; `accuracy_g` is U of the accelerometer.
    """
    if accuracy_g is None or peak_g == 0:
        return None
    return abs(power * value * accuracy_g / peak_g)


def _scaled(accuracy: float | None, factor: float) -> float | None:
    return None if accuracy is None else accuracy * factor


def _of_margin(rule: CondensationRule, accuracy: Accuracy) -> float | None:
    """The worst surface and the dew point, root sum square, in K."""
    dew = accuracy_of(f"dew_point.{rule.air}", accuracy)
    surfaces = [known for known in map(accuracy, rule.surfaces) if known is not None]
    return hypot(max(surfaces), dew) if dew is not None and surfaces else None


def _of_leak(rule: LeakRule, accuracy: Accuracy, volume_m3: float | None) -> float | None:
    """As of a difference of two values of p Tref / T a window apart: sqrt(2) U / window, an upper bound.

    A constant error of the sensor cancels in a slope, and means of buckets leave little noise; but a calibration record
    does not say how much of its U is constant, so none of it is taken to be.
    """
    parts = accuracy(rule.pressure), accuracy(rule.temperature)
    if parts[0] is None or parts[1] is None:
        return None
    loss_pa_d = sqrt(2) * hypot(parts[0], NORM_PA_PER_K * parts[1]) * DAY_S / rule.window_s
    if not rule.is_flow:
        return loss_pa_d
    return None if volume_m3 is None else loss_pa_d * volume_m3 / DAY_S
