"""Statistic kernels: z-score and CUSUM equal their plain twins, however cut, and seldom accuse plain noise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.kernels.cusum import CusumMemory, CusumParameters, cusum
from monitor.detect.kernels.means import Means
from monitor.detect.kernels.readings import NO_SPAN, Readings, Series
from monitor.detect.kernels.zscore import ZScoreParameters, z_score
from tests.lanes import S, Twin, assert_cuts_change_nothing, series_judge, twin_readings
from tests.long_lanes import f32, long_lanes, streams
from tests.naive_health import NaiveCusum, NaiveZScore, each_lane

WIDTH_NS = 10 * S  # a window of 10 min


Z = ZScoreParameters(np.array([WIDTH_NS]), f32(0.05))
C = CusumParameters(np.array([WIDTH_NS]), f32(0.05), f32(0.5), f32(5))


def assert_close_to_twins(readings: Readings, series: Series, twins: Iterable[Twin]) -> int:
    """The same points, with values that differ by no more than float64 and fixed point do."""
    at, values = [], []
    for lane, twin in enumerate(twins):
        for row, reading in enumerate(twin_readings(readings, lane)):
            value = twin.reading(reading)
            if value is not None:
                at.append(int(readings.starts[lane]) + row)
                values.append(value)
    np.testing.assert_array_equal(series.at, at)
    np.testing.assert_allclose(series.values, values, rtol=1e-4, atol=1e-3)
    return len(at)


def test_z_score_equals_its_twin() -> None:
    """10 000 random streams of up to 70 readings, hostile ones too, some of which fill a window."""
    readings = long_lanes(11, 10_000, 70)
    series, _ = z_score(readings, Means.empty(10_000), each_lane(Z, 10_000))
    told = assert_close_to_twins(readings, series, (NaiveZScore(WIDTH_NS, float(Z.floor[0])) for _ in range(10_000)))
    assert told > 500


def test_cusum_equals_its_twin() -> None:
    """10 000 random streams as above."""
    readings = long_lanes(12, 10_000, 70)
    series, _ = cusum(readings, CusumMemory.empty(10_000), each_lane(C, 10_000))
    twins = (NaiveCusum(WIDTH_NS, float(C.floor[0]), 0.5, 5.0) for _ in range(10_000))
    assert assert_close_to_twins(readings, series, twins) > 1000
    assert (series.values > 5).sum() > 10
    assert ((series.values > 0) & (series.values < 5)).sum() > 500


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(2, 40))
def test_cuts_change_nothing(seed: int, pieces: int) -> None:
    """Cut into up to 40 pieces: the same values to the last bit, and the same memory."""
    readings = long_lanes(seed, 30, 200)
    assert_cuts_change_nothing(readings, Means.empty(30), series_judge(z_score, Z), seed, pieces)
    assert_cuts_change_nothing(readings, CusumMemory.empty(30), series_judge(cusum, C), seed, pieces)


def test_z_score_of_plain_noise_and_of_a_step() -> None:
    """Of white noise 1 bucket in 5 000 is beyond 5 robust sigmas; a step by 8 sigmas is told at the next bucket."""
    rng = np.random.default_rng(1)
    noise = 20 + 0.1 * rng.standard_normal((100, 1060))
    series, _ = z_score(streams(noise), Means.empty(100), each_lane(Z._replace(floor=f32(0.001)), 100))
    assert len(series.at) == 100 * 1000
    assert (series.values > 5).mean() < 1 / 5_000
    assert np.quantile(series.values, 0.5) == pytest.approx(0.6745, abs=0.03)  # of |normal|
    noise[:, 100:] += 0.8
    series, _ = z_score(streams(noise[:, :102]), Means.empty(100), each_lane(Z._replace(floor=f32(0.001)), 100))
    at_step = series.values[series.at % 102 == 101]
    assert (at_step > 5).mean() > 0.95


def test_equal_readings_have_the_floor_as_their_sigma() -> None:
    """A channel at rest, then one step of its resolution: two floors of 0.05 are 2 sigmas, not infinitely many."""
    values = np.full((1, 80), 20.0)
    values[0, 70] = 20.1
    series, _ = z_score(streams(values), Means.empty(1), each_lane(Z, 1))
    assert series.values.max() == pytest.approx(2, rel=1e-4)
    assert np.isfinite(series.values).all()


def test_cusum_of_plain_noise_and_of_a_slow_drift() -> None:
    """In 1 000 buckets after its reference a fifth of plain streams passes 12 sigmas; all that drift do.

    The reference is of 60 values: its median errs by 0.16 sigma, its sigma by 15 %, and the slack of 0.5 covers both.
    """
    rng = np.random.default_rng(2)
    noise = 20 + 0.1 * rng.standard_normal((100, 1060))
    p = C._replace(above=f32(12), floor=f32(0.001))
    plain = cusum(streams(noise), CusumMemory.empty(100), each_lane(p, 100))[0]
    accused = np.maximum.reduceat(plain.values, np.flatnonzero(plain.at % 1060 == 60))
    assert (accused > 12).mean() < 0.2
    drift = noise + np.maximum(np.arange(1060) - 60, 0) * 0.001  # 1 sigma in 100 buckets
    series = cusum(streams(drift), CusumMemory.empty(100), each_lane(p, 100))[0]
    first = np.array(
        [series.at[(series.at // 1060 == lane) & (series.values > 12)].min() % 1060 for lane in range(100)]
    )
    assert np.median(first) - 60 < 150
    assert (
        z_score(streams(drift), Means.empty(100), each_lane(Z, 100))[0].values > 5
    ).mean() < 1e-4  # which it never sees


def test_a_cusum_ends_soon_after_the_drift_does() -> None:
    """As the sums stop at twice the limit, slack brings them back below it in limit / slack buckets."""
    rng = np.random.default_rng(3)
    values = 20 + 0.1 * rng.standard_normal((1, 700))
    values[0, 100:500] += 0.5
    series, _ = cusum(streams(values), CusumMemory.empty(1), each_lane(C, 1))
    beyond = series.at[series.values > 5]
    assert 100 < beyond.min() < 110
    assert 500 < beyond[beyond < 600].max() < 530


def test_a_cusum_takes_a_new_reference_after_a_restart() -> None:
    """A stretch in which the rule watches has a reference of its own, however near the level of another one lies."""
    readings = streams(np.concatenate((np.full((1, 100), 20.0), np.full((1, 100), 30.0)), axis=1))
    whole, _ = cusum(readings, CusumMemory.empty(1), each_lane(C, 1))
    assert whole.values.max() == 10
    parted = readings._replace(span=np.repeat(np.array([NO_SPAN, 1000 * S]), 100))
    series, _ = cusum(parted, CusumMemory.empty(1), each_lane(C, 1))
    assert series.at.tolist() == [*range(60, 100), *range(160, 200)]
    assert not series.values.any()
