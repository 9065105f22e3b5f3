"""The main pulse of an event: from zero crossing to zero crossing around its largest peak."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.duration import around_s

G_M_S2 = 9.80665  # standard gravity, exact by definition
DURATION_SHARE = 0.1  # a pulse lasts between the points at 10 % of its peak


class Pulse(NamedTuple):
    """The pulse of `axis` (0..2) that holds the peak `peak_g` (signed) at sample `peak_index`.

    `limits` are the zero crossings around it, in samples from the first, between samples as interpolated: the limits of
    integration of the velocity change. `velocity_change_m_s` float64 [3] is the integral over all axes between them;
    `direction` float64 [3] the unit vector of the acceleration at the peak. `duration_ms` lies between the points at
    10 % of the peak, `rise_ms` from the first of them to the peak.
    """

    axis: int
    peak_index: int
    peak_g: float
    limits: tuple[float, float]
    duration_ms: float
    rise_ms: float
    direction: NDArray[np.float64]
    velocity_change_m_s: NDArray[np.float64]

    @property
    def delta_v_m_s(self) -> float:
        """Length of the velocity change."""
        return float(np.linalg.norm(self.velocity_change_m_s))


def main_pulse(dynamic_g: NDArray[np.float64], fs_hz: float, axis: int | None = None) -> Pulse:
    """The pulse around the largest peak of one axis (None: of the axis with the largest), static part removed.

    `dynamic_g` float64 [3, n], n > 0.
    """
    size_g = np.abs(dynamic_g)
    if axis is None:
        axis = int(size_g.max(axis=1).argmax())
    index = int(size_g[axis].argmax())
    peak_g = float(dynamic_g[axis, index])
    signal_g = dynamic_g[axis] * np.sign(peak_g)
    off = np.flatnonzero(signal_g <= 0)
    first = int(off[off < index].max(initial=0))
    last = int(off[off > index].min(initial=len(signal_g) - 1))
    area = np.trapezoid(dynamic_g[:, first : last + 1], dx=1 / fs_hz, axis=1) * G_M_S2
    duration_ms = 1e3 * around_s(signal_g, fs_hz, DURATION_SHARE * abs(peak_g), index)
    length_g = max(float(np.linalg.norm(dynamic_g[:, index])), 1e-300)
    direction: NDArray[np.float64] = dynamic_g[:, index] / length_g
    limits = float(first), float(last)
    return Pulse(axis, index, peak_g, limits, duration_ms, 0.0, direction, np.asarray(area))
