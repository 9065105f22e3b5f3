"""Cycles: the largest range, and rainflow damage against ASTM E1049, fatpack and the plain twin, however it was cut."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import fatpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import monitor.detect.kernels.damage as damage_module
from monitor.detect.kernels.cycles import RangeMemory, RangeParameters, largest_range
from monitor.detect.kernels.damage import damage, fields
from monitor.detect.kernels.rainflow import DamageMemory, DamageParameters
from monitor.detect.kernels.readings import NO_SPAN
from tests.lanes import assert_cuts_change_nothing, assert_equals_twins, one_lane, random_lanes, series_judge
from tests.naive_climate import NaiveDamage, NaiveRainflow, NaiveRange

ASTM = [-2, 1, -3, 5, -1, 3, -4, 4, -2]  # E1049-85, figure 6
ASTM_COUNTS = {3: 0.5, 4: 1.5, 6: 0.5, 8: 1.0, 9: 0.5}


def parameters(
    min_range: float, exponent: float = 2.0, ref_range: float = 10.0, ref_cycles: float = 7.0, lanes: int = 1
) -> DamageParameters:
    """The same for each lane."""
    return DamageParameters(*(np.full(lanes, each) for each in (min_range, ref_range, ref_cycles, exponent)))


def damages(values: Sequence[float], p: DamageParameters) -> list[float]:
    """Miner's sum whenever it is told, one reading a second."""
    series, _ = damage(one_lane(values, list(range(len(values)))), DamageMemory.empty(1), p)
    told: list[float] = series.values.tolist()
    return told


def test_ranges_equal_their_plain_twin_on_random_streams() -> None:
    """10 000 streams with spans, infinities and times that run backwards."""
    readings = random_lanes(5, 10_000, 20)
    series, _ = largest_range(readings, RangeMemory.empty(10_000), RangeParameters())
    with np.errstate(over="ignore"):
        assert_equals_twins(readings, series, (NaiveRange() for _ in range(10_000)))


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_cuts_change_no_range(seed: int, pieces: int) -> None:
    """Cut anywhere, ranges and memory are the same."""
    judge = series_judge(largest_range, RangeParameters())
    assert_cuts_change_nothing(random_lanes(seed, 20, 40), RangeMemory.empty(20), judge, seed, pieces)


def test_the_largest_range_is_the_one_that_rainflow_finds() -> None:
    """9 in the standard's example, which no cycle that closes takes away."""
    series, _ = largest_range(one_lane(ASTM, list(range(9))), RangeMemory.empty(1), RangeParameters())
    assert series.values.tolist() == [0, 3, 4, 8, 8, 8, 9, 9, 9]
    assert max(ASTM_COUNTS) == 9


def test_counts_of_the_standard() -> None:
    """Sums of powers up to the tenth are those of the counts printed in ASTM E1049, so the counts are."""
    rainflow = NaiveRainflow()
    for point in ASTM:
        rainflow.turn(point)
    counts = {size: sum(n for each, n in rainflow.all() if each == size) for size, _ in rainflow.all()}
    assert counts == ASTM_COUNTS
    for exponent in range(1, 11):
        told = damages([*ASTM, 0], parameters(0, exponent, 1, 1))  # the last point shows once it is turned back from
        assert told[-1] == pytest.approx(sum(n * size**exponent for size, n in ASTM_COUNTS.items()), rel=1e-6)


@pytest.mark.parametrize("exponent", [1.0, 2.3, 4.0])
def test_damage_equals_that_of_fatpack(exponent: float) -> None:
    """Random walks of 200 turning points: its closed cycles, and its residue as half cycles."""
    rng = np.random.default_rng(int(exponent * 10))
    for _ in range(4):
        values = np.cumsum(rng.uniform(0.5, 5, 201) * (-1) ** np.arange(201)).astype(np.float32)
        cycles, residue = fatpack.find_rainflow_cycles(values[:-1].astype(np.float64))
        ranges = np.concatenate((np.abs(np.diff(cycles, axis=1)).ravel(), np.abs(np.diff(residue))))
        weights = np.repeat([1.0, 0.5], [len(cycles), len(residue) - 1])
        told = damages(values.tolist(), parameters(0, exponent))
        assert told[-1] == pytest.approx(np.sum(weights * (ranges / 10) ** exponent) / 7, rel=1e-6)


