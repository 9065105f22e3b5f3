"""Static vector of an event: sensor offset plus gravity, which a shock is measured against."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 0.1
# A sensor at rest reads 1 g with its offset and in free fall 0 g; 0.3 g is well below what rest with a bad offset
# gives and above an offset in free fall. Only where rest was seen too is a fall told from an AC-coupled sensor.
FALL_BELOW_G = 0.3
REST_G = (0.5, 1.5)


class Static(NamedTuple):
    """`vector_g` float64 [3]; `is_estimated` when nothing before the trigger was there to measure it from."""

    vector_g: NDArray[np.float64]
    is_estimated: bool


def static_vector(accel_g: NDArray[np.float64], fs_hz: float, pre: int) -> Static:
    """Mean of the quietest 0.1 s of the `pre` samples before the trigger; `accel_g` float64 [3, n], n > 0.

    Quietest is the window of round(0.1 fs) samples with the least variance summed over the axes, the earliest of
    equals. The whole pre-trigger when it is shorter; the median of the record, flagged, when there is none. Free fall
    is no baseline: see `_is_candidate`. NaN in, NaN out.
    """
    before = accel_g[:, : max(pre, 0)]
    width = max(round(WINDOW_S * fs_hz), 1)
    if before.shape[1] == 0:
        return Static(np.median(accel_g, axis=1), is_estimated=True)
    if before.shape[1] <= width:
        return Static(before.mean(axis=1), is_estimated=False)
    means_g, variance = sliding_moments(before, width)
    variance[~_is_candidate(means_g)] = np.inf
    start = int(variance.argmin())
    return Static(before[:, start : start + width].mean(axis=1), is_estimated=False)


def sliding_moments(accel_g: NDArray[np.float64], width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means [3, n - width + 1] and variances summed over axes [n - width + 1] of all windows of `width` samples.

    From cumulative sums. The overall mean is taken off first: sums of squares then stay below 200^2 g2 x 170 000 =
    7e9, whose rounding (1e-6) over a window of 100 is 1e-8 g2, a hundredth of a quiet sensor's (1 mg)^2.
    """
    centre_g = accel_g.mean(axis=1, keepdims=True)
    centred = accel_g - centre_g
    means_g = _sliding_sum(centred, width) / width
    variance = _sliding_sum((centred * centred).sum(axis=0), width) / width - (means_g * means_g).sum(axis=0)
    return means_g + centre_g, variance


def _is_candidate(means_g: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Windows that may be a baseline: all, or where some are at rest near 1 g, those not in free fall near 0 g.

    Without a window near 1 g a mean near 0 is what an AC-coupled sensor always reads.
    """
    size_g = np.sqrt((means_g * means_g).sum(axis=0))
    has_rest = ((size_g >= REST_G[0]) & (size_g <= REST_G[1])).any()
    is_candidate: NDArray[np.bool_] = (size_g >= FALL_BELOW_G) | ~has_rest
    return is_candidate


def _sliding_sum(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Sums over the last axis of all windows of `width`."""
    total = np.cumsum(values, axis=-1)
    sums = total[..., width - 1 :].copy()
    sums[..., 1:] -= total[..., :-width]
    return sums
