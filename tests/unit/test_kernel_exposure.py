"""The exposure kernel: time and integral beyond a level, equal to its plain twin, the same however it was cut."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.kernels.exposure import ExposureMemory, ExposureParameters, exposure, fields
from monitor.detect.kernels.readings import NO_SPAN
from tests.lanes import S, assert_cuts_change_nothing, assert_equals_twins, one_lane, random_lanes, series_judge
from tests.naive_climate import NaiveExposure


def parameters(level: float, sign: int, lanes: int = 1, *, is_area: bool = False) -> ExposureParameters:
    """The same for each lane."""
    return ExposureParameters(np.full(lanes, level), np.full(lanes, sign), np.full(lanes, is_area))


def totals(
    values: Sequence[float], times_s: Sequence[float], interval_s: float | None = None, level: float = 25, sign: int = 1
) -> tuple[list[float], list[float], list[float]]:
    """Time beyond the level in s, the integral in unit x h and the unknown time in s, after each reading."""
    readings = one_lane(values, times_s, interval_s)
    series, _ = exposure(readings, ExposureMemory.empty(1), parameters(level, sign))
    found = fields(series, np.arange(len(readings.values)))
    return found["time_above_s"].tolist(), found["degree_hours"].tolist(), found["unknown_s"].tolist()


@pytest.mark.parametrize("is_area", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_equals_its_plain_twin_on_random_streams(sign: int, is_area: bool) -> None:
    """10 000 streams with gaps, spans, infinities and times that run backwards."""
    readings = random_lanes(3 + sign, 10_000, 20)
    p = parameters(25.1, sign, 10_000, is_area=is_area)
    series, after = exposure(readings, ExposureMemory.empty(10_000), p)
    twins = [NaiveExposure(25.1, sign, is_area=is_area) for _ in range(10_000)]
    assert_equals_twins(readings, series, twins)
    for name in ("beyond_ns", "area", "unknown_ns"):
        assert after.arrays()[name].tolist() == [getattr(twin, name) for twin in twins]


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(2, 30), st.booleans())
def test_cuts_change_nothing(seed: int, pieces: int, is_area: bool) -> None:
    """Cut anywhere, single readings included, totals and memory are the same to the last bit."""
    judge = series_judge(exposure, ExposureParameters(25.0, 1, is_area))  # type: ignore[arg-type]  # made into columns
    assert_cuts_change_nothing(random_lanes(seed, 20, 40), ExposureMemory.empty(20), judge, seed, pieces)


def test_crossings_are_interpolated() -> None:
    """24, 28, 24 degC at 0, 60, 120 s: above 25 degC for 90 s, 0.0375 K h; above 24 for 120 s and 4 K min."""
    time_s, area, unknown_s = totals([24, 28, 24], [0, 60, 120])
    assert time_s == [0, 45, 90]
    assert area == pytest.approx([0, 0.01875, 0.0375], abs=1e-12)
    assert unknown_s == [0, 0, 0]
    time_s, area, _ = totals([24, 28, 24], [0, 60, 120], level=24)
    assert time_s == [0, 60, 120]
    assert area[-1] == pytest.approx(4 / 60)
    assert totals([26, 22, 26], [0, 60, 120], level=25, sign=-1)[0] == [0, 45, 90]


def test_a_reading_at_the_level_is_not_beyond_it() -> None:
    """25.1 as float32 lies above 25.1, but does not exceed it."""
    assert totals([25.1, 25.1, 25.1], [0, 60, 120], level=25.1)[0] == [0, 0, 0]


def test_the_time_in_a_gap_is_unknown_and_time_that_does_not_rise_counts_nothing() -> None:
    """150 s are no gap with an interval of 60 s, 151 s are one; equal times and steps back add to no total."""
    time_s, _, unknown_s = totals([30] * 5, [0, 150, 301, 301, 200], 60)
    assert time_s == [0, 150, 150, 150, 150]
    assert unknown_s == [0, 0, 151, 151, 151]


def test_a_new_span_starts_from_zero() -> None:
    """With the next leg the totals are 0 and grow again."""
    readings = one_lane([30] * 6, [60.0 * row for row in range(6)])
    readings = readings._replace(span=np.array([NO_SPAN] * 3 + [5] * 3))
    series, _ = exposure(readings, ExposureMemory.empty(1), parameters(25, 1))
    assert (series.values * 60).tolist() == pytest.approx([0, 1, 2, 0, 1, 2])


def test_absurd_values_and_totals_end_at_the_most() -> None:
    """Infinities and 1e38 count as a million, totals stop at 2**62: no overflow, no exception."""
    _, area, _ = totals([math.inf, 1e38, -math.inf], [0, 3600, 7200])
    assert area == pytest.approx([0, 1e6, 1.25e6], rel=1e-4)
    century_s = 100 * 365.25 * 86400
    time_s, area, _ = totals([1e38] * 3, [-1.4 * century_s, 0, 1.4 * century_s])
    assert time_s[-1] == 2**62 / S
    assert area[1:] == [2**62 / 3.6e9] * 2
