"""How long a signal stays beyond a level, crossings interpolated linearly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stretches(signal: NDArray[np.float64], level: float) -> NDArray[np.int64]:
    """Index ranges [start, stop) of samples strictly beyond `level`, both as float32: int64 [stretches, 2].

    NaN is not beyond.
    """
    return runs(_is_beyond(signal, level))


def runs(is_so: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Index ranges [start, stop) of samples that are so, of one or more: int64 [runs, 2]."""
    bordered = np.zeros(len(is_so) + 2, dtype=np.bool_)
    bordered[1:-1] = is_so
    return np.flatnonzero(bordered[1:] != bordered[:-1]).reshape(-1, 2)


def bounds(signal: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Where each stretch crosses `level`, in samples from the first: float64 [stretches, 2].

    A stretch that reaches an end of the record, or NaN, is bounded by it, so its length is then a lower bound.
    """
    return _crossings(signal, level, stretches(signal, level))


def longest_s(signal: NDArray[np.float64], fs_hz: float, level: float) -> float:
    """Length of the longest stretch beyond `level` in s, 0.0 when there is none."""
    crossings = bounds(signal, level)
    return float((crossings[:, 1] - crossings[:, 0]).max(initial=0.0)) / fs_hz


def around(signal: NDArray[np.float64], level: float, index: int) -> tuple[float, float]:
    """Where the stretch beyond `level` that holds sample `index` crosses it, in samples: twice `index` without one."""
    is_beyond = _is_beyond(signal, level)
    if not is_beyond[index]:
        return float(index), float(index)
    before, behind = is_beyond[index::-1], is_beyond[index:]
    start = index + 1 - (int(before.argmin()) or len(before))  # argmin: the first that is not; 0 where all are
    stop = index + (int(behind.argmin()) or len(behind))
    begin = start - _share(signal, start, start - 1, level) if start > 0 else start
    end = stop - 1 + _share(signal, stop - 1, stop, level) if stop < len(signal) else stop - 1
    return float(begin), float(end)


def _is_beyond(signal: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    return signal.astype(np.float32) > np.float32(level)


def _crossings(signal: NDArray[np.float64], level: float, ranges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where each of the stretches crosses `level`."""
    starts, stops = ranges[:, 0], ranges[:, 1]
    begin, end = starts.astype(np.float64), stops - 1.0
    left, right = starts > 0, stops < len(signal)
    begin[left] -= _share(signal, starts[left], starts[left] - 1, level)
    end[right] += _share(signal, stops[right] - 1, stops[right], level)
    return np.column_stack((begin, end))


def _share(
    signal: NDArray[np.float64], inside: NDArray[np.int64] | int, outside: NDArray[np.int64] | int, level: float
) -> NDArray[np.float64]:
    """How far from the sample inside towards the one outside the level is crossed, 0..1; 0 towards NaN."""
    share = (signal[inside] - level) / (signal[inside] - signal[outside])
    return np.fmin(np.fmax(share, 0.0), 1.0)  # float32 rounding may put a sample on the level's other side
