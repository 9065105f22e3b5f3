"""Shock response spectra as ISO 18431-4 prints them: one digital filter for each frequency, fed by scipy."""

from __future__ import annotations

import numpy as np

from monitor.model.unit import G_M_S2

Filter = tuple[list[float], list[float]]  # numerator and denominator of `scipy.signal.lfilter`


def acceleration_filter(frequency_hz: float, q: float, fs_hz: float) -> Filter:
    """Samples to the absolute acceleration of the mass, in their unit (Smallwood's ramp-invariant filter)."""
    w = 2 * np.pi * frequency_hz / fs_hz
    a, b = w / (2 * q), w * np.sqrt(1 - 1 / (4 * q * q))
    e, s = np.exp(-a), np.exp(-a) * np.sin(b) / b
    return [1 - s, 2 * (s - e * np.cos(b)), e * e - s], [1.0, -2 * e * np.cos(b), e * e]


def displacement_filter(frequency_hz: float, q: float, fs_hz: float) -> Filter:
    """Samples in g to the displacement of the mass relative to its base, m."""
    w = 2 * np.pi * frequency_hz / fs_hz
    a, b = w / (2 * q), w * np.sqrt(1 - 1 / (4 * q * q))
    e, cosine, sine = np.exp(-a), np.cos(b), np.sin(b)
    part = e * sine * (1 / (2 * q * q) - 1) / np.sqrt(1 - 1 / (4 * q * q))
    numerator = [
        (1 - e * cosine) / q - part - w,
        2 * e * cosine * w - (1 - e * e) / q + 2 * part,
        -e * e * (w + 1 / q) + e * cosine / q - part,
    ]
    scale = G_M_S2 / fs_hz**2 / w**3
    return [scale * each for each in numerator], [1.0, -2 * e * cosine, e * e]
