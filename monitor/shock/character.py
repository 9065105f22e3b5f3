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
from monitor.shock.pulse import STEADY_SHARE, Pulse
from monitor.shock.static import BEHIND_S
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
    is said of valid events only, and of none whose trigger the record does not show; of others that look so nobody
    knows: "unknown".
    """
    size_g = _size_g(dynamic_g)
    peak_g = float(size_g.max())
    if fall is None and peak_g <= max(QUIET_G, QUIET_SHARE * (waveform.rail_g or 0.0)):
        return "quiet" if is_valid and _shows_trigger(waveform, peak_g) else "unknown"
    if fall is not None:
        return "impact" if fall.is_landed else "free-fall"
    if pulse.duration_ms > 1e3 * MAX_IMPACT_S:
        return "vibration"
    if _is_turned(dynamic_g, NEAR_PEAK * peak_g, round(BEHIND_S * waveform.fs_hz)):
        size_g = _size_g(dynamic_g - _lying_g(dynamic_g, max(round(MAX_IMPACT_S * waveform.fs_hz), 1)))
        peak_g = float(size_g.max())
        if peak_g == 0:
            return "vibration"
    return _pulsed(size_g / peak_g, _block(pulse, waveform.fs_hz))


def _shows_trigger(waveform: Waveform, peak_g: float) -> bool:
    """Whether anything, gravity included, is as strong as the trigger level, where that is known."""
    return waveform.level_g is None or max(peak_g, float(vector_length(waveform.raw_g).max())) >= waveform.level_g


def _size_g(dynamic_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of the vector, finite; 0 where it is NaN."""
    return np.fmin(np.fmax(vector_length(dynamic_g), 0.0), np.finfo(np.float64).max)


def _is_turned(dynamic_g: NDArray[np.float64], enough_g: float, width: int) -> bool:
    """Whether the last `width` samples rest elsewhere, by as much as would be taken for motion."""
    last_g = dynamic_g[:, -max(width, 2) :]
    away_g = float(np.linalg.norm(last_g.mean(axis=1)))
    return away_g > enough_g and float(np.sqrt(last_g.var(axis=1).sum())) < STEADY_SHARE * away_g


def _lying_g(dynamic_g: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """What the sensor reads of how it lies, [3, n]: medians of blocks that are longer than two impacts, as steps."""
    starts = range(0, dynamic_g.shape[1], width)
    medians = [np.median(dynamic_g[:, start : start + width], axis=1, keepdims=True) for start in starts]
    return np.repeat(np.concatenate(medians, axis=1), width, axis=1)[:, : dynamic_g.shape[1]]


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
