"""Twin of what one event does to a shock rule, in plain loops.

For events whose static part is zero, on sensor axes that are the container's, without low-pass and least duration. Of
pulses, spectra, drops and validity only what rules make of them is told again here: they have oracles of their own.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, floor, log, log2, sqrt

import numpy as np

from monitor.model.batch import Event
from monitor.model.limit import ShockRule
from monitor.shock.analysis import Analysis
from monitor.shock.spectrum.srs import srs
from monitor.shock.waveform import waveform_of


@dataclass
class NaiveHit:
    """An event beyond a level: from which sample on, the value, its limit where that is not the rule's, U, doubt."""

    start: float
    value: float
    limit: float | None
    uncertainty: float | None
    is_doubtful: bool


def naive_hit(rule: ShockRule, event: Event, accuracy_g: float | None) -> NaiveHit | None:
    """What an event does to a rule, None when it is within."""
    accel_g = [
        [count * scale for count in row]
        for row, scale in zip(event.shock.counts.tolist(), event.shock.scale.tolist(), strict=True)
    ]
    return _HITS[rule.quantity](rule, event, accel_g, accuracy_g)


def _peak(rule: ShockRule, event: Event, accel_g: list[list[float]], accuracy_g: float | None) -> NaiveHit | None:
    signal = _signal(rule, accel_g)
    beyond = [index for index, value in enumerate(signal) if abs(value) > rule.level - guard(rule, accuracy_g)]
    return _made(beyond[0], max(signal, key=abs), event, accuracy_g) if beyond else None


def _velocity_change(
    rule: ShockRule, event: Event, accel_g: list[list[float]], accuracy_g: float | None
) -> NaiveHit | None:
    start, peak_g, speed = _pulse(event, _axis(rule))
    value = sqrt(sum(each * each for each in speed)) if _axis(rule) is None else speed["xyz".index(rule.axis)]
    uncertainty = _relative(value, peak_g, accuracy_g)
    return _made(start, value, event, uncertainty) if abs(value) > rule.level - guard(rule, uncertainty) else None


def _damage_boundary(
    rule: ShockRule, event: Event, accel_g: list[list[float]], accuracy_g: float | None
) -> NaiveHit | None:
    assert rule.damage_boundary is not None
    start, _, speed = _pulse(event, _axis(rule))
    size_g = max(map(abs, _signal(rule, accel_g)))
    size_m_s = sqrt(sum(each * each for each in speed)) if _axis(rule) is None else abs(speed["xyz".index(rule.axis)])
    if size_g == 0 or size_m_s == 0:
        return None
    ratios = rule.damage_boundary.acceleration_g / size_g, rule.damage_boundary.velocity_change_m_s / size_m_s
    uncertainty = _relative(max(ratios), size_g, accuracy_g)
    return _made(start, max(ratios), event, uncertainty) if max(ratios) < 1 + guard(rule, uncertainty) else None


def _srs(rule: ShockRule, event: Event, accel_g: list[list[float]], accuracy_g: float | None) -> NaiveHit | None:
    assert rule.srs is not None
    fs_hz, worst = event.shock.fs_hz, None
    points = list(rule.srs)
    twelfths = [
        5.0 * 2.0 ** (k / 12)
        for k in range(floor(12 * log2(points[0][0] / 5)) - 1, floor(12 * log2(points[-1][0] / 5)) + 2)
    ]
    for hz in [hz for hz, _ in points] + [hz for hz in twelfths if points[0][0] < hz < points[-1][0]]:
        if hz <= fs_hz / 2:
            levels = [
                float(srs(np.array([row]), fs_hz, np.array([hz]), rule.q or 10.0).maximax[0, 0]) for row in accel_g
            ]
            value, limit = (
                (max(levels) if _axis(rule) is None else levels["xyz".index(rule.axis)]),
                _envelope(points, hz),
            )
            if worst is None or value / limit > worst[0] / worst[1]:
                worst = value, limit
    if worst is None:
        return None
    peak_g = max((value for row in accel_g for value in row), key=abs)
    uncertainty = _relative(worst[0], peak_g, accuracy_g)
    if worst[0] <= worst[1] - guard(rule, uncertainty):
        return None
    start = _pulse(event, _axis(rule))[0]
    made = _made(start, worst[0], event, uncertainty, is_bound=False)
    made.limit = worst[1]
    return made


def _drop_height(
    rule: ShockRule, event: Event, accel_g: list[list[float]], accuracy_g: float | None
) -> NaiveHit | None:
    fall = _analysis(event).drop
    range_m = fall.by_fall_m or fall.by_impact_m
    if range_m is None or fall.height_m is None:
        return None
    start, peak_g, _ = _pulse(event, None)
    uncertainty = _relative(2 * fall.height_m, peak_g, accuracy_g)
    if fall.by_fall_m is not None:
        uncertainty = (range_m[1] - range_m[0]) / 2 if fall.is_whole else 0.0
    return (
        _made(start, fall.height_m, event, uncertainty)
        if (range_m[1] if rule.guard else fall.height_m) > rule.level
        else None
    )


_HITS: dict[str, Callable[[ShockRule, Event, list[list[float]], float | None], NaiveHit | None]] = {
    "peak": _peak,
    "velocity_change": _velocity_change,
    "damage_boundary": _damage_boundary,
    "srs": _srs,
    "drop_height": _drop_height,
}


def _made(start: float, value: float, event: Event, uncertainty: float | None, *, is_bound: bool = True) -> NaiveHit:
    validity = _analysis(event).validity
    is_doubtful = not validity.is_valid and not (is_bound and validity.is_lower_bound)
    return NaiveHit(start, value, None, uncertainty, is_doubtful)


def _analysis(event: Event) -> Analysis:
    return Analysis(waveform_of(event.shock, np.eye(3)))


def _axis(rule: ShockRule) -> int | None:
    return None if rule.axis == "resultant" else "xyz".index(rule.axis)


def guard(rule: ShockRule, uncertainty: float | None) -> float:
    return uncertainty if rule.guard is not None and uncertainty is not None else 0.0


def _relative(value: float, peak_g: float, accuracy_g: float | None) -> float | None:
    return None if accuracy_g is None or peak_g == 0 else abs(value * accuracy_g / peak_g)


def _signal(rule: ShockRule, accel_g: list[list[float]]) -> list[float]:
    if rule.axis != "resultant":
        return accel_g["xyz".index(rule.axis)]
    return [sqrt(x * x + y * y + z * z) for x, y, z in zip(*accel_g, strict=True)]


def _pulse(event: Event, axis: int | None) -> tuple[float, float, list[float]]:
    """Where the main pulse begins, its peak, and each axis' velocity change."""
    pulse = _analysis(event).pulse(None, axis)
    return pulse.limits[0], pulse.peak_g, pulse.velocity_change_m_s.tolist()


def _envelope(points: list[tuple[float, float]], hz: float) -> float:
    """Straight in logarithms between the points."""
    index = min(max(bisect([at for at, _ in points], hz), 1), len(points) - 1)
    (low_hz, low_g), (high_hz, high_g) = points[index - 1], points[index]
    share = log(hz / low_hz) / log(high_hz / low_hz)
    return exp(log(low_g) + share * log(high_g / low_g))
