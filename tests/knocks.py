"""Recorded knocks as files for the commands of shocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.journal import Usable
from tests.journals import arrival
from tests.messages import T0, S, matrix, shock

FS_HZ = 2000.0
HALF_SINE_S = 0.011
JOLT = {"id": "jolt", "kind": "shock", "peak": "3 g", "severity": "warning"}


def half_sine(peak_g: float, samples: int = 600) -> NDArray[np.float64]:
    """z has 1 g of gravity and a half-sine of 11 ms behind 300 samples, x and y a little noise, float64 [3, n]."""
    accel_g = np.random.default_rng(7).normal(0, 0.002, (3, samples))
    pulse = np.zeros(samples)
    width = round(HALF_SINE_S * FS_HZ)
    pulse[300 : 300 + width + 1] = peak_g * np.sin(np.pi * np.arange(width + 1) / width)
    accel_g[2] += 1.0 + pulse
    return accel_g


def event(seq: int, peak_g: float, logger: str = "L", **changes: Any) -> Usable:
    """The record of a half-sine, 5 mg a count."""
    counts = np.round(half_sine(peak_g) / 0.005).astype("<i2")
    content = (
        shock(seq, scale=[0.005] * 3, fs=FS_HZ, pre=300, range_g=100.0) | {"a": matrix(counts, "<i2", 77)} | changes
    )
    return arrival("shock", content, T0 + 1000 * S * (seq + 1), logger)
