"""Shock response spectra of events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Q = 10.0  # 5 % of critical damping, customary where nothing better is known


class Spectrum(NamedTuple):
    """Largest responses by frequency, float64 [..., f], all as magnitudes >= 0.

    `primary` ones while the record lasts, `residual` ones of the free oscillation behind it; against and along the
    axis. `NaN` where the record holds NaN.
    """

    frequencies_hz: NDArray[np.float64]
    q: float
    primary_positive: NDArray[np.float64]
    primary_negative: NDArray[np.float64]
    residual_positive: NDArray[np.float64]
    residual_negative: NDArray[np.float64]

    @property
    def positive(self) -> NDArray[np.float64]:
        """Along the axis, primary or residual."""
        return np.maximum(self.primary_positive, self.residual_positive)

    @property
    def negative(self) -> NDArray[np.float64]:
        """Against the axis, primary or residual."""
        return np.maximum(self.primary_negative, self.residual_negative)

    @property
    def maximax(self) -> NDArray[np.float64]:
        """The larger of both."""
        return np.maximum(self.positive, self.negative)


class Responses(NamedTuple):
    """Spectra of absolute acceleration (g), relative displacement (m) and pseudo-velocity (m/s)."""

    acceleration: Spectrum
    displacement: Spectrum
    pseudo_velocity: Spectrum


def srs(accel_g: NDArray[np.float64], fs_hz: float, frequencies_hz: NDArray[np.float64], q: float = Q) -> Spectrum:
    """Absolute acceleration, g, of records float64 [..., n], n > 0, static part removed.

    ValueError: no sample, a rate or Q that is not positive, frequencies that are not in 0 < f <= fs / 2.
    """
    return responses(accel_g, fs_hz, frequencies_hz, q).acceleration


def responses(
    accel_g: NDArray[np.float64], fs_hz: float, frequencies_hz: NDArray[np.float64], q: float = Q
) -> Responses:
    """All three spectra of records float64 [..., n]; errors as `srs`."""
    if accel_g.shape[-1] == 0 or not (fs_hz > 0 and q > 0.5):
        raise ValueError("srs: expected samples, a positive rate and Q above 0.5")
    if not ((frequencies_hz > 0) & (frequencies_hz <= fs_hz / 2)).all():
        raise ValueError(f"srs: expected frequencies above 0 and up to {fs_hz / 2:g} Hz")
    omega = 2 * np.pi * frequencies_hz
    pole = omega / (2 * q) * (-1 + 1j * np.sqrt(4 * q * q - 1))
    step = np.exp(pole / fs_hz)
    gain = (step - 1 - pole / fs_hz) / (pole**2 / fs_hz), (step * (pole / fs_hz - 1) + 1) / (pole**2 / fs_hz)
    state = np.zeros((*accel_g.shape[:-1], len(omega)), dtype=complex)
    before = np.zeros((*accel_g.shape[:-1], 1))
    extremes = np.zeros((4, *state.shape))
    damped = pole.imag
    for sample in np.moveaxis(accel_g, -1, 0):
        state = step * state + gain[1] * before + gain[0] * sample[..., None]
        before = sample[..., None]
        displacement = state.imag / damped
        acceleration = omega / q * (pole * state).imag / damped + omega**2 * displacement
        for row, value in enumerate((acceleration, -acceleration, displacement, -displacement)):
            np.maximum(extremes[row], value, out=extremes[row])
    none = np.zeros(state.shape)
    acc = Spectrum(frequencies_hz, q, extremes[0], extremes[1], none, none)
    dis = Spectrum(frequencies_hz, q, extremes[2] * 9.80665, extremes[3] * 9.80665, none, none)
    vel = Spectrum(frequencies_hz, q, dis.primary_positive * omega, dis.primary_negative * omega, none, none)
    return Responses(acc, dis, vel)


def warm_up() -> None:
    """Make the compiled kernel ready, where the extra `fast` is installed; until then the plain one answers."""
