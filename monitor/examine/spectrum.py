"""A spectrum of one event: the response of oscillators to it, or its power spectral density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from monitor.examine.document import title
from monitor.examine.event import Examined
from monitor.model.errors import TcmError
from monitor.shock.report import numbers
from monitor.shock.spectrum.octave import STANDARD_HZ, octaves
from monitor.shock.spectrum.srs import responses
from monitor.shock.waveform import AXES

Of = Literal["acceleration", "displacement", "pseudo-velocity"]
Response = Literal["acceleration", "displacement", "pseudo-velocity", "psd", "vrs"]
UNITS: dict[Response, tuple[str, float]] = {  # as shown, of the SI unit or g that spectra are in
    "acceleration": ("g", 1.0),
    "displacement": ("mm", 1e3),
    "pseudo-velocity": ("m/s", 1.0),
    "psd": ("g2/Hz", 1.0),
    "vrs": ("Grms", 1.0),
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
    """Spectra of an event's three axes in `unit`, float64 [3, f] by name, `levels` the one that a picture shows.

    They are sure from `sure_hz[0]` to `sure_hz[1]`, outside of that no more than a hint.
    """

    event: Examined
    asked: Asked
    frequencies_hz: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]
    sure_hz: tuple[float, float]

    @property
    def unit(self) -> str:
        """The unit of all values."""
        return UNITS[self.asked.response][0]

    @property
    def is_of_shock(self) -> bool:
        """Whether it is a shock response spectrum, with parts along and against an axis."""
        return self.asked.response in get_args(Of)

    @property
    def q(self) -> float | None:
        """Quality factor of the oscillators, None of a density, which has none."""
        return None if self.asked.response == "psd" else self.asked.q

    @property
    def levels(self) -> NDArray[np.float64]:
        """The largest response, or the only one, float64 [3, f]."""
        return self.parts["maximax" if self.is_of_shock else self.asked.response]

    @property
    def is_reliable(self) -> NDArray[np.bool_]:
        """Whether the value at a frequency is sure."""
        first_hz, last_hz = self.sure_hz
        return (self.frequencies_hz >= first_hz) & (self.frequencies_hz <= last_hz)

    def document(self) -> dict[str, Any]:
        """The answer of `tcm shock srs --json`."""
        return {
            **title(self.event),
            "response": self.asked.response,
            "unit": self.unit,
            "q": self.q,
            "sure_hz": numbers(self.sure_hz),
            "grms_g": dict(zip(AXES, numbers(self.event.analysis.grms), strict=True)),
            "frequencies_hz": numbers(self.frequencies_hz),
            "axes": {
                axis: {name: numbers(values[row]) for name, values in self.parts.items()}
                for row, axis in enumerate(AXES)
            },
        }


def spectrum_of(event: Examined, asked: Asked) -> EventSpectrum:
    """The event's spectrum; TcmError for frequencies that its sampling rate does not show, or that are none."""
    nyquist_hz = event.analysis.waveform.fs_hz / 2
    to_hz = min(float(STANDARD_HZ[-1]), nyquist_hz) if asked.to_hz is None else asked.to_hz
    _require(event, asked, to_hz, nyquist_hz)
    make = {"psd": _psd, "vrs": _vrs}.get(asked.response, _srs)
    return make(event, asked, to_hz)


def _require(event: Examined, asked: Asked, to_hz: float, nyquist_hz: float) -> None:
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


def _srs(event: Examined, asked: Asked, to_hz: float) -> EventSpectrum:
    """Shock response spectra: `positive`, `negative`, `maximax`, `primary` and `residual` responses."""
    analysis, frequencies_hz = event.analysis, _frequencies_hz(event, asked, to_hz)
    found = responses(analysis.dynamic_g, analysis.waveform.fs_hz, frequencies_hz, asked.q)
    spectrum, scale = getattr(found, asked.response.replace("-", "_")), UNITS[asked.response][1]
    parts = {
        "positive": spectrum.positive,
        "negative": spectrum.negative,
        "maximax": spectrum.maximax,
        "primary": np.maximum(spectrum.primary_positive, spectrum.primary_negative),
        "residual": np.maximum(spectrum.residual_positive, spectrum.residual_negative),
    }
    scaled = {name: values * scale for name, values in parts.items()}
    return EventSpectrum(event, asked, frequencies_hz, scaled, (0.0, analysis.reliable_hz))


def _vrs(event: Examined, asked: Asked, to_hz: float) -> EventSpectrum:
    """Vibration response spectrum: sure where a resonance, fn / Q wide, is wider than the bands of the density."""
    frequencies_hz = _frequencies_hz(event, asked, to_hz)
    density_hz, _ = _density(event)
    level_g = event.analysis.vrs(frequencies_hz, asked.q)
    sure_hz = (asked.q * float(density_hz[1]), _shown_hz(event))
    return EventSpectrum(event, asked, frequencies_hz, {"vrs": level_g}, sure_hz)


def _psd(event: Examined, asked: Asked, to_hz: float) -> EventSpectrum:
    """Power spectral density, at the frequencies that it is worked out at."""
    frequencies_hz, density = _density(event)
    is_asked = (frequencies_hz >= asked.from_hz) & (frequencies_hz <= to_hz)
    if not is_asked.any():
        cause = f"the record has a density every {frequencies_hz[1]:.4g} Hz, none from {asked.from_hz:g} to {to_hz:g}"
        raise TcmError("work out spectrum", event.name, cause)
    sure_hz = (0.0, _shown_hz(event))
    return EventSpectrum(event, asked, frequencies_hz[is_asked], {"psd": density[:, is_asked]}, sure_hz)


def _density(event: Examined) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if event.analysis.waveform.samples < 2:
        raise TcmError("work out spectrum", event.name, "the record is one sample, which has no density")
    return event.analysis.psd


def _shown_hz(event: Examined) -> float:
    """A density has no peaks to be missed between samples: only a low-pass takes from it."""
    waveform = event.analysis.waveform
    return waveform.lowpass_hz or waveform.fs_hz / 2


def _frequencies_hz(event: Examined, asked: Asked, to_hz: float) -> NDArray[np.float64]:
    spaced_hz = octaves(asked.from_hz, to_hz, asked.per_octave)
    return np.minimum(spaced_hz, event.analysis.waveform.fs_hz / 2)  # but for rounding
