"""Values as people write them, text with a unit ("25 degC", "5 ms"), turned into the units used inside."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite

SCALES: dict[str, dict[str, float]] = {
    # dimension: {unit: factor to the unit used inside, which stands first}
    "temperature": {"degC": 1.0},
    "humidity": {"%": 1.0, "%RH": 1.0},
    "pressure": {"Pa": 1.0, "hPa": 100.0, "mbar": 100.0, "kPa": 1000.0, "bar": 1e5},
    "differential": {"Pa": 1.0, "hPa": 100.0, "mbar": 100.0, "kPa": 1000.0, "bar": 1e5},
    "acceleration": {"g": 1.0},
    "tilt": {"deg": 1.0},
    "light": {"lx": 1.0},
    "voltage": {"V": 1.0, "mV": 1e-3},
    "time": {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86_400.0},
    "frequency": {"Hz": 1.0, "kHz": 1000.0},
}
UNCERTAINTY_SCALES = SCALES | {"temperature": {"K": 1.0, "degC": 1.0}}  # a difference of temperatures is in K
_TEXT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*((?:[^\d\s.]\S*)?)\s*")


def parse_quantity(text: object, dimension: str, scales: dict[str, dict[str, float]] = SCALES) -> float:
    """Read "25 degC" as a value of `dimension` in the unit used inside; ValueError says what was expected."""
    units = scales[dimension]
    expected = f'expected text such as "25 {next(iter(units))}" with one of the units {", ".join(units)}'
    match = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{expected}, got {text!r}")
    if not match[2]:
        raise ValueError(f"{expected}; the unit is missing in {text!r}")
    if match[2] not in units:
        raise ValueError(f"{expected}; {match[2]!r} is no unit of {dimension}")
    value = float(Decimal(match[1]) * Decimal(str(units[match[2]])))  # exact: 8.2 hPa is 820 Pa, not 819.9999
    if not isfinite(value):
        raise ValueError(f"{expected}; {match[1]} is too large")
    return value


def format_quantity(value: float, dimension: str, scales: dict[str, dict[str, float]] = SCALES) -> str:
    """Write a value in the unit used inside; parse_quantity reads back exactly the same number."""
    return f"{float(value)!r} {next(iter(scales[dimension]))}"
