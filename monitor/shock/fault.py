"""What may be wrong with a record, and what one looks at to find out."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.pulse import Pulse
from monitor.shock.static import Static
from monitor.shock.waveform import Waveform

# A container that is turned over reads 2 g differently, with a scale 10 % wrong 2.2 g.
TURNED_G = 2.2


class Fault(NamedTuple):
    """`name` is clipped, drop-out, offset, spikes, truncated or late-trigger; `reason` says it with its figures.

    Times in a reason count from the trigger. `holds` is what of peak and velocity change does: "at least" where there
    may have been more, "nothing" where there may have been less, "all" where this fault leaves them as they are.
    """

    name: str
    reason: str
    holds: Literal["at least", "nothing", "all"]


class Look(NamedTuple):
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
