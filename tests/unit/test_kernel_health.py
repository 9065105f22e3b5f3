"""Health kernels: what counts as stuck, missing, out of reach; equal to plain twins, the same however cut."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.detect.kernels.missing import MissingMemory, missing
from monitor.detect.kernels.reach import ReachParameters, outside
from monitor.detect.kernels.readings import NO_SPAN, Readings, Series
from monitor.detect.kernels.stuck import Segments, StuckMemory, StuckParameters, pass_over, stuck
from tests.lanes import assert_cuts_change_nothing, assert_equals_twins, batches, one_lane, random_lanes, series_judge
from tests.naive_health import NaiveMissing, NaiveReach, NaiveStuck, each_lane

S = 1_000_000_000
STUCK = StuckParameters(np.array([0.1], dtype=np.float32), np.array([20 * S]))  # each 10 s: three of a kind


def with_repeats(readings: Readings, seed: int, share: float) -> Readings:
    """The same readings, a share of which repeats the one before."""
    rng = np.random.default_rng(seed)
    index = np.arange(len(readings.values))
    index = np.maximum.accumulate(np.where(rng.random(len(index)) < share, 0, index))
    return readings._replace(values=readings.values[np.maximum(index, np.repeat(readings.starts, readings.counts))])


def with_nan(readings: Readings, seed: int) -> Readings:
    """Rows of 1 for NaN and 0; some lanes have NaN here and there, others in long stretches."""
    rng = np.random.default_rng(seed)
    lane, lanes = readings.lane, len(readings.counts)
    share = rng.choice([0.0, 0.05, 0.6, 0.98], lanes)[lane]
    block = rng.random(len(lane) // 20 + 1).repeat(20)[: len(lane)]
    is_nan = np.where(lane % 2, block, rng.random(len(lane))) < share
    return readings._replace(values=is_nan.astype(np.float32))


def run_stuck(readings: Readings, tolerance: float = 0.0, for_s: float = 20.0) -> list[tuple[int, float]]:
    """(reading, seconds) of each point of a single lane."""
    p = StuckParameters(np.array([tolerance], dtype=np.float32), np.array([round(for_s * S)]))
    series, _ = stuck(readings, StuckMemory.empty(1), p)
    return list(zip(series.at.tolist(), series.values.tolist(), strict=True))


def test_stuck_is_told_when_the_time_is_reached_and_when_it_ends() -> None:
    """Five equal readings 10 s apart: told at the third, 20 s after the first, and at the one that differs."""
    assert run_stuck(one_lane([1, 2, 2, 2, 2, 2, 3], range(0, 70, 10))) == [(3, 20.0), (6, 0.0)]


def test_a_stuck_sensor_may_be_stuck_at_infinity() -> None:
    """An infinity equals itself, and no other."""
    assert run_stuck(one_lane([inf, inf, inf, -inf, inf], range(0, 50, 10))) == [(2, 20.0), (3, 0.0)]


@pytest.mark.parametrize(("tolerance", "told"), [(0.0, []), (0.05, [(2, 20.0)])])
def test_a_change_within_the_tolerance_is_none(tolerance: float, told: list[tuple[int, float]]) -> None:
    """Readings that wander by 0.04 are stuck within 0.05, and alive with no tolerance."""
    assert run_stuck(one_lane([20.0, 20.04, 20.0, 20.04], range(0, 40, 10)), tolerance) == told


@pytest.mark.parametrize("times_s", [[0, 10, 40, 50, 60], [0, 10, 10, 20, 30], [0, 10, 5, 15, 25]])
def test_a_gap_or_a_time_that_does_not_rise_begins_anew(times_s: list[float]) -> None:
    """Equal readings on either side of a gap say nothing of the time between."""
    assert run_stuck(one_lane([7] * 5, times_s, interval_s=10)) == [(4, 20.0)]


def test_a_hundred_thousand_equal_readings_at_one_time_are_no_stretch() -> None:
    """That is the clock's fault, and told as such."""
    assert run_stuck(one_lane([7] * 100_000, [0] * 100_000)) == []


def test_stuck_equals_its_twin() -> None:
    """10 000 random streams with repeats, gaps, equal and backward times, infinities."""
    readings = with_repeats(random_lanes(3, 10_000, 20), 4, 0.7)
    series = stuck(readings, StuckMemory.empty(10_000), each_lane(STUCK, 10_000))[0]
    assert (
        assert_equals_twins(readings, series, (NaiveStuck(float(STUCK.tolerance[0]), 20.0) for _ in range(10_000)))
        > 5000
    )


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_cuts_change_nothing_of_stuck(seed: int, pieces: int) -> None:
    """Cut into up to 30 pieces, mostly single readings: the same points and the same memory."""
    readings = with_repeats(random_lanes(seed, 50, 20), seed, 0.7)
    assert_cuts_change_nothing(readings, StuckMemory.empty(50), series_judge(stuck, STUCK), seed, pieces)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.1]), st.sampled_from([20, 120, 400]))
