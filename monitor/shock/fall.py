"""Free fall in a record.

       rest            free fall               impact, bounces
    ───────────┐                         ┌─╮
      1 g      │ begin               end │ ╰───
               └─────────────────────────┘
                      offset only

A DC-coupled sensor feels gravity. Falling it does not, so it then reads a vector that is 1 g away from the one at rest,
whichever way it lies and whatever its offset, and keeps reading it until the impact. What an AC-coupled one reads comes
back to where it was, so it shows no fall.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.duration import bounds, runs
from monitor.shock.peak import vector_length
from monitor.shock.static import REST_G, Static
from monitor.shock.waveform import Waveform

MIN_FALL_S = 0.05  # 12 mm, less than what one calls a drop; a container that is shaken loses its weight as long as that
MIN_BLOCK = 4  # samples that have a mean and a spread worth the name
MAX_SPREAD_G = 0.15  # rms about the mean, of the vector: three axes of 0.05 g noise each have 0.09, a turning one more
STEP_G = 1.0  # gravity: what a falling sensor reads less than one at rest
TOLERANCE_G = 0.3  # of that step: a body that turns about 0.3 m once in two seconds feels 0.3 g
MAX_OFFSET_G = 0.6  # of a sensor whose readings at rest say where up is; a fall reads but this
EDGE_S = 0.02  # of the record's first and last samples, looked at where the static vector is not one of rest
EDGE_TOLERANCE_G = 0.1  # offsets cancel in a difference: only residual motion is left
LANDING_S = 0.05  # a fall that ends in an impact does so at once ...
LANDING_G = 2.0  # ... and beyond what lifting and swinging by hand do: 12 mm onto 30 ms of foam are 3 g
MAX_FALLS = 16  # looked at in a record, the last ones before its peak
# A bounce comes off an impact like that at its end, and flies up no faster than it came down: at most twice as long.
COMPARABLE = 0.4  # of the event's peak; an edge is struck half as hard as the side that comes after it
BOUNCE_TIMES = 2.0


class Fall(NamedTuple):
    """A free fall from `begin` to `end`, in samples from the record's first, between samples as interpolated.

    `is_whole`: the record holds its beginning. `is_landed`: an impact ended it; else the record ends before one.
    `offset_g` float64 [3] is what the sensor reads in it.
    """

    begin: float
    end: float
    is_whole: bool
    is_landed: bool
    offset_g: NDArray[np.float64]


def find_fall(
    waveform: Waveform, static: Static, dynamic_g: NDArray[np.float64], length_g: NDArray[np.float64]
) -> Fall | None:
    """The last fall that begins before the event's peak and ends in an impact, or with the record.

    `dynamic_g` float64 [3, n] is without the static part, `length_g` [n] the length of that vector.

    If that is the flight of a bounce, which tells of no height (with a restitution above 0.5 it even lasts longer), the
    fall before it. None also where samples are missing, or too few for a fall of MIN_FALL_S.
    """
    raw_g = waveform.raw_g
    width = max(round(MIN_FALL_S / 2 * waveform.fs_hz), MIN_BLOCK)  # so a fall holds a whole block wherever it begins
    blocks = waveform.samples // width
    if blocks == 0 or not np.isfinite(raw_g).all():
        return None
    cut_g = raw_g[:, : blocks * width].reshape(3, blocks, width)
    means_g = cut_g.mean(axis=2)
    away_g = cut_g - means_g[..., None]
    spread_g = np.sqrt(np.einsum("abn,abn->b", away_g, away_g) / width)
    is_quiet = spread_g <= MAX_SPREAD_G
    peak = int(length_g.argmax())
    for is_step in _steps_from_rest(means_g, is_quiet, waveform, static, dynamic_g[:, peak]):
        found = None
        for start, stop in reversed(runs(is_step[: peak // width + 1])[-MAX_FALLS:]):
            block = int(start + spread_g[start:stop].argmin())
            fall = _extent(waveform, means_g[:, block], slice(block * width, (block + 1) * width))
            if fall.begin >= peak or not _is_drop(waveform, fall):
                continue
            if found is not None and not _is_bounce(found, fall, length_g, peak):
                break
            found = fall
        if found is not None:
            return found
    return None


def weightless(waveform: Waveform, fall: Fall) -> NDArray[np.bool_]:
    """Which samples read what the sensor reads in its fall, to half a g: bool [n]; in flight, or just touching."""
    is_weightless: NDArray[np.bool_] = _away_g(waveform, fall.offset_g) < STEP_G / 2
    return is_weightless


def _is_bounce(flight: Fall, fall: Fall, length_g: NDArray[np.float64], peak: int) -> bool:
    """Whether the flight came off the impact that ended the fall before it, or is the same."""
    if fall.end >= flight.begin:
        return True
    between_g = length_g[math.floor(fall.end) : math.ceil(flight.begin) + 1].max()
    is_brief = flight.end - flight.begin <= BOUNCE_TIMES * (fall.end - fall.begin)
    return bool(is_brief and between_g >= COMPARABLE * length_g[peak])


def _steps_from_rest(
    means_g: NDArray[np.float64],
    is_quiet: NDArray[np.bool_],
    waveform: Waveform,
    static: Static,
    peak_g: NDArray[np.float64],
) -> Iterator[NDArray[np.bool_]]:
    """Which blocks, of means [3, blocks], differ from rest as a fall does, for each vector that may be that of rest.

    First the static vector. Where nothing told rest from fall, or there was too little of it, the record's ends may
    show it: what a sensor reads there beyond its offset is up, and so is the push of an impact; the droop of an
    AC-coupled one that was pushed is down.
    """
    is_small = is_quiet & (vector_length(means_g) <= MAX_OFFSET_G)
    static_g = float(np.linalg.norm(static.vector_g))
    is_admitted = is_quiet if static_g > REST_G[1] else is_small
    if not is_admitted.any():
        return
    if static_g >= REST_G[0]:
        yield _is_step(static.vector_g[:, None] - means_g, TOLERANCE_G) & is_admitted
    edge = max(round(EDGE_S * waveform.fs_hz), 1)
    first_g, last_g = waveform.raw_g[:, :edge], waveform.raw_g[:, -edge:]
    for end_g, is_candidate in ((first_g, is_admitted), (last_g, is_small)):
        if end_g.var(axis=1).sum() <= MAX_SPREAD_G**2:
            up_g = end_g.mean(axis=1)[:, None] - means_g
            yield _is_step(up_g, EDGE_TOLERANCE_G) & is_candidate & (peak_g @ up_g > 0)


def _is_step(difference_g: NDArray[np.float64], tolerance_g: float) -> NDArray[np.bool_]:
    is_step: NDArray[np.bool_] = np.abs(vector_length(difference_g) - STEP_G) <= tolerance_g
    return is_step


def _extent(waveform: Waveform, offset_g: NDArray[np.float64], inside: slice) -> Fall:
    """The fall around the samples `inside`, of which `offset_g` is the mean: until the sensor reads half a g else.

    What is more than a whole g away says no more of the time than that: it was in between.
    """
    away_g = _away_g(waveform, offset_g)
    limits = bounds(-np.minimum(away_g, STEP_G), -STEP_G / 2)
    nearest = inside.start + int(away_g[inside].argmin())
    begin, end = limits[np.searchsorted(limits[:, 0], nearest, side="right") - 1].tolist()
    after = slice(int(end), int(end + LANDING_S * waveform.fs_hz) + 2)
    is_landed = bool((away_g[after] >= LANDING_G).any() or waveform.is_at_rail[:, after].any())
    return Fall(begin, end, begin > 0, is_landed, offset_g)


def _away_g(waveform: Waveform, offset_g: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector_length(waveform.raw_g - offset_g[:, None])


def _is_drop(waveform: Waveform, fall: Fall) -> bool:
    """Long enough, and ended by an impact or by the record."""
    runs_out = fall.end + LANDING_S * waveform.fs_hz >= waveform.samples - 1
    return fall.end - fall.begin >= MIN_FALL_S * waveform.fs_hz and (fall.is_landed or runs_out)
