"""What an event does of the quantity that a rule limits: one function a quantity, whether it is beyond or not.

Values and margins are rounded to float32, so that they are the same whatever worked out the spectra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.model.event_summary import Q
from monitor.model.rules import ShockRule
from monitor.model.single import single
from monitor.shock.analysis import Analysis
from monitor.shock.boundary import damage_margin, margin
from monitor.shock.envelope import closest, frequencies_of
from monitor.shock.peak import vector_length
from monitor.shock.pulse import Pulse
from monitor.shock.waveform import AXES

RESULTANT = "resultant"


class Measured(NamedTuple):
    """A quantity of one event against the level of a rule.

    `value` and `limit` are in the quantity's unit, the value signed where it is of an axis; of a damage boundary the
    value is the margin, the limit 1. `margin` is how many times stronger the event could be before it came to the
    level, below 1 beyond it. `peak_g` is that of the signal which the value comes from; of a damage boundary and of a
    velocity change `delta_v_m_s` is what it does beside; `at_hz` is where a spectrum comes closest to its envelope;
    `range_m` holds a drop height.
    """

    value: float
    limit: float
    margin: float
    peak_g: float
    delta_v_m_s: float | None = None
    at_hz: float | None = None
    range_m: tuple[float, float] | None = None


def measure(analysis: Analysis, rule: ShockRule) -> Measured | None:
    """What the event does of the rule's quantity; None where it does not say, as of a drop height without a drop."""
    return _MEASURES[rule.quantity](analysis, rule)


def is_beyond(measured: Measured, rule: ShockRule, more: float = 0.0) -> bool:
    """Whether the value is strictly beyond its limit, both as float32, be it `more` further than it reads.

    Of a peak for however short a time.
    """
    if rule.damage_boundary is not None:
        return bool(np.float32(measured.value) < np.float32(measured.limit + more))
    return bool(np.float32(abs(measured.value)) > np.float32(measured.limit - more))


def signal_g(analysis: Analysis, rule: ShockRule) -> NDArray[np.float64]:
    """The rule's signal on its axis, signed, or the length of its vector: float64 [n], g."""
    accel_g = analysis.lowpassed(rule.lowpass_hz)
    return vector_length(accel_g) if rule.axis == RESULTANT else accel_g[AXES.index(rule.axis), :]


def pulse_of(analysis: Analysis, rule: ShockRule) -> Pulse:
    """The main pulse of the rule's signal: of its axis, or of the one with the largest peak."""
    return analysis.pulse(rule.lowpass_hz, None if rule.axis == RESULTANT else AXES.index(rule.axis))


def _peak(analysis: Analysis, rule: ShockRule) -> Measured | None:
    """The sample of the largest size."""
    peak_g = _extreme_g(signal_g(analysis, rule))
    return None if peak_g is None else _against(rule.level, peak_g, peak_g)


def _velocity_change(analysis: Analysis, rule: ShockRule) -> Measured | None:
    """Of the main pulse."""
    delta_v_m_s = _delta_v_m_s(analysis, rule)
    return _against(rule.level, delta_v_m_s, pulse_of(analysis, rule).peak_g)


def _damage_boundary(analysis: Analysis, rule: ShockRule) -> Measured | None:
    """The margin by peak and velocity change."""
    boundary, peak_g = rule.damage_boundary, _extreme_g(signal_g(analysis, rule))
    assert boundary is not None  # as the rule's quantity says
    if peak_g is None:
        return None
    delta_v_m_s = _delta_v_m_s(analysis, rule)
    ratio = single(damage_margin(peak_g, delta_v_m_s, boundary.acceleration_g, boundary.velocity_change_m_s))
    return Measured(ratio, rule.level, ratio, single(peak_g), single(delta_v_m_s))


def _srs(analysis: Analysis, rule: ShockRule) -> Measured | None:
    """The response where it comes closest to the envelope; None where the sampling rate shows nothing of that."""
    assert rule.srs is not None  # as the rule's quantity says
    frequencies_hz = frequencies_of(rule.srs, analysis.waveform.fs_hz)
    if frequencies_hz.size == 0:
        return None
    maximax_g = _maximax_g(analysis, frequencies_hz, rule.q_factor)
    value_g = np.fmax.reduce(maximax_g) if rule.axis == RESULTANT else maximax_g[AXES.index(rule.axis), :]
    at = closest(rule.srs, frequencies_hz, value_g)
    if at is None:
        return None
    return _against(single(at.limit_g), at.value_g, analysis.peaks.peak_g)._replace(at_hz=at.frequency_hz)


def _drop_height(analysis: Analysis, rule: ShockRule) -> Measured | None:
    """By the fall, where none was seen by the impact."""
    fall = analysis.drop
    height_m, range_m = fall.height_m, fall.by_fall_m or fall.by_impact_m
    if height_m is None:
        return None
    return _against(rule.level, height_m, analysis.pulse().peak_g)._replace(range_m=range_m)


_MEASURES: dict[str, Callable[[Analysis, ShockRule], Measured | None]] = {
    "peak": _peak,
    "velocity_change": _velocity_change,
    "damage_boundary": _damage_boundary,
    "srs": _srs,
    "drop_height": _drop_height,
}


def _against(limit: float, value: float, peak_g: float) -> Measured:
    return Measured(single(value), limit, single(margin(limit, value)), single(peak_g))


def _extreme_g(values_g: NDArray[np.float64]) -> float | None:
    """The value of the largest size, signed; None where all are NaN."""
    size_g = np.abs(values_g)
    return None if np.isnan(size_g).all() else float(values_g[int(np.nanargmax(size_g))])


def _delta_v_m_s(analysis: Analysis, rule: ShockRule) -> float:
    """The main pulse's velocity change along the rule's axis, or its length."""
    pulse = pulse_of(analysis, rule)
    return pulse.delta_v_m_s if rule.axis == RESULTANT else float(pulse.velocity_change_m_s[pulse.axis])


def _maximax_g(analysis: Analysis, frequencies_hz: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """The spectra of the three axes [3, f]; those at the standard frequencies are there for the summary already."""
    standard = analysis.responses.acceleration if q == Q else None
    if standard is None:
        return analysis.srs(frequencies_hz, q).maximax
    is_standard = np.isin(frequencies_hz, standard.frequencies_hz)
    maximax_g = np.empty((len(AXES), len(frequencies_hz)))
    maximax_g[:, is_standard] = standard.maximax[:, np.isin(standard.frequencies_hz, frequencies_hz)]
    if not is_standard.all():
        maximax_g[:, ~is_standard] = analysis.srs(frequencies_hz[~is_standard], q).maximax
    return maximax_g
