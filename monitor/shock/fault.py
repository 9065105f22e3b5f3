"""What may be wrong with a record, and what one looks at to find out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.pulse import Pulse
from monitor.shock.static import Static
from monitor.shock.waveform import Waveform

# A container that is turned over reads 2 g differently, with a scale 10 % wrong 2.2 g. What moves still is no rest to
# compare: its spread is a quarter of the difference.
TURNED_G = 2.2
STEADY_SHARE = 0.25


class Fault(NamedTuple):
    """`name` is clipped, drop-out, offset, spikes, truncated or late-trigger; `reason` says it with its figures.

    Times in a reason count from the trigger.
    """

    name: str
    reason: str


class Record(NamedTuple):
    """An event as the checks look at it.

    `length_g` [n] is that of the vector without static part, 0 where it is NaN; `peak_g` is its largest, `noise_g` its
    root mean square at rest; within samples `motion` [start, stop) it is above 10 % of its peak.
    """

    waveform: Waveform
    static: Static
    dynamic_g: NDArray[np.float64]
    pulse: Pulse
    length_g: NDArray[np.float64]
    peak_g: float
    noise_g: float
    motion: tuple[int, int]


def spread_g(accel_g: NDArray[np.float64]) -> float:
    """Root of the variance summed over the axes."""
    away_g = accel_g - accel_g.mean(axis=1, keepdims=True)
    variance: NDArray[np.float64] = np.einsum("an,an->a", away_g, away_g) / accel_g.shape[1]
    return float(np.sqrt(np.fmax(variance, 0.0).sum()))  # an axis with NaN adds nothing
