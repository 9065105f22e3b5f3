"""What is said of an event as JSON: plain numbers, as many digits as a float32 has, keys in one order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.detect.events.summary import damage_margin
from monitor.examine.event import Examined
from monitor.examine.margins import Margin
from monitor.model.clock import rfc3339
from monitor.shock.boundary import margin_db
from monitor.shock.report import number
from monitor.shock.waveform import AXES


def row(event: Examined) -> dict[str, Any]:
    """An event of `tcm shock list`: the fields of measurement `shock`, and which event it is."""
    analysis = event.analysis
    peaks, pulse, spectrum = analysis.peaks, analysis.pulse(), analysis.responses.acceleration
    strongest_hz, strongest_g = largest(spectrum.frequencies_hz, spectrum.maximax.max(axis=0))
    numbers = {
        "peak_g": peaks.peak_g,
        **{f"peak_{axis}_g": float(peak_g) for axis, peak_g in zip(AXES, peaks.axis_g, strict=True)},
        "peak_raw_g": peaks.peak_raw_g,
        "resultant_g": peaks.resultant_g,
        "duration_ms": pulse.duration_ms,
        "delta_v_m_s": pulse.delta_v_m_s,
        "drop_height_m": analysis.drop.height_m,
        "srs_peak_g": strongest_g,
        "srs_peak_hz": strongest_hz,
        "damage_margin": damage_margin(analysis, event.rules),
    }
    return {
        **title(event),
        "kind": analysis.kind,
        "valid": analysis.validity.is_valid,
        "faults": analysis.validity.reason,
        "lower_bound": analysis.validity.is_lower_bound,
        "peak_axis": AXES[pulse.axis],
        **{name: number(value) for name, value in numbers.items()},
    }


def title(event: Examined) -> dict[str, Any]:
    """Which event it is: `at` is null where nobody knows, `offset_s` counts from the beginning of a recording."""
    return {
        "event": event.name,
        "at": None if event.at_ns is None else rfc3339(event.at_ns),
        "offset_s": None if event.offset_s is None else round(event.offset_s, 6),
        "container": event.container,
        "logger": event.logger,
        "sensor": event.sensor,
    }


def report(event: Examined) -> dict[str, Any]:
    """The answer of `tcm shock show --json`."""
    return {
        **row(event),
        "place": event.place,
        "phase": event.phase,
        "analysis": event.analysis.report(),
        "margins": [margin_row(margin, event.phase) for margin in event.margins],
    }


def largest(frequencies_hz: NDArray[np.float64], size: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Frequency and value of a spectrum's largest, (None, None) where no value is a number."""
    if np.isnan(size).all():
        return None, None
    at = int(np.nanargmax(size))
    return float(frequencies_hz[at]), float(size[at])


def margin_row(margin: Margin, phase: str | None) -> dict[str, Any]:
    """How far an event is from a rule, as its alert says it; `in_phase`: the rule watched at the time of the event."""
    rule, measured = margin.rule, margin.measured
    numbers = {
        "value": measured and measured.value,
        "limit": measured and measured.limit,
        "margin": measured and measured.margin,
        "margin_db": measured and margin_db(measured.margin),
        "peak_g": measured and measured.peak_g,
        "delta_v_m_s": measured and measured.delta_v_m_s,
        "at_hz": measured and measured.at_hz,
        "above_s": margin.above_s,
    }
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "quantity": rule.quantity,
        "axis": rule.axis,
        **{name: number(value) for name, value in numbers.items()},
        "unjudged_hz": margin.unjudged_hz and [number(hz) for hz in margin.unjudged_hz],
        "beyond": margin.is_beyond,
        "in_phase": phase is None or rule.phases is None or phase in rule.phases,
    }
