"""What is kept of an event once it is judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TypedDict

import numpy as np

from monitor.detect.events.measured import measure
from monitor.model.batch import Event
from monitor.model.event_summary import EventSummary, Figures
from monitor.model.limit import ShockRule
from monitor.model.single import number, single
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


def summarise(event: Event, analysis: Analysis, rules: Iterable[ShockRule]) -> EventSummary:
    """The figures of an event of a journal; `rules` are those that apply to its logger."""
    return EventSummary(**_identity(event), **asdict(figures(analysis, rules)))


def figures(analysis: Analysis, rules: Iterable[ShockRule]) -> Figures:
    """The figures of any event; those of a spectrum are None where the sampling rate admits no frequency."""
    peaks, pulse, spectrum = analysis.peaks, analysis.pulse(), analysis.responses.acceleration
    strongest_hz, strongest_g = max(_levels(spectrum), key=lambda level: level[1], default=(None, None))
    x_g, y_g, z_g = map(number, peaks.axis_g.tolist())
    return Figures(
        peak_g=number(peaks.peak_g),
        peak_raw_g=number(peaks.peak_raw_g),
        axis_peak_g=(x_g, y_g, z_g),
        resultant_g=number(peaks.resultant_g),
        duration_ms=number(pulse.duration_ms),
        delta_v_m_s=number(pulse.delta_v_m_s),
        drop_height_m=number(analysis.drop.height_m),
        srs_peak_g=number(strongest_g),
        srs_peak_hz=number(strongest_hz),
        damage_margin=number(damage_margin(analysis, rules)),
        kind=analysis.kind,
        faults=analysis.validity.reason,
        spectrum=tuple((hz, single(level_g)) for hz, level_g in _levels(spectrum, STORED_STEP)),
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


def _levels(spectrum: Spectrum, step: int = 1) -> list[tuple[float, float]]:
    """(Hz, g) of the largest of the three axes at every `step`-th frequency; what float32 cannot hold is left out."""
    with np.errstate(over="ignore"):
        level_g = np.fmax.reduce(spectrum.maximax)[::step].astype(np.float32)
    is_known = np.isfinite(level_g)
    return list(zip(spectrum.frequencies_hz[::step][is_known].tolist(), level_g[is_known].tolist(), strict=True))
