"""When an event is beyond a rule's level, and what is then told of it: one function a quantity.

A value is beyond when it is strictly so, both as float32; under a rule with a guard already when its U may make it so.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, isinf, pi
from typing import NamedTuple, TypedDict

import numpy as np

from monitor.detect.events.measured import Measured, is_beyond, measure, pulse_of, signal_g
from monitor.detect.events.signals import Signals
from monitor.model.limit import ShockRule
from monitor.model.rules.accuracy import of_event
from monitor.model.single import single
from monitor.shock.analysis import RELIABLE_SHARE, Analysis
from monitor.shock.duration import longest_s, stretches

CUT_FALL = "at least: the record begins within the fall"
# What the value is of an event that may have been stronger than its record says.
AT_LEAST, AT_MOST = "at least", "at most"
BY_TIME = "by the time of the fall"  # which a stronger impact does not change


class Hit(NamedTuple):
    """An event beyond a rule's level; what it says goes into a `Finding` of the same names.

    `start_ns` is the first sample beyond the level of a peak, the start of the main pulse of all others. `limit` is
    None where it is the rule's own.
    """

    start_ns: int
    value: float
    uncertainty: float | None
    limit: float | None = None
    is_doubtful: bool = False
    detail: str = ""
    note: str = ""


def hit(signals: Signals, rule: ShockRule) -> Hit | None:
    """By what the event is beyond the rule's level, None when it is within, or does not say."""
    measured = measure(signals.analysis, rule)
    return None if measured is None else _HITS[rule.quantity](signals, rule, measured)


def guard(rule: ShockRule, uncertainty: float | None) -> float:
    """What a value may be further by than it reads, for a rule that has to fire then already; else 0."""
    return (uncertainty or 0.0) if rule.guard else 0.0


def _peak(signals: Signals, rule: ShockRule, measured: Measured) -> Hit | None:
    """Beyond for `min_duration` at a stretch."""
    level_g = measured.limit - guard(rule, signals.accuracy_g)
    size_g, fs_hz = np.abs(signal_g(signals.analysis, rule)), signals.analysis.waveform.fs_hz
    runs = stretches(size_g, level_g)
    if len(runs) == 0 or longest_s(size_g, fs_hz, level_g) < rule.min_duration_s:
        return None
    start_ns = signals.time_ns(float(runs[0, 0]))
    return Hit(start_ns, measured.value, signals.accuracy_g, **_trust(signals.analysis, rule, AT_LEAST))


def _velocity_change(signals: Signals, rule: ShockRule, measured: Measured) -> Hit | None:
    uncertainty = _uncertainty(signals, measured)
    if not is_beyond(measured, rule, guard(rule, uncertainty)):
        return None
    return Hit(_start_ns(signals, rule), measured.value, uncertainty, **_trust(signals.analysis, rule, AT_LEAST))


def _damage_boundary(signals: Signals, rule: ShockRule, measured: Measured) -> Hit | None:
    """Beyond when the margin is below 1."""
    uncertainty = _uncertainty(signals, measured)
    if not is_beyond(measured, rule, guard(rule, uncertainty)):
        return None
    detail = f"{measured.peak_g:.4g} g and {measured.delta_v_m_s:.4g} m/s"
    start_ns = _start_ns(signals, rule)
    return Hit(start_ns, measured.value, uncertainty, detail=detail, **_trust(signals.analysis, rule, AT_MOST))


def _srs(signals: Signals, rule: ShockRule, measured: Measured) -> Hit | None:
    """At one frequency, with the envelope's limit there."""
    uncertainty, at_hz = _uncertainty(signals, measured), measured.at_hz
    assert at_hz is not None  # of a spectrum
    if not is_beyond(measured, rule, guard(rule, uncertainty)):
        return None
    trust = _trust(signals.analysis, rule, None, _missed(signals.analysis, at_hz))
    start_ns = _start_ns(signals, rule)
    return Hit(start_ns, measured.value, uncertainty, measured.limit, detail=f"at {at_hz:.5g} Hz", **trust)


def _drop_height(signals: Signals, rule: ShockRule, measured: Measured) -> Hit | None:
    """With a guard by the high end of the range."""
    fall, range_m = signals.analysis.drop, measured.range_m
    assert range_m is not None  # of a drop
    if not is_beyond(measured, rule, range_m[1] - measured.value if rule.guard else 0.0):
        return None
    is_cut = fall.by_fall_m is not None and not fall.is_whole
    if fall.is_whole:
        uncertainty: float | None = single((range_m[1] - range_m[0]) / 2)
    elif fall.by_impact_m is not None and fall.height_m == fall.by_impact_m[0]:
        uncertainty = _uncertainty(signals, measured, power=2)
    else:  # what was seen of a fall has its error taken off already
        uncertainty = 0.0
    detail = f"{range_m[0]:.3g} " + ("or more" if isinf(range_m[1]) else f"to {range_m[1]:.3g}")
    bound = BY_TIME if fall.is_whole else AT_LEAST
    trust = _trust(signals.analysis, rule, bound, CUT_FALL if is_cut else "")
    return Hit(_start_ns(signals, rule), measured.value, uncertainty, detail=detail, **trust)


_HITS: dict[str, Callable[[Signals, ShockRule, Measured], Hit | None]] = {
    "peak": _peak,
    "velocity_change": _velocity_change,
    "damage_boundary": _damage_boundary,
    "srs": _srs,
    "drop_height": _drop_height,
}


class _Trust(TypedDict):
    """What of a hit says how far its value is to be relied upon."""

    is_doubtful: bool
    note: str


def _trust(analysis: Analysis, rule: ShockRule, bound: str | None, note: str = "") -> _Trust:
    """`note` besides what is wrong with the event; `bound`: what the value is where the peak is a lower bound.

    Behind a low-pass it is none: what clipping cuts off on one side more than on the other makes ringing a steady push.
    """
    validity = analysis.validity
    if validity.is_valid:
        return _Trust(is_doubtful=False, note=note)
    known = bound if validity.is_lower_bound and rule.lowpass_hz is None else None
    fault = f"{known or 'not to be relied upon'}: {validity.reason}"
    return _Trust(is_doubtful=known is None, note="; ".join(filter(None, (note, fault))))


def _missed(analysis: Analysis, at_hz: float) -> str:
    """Why a response may be larger than it reads, "" where it is sure.

    Samples miss the top of a sine by 1 - cos(pi f / fs) at most: 4.9 % at fs / 10.
    """
    reliable_hz, fs_hz = analysis.reliable_hz, analysis.waveform.fs_hz
    if at_hz <= reliable_hz:
        return ""
    if reliable_hz < RELIABLE_SHARE * fs_hz:
        return f"above the sensor's own low-pass of {reliable_hz:g} Hz, which takes from it"
    return f"above fs/10 = {reliable_hz:g} Hz, where peak picking may miss up to {1 - cos(pi * at_hz / fs_hz):.0%}"


def _uncertainty(signals: Signals, measured: Measured, power: int = 1) -> float | None:
    known = of_event(measured.value, measured.peak_g, signals.accuracy_g, power)
    return None if known is None else single(known)


def _start_ns(signals: Signals, rule: ShockRule) -> int:
    """When the main pulse begins."""
    return signals.time_ns(pulse_of(signals.analysis, rule).limits[0])
