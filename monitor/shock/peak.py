"""Peaks of an event on container axes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Peaks(NamedTuple):
    """Signed extremes of each axis, static part removed (`axis_g`) and as measured (`axis_raw_g`), float64 [3].

    `peak_g` and `peak_raw_g` are the largest of them by magnitude, `resultant_g` the largest length of the vector.
    """

    axis_g: NDArray[np.float64]
    axis_raw_g: NDArray[np.float64]
    peak_g: float
    peak_raw_g: float
    resultant_g: float


def peaks(raw_g: NDArray[np.float64], dynamic_g: NDArray[np.float64]) -> Peaks:
    """Peaks of the samples as measured and with the static part removed, both float64 [3, n], n > 0."""
    axis_g, axis_raw_g = _extremes(dynamic_g), _extremes(raw_g)
    return Peaks(
        axis_g,
        axis_raw_g,
        float(axis_g[np.abs(axis_g).argmax()]),
        float(axis_raw_g[np.abs(axis_raw_g).argmax()]),
        float(vector_length(dynamic_g).max()),
    )


def vector_length(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of the vector at each sample, float64 [n] of [3, n]; its maximum is the resultant."""
    length: NDArray[np.float64] = np.sqrt((accel_g * accel_g).sum(axis=0))
    return length


def _extremes(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sample of largest magnitude on each axis, signed, [3]."""
    extremes: NDArray[np.float64] = accel_g[np.arange(len(accel_g)), np.abs(accel_g).argmax(axis=1)]
    return extremes
