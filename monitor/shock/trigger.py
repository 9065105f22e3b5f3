"""Events of a recording that was made without a trigger: where it departs from rest.

    level   ┄┄┄┄┄┄┄┄┄┄┄╷┄┄┄┄┄╷┄┄┄┄┄┄┄┄┄┄┄┄┄
    release ┄┄┄┄┄┄┄┄┄╷┄│┄╷┄╷┄│┄╷┄┄┄┄┄┄┄┄┄┄┄┄
    rest    ─────────┴─┴─┴─┴─┴─┴───────────
             ├─ pre ─┤├─ event ─┤├─ post ─┤

Rest is a vector that follows the sensor's offset, its drift, and how the sensor lies. What stays beyond the release
level without a pause is one event, when it is beyond the level anywhere: so one begins and ends at rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Around an event, but not into the one before: what it is measured against is the quietest 0.1 s before it, the better
# the more there is of it. A fall of 1 m lasts 0.45 s.
PRE_S, POST_S = 3.0, 0.5
MAX_SAMPLES = 170_000  # of an event, as on the wire; a longer one goes on in a further event
MAX_EVENTS = 10_000  # of a recording

FLOOR_G = 0.5  # below, a sensor that is turned by hand would be an event, and nothing is damaged
NOISE_TIMES = 8.0  # beyond 8 sigma of three axes is one noise sample in 10^13, beyond 6 one in 10^7
RELEASE_SHARE, RELEASE_NOISE_TIMES = 0.4, 6.0
MAX_NOISE_G = 0.3  # rms of an axis: no sensor at rest is noisier, so this is vibration, and what stands out of it tells
BLOCK_S, MIN_BLOCK = 0.1, 50  # of so few samples the spread is known to a tenth
QUIET_SHARE = 0.1  # of the blocks, at the least, are at rest, or else the quietest stand for it
QUIET_TIMES, QUIET_G = 3.0, 0.02  # so much above the noise a block is at rest still: a step far away, a fan
REST_S = 1.0  # what keeps still for so long is at rest, and an event over; a free fall would be one of 4.9 m
STEADY_G = 0.1  # to within so much it keeps still
SETTLING_S = 0.02  # converters begin with samples of nothing; a departure that ends by then was no event


class Found(NamedTuple):
    """An event, samples [start, stop) of its recording: the first beyond `level_g` is `trigger`."""

    start: int
    stop: int
    trigger: int
    level_g: float


def find_events(accel_g: NDArray[np.float64], fs_hz: float, level_g: float | None = None) -> list[Found]:
    """Where a recording, float64 [3, n], departs from rest by a vector longer than `level_g`, in order of time.

    None: FLOOR_G, or NOISE_TIMES the sensor's own noise where that is more. Each event has up to PRE_S before it and
    POST_S after it. ValueError: other than 3 axes, NaN, a rate or level that is not positive, more than MAX_EVENTS.
    """
    if accel_g.ndim != 2 or accel_g.shape[0] != 3 or not np.isfinite(accel_g).all():
        raise ValueError(f"find events: expected finite samples of 3 axes, [3, n], got {list(accel_g.shape)}")
    if not (math.isfinite(fs_hz) and fs_hz > 0 and (level_g is None or level_g > 0)):
        raise ValueError(f"find events: expected a positive rate in Hz and level in g, got {fs_hz} and {level_g}")
    if accel_g.shape[1] == 0:
        return []
    width = min(max(round(BLOCK_S * fs_hz), MIN_BLOCK), accel_g.shape[1])
    means_g, spread_g = _blocks(accel_g, width)
    noise_g = min(float(np.quantile(spread_g, QUIET_SHARE, axis=1).max()), MAX_NOISE_G)
    used_g = max(FLOOR_G, NOISE_TIMES * noise_g) if level_g is None else level_g
    release_g = min(max(RELEASE_SHARE * used_g, RELEASE_NOISE_TIMES * noise_g), used_g)
    is_quiet = spread_g.max(axis=0) <= QUIET_TIMES * noise_g + QUIET_G
    rest_g = _rest(means_g, is_quiet, max(round(REST_S * fs_hz / width), 1))
    at_block = np.minimum(np.arange(accel_g.shape[1]) // width, rest_g.shape[1] - 1)
    away_g = np.sqrt(sum((row - rest[at_block]) ** 2 for row, rest in zip(accel_g, rest_g, strict=True)))
    away_g[: _settling(away_g > release_g, fs_hz)] = 0.0
    return list(_events(away_g, fs_hz, used_g, release_g))


def _blocks(accel_g: NDArray[np.float64], width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and standard deviations of the whole blocks of a recording, each [3, blocks]."""
    blocks = accel_g.shape[1] // width
    cut_g = accel_g[:, : blocks * width].reshape(3, blocks, width)
    return cut_g.mean(axis=2), cut_g.std(axis=2)


def _rest(means_g: NDArray[np.float64], is_quiet: NDArray[np.bool_], count: int) -> NDArray[np.float64]:
    """The vector at rest for each block, [3, blocks]: its own while it keeps still, else the last one before.

    It keeps still within any `count` quiet blocks whose means are steady. Before the first of them the first holds;
    without any the median of all.
    """
    blocks = means_g.shape[1]
    is_still = np.zeros(blocks, dtype=np.bool_)
    if count <= blocks:
        windows_g = np.lib.stride_tricks.sliding_window_view(means_g, count, axis=1)
        is_steady = (windows_g.max(axis=2) - windows_g.min(axis=2) <= STEADY_G).all(axis=0)
        is_steady &= np.lib.stride_tricks.sliding_window_view(is_quiet, count).all(axis=1)
        is_still = np.convolve(is_steady, np.ones(count)) > 0
    if not is_still.any():
        return np.repeat(np.median(means_g, axis=1, keepdims=True), blocks, axis=1)
    latest = np.maximum.accumulate(np.where(is_still, np.arange(blocks), -1))
    latest[latest < 0] = is_still.argmax()
    rest_g: NDArray[np.float64] = means_g[:, latest]
    return rest_g


def _settling(is_away: NDArray[np.bool_], fs_hz: float) -> int:
    """How many samples from the first on are of a converter that settles."""
    leading = int(np.append(is_away, False).argmin())
    return leading if leading < SETTLING_S * fs_hz else 0


def _events(away_g: NDArray[np.float64], fs_hz: float, level_g: float, release_g: float) -> Iterator[Found]:
    """Stretches beyond the release level that are beyond the level too."""
    pre, post = (min(round(seconds * fs_hz), MAX_SAMPLES // 4) for seconds in (PRE_S, POST_S))
    longest = MAX_SAMPLES - pre - post
    away = np.flatnonzero(away_g > release_g)
    beyond = np.flatnonzero(away_g > level_g)
    pauses = np.flatnonzero(np.diff(away) > REST_S * fs_hz)
    firsts, lasts = away[np.append(0, pauses + 1)[: away.size]], away[np.append(pauses, away.size - 1)[: away.size]]
    count = free = 0
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        for begin in range(first, last + 1, longest):
            end = min(begin + longest, last + 1)
            place = int(np.searchsorted(beyond, begin))
            if place == beyond.size or beyond[place] >= end:
                continue
            count += 1
            if count > MAX_EVENTS:
                raise ValueError(f"find events: more than {MAX_EVENTS} beyond {level_g:g} g, expected a higher level")
            yield Found(max(begin - pre, free), min(end + post, away_g.size), int(beyond[place]), level_g)
        free = last + 1
