"""Power spectral density by Welch's method.

P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio Electroacoust.
15 (1967) 70-73: mean of the periodograms of segments that overlap by half, each free of its mean and tapered by a Hann
window.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SHORTEST = 64  # samples of a segment: fewer tell nothing apart, so a record of fewer is one segment
LONGEST = 4096  # at 5 kHz 1.2 Hz fine; longer records become surer instead of finer
AVERAGES = 4  # segments end to end, 7 with those between: a density is then sure to about 40 % (1 sigma)


def segment_samples(samples: int) -> int:
    """Length of the segments that a record is cut into: a power of two, or the whole of a short record."""
    if samples <= SHORTEST:
        return samples
    share = max(samples // AVERAGES, SHORTEST)
    return min(1 << (share.bit_length() - 1), LONGEST)


def psd(accel_g: NDArray[np.float64], fs_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies [f] in Hz and one-sided density [..., f] in g2/Hz of records float64 [..., n].

    The densities times the spacing of the frequencies add up to the mean square of the tapered record. Samples behind
    the last whole segment are left out. ValueError: no sample, a rate that is not positive. A record with NaN is NaN.
    """
    samples = accel_g.shape[-1]
    if samples == 0 or not 0 < fs_hz < np.inf:
        raise ValueError(f"psd: expected samples and a positive sampling rate in Hz, got {samples} at {fs_hz:g}")
    length = segment_samples(samples)
    window = _hann(length)
    starts = range(0, samples - length + 1, length - length // 2)
    segments = np.stack([accel_g[..., start : start + length] for start in starts], axis=-2)
    segments -= segments.mean(axis=-1, keepdims=True)
    segments *= window
    spectrum = np.fft.rfft(segments)
    power = spectrum.real**2 + spectrum.imag**2
    density = power.mean(axis=-2) / (fs_hz * (window @ window))
    density[..., 1 : (length + 1) // 2] *= 2  # the negative frequencies; 0 and half the rate have none
    return np.asarray(np.fft.rfftfreq(length, 1 / fs_hz), dtype=np.float64), density


@lru_cache(maxsize=16)  # segments have 7 lengths, short records some more
def _hann(length: int) -> NDArray[np.float64]:
    """The periodic window, so that its copies half a length apart add up to 1."""
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return window if length > 1 else np.ones(1)