@pytest.mark.parametrize("min_range", [0.0, 1.0, 3.0])
def test_damage_equals_its_plain_twin_on_random_streams(min_range: float) -> None:
    """10 000 streams with spans, infinities and times that run backwards."""
    readings = random_lanes(6 + int(min_range), 10_000, 25)
    p = parameters(min_range, 2.5, lanes=10_000)
    series, _ = damage(readings, DamageMemory.empty(10_000), p)
    twins = [NaiveDamage(min_range, 10, 7, 2.5) for _ in range(10_000)]
    assert assert_equals_twins(readings, series, twins, relative=1e-6) > 20_000
    assert np.isfinite(series.values).mean() > 0.5


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(2, 30), st.sampled_from([0.0, 1.0, 4.0]), st.sampled_from([1, 20]))
def test_cuts_change_no_damage(seed: int, pieces: int, min_range: float, lanes: int) -> None:
    """Cut anywhere, single readings included, damages and memory are the same to the last bit."""
    judge = series_judge(damage, DamageParameters(min_range, 10.0, 7.0, 2.3))  # type: ignore[arg-type]  # made into columns
    assert_cuts_change_nothing(random_lanes(seed, lanes, 60), DamageMemory.empty(lanes), judge, seed, pieces)


@settings(max_examples=30)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.0, 1.0, 4.0]),
    st.sampled_from([(1, 300), (3, 600), (20, 60)]),
    st.floats(0, 1),
    st.sampled_from([2.0, 2.3]),
)
def test_one_by_one_is_as_good_as_side_by_side(
    seed: int, min_range: float, size: tuple[int, int], damping: float, exponent: float
) -> None:
    """Infinities, spans, both zeros and full residues: each way, and a mixture, come to the same to the last bit."""
    readings = random_lanes(seed, *size)
    index = np.arange(len(readings.values))
    shrinking = ((-1.0) ** index * (100 - index % 150) * 3).astype(np.float32)
    is_shrinking = np.random.default_rng(seed).random(len(index) // 100 + 1).repeat(100)[: len(index)] < damping
    values = np.where(is_shrinking, shrinking, readings.values - np.float32(24))
    readings = readings._replace(values=np.where((values == 0) & (index % 3 == 0), np.float32(-0.0), values))
    p, found = parameters(min_range, exponent, lanes=size[0]), []
    for readings_a_round in (-1, damage_module.READINGS_A_ROUND, 20, 2**62):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(damage_module, "READINGS_A_ROUND", readings_a_round)
            patch.setattr(damage_module, "PIECE", 64)
            series, after = damage(readings, DamageMemory.empty(size[0]), p)
        found.append((series.at.tobytes(), series.values.tobytes(), after.to_bytes()))
    assert all(each == found[0] for each in found[1:])


def test_a_lane_that_turns_with_each_reading_takes_no_longer_than_others() -> None:
    """100 000 turning points of one lane, and 20 000 spans: 0.2 s and 0.7 s on a slow core, side by side 50 s."""
    readings = one_lane([20.0, 30.0] * 50_000, range(100_000))
    began_s = time.process_time()
    series, after = damage(readings, DamageMemory.empty(1), parameters(1.0))
    damage(readings._replace(span=np.arange(100_000) // 5), DamageMemory.empty(1), parameters(1.0))
    assert time.process_time() - began_s < 5
    assert len(series.at) == 100_000
    assert after.total(np.array([0])).tolist() == pytest.approx([0.5 * 99_998 / 7])


def test_swings_below_min_range_do_nothing() -> None:
    """Noise of 1.5 K on a rise and a fall of 20 K: two half cycles of 20 and one more to come."""
    noise = [0.75, -0.75]
    rise = [20 + row / 2 + noise[row % 2] for row in range(41)]
    told = damages([20.0, *rise, *rise[::-1], 20.0, 40.0], parameters(2.0))
    assert told[0] == 0
    top, bottom = max(rise), min(20.0, *rise)
    assert told[-1] == pytest.approx(2 * 0.5 * ((top - bottom) / 10) ** 2 / 7, rel=1e-6)


def test_a_full_residue_counts_its_oldest_range_half() -> None:
    """Swings that get ever smaller, 100 of them: as the twin that keeps 32 points, and each range has counted half."""
    values = [(-1) ** row * (200 - row) for row in range(101)]
    told = damages(values, parameters(1.0))
    twin = NaiveDamage(1.0, 10, 7, 2.0)
    for value in values:
        twin._turn(float(value))
    assert len(twin.rainflow.points) == 32
    assert told[-1] == pytest.approx(twin.damage(), rel=1e-6)
    halves = [0.5 * (abs(b - a) / 10) ** 2 / 7 for a, b in pairwise(values[:-1])]
    assert told[-1] == pytest.approx(sum(halves), rel=1e-6)


def test_steady_swings_close_at_once() -> None:
    """The same swing a hundred times leaves two turning points, so that the residue never fills up with it."""
    values = [20.0, 30.0] * 100
    _, after = damage(one_lane(values, list(range(200))), DamageMemory.empty(1), parameters(1.0))
    assert after.depth.tolist() == [2]
    assert after.total(np.array([0])).tolist() == pytest.approx([0.5 * 198 / 7])


def test_a_long_piece_is_as_good_as_short_ones() -> None:
    """5 000 readings at once, more than are worked on at once."""
    values = np.cumsum(np.random.default_rng(7).normal(0, 1, 5000)).tolist()
    twin = NaiveDamage(1.0, 10, 7, 2.0)
    for value in np.array(values, dtype=np.float32).tolist():
        twin._turn(value)
    assert damages(values, parameters(1.0))[-1] == pytest.approx(twin.damage(), rel=1e-6)


def test_a_new_span_starts_from_zero() -> None:
    """With the next leg damage and range are 0, told at its first reading."""
    readings = one_lane([0, 10, 0, 10, 0, 0], list(range(6)))
    readings = readings._replace(span=np.array([NO_SPAN] * 5 + [5]))
    series, _ = damage(readings, DamageMemory.empty(1), parameters(1.0))
    assert (series.at.tolist()[-1], series.values.tolist()[-1]) == (5, 0.0)
    assert series.values.max() > 0
    found, _ = largest_range(readings, RangeMemory.empty(1), RangeParameters())
    assert found.values.tolist() == [0, 10, 10, 10, 10, 0]


def test_totals_hold_until_the_next_turning_point() -> None:
    """`dose` at each reading, from what was remembered on."""
    whole = one_lane([0, 10, 10, 0, 0, 10, 10], list(range(7)))
    p = parameters(1.0, ref_cycles=1.0)
    series, _ = damage(whole, DamageMemory.empty(1), p)
    dose = fields(whole, series, DamageMemory.empty(1), np.arange(len(whole.values)))["dose"].tolist()
    assert dose == [0, 0, 0, 0.5, 0.5, 1.0, 1.0]
    _, after = damage(one_lane([0, 10, 10, 0], [0, 1, 2, 3]), DamageMemory.empty(1), p)
    rest = one_lane([0, 10, 10], [4, 5, 6])
    series, _ = damage(rest, after, p)
    assert fields(rest, series, after, np.arange(3))["dose"].tolist() == [0.5, 1.0, 1.0]