def test_what_is_passed_over_is_not_stuck(seed: int, tolerance: float, for_s: int) -> None:
    """Lanes that need no kernel: it tells nothing of them and leaves the same memory."""
    readings = with_repeats(random_lanes(seed, 60, 40), seed, 0.3)
    readings = readings._replace(span=np.full_like(readings.span, NO_SPAN))
    p = each_lane(StuckParameters(np.array([tolerance], dtype=np.float32), np.array([for_s * S])), 60)
    state = StuckMemory.empty(60)
    for chosen, _, piece in batches(readings, seed, 3):
        rows, before = StuckParameters(p.tolerance[chosen], p.for_ns[chosen]), state.take(chosen)
        series, after = stuck(piece, before, rows)
        is_quiet, passed = pass_over(segments(piece), before, rows)
        is_quiet &= are_steady(piece)
        assert not is_quiet[piece.lane[series.at]].any()
        for name, column in passed.arrays().items():
            np.testing.assert_array_equal(column[is_quiet], after.arrays()[name][is_quiet], err_msg=name)
        state.put(chosen, after)


def segments(readings: Readings) -> Segments:
    """Each lane as one segment."""
    values, times_ns, _, _, starts, counts = readings
    return Segments(values, times_ns, starts, counts)


def are_steady(readings: Readings) -> NDArray[np.bool_]:
    """Whether the times of each lane rise without a gap."""
    spacing_ns = np.diff(readings.times_ns, prepend=0)
    is_next = (spacing_ns > 0) & (spacing_ns <= readings.gap_ns)
    is_next[readings.starts] = True
    return np.asarray(np.logical_and.reduceat(is_next, readings.starts))


def test_a_noisy_lane_is_passed_over() -> None:
    """An hour of readings each minute that differ now and then: not stuck for an hour, without a look at them all."""
    values = np.round(20 + 0.05 * np.random.default_rng(1).standard_normal(121), 1)
    p = StuckParameters(np.zeros(1, np.float32), np.array([3600 * S]))
    _, memory = stuck(one_lane(list(values[:61]), range(0, 61 * 60, 60)), StuckMemory.empty(1), p)
    is_quiet, _ = pass_over(segments(one_lane(list(values[61:]), range(61 * 60, 121 * 60, 60))), memory, p)
    assert is_quiet.all()


def share_of(*nans: int) -> list[float]:
    """The share told at each row, 1 for one that is NaN."""
    return list(missing(one_lane(nans, range(len(nans))), MissingMemory.empty(1))[0].values.tolist())


def test_the_share_of_nan_counts_from_the_first_one() -> None:
    """A sensor that gives nothing is at 100 % at once, so that a dwell counts from there; a value brings it down."""
    assert share_of(0, 1, 1, 0, 0) == [0, 100, 100, pytest.approx(200 / 3), 50]


def test_sixty_rows_with_values_make_a_lane_idle() -> None:
    """Then nothing is remembered: a fleet of working sensors costs nothing."""
    readings = one_lane([1] + [0] * 60, range(61))
    series, after = missing(readings, MissingMemory.empty(1))
    assert series.values[-2:].tolist() == [pytest.approx(100 / 60), 0]
    assert not any(column.any() for column in after.arrays().values())


def test_missing_equals_its_twin() -> None:
    """10 000 random streams with NaN here and there and in stretches, longer than 60 rows too."""
    readings = with_nan(random_lanes(5, 10_000, 15), 6)
    series = missing(readings, MissingMemory.empty(10_000))[0]
    assert_equals_twins(readings, series, (NaiveMissing() for _ in range(10_000)))
    readings = with_nan(random_lanes(7, 200, 300), 8)
    assert_equals_twins(readings, missing(readings, MissingMemory.empty(200))[0], (NaiveMissing() for _ in range(200)))
    assert ((series.values > 0) & (series.values < 100)).sum() > 5000


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_cuts_change_nothing_of_missing(seed: int, pieces: int) -> None:
    """Also where the 60 rows straddle several cuts."""

    def judge(readings: Readings, memory: MissingMemory) -> tuple[tuple[NDArray[Any], ...], MissingMemory]:
        series, after = missing(readings, memory)
        return (series.at, series.values), after

    readings = with_nan(random_lanes(seed, 30, 150), seed)
    assert_cuts_change_nothing(readings, MissingMemory.empty(30), judge, seed, pieces)


def test_an_idle_lane_may_be_passed_over() -> None:
    """Rows without NaN leave an idle lane as it is, whatever their span."""
    readings = one_lane([0, 0, 0], [0, 60, 120])._replace(span=np.array([5, 5, 9]))
    after = missing(readings, MissingMemory.empty(1))[1]
    assert after.begun.tolist() == after.nans.tolist() == after.last_span.tolist() == [0]


def reach(readings: Readings) -> Series:
    """Outside -40 to 85."""
    lanes = len(readings.counts)
    return outside(readings, ReachParameters(np.full(lanes, -40, np.float32), np.full(lanes, 85, np.float32)))


def test_reach_is_the_distance_outside_the_range() -> None:
    """At the least and the most a reading is inside; infinities are infinitely far outside."""
    values = reach(one_lane([-40, 85, 20, 85.5, -41, inf, -inf, 3e38], range(8))).values
    assert values.tolist() == [0, 0, -60, 0.5, 1, inf, inf, pytest.approx(3e38)]


def test_reach_equals_its_twin() -> None:
    """10 000 random streams."""
    readings = random_lanes(9, 10_000, 10)
    assert_equals_twins(readings, reach(readings), (NaiveReach(-40, 85) for _ in range(10_000)))
