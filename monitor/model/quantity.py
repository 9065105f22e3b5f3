"""Values as people write them, text with a unit ("25 degC", "5 K/h"), turned into the units used inside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, DecimalException
from fractions import Fraction
from math import isfinite

Scale = dict[str, Fraction]  # unit: factor to the unit used inside, which stands first


def _scale(**factors: str) -> Scale:
    return {unit: Fraction(factor) for unit, factor in factors.items()}


_PRESSURE = _scale(Pa="1", hPa="100", mbar="100", kPa="1000", bar="1e5")
_TIME = _scale(s="1", ms="1e-3", min="60", h="3600", d="86400")
_PERCENT = {"%": Fraction(1), "%RH": Fraction(1)}
_KELVIN = _scale(K="1")
QUANTITIES: dict[str, Scale] = {
    # of channels, measured and derived
    "temperature": _scale(degC="1"),
    "humidity": _PERCENT,
    "pressure": _PRESSURE,
    "differential": _PRESSURE,
    "acceleration": _scale(g="1"),
    "tilt": _scale(deg="1"),
    "light": _scale(lx="1"),
    "voltage": _scale(V="1", mV="1e-3"),
    "dew_point": _scale(degC="1"),
    "absolute_humidity": {"g/m3": Fraction(1)},
    "dew_margin": _KELVIN,
    "pressure_norm": _PRESSURE,
}
PASCAL_PER_DAY, PASCAL_M3_PER_S = "pressure loss", "gas flow"  # the two dimensions of a leak
# 1 mbar l/s = 100 Pa x 1e-3 m3 / s; the spelling with a dot between the units is common too.
_FLOW = {"Pa m3/s": "1", "hPa m3/s": "100", "mbar l/s": "0.1", "Pa l/s": "1e-3", "Pa.m3/s": "1", "mbar.l/s": "0.1"}


def _rate(differences: Scale, inside: str) -> Scale:
    """Units of a difference per time; `inside` is the time of the unit used inside."""
    times = [inside, *(time for time in ("h", "min", "s", "d") if time != inside)]
    return {
        f"{unit}/{time}": factor * _TIME[inside] / _TIME[time] for time in times for unit, factor in differences.items()
    }


def _hours(differences: Scale) -> Scale:
    """Units of a difference times a time; inside, hours."""
    return {
        f"{unit} {time}": factor * _TIME[time] / _TIME["h"]
        for time in ("h", "min", "d")
        for unit, factor in differences.items()
    }


# A difference of temperatures is in K: "5 degC" above nothing in particular would be a temperature.
DIFFERENCES = {name: _KELVIN if "degC" in scale else scale for name, scale in QUANTITIES.items()}
SCALES: dict[str, Scale] = {
    **QUANTITIES,
    "time": _TIME,
    "frequency": _scale(Hz="1", kHz="1000"),
    "hours": {unit: _TIME[unit] / _TIME["h"] for unit in ("h", "min", "d")},
    "velocity": {"m/s": Fraction(1), "cm/s": Fraction("0.01"), "mm/s": Fraction("0.001")},
    "length": _scale(m="1", cm="0.01", mm="0.001"),
    "share": {"%": Fraction(1)},
    "size": _scale(B="1", kB="1e3", MB="1e6", GB="1e9", TB="1e12", KiB="1024", MiB="1048576", GiB="1073741824"),
    PASCAL_PER_DAY: _rate(_PRESSURE, "d"),
    PASCAL_M3_PER_S: {unit: Fraction(factor) for unit, factor in _FLOW.items()},
    **{f"{name} difference": scale for name, scale in DIFFERENCES.items()},
    **{f"{name} rate": _rate(scale, "h") for name, scale in DIFFERENCES.items()},
    **{f"{name} hours": _hours(scale) for name, scale in DIFFERENCES.items()},
}
POSSIBLE: dict[str, tuple[str, str]] = {
    # dimension: least and most that a limit may be, as the files write it, "" for no bound; beyond, nothing ever lies
    "temperature": ("-273.15 degC", ""),
    "dew_point": ("-273.15 degC", ""),
    "humidity": ("-5 %", "105 %"),  # what sensors read: a little below 0 in dry gas, above 100 % in fog
    "absolute_humidity": ("0 g/m3", ""),
    "pressure": ("0 Pa", ""),
    "pressure_norm": ("0 Pa", ""),
    "tilt": ("-360 deg", "360 deg"),
    "share": ("0 %", "100 %"),
    "hours": ("", "3653 d"),
    "time": ("", "3653 d"),  # ten years: no journey is as long, a slip of the unit is
}
UNCERTAINTY_SCALES = SCALES | {"temperature": _scale(K="1", degC="1")}  # certificates have either
_COMMA = re.compile(r"\s*[+-]?\d*,\d+[^,]*")
_TEXT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*((?:[^\d\s.](?:.*\S)?)?)\s*")


def inside_unit(dimension: str) -> str:
    """The unit used inside for values of `dimension`."""
    return next(iter(SCALES[dimension]))


def parse_quantity(text: object, dimension: str, scales: Mapping[str, Scale] = SCALES) -> float:
    """Read "25 degC" as a value of `dimension` in the unit used inside; ValueError says what was expected."""
    units = scales[dimension]
    expected = f'expected text such as "25 {next(iter(units))}" with one of the units {", ".join(units)}'
    match = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if isinstance(text, str) and _COMMA.fullmatch(text):
        raise ValueError(f"expected a decimal point as in {text.strip().replace(',', '.')!r}, got {text!r}")
    if match is None:
        raise ValueError(f"{expected}, got {text!r}")
    if not match[2]:
        raise ValueError(f"{expected}; the unit is missing in {text!r}")
    if match[2] not in units:
        raise ValueError(f"{expected}; {match[2]!r} is no unit of {dimension}")
    factor = units[match[2]]
    try:  # exact: 8.2 hPa is 820 Pa, not 819.9999, and 24 K/d are 1 K/h
        value = float(Decimal(match[1]) * factor.numerator / factor.denominator)
    except DecimalException:
        value = float("inf")
    if not isfinite(value):
        raise ValueError(f"{expected}; {match[1]} is too large")
    return value


def possible_quantity(text: object, dimension: str) -> float:
    """As parse_quantity; ValueError for what a value of `dimension` can never be."""
    value = parse_quantity(text, dimension)
    least, most = POSSIBLE.get(dimension, ("", ""))
    if least and value < parse_quantity(least, dimension):
        raise ValueError(f"expected {least} or more, got {text!r}")
    if most and value > parse_quantity(most, dimension):
        raise ValueError(f"expected at most {most}, got {text!r}")
    return value


def format_quantity(value: float, dimension: str, scales: Mapping[str, Scale] = SCALES) -> str:
    """Write a value in the unit used inside; parse_quantity reads back exactly the same number."""
    return f"{float(value)!r} {next(iter(scales[dimension]))}"
