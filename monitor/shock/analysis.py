"""All there is to say of one event: each answer is worked out when it is first asked for."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitor.model.event_summary import Q
from monitor.shock.character import Kind, character
from monitor.shock.drop import Drop, drop
from monitor.shock.fall import Fall, find_fall, weightless
from monitor.shock.filter import lowpass
from monitor.shock.peak import Peaks, peaks, vector_length
from monitor.shock.psd import psd
from monitor.shock.pulse import Pulse, dominant_hz, main_pulse
from monitor.shock.spectrum.octave import STANDARD_HZ, below_nyquist
from monitor.shock.spectrum.srs import Responses, Spectrum, responses, srs
from monitor.shock.static import Static, static_vector
from monitor.shock.validity import Validity, validity
from monitor.shock.vibration import grms, measured, vrs
from monitor.shock.waveform import Waveform

RELIABLE_SHARE = 0.1  # of the sampling rate: peaks picked from samples err by 4.9 % there, 29 % at a quarter


class Analysis:
    """One event on container axes. It holds arrays of the event's size: let it go once it is told."""

    def __init__(self, waveform: Waveform) -> None:
        self.waveform = waveform
        self._lowpassed: dict[float, NDArray[np.float64]] = {}
        self._pulses: dict[tuple[float | None, int | None], Pulse] = {}
        self._spectra: dict[tuple[bytes, float], Spectrum] = {}

    @cached_property
    def static(self) -> Static:
        """Offset and gravity."""
        return static_vector(self.waveform.raw_g, self.waveform.fs_hz, self.waveform.pre)

    @cached_property
    def dynamic_g(self) -> NDArray[np.float64]:
        """The samples with the static part removed, float64 [3, n]."""
        return self.waveform.raw_g - self.static.vector_g[:, None]

    @cached_property
    def length_g(self) -> NDArray[np.float64]:
        """Length of the vector without static part at each sample, float64 [n]."""
        return vector_length(self.dynamic_g)

    @cached_property
    def validity(self) -> Validity:
        """What is wrong with the record."""
        return validity(self.waveform, self.static, self.dynamic_g, self.length_g, self.pulse())

    @cached_property
    def peaks(self) -> Peaks:
        """Extremes of axes and vector."""
        return peaks(self.waveform.raw_g, self.dynamic_g, self.length_g)

    @cached_property
    def fall(self) -> Fall | None:
        """The free fall before the main pulse, None where there is none to be seen."""
        return find_fall(self.waveform, self.static, self.dynamic_g, self.length_g)

    @cached_property
    def kind(self) -> Kind:
        """Impact, rattle, vibration, free fall, quiet, or unknown."""
        return character(self.waveform, self.dynamic_g, self.pulse(), self.fall, self.validity.is_valid)

    @cached_property
    def drop(self) -> Drop:
        """What height it fell from, by the fall and by the impact."""
        return drop(self.waveform, self.fall, self.pulse(), self.kind, self.validity.is_lower_bound)

    @cached_property
    def responses(self) -> Responses:
        """Spectra of the three axes at the standard frequencies below half the sampling rate, Q 10: [3, f].

        There is none of a rate that shows none of them: f is 0.
        """
        frequencies_hz = below_nyquist(STANDARD_HZ, self.waveform.fs_hz)
        if frequencies_hz.size == 0:
            none = np.zeros((len(self.dynamic_g), 0))
            return Responses(*[Spectrum(frequencies_hz, Q, none, none, none, none)] * len(Responses._fields))
        return responses(self.dynamic_g, self.waveform.fs_hz, frequencies_hz, Q)

    @cached_property
    def psd(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Frequencies [f] and densities [3, f], g2/Hz."""
        return psd(self.dynamic_g, self.waveform.fs_hz)

    @cached_property
    def grms(self) -> NDArray[np.float64]:
        """Root mean square of each axis, float64 [3], g."""
        return grms(self.dynamic_g)

    @cached_property
    def dominant_hz(self) -> float:
        """The frequency with the most energy an octave, Hz; a half-sine of length tau has 1 / (2 tau)."""
        return dominant_hz(self.dynamic_g, self.waveform.fs_hz)

    @property
    def reliable_hz(self) -> float:
        """Up to which frequency spectra are sure: a tenth of the sampling rate, or the sensor's own low-pass."""
        tenth_hz = RELIABLE_SHARE * self.waveform.fs_hz
        return tenth_hz if self.waveform.lowpass_hz is None else min(tenth_hz, self.waveform.lowpass_hz)

    def lowpassed(self, corner_hz: float | None) -> NDArray[np.float64]:
        """The samples without static part behind a zero-phase low-pass (None: as they are), float64 [3, n]."""
        if corner_hz is None:
            return self.dynamic_g
        if corner_hz not in self._lowpassed:
            self._lowpassed[corner_hz] = lowpass(self.dynamic_g, self.waveform.fs_hz, corner_hz)
        return self._lowpassed[corner_hz]

    def pulse(self, corner_hz: float | None = None, axis: int | None = None) -> Pulse:
        """The main pulse of the low-passed samples, on one axis (0..2) or of the axis with the largest peak."""
        key = (corner_hz, axis)
        if key not in self._pulses:
            is_weightless = None if self.fall is None else weightless(self.waveform, self.fall)
            self._pulses[key] = main_pulse(self.lowpassed(corner_hz), self.waveform.fs_hz, axis, is_weightless)
        return self._pulses[key]

    def srs(self, frequencies_hz: NDArray[np.float64], q: float) -> Spectrum:
        """The spectrum of absolute acceleration at other frequencies or another Q: [3, f], g."""
        key = (frequencies_hz.tobytes(), q)
        if key not in self._spectra:
            self._spectra[key] = srs(self.dynamic_g, self.waveform.fs_hz, frequencies_hz, q)
        return self._spectra[key]

    def vrs(self, frequencies_hz: NDArray[np.float64], q: float = Q) -> NDArray[np.float64]:
        """Vibration response spectrum, Grms of each axis: [3, f]. ValueError for a record of one sample."""
        return vrs(measured(*self.psd), frequencies_hz, q)
