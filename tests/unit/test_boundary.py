"""Damage boundary: the margin of an event, and on which side of the corner it lies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.shock.boundary import damage_margin, margin_db

SIZE = st.floats(1e-3, 1e4)
SIGN = st.sampled_from([-1.0, 1.0])


def test_the_event_that_is_known() -> None:
    """Hardware of 15 g and 1.5 m/s: 20 g and 1.0 m/s are beyond the one only, and half as much again is safe."""
    found = damage_margin(20.0, 1.0, 15.0, 1.5)
    assert found == 1.5
    assert margin_db(found) == pytest.approx(3.52, abs=0.005)


@given(SIZE, SIZE, SIZE, SIZE, SIGN)
def test_beyond_the_boundary_is_beyond_both(
    peak_g: float, dv: float, critical_g: float, critical: float, s: float
) -> None:
    """Whatever the direction: below 1 exactly where peak and velocity change are strictly beyond critical."""
    found = damage_margin(s * peak_g, -s * dv, critical_g, critical)
    assert (found < 1) == (critical_g / peak_g < 1 and critical / dv < 1)
    assert found == damage_margin(peak_g, dv, critical_g, critical)


@given(SIZE, SIZE, SIZE, SIZE)
def test_an_event_stronger_by_its_margin_is_on_the_boundary(peak_g: float, dv: float, ac: float, dvc: float) -> None:
    """Which is what the margin says; its dB add up likewise."""
    found = damage_margin(peak_g, dv, ac, dvc)
    assert damage_margin(peak_g * found, dv * found, ac, dvc) == pytest.approx(1.0, rel=1e-12)
    assert margin_db(damage_margin(peak_g / 10, dv / 10, ac, dvc)) == pytest.approx(margin_db(found) + 20, abs=1e-9)


def test_nothing_is_infinitely_safe_and_the_unknown_unknown() -> None:
    """NaN must not come out as a number, beside whatever it stands."""
    assert damage_margin(0.0, 3.0, 15.0, 1.5) == damage_margin(30.0, 0.0, 15.0, 1.5) == math.inf
    for values in ((math.nan, 1.0), (1.0, math.nan), (math.nan, 0.0), (0.0, math.nan)):
        assert math.isnan(damage_margin(*values, 15.0, 1.5))
    assert margin_db(math.inf) == math.inf and margin_db(0.0) == -math.inf and math.isnan(margin_db(math.nan))
    assert damage_margin(math.inf, math.inf, 15.0, 1.5) == 0.0  # an absurd scale is beyond, not safe


@pytest.mark.parametrize("critical", [(0.0, 1.5), (15.0, 0.0), (-15.0, 1.5), (math.nan, 1.5), (15.0, math.nan)])
def test_a_boundary_that_is_none_is_an_error(critical: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="critical values above 0"):
        damage_margin(20.0, 1.0, *critical)


def test_a_margin_below_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 or above"):
        margin_db(-1.0)
