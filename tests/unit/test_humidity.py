"""Moist air: the vectors of the definitions, an independent library, and what must not hurt."""

from __future__ import annotations

import math
import sys
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.detect.kernels import humidity
from monitor.detect.kernels.humidity import absolute_humidity, dew_point, dew_point_bounds, frost_point
from tests import naive_air

with patch.dict(sys.modules, {"numba": None}):  # it would compile each formula for seconds, to be called for one number
    import psychrolib  # type: ignore[import-untyped]  # it has no type information


@pytest.mark.parametrize(
    ("temperature_c", "humidity_pct", "dew_c"),
    [
        (25, 40, 10.46), (15, 40, 1.49), (-10, 100, -10.0),
        (20, 50, 9.255), (22, 40, 7.772), (25, 60, 16.693), (30, 30, 10.529),
    ],
)  # fmt: skip
def test_dew_point_as_printed_in_the_definitions(temperature_c: float, humidity_pct: float, dew_c: float) -> None:
    digits = len(str(dew_c).partition(".")[2])
    assert round(float(dew_point(temperature_c, humidity_pct)), digits) == dew_c
    assert dew_point(np.float32(temperature_c), np.float32(humidity_pct)) == pytest.approx(dew_c, abs=0.006)


def test_frost_point_of_saturated_air_at_minus_ten() -> None:
    """Saturated over water at -10 degC the air is more than saturated over ice: it frosts on what is below -8.88."""
    assert float(frost_point(-10, 100)) == pytest.approx(-8.88, abs=0.005)


@pytest.mark.parametrize(
    ("temperature_c", "humidity_pct", "absolute_g_m3"),
    [(20, 50, 8.621), (22, 40, 7.745), (25, 60, 13.779), (30, 30, 9.078)],
)
def test_absolute_humidity(temperature_c: float, humidity_pct: float, absolute_g_m3: float) -> None:
    assert float(absolute_humidity(temperature_c, humidity_pct)) == pytest.approx(absolute_g_m3, abs=5e-4)


def test_bounds_of_a_dry_dew_point() -> None:
    """At 20 degC 5 +- 2 %RH is anything from -26.6 to -16.9 degC; the temperature's accuracy widens it."""
    low, high = dew_point_bounds(20, 5, 0.0, 2.0)
    assert (round(float(low), 1), round(float(high), 1)) == (-26.6, -16.9)
    wider = dew_point_bounds(20, 5, 1.0, 2.0)
    assert wider[0] < low < high < wider[1]


@settings(max_examples=200)
@given(st.floats(0, 50), st.floats(5, 100))
def test_dew_point_is_that_of_an_independent_library(temperature_c: float, humidity_pct: float) -> None:
    """PsychroLib uses Hyland and Wexler's formulas (ASHRAE): Magnus is within 0.06 K of them above 0 degC."""
    psychrolib.SetUnitSystem(psychrolib.SI)
    expected_c = psychrolib.GetTDewPointFromRelHum(temperature_c, humidity_pct / 100)
    if expected_c >= 0:  # below, PsychroLib's is over ice
        assert float(dew_point(temperature_c, humidity_pct)) == pytest.approx(expected_c, abs=0.06)
    elif expected_c >= -40:
        assert float(frost_point(temperature_c, humidity_pct)) == pytest.approx(expected_c, abs=0.06)


@settings(max_examples=300)
@given(st.floats(-100, 100), st.floats(-50, 150))
def test_formulas_equal_their_plain_twins(temperature_c: float, humidity_pct: float) -> None:
    """As float64 to the last digits; as float32 within 1e-4 K, so that no speed is bought with accuracy."""
    vapour_hpa = naive_air.vapour_hpa(temperature_c, humidity_pct)
    expected_c = naive_air.dew_point_c(vapour_hpa)
    assert float(dew_point(temperature_c, humidity_pct)) == pytest.approx(expected_c, abs=1e-9)
    grams = 216.679 * vapour_hpa / (temperature_c + 273.15)
    assert float(absolute_humidity(temperature_c, humidity_pct)) == pytest.approx(grams, rel=1e-9)
    rounded = np.float32(temperature_c), np.float32(humidity_pct)
    expected_c = naive_air.dew_point_c(naive_air.vapour_hpa(float(rounded[0]), float(rounded[1])))
    assert dew_point(*rounded).dtype == np.float32
    assert float(dew_point(*rounded)) == pytest.approx(expected_c, abs=1e-4)


@given(st.floats(-60, 60), st.floats(0.02, 149), st.floats(0.001, 1))
def test_more_vapour_is_a_higher_dew_point(temperature_c: float, humidity_pct: float, more_pct: float) -> None:
    assert dew_point(temperature_c, humidity_pct + more_pct) > dew_point(temperature_c, humidity_pct)


def test_no_humidity_is_taken_as_the_least_that_is_resolved() -> None:
    """0 % and what a sensor's error makes of it are a dew point of -75 at 20 degC; that of 105 % lies above 20."""
    assert dew_point([20, 20, 20], [0, -1.5, 0.01]).tolist() == pytest.approx([-75.07] * 3, abs=0.01)
    assert float(dew_point(20, 105)) == pytest.approx(20.79, abs=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_absurd_readings_give_nan_without_a_warning(dtype: type) -> None:
    """NaN, infinities, what overflows, and the temperature at which the formula divides by 0."""
    absurd = [math.nan, math.inf, -math.inf, 1e30, -1e30, -243.12, -273.15, 101]
    temperature_c: NDArray[Any] = np.array([*absurd, 20, 20, 20, 20, 20], dtype=dtype)
    humidity_pct: NDArray[Any] = np.array([50] * len(absurd) + [math.nan, math.inf, -math.inf, 151, -51], dtype=dtype)
    with np.errstate(all="raise"):
        for formula in (dew_point, frost_point, absolute_humidity):
            assert np.isnan(formula(temperature_c, humidity_pct)).all()


def test_one_logarithm_serves_all() -> None:
    """The steps are those of the whole."""
    log = humidity.log_pressure(25, 40)
    assert humidity.dew_point_at(log) == dew_point(25, 40)
    assert humidity.frost_point_at(log) == frost_point(25, 40)
    assert humidity.absolute_humidity_at(log, 25) == absolute_humidity(25, 40)
