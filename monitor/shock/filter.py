"""Zero-phase low-pass, as limits on shocks are stated for."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ORDER = 4
# The filter rings for about 1 / corner: its slowest poles decay by exp(-2 pi sin(pi / 8)) = 0.09 in that time. Five
# times of it leave 6e-6, below what a 16-bit count shows, so what an end of the record does is past at the other.
RINGING_PERIODS = 5

# No sensor samples a million times faster than a limit's corner, so such a rate is a wrong one; left unfiltered, the
# event is judged too high rather than too low.
MIN_CORNER_PER_FS = 1e-6


def lowpass(accel_g: NDArray[np.float64], fs_hz: float, corner_hz: float) -> NDArray[np.float64]:
    """4th-order Butterworth, forward and backward: half amplitude at the corner, no delay. float64 [..., n], n > 0.

    Both passes together have no phase and the gain 1 / (1 + (tan(pi f / fs) / tan(pi corner / fs))^8), the square of
    the Butterworth response after the bilinear transform (Oppenheim and Schafer, Discrete-Time Signal Processing,
    7.1): so they are one multiplication of the spectrum. The ends are continued by odd reflection. Unchanged when the
    corner is not below fs / 2, nor above fs / 1e6. NaN is bridged by a straight line and stays NaN. ValueError: a rate
    or a corner that is not above 0.
    """
    if not (fs_hz > 0 and corner_hz > 0):
        raise ValueError(f"low-pass: expected rate and corner above 0 Hz, got {fs_hz:g} and {corner_hz:g}")
    if not MIN_CORNER_PER_FS < corner_hz / fs_hz < 0.5:
        return accel_g
    is_nan = np.isnan(accel_g)
    if is_nan.any():
        return np.where(is_nan, np.nan, lowpass(bridged(accel_g), fs_hz, corner_hz))
    samples = accel_g.shape[-1]
    pad = min(math.ceil(RINGING_PERIODS * fs_hz / corner_hz), samples - 1)
    pad_behind = min(_fast_length(samples + 2 * pad) - samples - pad, samples - 1)
    before = 2 * accel_g[..., :1] - accel_g[..., pad:0:-1]
    after = 2 * accel_g[..., -1:] - accel_g[..., -2 : -pad_behind - 2 : -1]
    continued = np.concatenate((before, accel_g, after), axis=-1)
    total = continued.shape[-1]
    spectrum = np.fft.rfft(continued)
    spectrum *= _gain(total, corner_hz / fs_hz)
    filtered: NDArray[np.float64] = np.fft.irfft(spectrum, total)[..., pad : pad + samples]
    return filtered


def _fast_length(samples: int) -> int:
    """As many or up to a quarter more: a length with a large prime in it takes NumPy's FFT ten times as long."""
    doublings = max(0, samples.bit_length() - 4)
    return next(part << doublings for part in (8, 9, 10, 12, 15, 16) if part << doublings >= samples)


@lru_cache(maxsize=16)  # of 170 000 samples 11 MB; a logger's events have one length, and limits few corners
def _gain(samples: int, corner_per_fs: float) -> NDArray[np.float64]:
    ratio = np.tan(np.pi * np.fft.rfftfreq(samples)) / np.tan(np.pi * corner_per_fs)
    return np.asarray(1.0 / (1.0 + ratio ** (2 * ORDER)), dtype=np.float64)


def bridged(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples with NaN replaced by a straight line between its neighbours, 0 on an axis of NaN only."""
    rows = accel_g.reshape(-1, accel_g.shape[-1]).copy()
    for row in rows:
        is_nan = np.isnan(row)
        known = np.flatnonzero(~is_nan)
        row[is_nan] = np.interp(np.flatnonzero(is_nan), known, row[known]) if known.size else 0.0
    return rows.reshape(accel_g.shape)
