"""Peaks of an event on container axes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Peaks(NamedTuple):
    """Signed extremes of each axis, static part removed (`axis_g`) and as measured (`axis_raw_g`), float64 [3].

    `peak_g` and `peak_raw_g` are the largest of them by magnitude, `resultant_g` the largest length of the vector.
    What is NaN is left out, so that the rest gives a lower bound; NaN where there is nothing else.
    """

    axis_g: NDArray[np.float64]
    axis_raw_g: NDArray[np.float64]
    peak_g: float
    peak_raw_g: float
    resultant_g: float


def peaks(raw_g: NDArray[np.float64], dynamic_g: NDArray[np.float64], length_g: NDArray[np.float64]) -> Peaks:
    """Peaks of the samples as measured and with the static part removed, both float64 [3, n], n > 0.

    `length_g` float64 [n] is the length of the vector without static part.
    """
    axis_g, axis_raw_g = _extremes(dynamic_g), _extremes(raw_g)
    return Peaks(
        axis_g,
        axis_raw_g,
        float(axis_g[strongest(axis_g)]),
        float(axis_raw_g[strongest(axis_raw_g)]),
        float(length_g[strongest(length_g)]),
    )


def strongest(values: NDArray[np.float64]) -> int:
    """Index of the value of largest magnitude, the first of equals; NaN is none, unless there is nothing else."""
    size = np.abs(values)
    index = int(size.argmax())  # that of the first NaN where there is one
    return index if size[index] == size[index] else int(np.where(np.isnan(size), -1.0, size).argmax())


def vector_length(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of the vector at each sample, float64 [n] of [3, n]; its maximum is the resultant.

    An axis that is NaN adds nothing to it; where all are NaN there is no vector, and the length is NaN.
    """
    length: NDArray[np.float64] = np.sqrt(np.einsum("an,an->n", accel_g, accel_g))
    if np.isnan(length).any():
        is_known = ~np.isnan(accel_g)
        known_g = np.where(is_known, accel_g, 0.0)
        return np.where(is_known.any(axis=0), np.sqrt((known_g * known_g).sum(axis=0)), np.nan)
    return length


def _extremes(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sample of largest magnitude on each axis, signed, [3]."""
    return np.array([axis[strongest(axis)] for axis in accel_g])
