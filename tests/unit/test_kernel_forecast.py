"""The trend kernel: promises what a straight line leads to, equal to its plain twin, seldom what does not come."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal, stats

from monitor.detect.kernels.means import Means
from monitor.detect.kernels.readings import Readings, Series
from monitor.detect.kernels.trend import TrendParameters, t999, trend
from tests.lanes import S, assert_cuts_change_nothing, twin_readings
from tests.long_lanes import f32, long_lanes, streams
from tests.naive_health import NaiveTrend, each_lane

P = TrendParameters(np.array([10 * S]), f32(600), f32(25), f32(1))  # 10 min ahead, from 10 min


def run(values: NDArray[np.float64], p: TrendParameters = P) -> Series:
    """Judge rows of readings 10 s apart."""
    return trend(streams(values), Means.empty(len(values)), each_lane(p, len(values)))[0]


def test_quantiles_are_those_of_student() -> None:
    """Exact where tabulated, else up to 9 % on the careful side."""
    dof = np.linspace(2, 58, 1000)
    ratio = t999(dof) / stats.t.ppf(0.999, dof)
    assert ratio.min() > 0.9999
    assert ratio.max() < 1.1


@pytest.mark.parametrize("sign", [1, -1])
def test_a_straight_line_is_foretold_with_its_time(sign: int) -> None:
    """0.01 K each 10 s up to 25 degC: foretold 600 s ahead, not before, with its time; falling too."""
    rng = np.random.default_rng(1)
    values = 25 + sign * ((np.arange(300) - 250) * 0.01 + 0.003 * rng.standard_normal(300))
    series = run(values[None], P._replace(sign=f32(sign)))
    beyond = (series.values - 25) * sign > 0
    assert series.detail is not None
    np.testing.assert_array_equal(beyond, ~np.isnan(series.detail))
    assert 185 <= series.at[beyond].min() <= 195  # 600 s before reading 250
    assert np.abs(series.detail[beyond] / S - 2500).max() < 60
    assert series.at.max() in (250, 251, 252)  # what is beyond already is not foretold


def test_noise_a_daily_wave_and_a_wander_are_seldom_foretold() -> None:
    """Share of buckets that promise the limit, 3 sigmas from the level, over windows as long as the horizon.

    White noise: at most 1 in 2 000. Red noise (lag-1 correlation 0.9 from bucket to bucket), which an ordinary standard
    error takes for a trend every other time: at most 1 %. A wave of 4 horizons that stays below, where a window shows
    a ramp and nothing else as long as it rises: at most 20 %.
    """
    rng = np.random.default_rng(2)
    white = rng.standard_normal((50, 1060))
    red = signal.lfilter([1], [1, -0.9], white, axis=1) * np.sqrt(1 - 0.81)
    wave = 2.5 * np.sin(2 * np.pi * (np.arange(1060) / 240 + rng.random((50, 1)))) + 0.05 * white
    assert promised(22 + white) < 1 / 2000
    assert promised(22 + red) < 0.01
    assert promised(22 + wave) < 0.2


def promised(values: NDArray[np.float64]) -> float:
    """Share of points above the limit of 25."""
    return float((run(values).values > 25).mean())


def test_what_levels_off_below_the_limit_is_not_foretold_for_long() -> None:
    """An exponential towards 24.5: the flatter line soon sees that it will not reach 25."""
    values = np.array([24.5 - 5 * math.exp(-k / 60) for k in range(600)])
    series = run(values[None, :])
    assert series.at[series.values > 25].max(initial=0) < 150  # 2.5 time constants; level 24.1


def test_too_few_buckets_say_nothing() -> None:
    """29 known buckets of 60 are no window, 30 are."""
    readings = streams(np.linspace(20, 22, 200)[None])
    for step, told in ((2, True), (3, False)):
        part = np.arange(0, 200, step)
        values, times_ns, gap_ns, span, starts, _ = readings
        counts = np.array([len(part)])
        thinned = Readings(values[part], times_ns[part], gap_ns[part], span[part], starts, counts)
        assert (trend(thinned, Means.empty(1), each_lane(P, 1))[0].at.size > 0) == told


def test_trend_equals_its_twin() -> None:
    """10 000 random streams: hostile ones, and lines with noise of which some are significant."""
    readings = long_lanes(21, 10_000, 70)
    rng = np.random.default_rng(22)
    slope = rng.choice([0.0, 0.01, -0.01, 0.05], 10_000)[readings.lane]
    line = 24 + slope * (np.arange(len(slope)) - readings.starts[readings.lane] - 50)
    values = np.where(readings.lane % 4 == 0, readings.values, line + 0.05 * rng.standard_normal(len(slope)))
    readings = readings._replace(values=values.astype(np.float32))
    series, _ = trend(readings, Means.empty(10_000), each_lane(P, 10_000))
    at, want, reached = [], [], []
    for lane in range(10_000):
        twin = NaiveTrend(int(P.width_ns[0]), 600, 25, 1)
        for row, reading in enumerate(twin_readings(readings, lane)):
            value = twin.reading(reading)
            if value is not None:
                at.append(int(readings.starts[lane]) + row)
                want.append(value)
                reached.append(twin.reached_ns)
    np.testing.assert_array_equal(series.at, at)
    np.testing.assert_allclose(series.values, want, rtol=1e-5, atol=1e-3)
    assert series.detail is not None
    np.testing.assert_allclose(series.detail, reached, rtol=1e-6, atol=1e6)
    assert np.isfinite(series.detail).sum() > 100


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(2, 40))
def test_cuts_change_nothing(seed: int, pieces: int) -> None:
    """Cut into up to 40 pieces: the same levels and times to the last bit, and the same memory."""

    def judge(readings: Readings, memory: Means) -> tuple[tuple[NDArray[Any], ...], Means]:
        series, after = trend(readings, memory, each_lane(P, len(readings.counts)))
        assert series.detail is not None
        return (series.at, series.values, series.detail), after

    assert_cuts_change_nothing(long_lanes(seed, 30, 200), Means.empty(30), judge, seed, pieces)
