"""Peaks of an event on container axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.model.record import Shock
from monitor.shock.duration import around_s
from monitor.shock.static import Static, static_vector

DURATION_SHARE = 0.1  # a pulse lasts between the points at 10 % of its peak
RAILS = (-32_768, 32_767)  # int16: a count there has lost what lay beyond


class Motion(NamedTuple):
    """An event on container axes, float64 [3, n] in g: as measured, and with the static part removed."""

    raw_g: NDArray[np.float64]
    dynamic_g: NDArray[np.float64]
    static: Static


@dataclass(frozen=True, slots=True)
class EventPeaks:
    """What the store writes of an event; container axes, g, x y z in that order.

    `axis_peak_g` and `axis_peak_raw_g` are the signed extremes of each axis with the static part removed and as
    measured; `peak_g` and `peak_raw_g` the largest of them by magnitude, `peak_offset_ns` the time of `peak_g` from the
    first sample, `duration_ms` of the pulse that holds it. Of a clipped event the peaks are lower bounds.
    """

    static_g: tuple[float, float, float]
    is_static_estimated: bool
    axis_peak_g: tuple[float, float, float]
    axis_peak_raw_g: tuple[float, float, float]
    peak_g: float
    peak_raw_g: float
    peak_offset_ns: int
    resultant_g: float
    duration_ms: float
    is_clipped: bool


def motion(shock: Shock, rotation: NDArray[np.float64]) -> Motion:
    """The event turned to container axes by `rotation` [3, 3] (sensor to container), and freed of its static part."""
    raw_g = rotation @ shock.accel_g
    static = static_vector(raw_g, shock.fs_hz, shock.pre)
    return Motion(raw_g, raw_g - static.vector_g[:, None], static)


def analyse(shock: Shock, rotation: NDArray[np.float64]) -> EventPeaks:
    """Peaks, duration and validity of an event; ValueError when it has no samples."""
    if shock.samples == 0:
        raise ValueError("shock event: expected at least one sample, got none")
    raw_g, dynamic_g, static = motion(shock, rotation)
    peaks_g, at = _extremes(dynamic_g)
    raw_peaks_g, _ = _extremes(raw_g)
    axis = int(np.abs(peaks_g).argmax())
    index, peak_g = int(at[axis]), float(peaks_g[axis])
    pulse_g = dynamic_g[axis] * np.sign(peak_g)
    return EventPeaks(
        static_g=_triple(static.vector_g),
        is_static_estimated=static.is_estimated,
        axis_peak_g=_triple(peaks_g),
        axis_peak_raw_g=_triple(raw_peaks_g),
        peak_g=peak_g,
        peak_raw_g=float(raw_peaks_g[np.abs(raw_peaks_g).argmax()]),
        peak_offset_ns=int(shock.offsets_ns[index]),
        resultant_g=float(vector_length(dynamic_g).max()),
        duration_ms=1e3 * around_s(pulse_g, shock.fs_hz, DURATION_SHARE * abs(peak_g), index),
        is_clipped=is_clipped(shock),
    )


def vector_length(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of the vector at each sample, float64 [n] of [3, n]; its maximum is the resultant."""
    length: NDArray[np.float64] = np.sqrt((accel_g * accel_g).sum(axis=0))
    return length


def is_clipped(shock: Shock) -> bool:
    """Whether a sample stands at a rail of the counts or at the declared full scale (0: not declared)."""
    lowest, highest = shock.counts.min(axis=1), shock.counts.max(axis=1)
    if lowest.min() == RAILS[0] or highest.max() == RAILS[1]:
        return True
    extremes_g = np.abs(np.stack((lowest, highest)) * shock.scale)
    return bool(shock.range_g > 0 and extremes_g.max() >= shock.range_g)


def _extremes(accel_g: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The sample of largest magnitude on each axis, signed, and its index, both [3]."""
    at = np.abs(accel_g).argmax(axis=1)
    return accel_g[np.arange(3), at], at


def _triple(vector: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z
