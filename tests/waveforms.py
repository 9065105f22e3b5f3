"""Records of events as a sensor makes them of what it feels."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.model.record import Shock, Stamp
from monitor.shock.analysis import Analysis
from monitor.shock.waveform import waveform_of

Signal = NDArray[np.float64]
FS_HZ, PRE, SAMPLES = 3200.0, 640, 2600
TURNED = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
seeds = st.integers(0, 2**32 - 1)


def analysed(accel_g: Signal, pre: int = PRE, range_g: float = 16.0, rotation: Signal | None = None) -> Analysis:
    """A record as a sensor of 16 bits makes it of what it feels, on its own axes."""
    scale = np.full(3, range_g / 32768)
    counts = np.rint(accel_g / scale[:, None]).clip(-32768, 32767).astype(np.int16)
    shock = Shock(Stamp(1, 0, 0, 2), 0, 0, 0, FS_HZ, pre, scale, range_g, counts, "a", 1.0, 0)
    return Analysis(waveform_of(shock, np.eye(3) if rotation is None else rotation))


def felt(seed: int, noise_g: float = 0.005) -> Signal:
    """A half-sine of 4 to 10 g and 8 to 30 ms on a random axis that rings down, over gravity and offset; noise."""
    rng = np.random.default_rng(seed)
    since_s = np.maximum((np.arange(SAMPLES) - PRE + 5) / FS_HZ, 0.0)
    length_s = rng.uniform(0.008, 0.03)
    pulse_g = rng.uniform(4, 10) * np.where(since_s < length_s, np.sin(np.pi * since_s / length_s), 0.0)
    ring_g = rng.uniform(0, 1.5) * np.exp(-since_s * 40) * np.sin(2 * np.pi * rng.uniform(30, 200) * since_s)
    accel_g = np.outer(unit(rng), pulse_g) + np.outer(unit(rng), ring_g)
    return accel_g + rest_g(rng)[:, None] + noise_g * rng.standard_normal(accel_g.shape)


def impact(seed: int, noise_g: float = 0.01) -> Signal:
    """A half-sine of 30 g and 17 ms along one direction from the trigger on, over rest."""
    rng = np.random.default_rng(seed)
    place = (np.arange(SAMPLES) - PRE) / 55
    pulse_g = np.where((place >= 0) & (place <= 1), 30 * np.sin(np.pi * place), 0.0)
    accel_g = np.outer((0.2, 0.1, 1.0), pulse_g) + rest_g(rng)[:, None]
    return np.asarray(accel_g + noise_g * rng.standard_normal(accel_g.shape))


def unit(rng: np.random.Generator) -> Signal:
    vector = rng.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)


def rest_g(rng: np.random.Generator) -> Signal:
    """Gravity in any direction and an offset of up to 0.3 g an axis."""
    return unit(rng) + rng.uniform(-0.3, 0.3, 3)
