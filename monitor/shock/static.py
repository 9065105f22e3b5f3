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
# Behind an impact there may be little rest. Between fall and rest an offset is the same, so they differ by 1 g, or by
# 0.3 g less or more where the first of the impact is in the mean of the fall. An AC-coupled sensor that droops by so
# much comes back by 0.055 g between the halves of 0.05 s (0.7 g x 0.025 s x 2 pi 0.5 Hz), one at rest by nothing.
GRAVITY_G = 1.0
BEHIND_S = 0.05
STEADY_G = 0.03


# Rest that is shorter than half of its window may be motion: its spread shows it, above what the noise of three axes of
# 0.05 g each has. What is shorter than 10 ms cannot show that: then it must not be far from the median of a record of
# 0.1 s and more, most of which is rest.
BRIEF_S = 0.01
NOISE_G = 0.15
MIN_BLOCKS = 4  # of a quarter of a window: so many means have a spread


class Static(NamedTuple):
    """`vector_g` float64 [3]; `is_estimated` when there was no rest before the trigger to measure it from.

    `span` are the samples [start, stop) that it is the mean of, None where it is the median of the record. It may be
    wrong by `error_g`, as far as these show: that of a window of rest is not worth telling, so 0.
    """

    vector_g: NDArray[np.float64]
    is_estimated: bool
    span: tuple[int, int] | None = None
    error_g: float = 0.0


def static_vector(accel_g: NDArray[np.float64], fs_hz: float, pre: int) -> Static:
    """Mean of the quietest 0.1 s of the `pre` samples before the trigger; `accel_g` float64 [3, n], n > 0.

    Quietest is the window of round(0.1 fs) samples with the least variance summed over the axes, the earliest of
    equals. The whole pre-trigger when it is shorter; the median of the record, flagged, when there is none. Free fall
    is no baseline: see `_is_candidate`; where all before the trigger is free fall the quietest 0.05 s of rest behind it
    are taken, flagged. So is the mean of the record where there is little before the trigger, and in motion, and that
    is surer: vibration. Windows with NaN are passed over; an axis of NaN only has NaN.
    """
    before = accel_g[:, : max(pre, 0)]
    if not np.isfinite(before).any():
        return Static(_known_median(accel_g), is_estimated=True)
    span = quietest(before, _width(WINDOW_S, fs_hz), is_baseline=True)
    vector_g = known_mean(before[:, slice(*span)])
    if _size_g(vector_g) < FALL_BELOW_G:
        behind = _rest_behind(accel_g, fs_hz, before.shape[1], vector_g)
        if behind is not None:
            return behind
    if before.shape[1] >= WINDOW_S / 2 * fs_hz:
        return Static(vector_g, False, span)
    brief = Static(vector_g, False, span, _error_g(accel_g, fs_hz, before, vector_g))
    whole = None if brief.error_g <= NOISE_G else _overall(accel_g, fs_hz)
    return brief if whole is None or whole.error_g >= brief.error_g else whole


def quietest(accel_g: NDArray[np.float64], width: int, *, is_baseline: bool = False) -> tuple[int, int]:
    """The `width` samples [start, stop) of the least variance; all where there are not so many, or none without NaN.

    `is_baseline` leaves free fall out.
    """
    samples = accel_g.shape[1]
    if samples <= width:
        return 0, samples
    is_hole = ~np.isfinite(accel_g)
    has_holes = bool(is_hole.any())
    means_g, variance = sliding_moments(np.where(is_hole, 0.0, accel_g) if has_holes else accel_g, width)
    if is_baseline:
        variance[~_is_candidate(means_g)] = np.inf
    if has_holes:
        variance[_squares(_sliding_sum(is_hole.astype(np.float64), width)) > 0] = np.inf
    start = int(variance.argmin())
    return (start, start + width) if np.isfinite(variance[start]) else (0, samples)


