"""Numbers as people read them in alerts."""

from __future__ import annotations

from math import floor, log10

DIGITS = 5  # significant ones of a value: more than any sensor has
WRITTEN_DIGITS = 9  # of a limit, which is what somebody wrote: 0.1 after a conversion of units is 0.1 again
EXACT_DIGITS = 17  # with these two float64 that differ are written differently
HECTO = 100.0
PASCALS = frozenset({"Pa", "Pa/h", "Pa/d", "Pa h"})
HECTO_FROM = 1000.0  # Pa: above, people think in hPa
LEAST, MOST = 1e-6, 1e9  # within, a number is written without exponent


def amounts(
    value: float, limit: float, unit: str, digits: int = DIGITS, limit_digits: int = WRITTEN_DIGITS
) -> tuple[str, str]:
    """A value and its limit with their unit, both in Pa or both in hPa.

    They have `digits` and `limit_digits` significant digits, or as many more as it takes for the two sizes to stand in
    the order of what is written: a value beyond its limit never looks like it.
    """
    scale, behind = _unit(max(abs(value), abs(limit)), unit)
    value, limit = value / scale, limit / scale
    for count in range(digits, EXACT_DIGITS + 1):
        texts = _number(value, count), _number(limit, max(count, limit_digits))
        if _order(*(abs(float(text)) for text in texts)) == _order(abs(value), abs(limit)):
            break
    return texts[0] + behind, texts[1] + behind


def amount(value: float, unit: str, digits: int = WRITTEN_DIGITS) -> str:
    """A number that somebody wrote, with its unit; or any other with fewer `digits`."""
    scale, behind = _unit(abs(value), unit)
    return _number(value / scale, digits) + behind


def duration(seconds: float) -> str:
    """A duration as it would be written in a limits file: 90 s, 30 min, 24 h, 30 d."""
    for unit, length_s, least in (("d", 86_400, 2), ("h", 3600, 1), ("min", 60, 1)):
        if seconds % length_s == 0 and seconds >= least * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return amount(seconds, "s")


def _unit(size: float, unit: str) -> tuple[float, str]:
    """What to divide by, and what to put behind."""
    if unit in PASCALS and size >= HECTO_FROM:
        return HECTO, f" h{unit}"
    return 1.0, f" {unit}" if unit else ""


def _number(value: float, digits: int) -> str:
    """A number with so many significant digits, without zeros at its end."""
    text = f"{value + 0.0:.{digits}g}"  # -0.0 too is 0
    if "e" not in text or not LEAST <= abs(value) < MOST:
        return text
    text = f"{value:.{max(digits - 1 - floor(log10(abs(value))), 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _order(one: float, other: float) -> int:
    return (one > other) - (one < other)
