"""Shock events and their spectra as tables of at most 80 columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

from monitor.examine.event import Examined
from monitor.examine.spectrum import EventSpectrum, Response
from monitor.shock.analysis import RELIABLE_SHARE
from monitor.shock.waveform import AXES

LIST_HEADER = (
    "event                               trigger                       sensor  kind",
    "        peak g resultant duration  velocity       drop   largest SRS     damage",
    "                       g       ms  chg. m/s          m       g at Hz     margin",
)
SRS_HEADER = "      Hz" + "".join(f"{f'+{axis}':>9}{f'-{axis}':>9}  " for axis in AXES) + "  maximax"
NAMES: dict[Response, str] = {
    "acceleration": "acceleration",
    "displacement": "displacement against the base",
    "pseudo-velocity": "pseudo-velocity",
    "psd": "power spectral density",
    "vrs": "vibration response spectrum",
}
OWN_LOWPASS = "the sensor's own low-pass takes from it"
WIDTH = 80
INDENT = " " * 11  # of what goes on


def row_lines(event: dict[str, Any]) -> Iterator[str]:
    """The lines of an event in the list, out of its JSON."""
    first = f"{event['event']:<35} {when(event):<29} {event['sensor']:<7} {event['kind']}"
    yield from textwrap.wrap(first, WIDTH, subsequent_indent=INDENT)
    is_bound = event["lower_bound"]
    peak = f"{'>= ' if is_bound else ''}{event['peak_axis']} {short(event['peak_g'], '+')}"
    strongest = level_at(event["srs_peak_g"], event["srs_peak_hz"], event["reliable_hz"])
    yield (
        f"{peak:>14}{short(event['resultant_g']):>10}{short(event['duration_ms']):>9}"
        f"{at_least(event['delta_v_m_s'], is_bound):>10}{at_least(event['drop_height_m'], event['drop_at_least']):>11}"
        f"{strongest:>16}{at_most(event['damage_margin'], is_bound):>10}"
    )
    said = {
        "not valid": event["faults"],
        "beyond": ", ".join(map(_rule, event["beyond"])),
        "not known to be within": ", ".join(map(_rule, event["not_known"])),
    }
    for what, text in said.items():
        if text:
            yield from textwrap.wrap(f"{INDENT}{what}: {text}", WIDTH, subsequent_indent=INDENT)


def spectrum_lines(spectrum: EventSpectrum) -> Iterator[str]:
    """The table of a spectrum, a line for each frequency."""
    q = "" if spectrum.q is None else f", Q {spectrum.q:g}"
    yield f"{spectrum.event.name}: {NAMES[spectrum.asked.response]} in {spectrum.unit}{q}"
    yield from _shock_lines(spectrum) if spectrum.is_of_shock else _vibration_lines(spectrum)
    first_hz, last_hz = spectrum.sure_hz
    if (spectrum.frequencies_hz > last_hz).any():
        why = why_unsure(spectrum.event) if spectrum.is_of_shock else OWN_LOWPASS
        yield f"* above {last_hz:.4g} Hz: {why}"
    if (spectrum.frequencies_hz < first_hz).any():
        yield f"* below {first_hz:.4g} Hz: the record is too short to tell such resonances apart"


def _shock_lines(spectrum: EventSpectrum) -> Iterator[str]:
    """Behind each axis p or r: the largest was met in the record, or in what rings on."""
    yield "by natural frequency, along (+) and against each axis; p primary, r residual"
    yield SRS_HEADER
    parts = spectrum.parts
    plus, minus, largest = parts["positive"], parts["negative"], spectrum.levels.max(axis=0)
    is_primary = parts["primary"] >= parts["residual"]
    for at, (hz, is_reliable) in enumerate(zip(spectrum.frequencies_hz, spectrum.is_reliable, strict=True)):
        axes = "".join(
            f"{short(plus[a, at]):>9}{short(minus[a, at]):>9} {'p' if is_primary[a, at] else 'r'}"
            for a in range(len(AXES))
        )
        yield f"{short(hz):>8}{axes}{short(largest[at]):>9}{'' if is_reliable else '*'}"


def _vibration_lines(spectrum: EventSpectrum) -> Iterator[str]:
    """One value an axis."""
    grms = ", ".join(f"{axis} {short(level)}" for axis, level in zip(AXES, spectrum.event.analysis.grms, strict=True))
    yield f"of the whole record, all frequencies: {grms} Grms"
    yield "      Hz" + "".join(f"{axis:>11}" for axis in AXES)
    for hz, values, is_reliable in zip(spectrum.frequencies_hz, spectrum.levels.T, spectrum.is_reliable, strict=True):
        yield f"{short(hz):>8}" + "".join(f"{short(value):>11}" for value in values) + ("" if is_reliable else "*")


def why_unsure(event: Examined) -> str:
    """Why a spectrum is not sure above the frequency up to which it is."""
    if event.analysis.reliable_hz < RELIABLE_SHARE * event.analysis.waveform.fs_hz:
        return OWN_LOWPASS
    return "too few samples a period, peaks are missed"


def _rule(said: dict[str, Any]) -> str:
    """A rule in the list with its margin."""
    phase = "" if said["in_phase"] else ", not in this phase"
    return f"{said['rule']} {at_most(said['margin'], said['at_most'])}{phase}"


def unplaced_line(count: int, *, is_recording: bool) -> str:
    """That so many rules on shocks were left out."""
    cause = "a recording is not known (--place)" if is_recording else "this logger is not registered"
    return f"{count} rule{'' if count == 1 else 's'} on shocks not judged: the place of {cause}"


def level_at(level_g: float | None, at_hz: float | None, reliable_hz: float | None) -> str:
    """The largest of a spectrum with its frequency, `*` behind one that is not sure."""
    if level_g is None or at_hz is None:
        return "-"
    return f"{short(level_g)} at {short(at_hz)}{'*' if reliable_hz is not None and at_hz > reliable_hz else ''}"


def at_least(value: float | None, is_bound: bool) -> str:
    """`short`, with a mark where the value is a lower bound."""
    return f"{'>= ' if is_bound and value is not None else ''}{short(value)}"


def at_most(value: float | None, is_bound: bool) -> str:
    """`short`, with a mark where the value is an upper bound."""
    return f"{'<= ' if is_bound and value is not None else ''}{short(value)}"


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
