"""What is kept of an event once it is judged."""

from __future__ import annotations

from monitor.model.batch import Event
from monitor.model.event_summary import EventSummary
from monitor.shock.analysis import Analysis
from monitor.shock.spectrum.octave import STORED_STEP


def summarise(event: Event, analysis: Analysis, damage_margin: float | None) -> EventSummary:
    """The event's figures; those of a spectrum are None where the sampling rate admits no frequency."""
    peaks, pulse, spectrum = analysis.peaks, analysis.pulse(), analysis.responses.acceleration
    level_g = spectrum.maximax.max(axis=0)  # of the three axes
    strongest = int(level_g.argmax()) if level_g.size else None
    stored = zip(spectrum.frequencies_hz[::STORED_STEP].tolist(), level_g[::STORED_STEP].tolist(), strict=True)
    return EventSummary(
        pos=event.pos,
        container=event.container,
        logger=event.logger,
        sensor=event.shock.accelerometer,
        boot=event.boot,
        seq=event.seq,
        trigger_ns=event.trigger_ns,
        peak_g=peaks.peak_g,
        peak_raw_g=peaks.peak_raw_g,
        axis_peak_g=tuple(peaks.axis_g.tolist()),
        resultant_g=peaks.resultant_g,
        duration_ms=pulse.duration_ms,
        delta_v_m_s=pulse.delta_v_m_s,
        drop_height_m=analysis.drop.height_m,
        srs_peak_g=None if strongest is None else float(level_g[strongest]),
        srs_peak_hz=None if strongest is None else float(spectrum.frequencies_hz[strongest]),
        damage_margin=damage_margin,
        kind=analysis.kind,
        faults=analysis.validity.reason,
        spectrum=tuple(stored),
    )
