"""How long a signal stays beyond a level, crossings interpolated linearly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stretches(signal: NDArray[np.float64], level: float) -> NDArray[np.int64]:
    """Index ranges [start, stop) of samples strictly beyond `level`, both as float32: int64 [stretches, 2].

    NaN is not beyond.
    """
    beyond = signal.astype(np.float32) > np.float32(level)
    flanks = np.flatnonzero(np.diff(beyond, prepend=False, append=False))
    return flanks.reshape(-1, 2)


def bounds(signal: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Where each stretch crosses `level`, in samples from the first: float64 [stretches, 2].

    A stretch that reaches an end of the record is bounded by it, so its length is then a lower bound.
    """
    ranges = stretches(signal, level)
    starts, stops = ranges[:, 0], ranges[:, 1]
    begin, end = starts.astype(np.float64), stops - 1.0
    left, right = starts > 0, stops < len(signal)
    begin[left] -= _share(signal, starts[left], starts[left] - 1, level)
    end[right] += _share(signal, stops[right] - 1, stops[right], level)
    return np.column_stack((begin, end))


def longest_s(signal: NDArray[np.float64], fs_hz: float, level: float) -> float:
    """Length of the longest stretch beyond `level` in s, 0.0 when there is none."""
    crossings = bounds(signal, level)
    return float((crossings[:, 1] - crossings[:, 0]).max(initial=0.0)) / fs_hz


def around_s(signal: NDArray[np.float64], fs_hz: float, level: float, index: int) -> float:
    """Length in s of the stretch beyond `level` that holds sample `index`, 0.0 when that is not beyond."""
    ranges = stretches(signal, level)
    holds = (ranges[:, 0] <= index) & (index < ranges[:, 1])
    crossings = bounds(signal, level)[holds]
    return float((crossings[:, 1] - crossings[:, 0]).sum()) / fs_hz


def _share(
    signal: NDArray[np.float64], inside: NDArray[np.int64], outside: NDArray[np.int64], level: float
) -> NDArray[np.float64]:
    """How far from the sample inside towards the one outside the level is crossed, 0..1."""
    above, drop = signal[inside] - level, signal[inside] - signal[outside]
    return np.clip(above / drop, 0.0, 1.0)  # float32 rounding may put a sample on the level's other side
