"""Numbers that leave an analysis: what is beyond the digits of a float32 depends on who reckoned."""

from __future__ import annotations

from math import isfinite

import numpy as np


def single(value: float) -> float:
    """The float32 next to it, with the fewest digits that say it; infinite beyond the largest, NaN for NaN."""
    with np.errstate(over="ignore"):
        return float(str(np.float32(value)))


def number(value: float | None) -> float | None:
    """As `single`; None for what is no finite float32."""
    told = None if value is None else single(value)
    return told if told is not None and isfinite(told) else None
