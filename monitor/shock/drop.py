"""Was it dropped, and from what height: by the time of the free fall, and by the impact."""

from __future__ import annotations

from typing import NamedTuple

from monitor.shock.pulse import Pulse
from monitor.shock.static import Static
from monitor.shock.waveform import Waveform

RESTITUTIONS = (0.2, 0.6)  # speed after over speed before, from a dead to a lively impact: `domain` of the ranges


class Drop(NamedTuple):
    """Height of the fall that ended in an impact.

    `fall_s` is the time of free fall before the impact, 0 where none was seen; `is_whole` says that the record holds
    its beginning, else it lasted at least so long. `by_fall_m` is the range of heights that the time admits, None
    without a fall; `by_impact_m` that of the velocity change over RESTITUTIONS, None without an impact.
    """

    fall_s: float
    is_whole: bool
    by_fall_m: tuple[float, float] | None
    by_impact_m: tuple[float, float] | None

    @property
    def height_m(self) -> float | None:
        """The height: the middle of the fall's range, without a seen fall the low end of the impact's."""
        if self.by_fall_m is not None:
            return sum(self.by_fall_m) / 2 if self.is_whole else self.by_fall_m[0]
        return None if self.by_impact_m is None else self.by_impact_m[0]


def drop(waveform: Waveform, static: Static, pulse: Pulse) -> Drop:
    """The drop that ended in the main pulse."""
    del waveform, static, pulse
    return Drop(0.0, False, None, None)
