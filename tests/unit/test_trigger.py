"""Events of a continuous recording: found where something happens, whole, and nowhere else."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.shock.trigger import FLOOR_G, MAX_SAMPLES, REST_S, find_events
from tests.strikes import F64, direction, gaussian, pulse

seeds = st.integers(0, 2**32 - 1)
rates_hz = st.floats(50.0, 10_000.0)
UP = np.array([[0.0], [0.0], [1.0]])


def resting(seed: int, samples: int, noise_g: float, offset_g: float) -> F64:
    """A sensor at rest, lying any way."""
    random = np.random.default_rng(seed)
    rest_g = direction(random) + offset_g * direction(random)
    return np.asarray(rest_g[:, None] + noise_g * random.standard_normal((3, samples)))


@given(seeds, st.floats(1.0, 100_000.0), st.integers(1, 60_000), st.floats(0.0, 0.3), st.floats(0.0, 20.0))
@settings(max_examples=60)
def test_no_event_from_a_sensor_at_rest(seed: int, fs_hz: float, samples: int, noise_g: float, offset_g: float) -> None:
    """Whatever its noise, its offset, the drift of its offset with temperature and the steps of its converter."""
    accel_g = resting(seed, samples, noise_g, offset_g)
    times_s = np.arange(samples) / fs_hz
    warming_g = 0.1 * np.sin(2 * math.pi * times_s / 600) + 0.5 * (1 - np.exp(-times_s / 600))
    assert find_events(accel_g + warming_g, fs_hz) == []
    step_g = 2.0 ** (seed % 7 - 10)
    assert find_events(np.round(accel_g / step_g) * step_g, fs_hz) == []


@given(
    seeds, rates_hz, st.floats(2.0, 50.0), st.floats(0.005, 0.05), st.floats(0, 0.04), st.floats(0, 10),
    st.lists(st.floats(0.1, 8.0), min_size=1, max_size=6),
)  # fmt: skip
@settings(max_examples=60)
def test_each_pulse_is_in_one_event(
    seed: int, fs_hz: float, peak_g: float, length_s: float, noise_g: float, offset_g: float, gaps_s: list[float]
) -> None:
    """Those that follow each other sooner than rest takes share an event; each begins and ends at rest."""
    length_s = max(length_s, 6 / fs_hz)
    times_s = 2.0 + np.cumsum(np.array(gaps_s) + length_s)
    accel_g = resting(seed, round((times_s[-1] + 3.0) * fs_hz), noise_g, offset_g)
    t_s = np.arange(accel_g.shape[1]) / fs_hz
    towards = direction(np.random.default_rng(seed))
    accel_g += np.outer(towards, sum(pulse(t_s, at_s, peak_g, length_s) for at_s in times_s))
    events = find_events(accel_g, fs_hz)
    for at_s in times_s + length_s / 2:
        (holding,) = [event for event in events if event.start <= at_s * fs_hz < event.stop]
        assert holding.start <= holding.trigger < holding.stop
    alone = 1 + int((np.diff(times_s) - length_s > REST_S + 0.05).sum())
    assert alone <= len(events) <= len(gaps_s)
    for event in events:
        assert np.abs(times_s - event.trigger / fs_hz).min() <= length_s
        assert event.trigger - event.start >= 0.4 * fs_hz


@given(seeds, rates_hz, st.floats(0.6, 5.0))
@settings(max_examples=40)
def test_a_sensor_that_is_turned_is_at_rest_again(seed: int, fs_hz: float, angle: float) -> None:
    """Being turned over within half a second is an event, lying another way is none."""
    t_s = np.arange(round(20 * fs_hz)) / fs_hz
    tilt = angle * np.clip((t_s - 8.0) / 0.5, 0, 1)
    accel_g = np.array([np.sin(tilt), 0 * tilt, np.cos(tilt)])
    accel_g += 0.01 * np.random.default_rng(seed).standard_normal(accel_g.shape)
    events = find_events(accel_g, fs_hz)
    assert len(events) <= 1
    assert all(event.trigger / fs_hz > 7.9 and event.stop / fs_hz < 12.5 for event in events)
    if 2 * math.sin(min(angle, math.pi) / 2) > 1.2:
        assert len(events) == 1


def test_the_level_is_half_a_g_or_beyond_the_noise() -> None:
    """8 sigma of 0.2 g are 1.6 g."""
    rest_g = resting(1, 20_000, 0.0, 0.0)
    rest_g[0, 10_000:10_010] += 3.0
    noise_g = 0.2 * np.random.default_rng(1).standard_normal((3, 20_000))
    assert [event.level_g for event in find_events(rest_g, 1000.0)] == [FLOOR_G]
    (event,) = find_events(rest_g + noise_g, 1000.0)
    assert event.level_g == pytest.approx(1.6, rel=0.15)
    assert find_events(rest_g, 1000.0, 4.0) == []


def test_what_stands_out_of_vibration_is_an_event() -> None:
    """A truck's 0.25 Grms without any rest are none, a pothole of 5 g is one."""
    accel_g = UP + gaussian(np.random.default_rng(3), 60_000, 1000.0, 0.25, 3, 200)
    assert find_events(accel_g, 1000.0) == []
    accel_g[2, 30_000:30_012] += 5.0
    (event,) = find_events(accel_g, 1000.0)
    assert event.start < 30_000 < event.stop


def test_samples_of_a_converter_that_settles_are_no_event() -> None:
    """As at the begin of the recordings' channel 80: nothing, then half of it, then rest."""
    accel_g = np.repeat(UP, 5000, axis=1)
    accel_g[2, :3] = 0.0, 0.25, 0.9
    assert find_events(accel_g, 500.0) == []
    accel_g[2, :50] = 3.0
    assert len(find_events(accel_g, 500.0)) == 1


def test_an_event_that_does_not_end_goes_on_in_the_next() -> None:
    accel_g = np.repeat(UP, 400_000, axis=1)
    accel_g[2, 5000:-5000] += 5 * np.sin(np.arange(390_000) / 3)
    events = find_events(accel_g, 1000.0)
    assert max(event.stop - event.start for event in events) <= MAX_SAMPLES
    assert len(events) == 3
    assert all(event.start < other.start <= event.stop for event, other in itertools.pairwise(events))


def test_too_many_events_are_refused() -> None:
    """Not cut off: what was not told would be missing."""
    accel_g = np.repeat(UP, 300_000, axis=1)
    accel_g[2, ::20] += 3.0
    with pytest.raises(ValueError, match="more than 10000 beyond 2 g"):
        find_events(accel_g, 10.0, 2.0)


@pytest.mark.parametrize(
    ("accel_g", "fs_hz", "level_g", "cause"),
    [
        (np.zeros((2, 10)), 100.0, None, "3 axes"),
        (np.zeros(10), 100.0, None, "3 axes"),
        (np.full((3, 10), np.nan), 100.0, None, "finite"),
        (np.zeros((3, 10)), 0.0, None, "positive rate"),
        (np.zeros((3, 10)), math.nan, None, "positive rate"),
        (np.zeros((3, 10)), 100.0, 0.0, "level"),
        (np.zeros((3, 10)), 100.0, math.nan, "level"),
    ],
)
def test_what_is_no_recording(accel_g: F64, fs_hz: float, level_g: float | None, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        find_events(accel_g, fs_hz, level_g)


def test_no_samples_have_no_events() -> None:
    assert find_events(np.zeros((3, 0)), 100.0) == []
