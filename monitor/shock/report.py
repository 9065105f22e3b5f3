"""An analysis as plain numbers and texts, units in the names: what a report prints and JSON holds.

A number is the float32 next to it, None where it is none: not there, NaN, or infinite. Times in ms count from the
trigger; a vector is a list over the container's axes x, y, z.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from monitor.model.single import number
from monitor.shock.analysis import Analysis
from monitor.shock.drop import RESTITUTIONS
from monitor.shock.waveform import AXES


def report(analysis: Analysis) -> dict[str, Any]:
    """Everything that an engineer asks of one event, in the order of asking: is it valid, what was it, how strong."""
    return {
        "record": _record(analysis),
        "validity": _validity(analysis),
        "kind": analysis.kind,
        "static": _static(analysis),
        "resultant_g": number(analysis.peaks.resultant_g),
        "axes": _axes(analysis),
        "pulse": _pulse(analysis),
        "dominant_hz": number(analysis.dominant_hz),
        "drop": _drop(analysis),
        "reliable_hz": number(analysis.reliable_hz),
    }


def numbers(values: Iterable[float]) -> list[float | None]:
    """`number` of each."""
    return [number(value) for value in values]


def _record(analysis: Analysis) -> dict[str, Any]:
    waveform = analysis.waveform
    return {
        "samples": waveform.samples,
        "samples_before": waveform.samples_before,
        "fs_hz": number(waveform.fs_hz),
        "from_ms": number(waveform.from_trigger_ms(0)),
        "to_ms": number(waveform.from_trigger_ms(waveform.samples - 1)),
        "level_g": number(waveform.level_g),
        "rail_g": number(waveform.rail_g),
        "lowpass_hz": number(waveform.lowpass_hz),
    }


def _validity(analysis: Analysis) -> dict[str, Any]:
    validity = analysis.validity
    return {
        "is_valid": validity.is_valid,
        "is_lower_bound": validity.is_lower_bound,
        "faults": [{"name": fault.name, "reason": fault.reason} for fault in validity.faults],
    }


def _static(analysis: Analysis) -> dict[str, Any]:
    static = analysis.static
    return {"vector_g": numbers(static.vector_g), "is_estimated": static.is_estimated}


def _axes(analysis: Analysis) -> dict[str, Any]:
    """By axis; `srs_peak_g` is the largest of the spectrum: Q 10, absolute acceleration, primary and residual."""
    peaks, spectrum = analysis.peaks, analysis.responses.acceleration
    told = {}
    for axis, maximax_g in enumerate(spectrum.maximax):
        at = None if maximax_g.size == 0 or np.isnan(maximax_g).any() else int(maximax_g.argmax())
        told[AXES[axis]] = {
            "peak_g": number(peaks.axis_g[axis]),
            "peak_raw_g": number(peaks.axis_raw_g[axis]),
            "grms_g": number(analysis.grms[axis]),
            "srs_peak_g": None if at is None else number(maximax_g[at]),
            "srs_peak_hz": None if at is None else number(spectrum.frequencies_hz[at]),
        }
    return told


def _pulse(analysis: Analysis) -> dict[str, Any]:
    """The main pulse; the velocity change is integrated between `from_ms` and `to_ms`."""
    pulse, waveform = analysis.pulse(), analysis.waveform
    begin, end = pulse.limits
    return {
        "axis": AXES[pulse.axis],
        "peak_g": number(pulse.peak_g),
        "at_ms": number(waveform.from_trigger_ms(pulse.peak_index)),
        "direction": numbers(pulse.direction),
        "rise_ms": number(pulse.rise_ms),
        "duration_ms": number(pulse.duration_ms),
        "delta_v_m_s": number(pulse.delta_v_m_s),
        "velocity_change_m_s": numbers(pulse.velocity_change_m_s),
        "from_ms": number(waveform.from_trigger_ms(begin)),
        "to_ms": number(waveform.from_trigger_ms(end)),
        "is_cut": pulse.is_cut,
    }


def _drop(analysis: Analysis) -> dict[str, Any]:
    """Ranges of heights, by the impact for restitutions from the first to the last; None without, or without end."""
    drop = analysis.drop
    return {
        "height_m": number(drop.height_m),
        "is_whole": drop.is_whole,
        "fall_ms": number(1e3 * drop.fall_s),
        "by_fall_m": None if drop.by_fall_m is None else numbers(drop.by_fall_m),
        "by_impact_m": None if drop.by_impact_m is None else numbers(drop.by_impact_m),
        "restitutions": list(RESTITUTIONS),
        "is_contradictory": drop.is_contradictory,
    }
