"""Limits on a shock response spectrum: an envelope of (Hz, g) points, log-log between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = tuple[tuple[float, float], ...]  # (Hz, g), ascending frequencies


class Closest(NamedTuple):
    """Where a spectrum comes closest to its envelope: `margin` is limit over value, above 1 is within."""

    frequency_hz: float
    value_g: float
    limit_g: float

    @property
    def margin(self) -> float:
        """Limit over value, infinite where there was no response."""
        return self.limit_g / self.value_g if self.value_g else float("inf")

    @property
    def margin_db(self) -> float:
        """The margin in dB, negative beyond the envelope."""
        return float(20 * np.log10(self.margin)) if self.margin > 0 else float("-inf")


def limit_g(points: Points, frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """The envelope at frequencies, float64 [f]; NaN outside its first and last point."""
    hz, level_g = np.array(points).T
    inside = (frequencies_hz >= hz[0]) & (frequencies_hz <= hz[-1])
    limits = np.exp(np.interp(np.log(frequencies_hz), np.log(hz), np.log(level_g)))
    return np.where(inside, limits, np.nan)


def frequencies_of(points: Points, fs_hz: float) -> NDArray[np.float64]:
    """Where an event of this rate is held against the envelope: the standard frequencies in it, and its own points."""
    from monitor.shock.spectrum.octave import STANDARD_HZ

    own = np.array([hz for hz, _ in points])
    within = STANDARD_HZ[(own[0] <= STANDARD_HZ) & (own[-1] >= STANDARD_HZ)]
    wanted = np.unique(np.concatenate((own, within)))
    return wanted[wanted <= fs_hz / 2]


def closest(points: Points, frequencies_hz: NDArray[np.float64], value_g: NDArray[np.float64]) -> Closest | None:
    """Where a spectrum has the smallest margin; None where the envelope covers none of the frequencies."""
    limits = limit_g(points, frequencies_hz)
    covered = np.flatnonzero(np.isfinite(limits) & np.isfinite(value_g))
    if covered.size == 0:
        return None
    at = int(covered[(value_g[covered] / limits[covered]).argmax()])
    return Closest(float(frequencies_hz[at]), float(value_g[at]), float(limits[at]))
