"""Shock events and their spectra as tables of at most 80 columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

from monitor.examine.event import Examined
from monitor.examine.spectrum import EventSpectrum
from monitor.shock.waveform import AXES

LIST_HEADER = (
    "event                               trigger                       sensor  kind",
    "        peak g  resultant  duration  velocity     drop       largest SRS  damage",
    "                        g        ms  chg. m/s        m           g at Hz  margin",
)
SRS_HEADER = "      Hz" + "".join(f"{f'+{axis}':>9}{f'-{axis}':>9}  " for axis in AXES) + "  maximax"
WIDTH = 80
INDENT = " " * 11  # of what goes on


def row_lines(event: dict[str, Any]) -> Iterator[str]:
    """The lines of an event in the list, out of its JSON."""
    yield f"{event['event']:<36}{when(event):<30}{event['sensor']:<8}{event['kind']}"
    peak = f"{'>= ' if event['lower_bound'] else ''}{event['peak_axis']} {short(event['peak_g'], '+')}"
    strongest = "-" if event["srs_peak_g"] is None else f"{short(event['srs_peak_g'])} at {short(event['srs_peak_hz'])}"
    yield (
        f"{peak:>14}{short(event['resultant_g']):>11}{short(event['duration_ms']):>10}"
        f"{short(event['delta_v_m_s']):>10}{short(event['drop_height_m']):>9}{strongest:>18}"
        f"{short(event['damage_margin']):>8}"
    )
    if not event["valid"]:
        yield from textwrap.wrap(f"{INDENT}not valid: {event['faults']}", WIDTH, subsequent_indent=INDENT)


def spectrum_lines(event: Examined, spectrum: EventSpectrum) -> Iterator[str]:
    """The table of a spectrum; behind each axis p or r: the largest was met in the record, or in what rings on."""
    asked = spectrum.asked
    yield f"{event.name}: {asked.response} in {spectrum.unit}, Q {asked.q:g}"
    yield "by natural frequency, along (+) and against each axis; p primary, r residual"
    yield SRS_HEADER
    plus, minus, maximax = spectrum.part("positive"), spectrum.part("negative"), spectrum.part("maximax")
    is_primary = spectrum.part("primary") >= spectrum.part("residual")
    for at, (hz, is_reliable) in enumerate(zip(spectrum.frequencies_hz, spectrum.is_reliable, strict=True)):
        axes = "".join(
            f"{short(plus[a, at]):>9}{short(minus[a, at]):>9} {'p' if is_primary[a, at] else 'r'}"
            for a in range(len(AXES))
        )
        yield f"{short(hz):>8}{axes}{short(maximax[:, at].max()):>9}{'' if is_reliable else '*'}"
    if not spectrum.is_reliable.all():
        yield f"* above {event.analysis.reliable_hz:.4g} Hz: {why_unsure(event)}"


def why_unsure(event: Examined) -> str:
    """Why a spectrum is not sure above `reliable_hz`."""
    wave = event.analysis.waveform
    if wave.lowpass_hz is not None and wave.lowpass_hz < wave.fs_hz / 10:
        return "the sensor's own low-pass takes from it"
    return "too few samples a period, peaks are missed"


def when(event: dict[str, Any]) -> str:
    """The time of its trigger, of a recording without one how far from its beginning."""
    if event["at"] is not None:
        return re.sub(r"(?<=\.\d{3})\d+", "", event["at"])  # to the ms
    return "clock not set" if event["offset_s"] is None else f"{event['offset_s']:.6f} s after the start"


def short(value: float | None, sign: str = "") -> str:
    """Four significant digits or as many as eight characters hold, "-" for what is not known."""
    if value is None or np.isnan(value):
        return "-"
    text = f"{value:{sign}.4g}"
    return text if len(text) <= 8 else f"{value:{sign}.2e}"
