"""Frequencies of a spectrum, evenly spaced in octaves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FIRST_HZ = 5.0
PER_OCTAVE = 12
COUNT = 104  # 5 Hz x 2^(103 / 12) = 1917 Hz
STORED_STEP = 4  # every fourth, a third of an octave, has a series in the store

STANDARD_HZ: NDArray[np.float64] = FIRST_HZ * 2.0 ** (np.arange(COUNT) / PER_OCTAVE)


def octaves(first_hz: float, last_hz: float, per_octave: int) -> NDArray[np.float64]:
    """first_hz x 2^(k / per_octave) up to `last_hz`, float64 [f]; ValueError when that is no range."""
    if not (0 < first_hz <= last_hz < np.inf) or per_octave < 1:
        raise ValueError(f"frequencies: expected 0 < first <= last and 1 or more an octave, got {first_hz}, {last_hz}")
    count = int(np.floor(np.log2(last_hz / first_hz) * per_octave + 1e-9)) + 1
    spaced: NDArray[np.float64] = first_hz * 2.0 ** (np.arange(count) / per_octave)
    return spaced


def below_nyquist(frequencies_hz: NDArray[np.float64], fs_hz: float) -> NDArray[np.float64]:
    """Those of the frequencies that a record of this rate can show at all."""
    return frequencies_hz[frequencies_hz <= fs_hz / 2]
