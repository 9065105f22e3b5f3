"""Lanes of readings longer than a kernel takes at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.readings import NO_SPAN, UNKNOWN_GAP_NS, Readings
from tests.lanes import S, random_lanes


def f32(value: float) -> NDArray[np.float32]:
    """A parameter of one lane."""
    return np.array([value], dtype=np.float32)


def streams(values: NDArray[np.float64], spacing_s: float = 10.0) -> Readings:
    """Rows of values as lanes of readings at a steady interval."""
    lanes, n = values.shape
    times_ns = np.tile(np.arange(n) * round(spacing_s * S), lanes)
    return Readings(
        values.astype(np.float32).ravel(),
        times_ns,
        np.full(lanes * n, UNKNOWN_GAP_NS),
        np.full(lanes * n, NO_SPAN),
        np.arange(lanes) * n,
        np.full(lanes, n),
    )


def long_lanes(seed: int, lanes: int, longest: int) -> Readings:
    """Random lanes: a third is hostile, a third has spans, a third is steady and fills windows."""
    calm = random_lanes(seed, lanes, longest, is_hostile=False, scale=0.2)
    rough = random_lanes(seed, lanes, longest, scale=0.2)  # the same counts
    is_rough = calm.lane % 3 == 0
    times_ns, values = np.where(is_rough, rough.times_ns, calm.times_ns), np.where(is_rough, rough.values, calm.values)
    steady_ns = (np.arange(len(values)) - calm.starts[calm.lane]) * 10 * S
    times_ns = np.where(calm.lane % 3 == 2, steady_ns, times_ns)
    return calm._replace(values=values, times_ns=times_ns, span=np.where(calm.lane % 3 == 1, calm.span, NO_SPAN))
