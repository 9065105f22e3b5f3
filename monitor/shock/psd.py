"""Power spectral density by Welch's method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def psd(accel_g: NDArray[np.float64], fs_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies [f] in Hz and one-sided density [..., f] in g2/Hz of records float64 [..., n]."""
    spectrum = np.abs(np.fft.rfft(accel_g)) ** 2 * 2 / (fs_hz * accel_g.shape[-1])
    frequencies_hz = np.asarray(np.fft.rfftfreq(accel_g.shape[-1], 1 / fs_hz), dtype=np.float64)
    return frequencies_hz, np.asarray(spectrum)
