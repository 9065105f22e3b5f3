"""What is kept of an event once it is judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite
from typing import TypedDict

import numpy as np

from monitor.detect.events.measured import measure
from monitor.model.batch import Event
from monitor.model.event_summary import EventSummary
from monitor.model.limit import ShockRule
from monitor.shock.analysis import Analysis
from monitor.shock.spectrum.octave import STORED_STEP
from monitor.shock.spectrum.srs import Spectrum


class _Identity(TypedDict):
    """Which event, and when."""

    pos: int
    container: str
    logger: str
    sensor: str
    boot: int
    seq: int
    trigger_ns: int


def summarise(event: Event, analysis: Analysis, damage_margin: float | None) -> EventSummary:
    """The event's figures; those of a spectrum are None where the sampling rate admits no frequency."""
    peaks, pulse, spectrum = analysis.peaks, analysis.pulse(), analysis.responses.acceleration
    strongest_hz, strongest_g = max(_levels(spectrum, 1), key=lambda level: level[1], default=(None, None))
    x_g, y_g, z_g = map(_number, peaks.axis_g.tolist())
    return EventSummary(
        **_identity(event),
        peak_g=_number(peaks.peak_g),
        peak_raw_g=_number(peaks.peak_raw_g),
        axis_peak_g=(x_g, y_g, z_g),
        resultant_g=_number(peaks.resultant_g),
        duration_ms=_number(pulse.duration_ms),
        delta_v_m_s=_number(pulse.delta_v_m_s),
        drop_height_m=_number(analysis.drop.height_m),
        srs_peak_g=strongest_g,
        srs_peak_hz=_number(strongest_hz),
        damage_margin=_number(damage_margin),
        kind=analysis.kind,
        faults=analysis.validity.reason,
        spectrum=tuple(_levels(spectrum, STORED_STEP)),
    )


def no_record(event: Event, fault: str) -> EventSummary:
    """Of a record that is none nothing is known but why."""
    return EventSummary(
        **_identity(event), peak_g=None, peak_raw_g=None, axis_peak_g=(None, None, None), resultant_g=None,
        duration_ms=None, delta_v_m_s=None, drop_height_m=None, srs_peak_g=None, srs_peak_hz=None, damage_margin=None,
        kind="unknown", faults=fault, spectrum=(),
    )  # fmt: skip


def damage_margin(analysis: Analysis, rules: Iterable[ShockRule]) -> float | None:
    """The smallest margin to a damage boundary of the rules, None where none of them has one."""
    measured = (measure(analysis, rule) for rule in rules if rule.damage_boundary is not None)
    return min((each.margin for each in measured if each is not None), default=None)


def _identity(event: Event) -> _Identity:
    return _Identity(
        pos=event.pos, container=event.container, logger=event.logger, sensor=event.shock.accelerometer,
        boot=event.boot, seq=event.seq, trigger_ns=event.trigger_ns,
    )  # fmt: skip


def _levels(spectrum: Spectrum, step: int) -> Iterator[tuple[float, float]]:
    """(Hz, g) of the largest of the three axes at every `step`-th frequency; what is no number is left out."""
    level_g = spectrum.maximax.max(axis=0)
    for hz, value_g in zip(spectrum.frequencies_hz[::step].tolist(), level_g[::step].tolist(), strict=True):
        told_g = _number(value_g)
        if told_g is not None:
            yield hz, told_g


def _number(value: float | None) -> float | None:
    """Rounded to float32; None for what is no number: NaN, infinite or absurdly large."""
    told = None if value is None else float(np.float32(value))
    return told if told is not None and isfinite(told) else None
