"""Single samples that no sensor behind an anti-alias filter can give: its neighbours are back where it came from.

An impact of a sample or two leaves the filter's ringing around it; on all axes in the proportion of its own height, as
it comes from one direction. What a wire or a converter invents does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

REACH = 8  # samples on either side that a spike is held against
# A spike stands out from them by so many times their spread. A half-sine sampled at its top reaches 4.0 with a length
# of 4 samples, 5.7 with 3, and 10 only below 2.5; Gaussian noise has one in 1e8 samples (Student's t, 15 degrees).
MIN_RATIO = 12.0
MIN_SHARE = 0.5  # of the event's peak: a smaller one changes nothing that is told of it
MAX_LEFT = 0.5  # of the neighbours' spread, once what swings in proportion is off: 16 of noise leave less once in 1e5
MIN_STEPS = 8  # of the sensor's resolution: at rest below a count one count stands out by any ratio


class Spike(NamedTuple):
    """Sample `sample` of axis 0..2 stands out from its neighbours by `height_g`."""

    axis: int
    sample: int
    height_g: float


def spikes(sensor_g: NDArray[np.float64], peak_g: float) -> list[Spike]:
    """The spikes of an event [3, n] on the sensor's own axes, whose largest peak is `peak_g` >= 0."""
    if sensor_g.shape[1] < 2:  # no neighbours to stand out from
        return []
    steps_g = sensor_g[:, 1:] - sensor_g[:, :-1]
    is_jump = np.abs(steps_g) >= max(MIN_SHARE * peak_g, np.finfo(float).tiny)
    jumps_to = np.pad(is_jump, ((0, 0), (1, 0)), constant_values=True)  # the first and the last sample have one step
    axes, samples = np.nonzero(jumps_to & np.pad(is_jump, ((0, 0), (0, 1)), constant_values=True))
    if len(axes) == 0:
        return []
    height_g, spread_g = _against_neighbours(sensor_g, axes, samples)
    is_high = (height_g >= MIN_SHARE * peak_g) & (height_g > MIN_RATIO * spread_g)
    found = map(Spike, axes[is_high].tolist(), samples[is_high].tolist(), height_g[is_high].tolist())
    return [
        spike
        for spike in found
        if spike.height_g >= MIN_STEPS * _resolution_g(steps_g[spike.axis]) and not _is_impact(sensor_g, spike)
    ]


def _against_neighbours(
    sensor_g: NDArray[np.float64], axes: NDArray[np.intp], samples: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each sample is from its neighbours' mean, and their spread about it; no spread without neighbours."""
    offsets = np.delete(np.arange(-REACH, REACH + 1), REACH)
    places = samples[:, None] + offsets
    is_there = (places >= 0) & (places < sensor_g.shape[1])
    near_g = sensor_g[axes[:, None], np.clip(places, 0, sensor_g.shape[1] - 1)]
    count = is_there.sum(axis=1)
    mean_g = np.where(is_there, near_g, 0.0).sum(axis=1) / count
    spread_g = np.sqrt(np.where(is_there, (near_g - mean_g[:, None]) ** 2, 0.0).sum(axis=1) / count)
    return np.abs(sensor_g[axes, samples] - mean_g), spread_g


def _is_impact(sensor_g: NDArray[np.float64], spike: Spike) -> bool:
    """Whether the neighbours on another axis swing as on its own, in the proportion of the heights."""
    first = max(spike.sample - REACH, 0)
    near_g = np.delete(sensor_g[:, first : spike.sample + REACH + 1], spike.sample - first, axis=1)
    mean_g = near_g.mean(axis=1)
    height_g, away_g = sensor_g[:, spike.sample] - mean_g, near_g - mean_g[:, None]
    left_g = away_g - np.outer(height_g / height_g[spike.axis], away_g[spike.axis])
    is_like = (left_g**2).sum(axis=1) < MAX_LEFT**2 * (away_g**2).sum(axis=1)
    return bool(np.delete(is_like, spike.axis).any())


def _resolution_g(steps_g: NDArray[np.float64]) -> float:
    """The smallest step between two samples."""
    size_g = np.abs(steps_g)
    return float(size_g[size_g > 0].min())
