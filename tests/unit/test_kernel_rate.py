"""The rate kernel: when a rate is known and what it is, equal to its plain twin, the same however it was cut."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.kernels.rate import RateMemory, RateParameters, rate
from tests.lanes import S, assert_cuts_change_nothing, assert_equals_twins, one_lane, random_lanes, series_judge
from tests.naive_climate import NaiveRate

HOUR = RateParameters(np.array([3600 * S]), np.array([60 * S]))


def rates(values: Sequence[float], times_s: Sequence[float], interval_s: float | None) -> dict[float, float]:
    """The rates over an hour by time in minutes."""
    readings = one_lane(values, times_s, interval_s)
    series, _ = rate(readings, RateMemory.empty(1), HOUR)
    minutes = (readings.times_ns[series.at] / (60 * S)).tolist()
    return dict(zip(minutes, series.values.tolist(), strict=True))


def test_equals_its_plain_twin_on_random_streams() -> None:
    """10 000 streams with gaps, spans, infinities and times that run backwards; windows of 1 and 5 min by turns."""
    readings = random_lanes(2, 10_000, 25)
    widths_ns = np.where(np.arange(10_000) % 2, S, 5 * S)
    series, _ = rate(readings, RateMemory.empty(10_000), RateParameters(60 * widths_ns, widths_ns))
    twins = (NaiveRate(60 * width) for width in widths_ns.tolist())
    assert assert_equals_twins(readings, series, twins) > 10_000


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(2, 30), st.sampled_from([S, 3 * S, 20 * S]), st.sampled_from([1, 20]))
def test_cuts_change_nothing(seed: int, pieces: int, width_ns: int, lanes: int) -> None:
    """Cut anywhere, single readings included, rates and memory are the same to the last bit."""
    judge = series_judge(rate, RateParameters(60 * width_ns, width_ns))  # type: ignore[arg-type]  # made into columns
    assert_cuts_change_nothing(random_lanes(seed, lanes, 90), RateMemory.empty(lanes), judge, seed, pieces)


@pytest.mark.parametrize("interval_s", [1.0, 10.0, 60.0, 600.0, 1200.0])
def test_a_steady_rise_has_its_rate_once_the_window_is_full(interval_s: float) -> None:
    """5 K/h, known from one interval before an hour on."""
    times_s = np.arange(0, 7200, interval_s)
    found = rates((20 + times_s / 720).tolist(), times_s.tolist(), interval_s)
    assert min(found) == (3600 - interval_s) / 60
    assert list(found.values()) == pytest.approx([5.0] * len(found), rel=2e-6)


def test_the_reference_is_the_first_reading_of_the_oldest_bucket() -> None:
    """A step at minute 30 is in the rate from 60 to 90 min, not afterwards; buckets end on the minute."""
    times_s = [20.0 * row for row in range(400)]
    found = rates([20.0 if time < 1800 else 23.0 for time in times_s], times_s, 20)
    assert found[60.0] == 3.0
    assert found[60 + 1 / 3] == pytest.approx(3 * 60 / (60 + 1 / 3))
    assert found[89 + 2 / 3] > 2.9
    assert found[90.0] == 0.0


def test_unknown_without_interval_until_the_whole_window_is_seen() -> None:
    """A logger that declared nothing: known from 60 min on."""
    assert min(rates([20.0] * 90, [60.0 * row for row in range(90)], None)) == 60.0


def test_begins_anew_after_a_gap() -> None:
    """A spacing of more than 2.5 intervals: unknown for another window."""
    times_s = [60.0 * row for row in range(70)] + [60.0 * row for row in range(72, 140)]
    found = rates([20.0] * len(times_s), times_s, 60)
    assert [minute for minute in found if minute > 69] == [float(minute) for minute in range(131, 140)]


def test_infinities_and_absurd_values_are_numbers() -> None:
    """A rise to infinity is infinite; from infinity to infinity nothing can be told; 6e38 in an hour is infinite."""
    hour = [60.0 * row for row in range(61)]
    assert rates([20.0] * 60 + [math.inf], hour, None) == {60.0: math.inf}
    assert rates([math.inf] * 61, hour, None) == {}
    assert rates([-3e38] * 60 + [3e38], hour, None) == {60.0: math.inf}


def test_a_window_shorter_than_the_interval_is_never_known() -> None:
    """A reading every two hours says nothing of an hour, and is no division by nothing."""
    assert rates([20.0, 30.0], [0.0, 7200.0], 7200) == {}
