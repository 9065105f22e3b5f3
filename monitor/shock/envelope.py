"""Limits on a shock response spectrum: an envelope of (Hz, g) points, log-log between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.boundary import margin, margin_db
from monitor.shock.spectrum.octave import FIRST_HZ, PER_OCTAVE, below_nyquist

Points = tuple[tuple[float, float], ...]  # (Hz, level), all above 0, ascending frequencies


class Closest(NamedTuple):
    """Where a spectrum comes closest to its envelope: `margin` is limit over value, above 1 is within."""

    frequency_hz: float
    value_g: float
    limit_g: float

    @property
    def margin(self) -> float:
        """Limit over value, infinite where there was no response."""
        return margin(self.limit_g, self.value_g)

    @property
    def margin_db(self) -> float:
        """The margin in dB, negative beyond the envelope."""
        return margin_db(self.margin)


def check(points: Points) -> NDArray[np.float64]:
    """The points as [2, points]; ValueError where they are none, not above 0, or frequencies do not ascend."""
    curve = np.array(points, np.float64).reshape(-1, 2).T
    if curve.size == 0 or not ((curve > 0) & (curve < np.inf)).all() or not (np.diff(curve[0]) > 0).all():
        raise ValueError(f"envelope: expected points (Hz, level) above 0, frequencies ascending, got {points}")
    return curve


def limit_g(points: Points, frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """The envelope at frequencies above 0, float64 [f]; NaN outside its first and last point. Errors as `check`."""
    hz, level_g = check(points)
    inside = (frequencies_hz >= hz[0]) & (frequencies_hz <= hz[-1])
    limits = np.exp(np.interp(np.log(frequencies_hz), np.log(hz), np.log(level_g)))
    return np.where(inside, limits, np.nan)


def frequencies_of(points: Points, fs_hz: float) -> NDArray[np.float64]:
    """Where an event of this rate is held against the envelope: its own points, and a twelfth of an octave apart.

    The latter are the standard frequencies, continued both ways. Nothing above half the rate: see `unjudged_hz`.
    """
    own_hz = np.array([hz for hz, _ in points])
    first, last = PER_OCTAVE * np.log2(own_hz[[0, -1]] / FIRST_HZ)
    between_hz = FIRST_HZ * 2.0 ** (np.arange(np.ceil(first), np.floor(last) + 1) / PER_OCTAVE)
    inside_hz = between_hz[(between_hz >= own_hz[0]) & (between_hz <= own_hz[-1])]  # rounding may put one outside
    return below_nyquist(np.unique(np.concatenate((own_hz, inside_hz))), fs_hz)


def unjudged_hz(points: Points, fs_hz: float) -> tuple[float, float] | None:
    """From where to where nothing is known of the envelope, as the rate cannot show it; None where all is judged."""
    first_hz, last_hz = points[0][0], points[-1][0]
    return None if last_hz <= fs_hz / 2 else (max(first_hz, fs_hz / 2), last_hz)


def closest(points: Points, frequencies_hz: NDArray[np.float64], value_g: NDArray[np.float64]) -> Closest | None:
    """Where a spectrum, magnitudes [f], has the smallest margin; value and limit as float32, as limits are compared.

    NaN and what lies outside of the points is passed over; None when nothing is left, which is no statement that the
    event is within.
    """
    limits = limit_g(points, frequencies_hz)
    covered = np.flatnonzero(~(np.isnan(limits) | np.isnan(value_g)))
    if covered.size == 0:
        return None
    at = int(covered[(value_g[covered] / limits[covered]).argmax()])
    return Closest(float(frequencies_hz[at]), float(np.float32(value_g[at])), float(np.float32(limits[at])))
