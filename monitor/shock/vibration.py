"""Vibration: what a long record, or one without a pulse, says of the hardware's load."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def grms(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root of the mean square about the mean, float64 [...] of [..., n], g."""
    level: NDArray[np.float64] = accel_g.std(axis=-1)
    return level
