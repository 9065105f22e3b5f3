"""Was it dropped, and from what height: by the time of the free fall, and by the impact."""

from __future__ import annotations

import math
from typing import NamedTuple

from monitor.model.unit import G_M_S2
from monitor.shock.character import Kind
from monitor.shock.fall import MIN_FALL_S, Fall
from monitor.shock.pulse import Pulse
from monitor.shock.waveform import Waveform

RESTITUTIONS = (0.2, 0.6)  # speed after over speed before, from a dead to a lively impact: `domain` of the ranges
END_SAMPLES = 1.0  # how well each end of a fall is known: to a sample ...
END_S = 1e-3  # ... and to what a hand takes to let go, or a soft ground to push back with half a g
RISE = 0.35  # a low-pass takes 0.35 / corner to follow a step from 10 % to 90 %, first order or fourth


class Drop(NamedTuple):
    """Height of the fall that ended in an impact.

    `fall_s` is the time of free fall, 0 where none was seen; `is_whole` says that the record holds its beginning, else
    it lasted at least so long. `by_fall_m` is the range of heights that this admits: of a fall that is not whole from
    the height of what was seen, or what the impact admits at least, to what that admits at most, infinite where it says
    nothing; None without a fall. `by_impact_m` is that of the velocity change over RESTITUTIONS, its end infinite where
    more of the impact may be missing; None without an impact, or where it is all below what counts as a fall.
    """

    fall_s: float
    is_whole: bool
    by_fall_m: tuple[float, float] | None
    by_impact_m: tuple[float, float] | None

    @property
    def height_m(self) -> float | None:
        """The height by the time of a whole fall; else, "at least", the low end of what fall and impact admit."""
        if self.is_whole:
            return fallen_m(self.fall_s)
        known_m = self.by_fall_m or self.by_impact_m
        return None if known_m is None else known_m[0]

    @property
    def is_contradictory(self) -> bool:
        """Whether the impact was harder than the fall explains: it was thrown, or is not the fall that was seen."""
        return bool(self.by_fall_m and self.by_impact_m and self.by_fall_m[1] < self.by_impact_m[0])


def drop(waveform: Waveform, fall: Fall | None, pulse: Pulse, kind: Kind, is_lower_bound: bool) -> Drop:
    """The drop that ended in the main pulse, or in an impact before it; a fall that the record cuts short as well.

    `is_lower_bound`: the velocity change is at least what it reads.
    """
    by_impact_m = struck_m(pulse.delta_v_m_s) if kind in ("impact", "rattle") else None
    if by_impact_m and by_impact_m[1] < fallen_m(MIN_FALL_S):
        by_impact_m = None
    if by_impact_m and (is_lower_bound or pulse.is_cut or waveform.is_at_rail.any()):
        by_impact_m = (by_impact_m[0], math.inf)
    if fall is None:
        return Drop(0.0, False, None, by_impact_m)
    fall_s = (fall.end - fall.begin) / waveform.fs_hz
    error_s = 2 * (END_SAMPLES / waveform.fs_hz + END_S) + RISE / (waveform.lowpass_hz or math.inf)
    low_m, high_m = fallen_m(max(fall_s - error_s, 0.0)), fallen_m(fall_s + error_s)
    is_whole = fall.is_whole and fall.is_landed
    if not is_whole:
        least_m, most_m = by_impact_m or (0.0, math.inf)
        low_m, high_m = max(low_m, least_m), max(high_m, most_m)
    return Drop(fall_s, is_whole, (low_m, high_m), by_impact_m)


def fallen_m(fall_s: float) -> float:
    """Height of a free fall, g t^2 / 2."""
    return G_M_S2 * fall_s * fall_s / 2


def struck_m(delta_v_m_s: float) -> tuple[float, float]:
    """Heights (dV / (1 + e))^2 / 2 g that an impact's velocity change admits, from a lively to a dead one."""
    low, high = ((delta_v_m_s / (1 + e)) ** 2 / (2 * G_M_S2) for e in reversed(RESTITUTIONS))
    return low, high
