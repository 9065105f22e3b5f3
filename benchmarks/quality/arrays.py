"""What the scorer does with arrays on the grid of a truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

Mask = NDArray[np.bool_]
F64 = NDArray[np.float64]
Pair = tuple[F64, F64]  # least and greatest


def runs_of(mask: Mask, *keys: NDArray[np.int32]) -> NDArray[np.int64]:
    """Stretches [first, last] of True over which every key stays the same, int64 [k, 2]."""
    cut = np.zeros(len(mask) + 1, dtype=np.bool_)
    for key in keys:
        cut[1:-1] |= key[1:] != key[:-1]
    inside = np.concatenate(([False], mask, [False]))
    begins = np.flatnonzero(inside[1:] & (~inside[:-1] | cut))
    ends = np.flatnonzero(inside[:-1] & (~inside[1:] | cut)) - 1
    return np.stack((begins, ends), axis=1).astype(np.int64)


def trailing(x: F64, points: int) -> Pair:
    """Least and greatest of each point and the `points` before it."""
    size = max(points, 0) + 1
    origin = (size - 1) // 2
    return (
        minimum_filter1d(x, size, origin=origin, mode="nearest"),
        maximum_filter1d(x, size, origin=origin, mode="nearest"),
    )
