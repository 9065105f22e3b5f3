"""What kind of event it was.

The record is cut into blocks as long as its main pulse, so that each block of an oscillation holds one of its crests;
what is looked at is the stretch from the first block near the peak to the last one.

    impact      ──╮╷╭──────      a few blocks, or more that stand out from what is usual between them, or die away
    rattle      ─╷──╷─╷──╷─      several that stand out, with rest between
    vibration   ∿∿∿∿∿∿∿∿∿∿∿      sustained: nothing stands out, or pulses too long for an impact
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitor.shock.fall import Fall
from monitor.shock.peak import vector_length
from monitor.shock.pulse import Pulse
from monitor.shock.waveform import Waveform

Kind = Literal["impact", "rattle", "vibration", "free-fall", "quiet", "unknown"]

# Noise and hum of a sensor stay below a quarter of a g, those of one of wide range below 0.2 % of it; no limit on
# hardware is as low.
QUIET_G = 0.25
QUIET_SHARE = 0.002
MIN_BLOCK_S = 0.005  # a spike upon a longer pulse makes no shorter blocks: impacts follow each other more slowly
MAX_IMPACT_S = 0.12  # half a period of a container on isolators of 4 Hz; longer pulses are motion, by hand or by crane
NEAR_PEAK = 0.2  # of the peak: from the first block with as much to the last lasts the event
FEW_BLOCKS = 6  # a pulse, what it swings back, and a shorter record of nothing else: 3 cycles are no vibration yet
# Gaussian vibration has peaks of 4 to 5 sigma in the samples of one event, and half of its blocks above 0.83 sigma
# (the median of a Rayleigh distributed amplitude over root 2): a ratio of 6. Shakers, engines and roads stay below 7.
STANDS_OUT = 7.0
USUAL_ENERGY = STANDS_OUT**-2  # mean square over the square of the peak
COMPARABLE = 0.5  # of the peak: another impact of the same event
REST_BLOCKS = 3  # between two impacts; a ring's crests are a block or two apart
RATTLE_IMPACTS = 3  # two are an impact and its bounce, or a container set down upon one edge and then the other
# A ring dies away exponentially: down to NEAR_PEAK it has its energy's centre at 0.27 of the way, sustained vibration
# at a half. Its largest crest comes with the impact: first, or second as the mount gives way.
EARLY_CENTRE = 0.38
RISE_BLOCKS = 2


def character(
    waveform: Waveform, dynamic_g: NDArray[np.float64], pulse: Pulse, fall: Fall | None, is_valid: bool
) -> Kind:
    """The kind of an event; `dynamic_g` float64 [3, n] is free of its static part, NaN counts as nothing felt.

    A fall that ended in an impact is an impact, one that the record cuts short a free fall. "quiet", nothing but noise,
    is said of valid events only; of others that look so nobody knows: "unknown".
    """
    size_g = np.nan_to_num(vector_length(dynamic_g), posinf=np.finfo(np.float64).max)
    peak_g = float(size_g.max())
    if fall is None and peak_g <= max(QUIET_G, QUIET_SHARE * (waveform.rail_g or 0.0)):
        return "quiet" if is_valid else "unknown"
    if fall is not None:
        return "impact" if fall.is_landed else "free-fall"
    if pulse.duration_ms > 1e3 * MAX_IMPACT_S:
        return "vibration"
    return _pulsed(size_g / peak_g, _block(pulse, waveform.fs_hz))


def _block(pulse: Pulse, fs_hz: float) -> int:
    """Samples of a block."""
    duration_s = pulse.duration_ms / 1e3
    return max(round(max(duration_s if math.isfinite(duration_s) else 0.0, MIN_BLOCK_S) * fs_hz), 1)


def _pulsed(size: NDArray[np.float64], block: int) -> Kind:
    """Impact, rattle or vibration by the vector's length over its peak."""
    starts = np.arange(0, len(size), min(block, len(size)))  # the last block may be shorter
    crests = np.maximum.reduceat(size, starts)
    near = np.flatnonzero(crests >= NEAR_PEAK)
    event = slice(near[0], near[-1] + 1)
    crests = crests[event]
    if len(crests) <= FEW_BLOCKS:
        return "impact"
    lengths = np.diff(starts, append=len(size))
    energies = (np.add.reduceat(size * size, starts) / lengths)[event]
    if np.median(energies) <= USUAL_ENERGY:
        comparable = np.flatnonzero(crests >= COMPARABLE)
        impacts = 1 + np.count_nonzero(np.diff(comparable) > REST_BLOCKS)
        return "rattle" if impacts >= RATTLE_IMPACTS else "impact"
    return "impact" if _dies_away(energies, int(crests.argmax())) else "vibration"


def _dies_away(energies: NDArray[np.float64], peak: int) -> bool:
    """Whether the energy comes at once, with the peak, and then goes."""
    before = energies[: max(peak - RISE_BLOCKS, 0)]
    centre = float(np.linspace(0, 1, len(energies)) @ energies / energies.sum())
    return centre < EARLY_CENTRE and before.sum() <= USUAL_ENERGY * len(before)
