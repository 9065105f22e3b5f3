"""Windows of 60 buckets and the means in them: equal to the plain twin, and the same however the stream is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.detect.kernels.buckets import BUCKETS, width_ns
from monitor.detect.kernels.means import Means, close_means
from monitor.detect.kernels.readings import Readings
from tests.lanes import S, assert_cuts_change_nothing, one_lane, random_lanes, twin_readings
from tests.naive_climate import NaiveMeans

WIDTHS_NS = np.array([2 * S, 10 * S + 1])  # random streams of 20 readings fill windows of 2 and 10 min


def widths(readings: Readings) -> NDArray[np.int64]:
    """Two kinds of lanes by turns."""
    return WIDTHS_NS[np.arange(len(readings.counts)) % 2]


@pytest.mark.parametrize("restarts_at_gap", [False, True])
def test_windows_equal_those_of_the_plain_twin(restarts_at_gap: bool) -> None:
    """3 000 random streams: the same windows close at the same readings, with the same means and times."""
    readings = random_lanes(1, 3000, 25)
    closings, _ = close_means(readings, widths(readings), Means.empty(3000), restarts_at_gap=restarts_at_gap)
    got = {}
    for part in closings.chunks():
        for k, at in enumerate(part.at.tolist()):
            got[at, int(part.lane[k])] = np.stack((part.mean[k], part.age_s[k], part.counts[k]))
    want = {}
    for lane in range(3000):
        twin = NaiveMeans(int(widths(readings)[lane]), restarts_at_gap=restarts_at_gap)
        for row, reading in enumerate(twin_readings(readings, lane)):
            window = twin.closing(reading)
            if window is not None:
                want[int(readings.starts[lane]) + row, lane] = laid_out(window)
    assert list(got) == list(want)
    assert len(got) > 500
    np.testing.assert_allclose(np.stack(list(got.values())), np.stack(list(want.values())), atol=1.1e-6, rtol=1e-12)


def laid_out(window: dict[int, tuple[float, float, int]]) -> NDArray[np.float64]:
    """A twin's window as rows of means, ages and counts [3, 60]."""
    rows = np.full((3, BUCKETS), np.nan)
    rows[2] = 0
    for back, entry in window.items():
        rows[:, BUCKETS - back] = entry
    return rows


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 30), st.booleans())
def test_cuts_change_neither_windows_nor_memory(seed: int, pieces: int, restarts_at_gap: bool) -> None:
    """Cut anywhere, single readings included, windows and memory are the same to the last bit."""
    readings = random_lanes(seed, 20, 60)

    def judge(piece: Readings, memory: Means) -> tuple[tuple[NDArray[Any], ...], Means]:
        closings, after = close_means(piece, np.full(len(piece.counts), 7 * S), memory, restarts_at_gap=restarts_at_gap)
        parts = list(closings.chunks())
        columns = [(part.at, part.mean, part.age_s, part.counts) for part in parts]
        if not columns:
            return (np.empty(0, np.int64), *[np.empty((0, BUCKETS))] * 3), after
        return tuple(np.concatenate(column) for column in zip(*columns, strict=True)), after

    assert_cuts_change_nothing(readings, Means.empty(20), judge, seed, pieces)


def test_a_window_closes_with_the_first_reading_of_the_next_bucket() -> None:
    """A reading a minute in buckets of two minutes: full after 120 min, each bucket the mean of two readings."""
    readings = one_lane(list(range(126)), [60.0 * row for row in range(126)], 60)
    closings, after = close_means(readings, np.array([width_ns(7200)]), Means.empty(1))
    (part,) = closings.chunks()
    assert part.at.tolist() == [120, 122, 124]
    assert part.mean[0].tolist() == [2 * bucket + 0.5 for bucket in range(60)]
    assert part.age_s[0].tolist() == pytest.approx([7200 - 120 * bucket - 30 for bucket in range(60)], rel=1e-12)
    assert part.counts[0].tolist() == [2] * 60
    assert after.held.tolist() == [61]


def test_many_readings_at_one_time_and_many_windows_at_once() -> None:
    """100 000 readings with one time stand in one bucket; more windows than fit at once come in parts, in order."""
    readings = one_lane([20.0] * 100_000, [5.0] * 100_000)
    closings, after = close_means(readings, np.array([S]), Means.empty(1))
    assert closings.at.size == 0
    assert after.count[0, -1] == 100_000
    readings = one_lane([20.0] * 9000, list(range(9000)))
    closings, _ = close_means(readings, np.array([S]), Means.empty(1))
    assert [len(part.at) for part in closings.chunks()] == [4096, 4096, 9000 - 60 - 8192]
