"""Levels of the kind `shock` that are more than a number: envelopes of spectra, damage boundaries."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from monitor.model.strict import Acceleration, Hertz, Strict, Velocity

MAX_POINTS = 100  # of an envelope: each costs an oscillator for every event, and no specification has half as many
FREQUENCIES_HZ = (0.1, 100e3)  # of an envelope: what accelerometers in containers feel, and then some
POINTS_EXAMPLE = '[["10 Hz", "5 g"], ["100 Hz", "20 g"]]'


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _check_list(points: Any) -> Any:
    if not (_is_list(points) and all(_is_list(point) and len(point) == 2 for point in points)):
        raise ValueError(f"expected a list of points such as {POINTS_EXAMPLE}")
    return points


def _check_points(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    if not 2 <= len(points) <= MAX_POINTS:
        raise ValueError(f"expected 2 to {MAX_POINTS} points such as {POINTS_EXAMPLE}, got {len(points)}")
    least_hz, most_hz = FREQUENCIES_HZ
    if points[0][0] < least_hz or points[-1][0] > most_hz:
        raise ValueError(f"expected frequencies from {least_hz:g} Hz to {most_hz / 1e3:g} kHz")
    for (before_hz, _), (hz, _) in pairwise(points):
        if hz <= before_hz:
            raise ValueError(f"expected points in ascending frequency, got {hz:g} Hz behind {before_hz:g} Hz")
    return points


Points = Annotated[tuple[tuple[Hertz, Acceleration], ...], BeforeValidator(_check_list), AfterValidator(_check_points)]


class DamageBoundary(Strict):
    """Critical acceleration and velocity change of the hardware (ASTM D3332): damage is possible beyond both."""

    acceleration_g: Annotated[Acceleration, Field(alias="acceleration")]
    velocity_change_m_s: Annotated[Velocity, Field(alias="velocity_change")]