def sliding_moments(accel_g: NDArray[np.float64], width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means [3, n - width + 1] and variances summed over axes [n - width + 1] of all windows of `width` samples.

    From cumulative sums. The overall mean is taken off first: sums of squares then stay below 200^2 g2 x 170 000 =
    7e9, whose rounding (1e-6) over a window of 100 is 1e-8 g2, a hundredth of a quiet sensor's (1 mg)^2.
    """
    centre_g = accel_g.mean(axis=1, keepdims=True)
    centred = accel_g - centre_g
    means_g = _sliding_sum(centred, width) / width
    variance = _sliding_sum(_squares(centred), width) / width - _squares(means_g)
    return means_g + centre_g, variance


def known_mean(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the axes, float64 [3], over what is no NaN; NaN of an axis of NaN only."""
    mean_g: NDArray[np.float64] = accel_g.mean(axis=1)
    for axis in np.flatnonzero(~np.isfinite(mean_g)):
        known = accel_g[axis][np.isfinite(accel_g[axis])]
        mean_g[axis] = known.mean() if known.size else np.nan
    return mean_g


def spread_g(accel_g: NDArray[np.float64]) -> float:
    """Root of the variance summed over the axes."""
    away_g = accel_g - accel_g.mean(axis=1, keepdims=True)
    variance: NDArray[np.float64] = np.einsum("an,an->a", away_g, away_g) / accel_g.shape[1]
    return float(np.sqrt(np.fmax(variance, 0.0).sum()))  # an axis with NaN adds nothing


def _error_g(
    accel_g: NDArray[np.float64], fs_hz: float, before: NDArray[np.float64], vector_g: NDArray[np.float64]
) -> float:
    """How far from rest the mean of the little `before` the trigger may be."""
    error_g = spread_g(before)
    if before.shape[1] < BRIEF_S * fs_hz and accel_g.shape[1] >= WINDOW_S * fs_hz:
        error_g = max(error_g, _size_g(np.nan_to_num(_known_median(accel_g) - vector_g)))
    return error_g


def _overall(accel_g: NDArray[np.float64], fs_hz: float) -> Static | None:
    """The mean of the record, and by how much it may be wrong.

    By half of the standard error of the means of its blocks, as vibration swings back and so from block to block; but
    what a pulse adds to the mean it does not add to the median.
    """
    width = _width(WINDOW_S / MIN_BLOCKS, fs_hz)
    blocks = accel_g.shape[1] // width
    if blocks < MIN_BLOCKS or not np.isfinite(accel_g).all():
        return None
    means_g = accel_g[:, : blocks * width].reshape(len(accel_g), blocks, width).mean(axis=2)
    swing_g = float(np.sqrt(means_g.var(axis=1, ddof=1).sum() / blocks)) / 2
    vector_g = accel_g.mean(axis=1)
    error_g = max(swing_g, _size_g(vector_g - np.median(accel_g, axis=1)))
    return Static(vector_g, True, (0, accel_g.shape[1]), error_g)


def _known_median(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    known = [axis[np.isfinite(axis)] for axis in accel_g]
    return np.array([np.median(axis) if axis.size else np.nan for axis in known])


def _rest_behind(accel_g: NDArray[np.float64], fs_hz: float, first: int, fall_g: NDArray[np.float64]) -> Static | None:
    """The rest from sample `first` on, where it shows that what came before was a fall: 1 g away from `fall_g`."""
    width = _width(BEHIND_S, fs_hz)
    behind = accel_g[:, first:]
    if not 2 <= width <= behind.shape[1]:
        return None
    start, stop = quietest(behind, width)
    rest = behind[:, start:stop]
    vector_g, half = known_mean(rest), width // 2
    drift_g = _size_g(known_mean(rest[:, -half:]) - known_mean(rest[:, :half]))
    if abs(_size_g(vector_g - fall_g) - GRAVITY_G) > FALL_BELOW_G or drift_g >= STEADY_G:
        return None
    return Static(vector_g, True, (first + start, first + stop))


def _is_candidate(means_g: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Windows that may be a baseline: all, or where some are at rest near 1 g, those not in free fall near 0 g.

    Without a window near 1 g a mean near 0 is what an AC-coupled sensor always reads.
    """
    size_g = np.sqrt(_squares(means_g))
    has_rest = ((size_g >= REST_G[0]) & (size_g <= REST_G[1])).any()
    is_candidate: NDArray[np.bool_] = (size_g >= FALL_BELOW_G) | ~has_rest
    return is_candidate


def _sliding_sum(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Sums over the last axis of all windows of `width`."""
    total = np.cumsum(values, axis=-1)
    sums = total[..., width - 1 :].copy()
    sums[..., 1:] -= total[..., :-width]
    return sums


def _squares(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the squares over the axes, [n] of [3, n]."""
    squares: NDArray[np.float64] = np.einsum("an,an->n", accel_g, accel_g)
    return squares


def _size_g(vector_g: NDArray[np.float64]) -> float:
    return float(np.sqrt((vector_g * vector_g).sum()))


def _width(seconds: float, fs_hz: float) -> int:
    """Samples in so much time, at least one."""
    return max(round(seconds * fs_hz), 1)
