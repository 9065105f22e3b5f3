"""The kinetic kernel: rolling mean kinetic temperature, equal to its plain twin, the same however it was cut."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.kernels.kinetic import KineticMemory, KineticParameters, fields, kinetic
from monitor.detect.kernels.readings import Series
from tests.lanes import S, assert_cuts_change_nothing, assert_equals_twins, one_lane, random_lanes, series_judge
from tests.naive_climate import NaiveKinetic

H = 3600.0


def mkts(values: Sequence[float], times_h: Sequence[float], window_h: float, interval_h: float | None = None) -> Series:
    """MKT over a window, with the readings that close it."""
    readings = one_lane(values, [time * H for time in times_h], None if interval_h is None else interval_h * H)
    return kinetic(readings, KineticMemory.empty(1), KineticParameters(np.array([round(window_h * H / 60 * S)])))[0]


def test_equals_its_plain_twin_on_random_streams() -> None:
    """10 000 streams with gaps, spans, infinities and times that run backwards; windows of 1 and 5 h by turns."""
    readings = random_lanes(4, 10_000, 25, scale=60)
    widths_ns = np.where(np.arange(10_000) % 2, 60 * S, 300 * S)
    series, _ = kinetic(readings, KineticMemory.empty(10_000), KineticParameters(widths_ns))
    assert assert_equals_twins(readings, series, map(NaiveKinetic, widths_ns.tolist()), within=4e-4) > 2000


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(2, 30), st.sampled_from([S, 20 * S]), st.sampled_from([1, 20]))
def test_cuts_change_nothing(seed: int, pieces: int, width_ns: int, lanes: int) -> None:
    """Cut anywhere, single readings included, temperatures and memory are the same to the last bit."""
    judge = series_judge(kinetic, KineticParameters(width_ns))  # type: ignore[arg-type]  # made into columns
    assert_cuts_change_nothing(random_lanes(seed, lanes, 90), KineticMemory.empty(lanes), judge, seed, pieces)


@pytest.mark.parametrize(
    ("values", "times_h", "expected"),
    [
        ([15, 25, 0], [0, 5, 10], 21.300),
        ([20] * 29 + [35, 0], list(range(31)), 21.146),
        ([20, 2, 25, 0], [0, 2, 6, 7], 15.678),
    ],
)
def test_published_examples(values: list[float], times_h: list[float], expected: float) -> None:
    """Each reading weighs by the time until the next, the last one not yet."""
    series = mkts(values, times_h, times_h[-1])
    assert series.at.tolist() == [len(values) - 1]
    assert series.values[0] == pytest.approx(expected, abs=5e-4)


def test_the_window_rolls() -> None:
    """A warm day is in the 24 h after it and then no more; a constant temperature is its own mean."""
    values = [30.0 if 24 <= hour < 48 else 20.0 for hour in range(120)]
    series = mkts(values, list(range(120)), 24, 1)
    by_hour = dict(zip(series.at.tolist(), series.values.tolist(), strict=True))
    assert min(by_hour) == 24
    assert by_hour[24] == pytest.approx(20.0, abs=1e-5)
    assert by_hour[36] == pytest.approx(26.3, abs=0.1)
    assert by_hour[48] == pytest.approx(30.0, abs=1e-5)
    assert by_hour[72] == by_hour[24]


def test_a_gap_weighs_nothing() -> None:
    """A logger that was silent for five hours in the warmth: what it last said does not count for that time."""
    quiet = mkts([20, 20, 20, 40, 20, 20, 20, 20], [0, 1, 2, 3, 8, 9, 10, 11], 11, 1)
    assert quiet.values.tolist() == pytest.approx([20.0], abs=1e-5)
    assert mkts([20, 20], [0, 48], 24, 1).at.size == 0


def test_infinities_count_as_the_ends_of_the_scale() -> None:
    """All infinite, above or below, and a century between two readings: no exception."""
    assert mkts([math.inf] * 3, [0, 1, 2], 2).values.tolist() == [125.0]
    assert mkts([-math.inf] * 3, [0, 1, 2], 2).values.tolist() == pytest.approx([-60.0], abs=1e-4)
    assert mkts([1e38, 1e38, 1e38], [0, 1e6, 2e6], 1e6).values.tolist() == [125.0, 125.0]


def test_totals_name_the_temperature_at_closings_only() -> None:
    """`mkt_c` is NaN where no window closed, which is not stored."""
    readings = one_lane([20.0] * 4, [0, 30, 60, 61])
    series, _ = kinetic(readings, KineticMemory.empty(1), KineticParameters(np.array([S])))
    assert np.isnan(fields(series, np.arange(4))["mkt_c"]).tolist() == [True, True, False, False]
