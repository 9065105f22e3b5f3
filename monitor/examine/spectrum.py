"""The shock response spectrum of one event, at the frequencies that are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.examine.document import title
from monitor.examine.event import Examined
from monitor.model.errors import TcmError
from monitor.shock.report import number, numbers
from monitor.shock.spectrum.octave import STANDARD_HZ, octaves
from monitor.shock.spectrum.srs import Spectrum, responses
from monitor.shock.waveform import AXES

Response = Literal["acceleration", "displacement", "pseudo-velocity"]
UNITS: dict[Response, tuple[str, float]] = {  # as shown, of the SI unit or g that spectra are in
    "acceleration": ("g", 1.0),
    "displacement": ("mm", 1e3),
    "pseudo-velocity": ("m/s", 1.0),
}
MAX_FREQUENCIES = 2_000


class Asked(NamedTuple):
    """Which spectrum: quality factor, frequencies (up to `to_hz`, None: as far as is usual) and response."""

    q: float
    per_octave: int
    from_hz: float
    to_hz: float | None
    response: Response


@dataclass(frozen=True, eq=False)
class EventSpectrum:
    """The spectrum of an event's three axes in `unit`; above `reliable_hz` it is no more than a hint."""

    event: Examined
    asked: Asked
    of_axes: Spectrum
    unit: str
    scale: float

    @property
    def frequencies_hz(self) -> NDArray[np.float64]:
        """Natural frequencies of the oscillators, ascending."""
        return self.of_axes.frequencies_hz

    @property
    def is_reliable(self) -> NDArray[np.bool_]:
        """Whether the value at a frequency is sure."""
        return self.frequencies_hz <= self.event.analysis.reliable_hz

    def part(self, name: str) -> NDArray[np.float64]:
        """`positive`, `negative`, `maximax`, `primary` or `residual` responses, float64 [3, f], in `unit`."""
        spectrum = self.of_axes
        if name in ("primary", "residual"):
            values = np.maximum(getattr(spectrum, f"{name}_positive"), getattr(spectrum, f"{name}_negative"))
        else:
            values = getattr(spectrum, name)
        scaled: NDArray[np.float64] = values * self.scale
        return scaled

    def document(self) -> dict[str, Any]:
        """The answer of `tcm shock srs --json`."""
        parts = {name: self.part(name) for name in PARTS}
        return {
            **title(self.event),
            "response": self.asked.response,
            "unit": self.unit,
            "q": self.asked.q,
            "reliable_hz": number(self.event.analysis.reliable_hz),
            "frequencies_hz": numbers(self.frequencies_hz),
            "axes": {
                axis: {name: numbers(values[row]) for name, values in parts.items()} for row, axis in enumerate(AXES)
            },
        }


PARTS = ("positive", "negative", "maximax", "primary", "residual")


def spectrum_of(event: Examined, asked: Asked) -> EventSpectrum:
    """The event's spectrum; TcmError for frequencies that its sampling rate does not show, or that are none."""
    waveform = event.analysis.waveform
    nyquist_hz = waveform.fs_hz / 2
    to_hz = min(float(STANDARD_HZ[-1]), nyquist_hz) if asked.to_hz is None else asked.to_hz
    if asked.from_hz > nyquist_hz:
        cause = f"expected --from-hz up to {nyquist_hz:g}, half the sampling rate of the event, got {asked.from_hz:g}"
        raise TcmError("work out spectrum", event.name, cause)
    if not (0 < asked.from_hz <= to_hz and asked.q > 0.5 and np.isfinite(asked.q)):
        cause = f"expected 0 < --from-hz <= --to-hz and --q above 0.5, got {asked.from_hz:g}, {to_hz:g}, {asked.q:g}"
        raise TcmError("work out spectrum", event.name, cause)
    if to_hz > nyquist_hz:
        cause = f"expected --to-hz up to {nyquist_hz:g}, half the sampling rate of the event, got {to_hz:g}"
        raise TcmError("work out spectrum", event.name, cause)
    if np.log2(to_hz / asked.from_hz) * asked.per_octave > MAX_FREQUENCIES:
        raise TcmError("work out spectrum", event.name, f"expected at most {MAX_FREQUENCIES} frequencies")
    frequencies_hz = np.minimum(octaves(asked.from_hz, to_hz, asked.per_octave), nyquist_hz)  # but for rounding
    found = responses(event.analysis.dynamic_g, waveform.fs_hz, frequencies_hz, asked.q)
    unit, scale = UNITS[asked.response]
    return EventSpectrum(event, asked, getattr(found, asked.response.replace("-", "_")), unit, scale)
