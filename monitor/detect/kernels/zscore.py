"""Robust z-score kernel: how far the mean of a bucket lies from the window before it, in robust sigmas.

Median and MAD instead of mean and standard deviation: half of the window may be wrong before they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.buckets import BUCKETS
from monitor.detect.kernels.means import Means, close_means
from monitor.detect.kernels.readings import Readings, Series, Times, Values

MIN_BUCKETS = BUCKETS // 2  # a scatter taken from fewer is a guess: of 10 normal values the MAD errs by 25 %
SIGMAS_PER_MAD = 1.4826  # 1 / the 75 % quantile of the normal distribution
MAX_Z = 1e6  # a float32 says more, a person does not need it


class ZScoreParameters(NamedTuple):
    """Width of a bucket in ns, int64 [L], and `floor`, the least sigma in the channel's unit, above 0, float32 [L].

    A sensor whose resolution is coarser than its noise gives windows of equal values, of which the sigma is 0.
    """

    width_ns: Times
    floor: Values


class Reference(NamedTuple):
    """Median and robust sigma of each row, float64 [k], and how many of its values are known, int64 [k]."""

    median: NDArray[np.float64]
    sigma: NDArray[np.float64]
    known: NDArray[np.int64]


def z_score(readings: Readings, memory: Means, p: ZScoreParameters) -> tuple[Series, Means]:
    """|mean - median| / sigma of each bucket as it closes, told at the reading that opens the next one; float32 [m].

    Median and sigma (1.4826 MAD) are those of the buckets before it in the window, 59 at most; with fewer than 30 of
    them, and before a window has passed since the start, nothing is told.
    """
    closings, after = close_means(readings, p.width_ns, memory)
    values, at = [np.empty(0)], [np.empty(0, dtype=np.int64)]
    for closing in closings.chunks():
        judged, before = split_newest(closing.mean)
        reference = refer(before, p.floor[closing.lane])
        is_known = reference.known >= MIN_BUCKETS
        values.append(np.abs(standardised(judged, reference))[is_known])
        at.append(closing.at[is_known])
    return Series(np.concatenate(values).astype(np.float32), np.concatenate(at)), after


def split_newest(mean: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The newest known mean of each row of [k, 60], NaN where there is none, and the rows without it."""
    newest = mean.shape[1] - 1 - np.argmax(~np.isnan(mean[:, ::-1]), axis=1)
    rows = np.arange(len(mean))
    before = mean.copy()
    before[rows, newest] = np.nan
    return mean[rows, newest], before


def refer(values: NDArray[np.float64], floor: NDArray[np.floating]) -> Reference:
    """Median and 1.4826 MAD, at least `floor` [k], of the known values of each row [k, n]; NaN where none is known."""
    known = (~np.isnan(values)).sum(axis=1)
    median = _medians(values, known)
    deviation = _medians(np.abs(values - median[:, None]), known)
    return Reference(median, np.maximum(SIGMAS_PER_MAD * deviation, floor), known)


def standardised(values: NDArray[np.float64], reference: Reference) -> NDArray[np.float64]:
    """Robust sigmas from the median, within +-MAX_Z, float64 [k]."""
    z: NDArray[np.float64] = np.clip((values - reference.median) / reference.sigma, -MAX_Z, MAX_Z)
    return z


def _medians(values: NDArray[np.float64], known: NDArray[np.int64]) -> NDArray[np.float64]:
    """Median of each row, leaving out NaN: sorting puts them last, and is ten times as fast as `nanmedian`."""
    ordered, rows, last = np.sort(values, axis=1), np.arange(len(values)), np.maximum(known - 1, 0)
    medians: NDArray[np.float64] = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return medians
