"""Leak: losses that are there and losses that only seem so, the plain twin, and the same however the stream is cut."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_sim import recorder, scenario
from firmware_sim.codec import Env
from firmware_sim.plan import LoggerPlan, Made
from firmware_sim.recorder import Truth
from monitor.detect.derive import derivations, derive
from monitor.detect.families.leaks import Leaks
from monitor.detect.gather import gather
from monitor.detect.kernels.buckets import width_ns
from monitor.detect.kernels.leak import DAY_S, LeakMemory, LeakParameters, leak, slope_weights
from monitor.detect.kernels.readings import NO_SPAN, UNKNOWN_GAP_NS, Readings, Series
from monitor.detect.phases import Phases
from monitor.detect.streams import Streams
from monitor.model.batch import Block
from monitor.model.limit import LeakRule
from tests.grids import View
from tests.lanes import S, assert_cuts_change_nothing, one_lane, series_judge, twin_readings
from tests.naive_air import NaiveLeak

DAY = LeakParameters(width_ns(DAY_S), False)  # type: ignore[arg-type]  # numbers, which `series_judge` makes arrays of
HOURS = np.arange(360) / 5  # a reading each 12 min for three days


def losses(values: NDArray[np.float64], hours: NDArray[np.float64] = HOURS, days: int = 1) -> Series:
    """The losses of one lane."""
    readings = one_lane(values.tolist(), (hours * 3600).tolist(), 720)
    parameters = LeakParameters(np.array([width_ns(days * DAY_S)]), np.array([False]))
    return leak(readings, LeakMemory.empty(1), parameters)[0]


def test_loss_of_500_pa_a_day_is_told_as_such_from_the_first_full_window_on() -> None:
    series = losses(102_000 - 500 * HOURS / 24)
    assert series.at[0] == 120  # 24 h at 12 min
    assert np.diff(series.at).tolist() == [2] * (len(series.at) - 1)  # whenever a bucket of 24 min closes
    assert series.values == pytest.approx(500, abs=0.1)
    assert losses(102_000 + 500 * HOURS / 24).values == pytest.approx(-500, abs=0.1)


def test_flow_of_ten_cubic_metres_that_lose_500_pa_a_day() -> None:
    """0.0579 Pa m3/s: the loss times volume over a day."""
    assert losses(102_000 - 500 * HOURS / 24).values * (10 / DAY_S) == pytest.approx(0.0579, abs=5e-5)


@pytest.mark.parametrize("phase", [0.0, 1.0, 2.0, 4.5])
def test_daily_swing_is_no_leak_and_hides_none(phase: float) -> None:
    """As much as a sensor leaves over that lags by 10 min in a swing of +-10 K: 150 Pa up and down each day."""
    swing_pa = 150 * np.sin(2 * np.pi * HOURS / 24 + phase)
    assert losses(102_000 + swing_pa).values == pytest.approx(0, abs=1)
    assert losses(102_000 + swing_pa - 500 * HOURS / 24).values == pytest.approx(500, abs=1)
    assert losses(102_000 + swing_pa, days=2).values == pytest.approx(0, abs=1)


def test_noise_of_the_sensors_makes_a_few_pascals() -> None:
    """2 Pa and 0.03 K at a reading a minute: 1.6 Pa/d (1 sigma) over a full day."""
    rng = np.random.default_rng(3)
    hours = np.arange(0, 24 * 200, 1 / 60)
    pressure_pa = 102_000 + rng.normal(0, 2, hours.size)
    temperature_c = 20 + rng.normal(0, 0.03, hours.size)
    spread = float(np.std(losses(pressure_pa * 293.15 / (temperature_c + 273.15), hours).values))
    assert spread == pytest.approx(1.57, rel=0.1)


@pytest.mark.parametrize(("gap_h", "told_h"), [(6.0, 36.0), (7.0, 54.8)])
def test_window_needs_three_quarters_of_its_buckets(gap_h: float, told_h: float) -> None:
    """A hole of 6 h leaves 45 of 60 buckets, one of 7 h only 43 until two of it have left the window."""
    kept = np.isin(np.floor((HOURS - 30) / gap_h), 0, invert=True)
    series = losses(102_000 - 500 * HOURS[kept] / 24, HOURS[kept])
    told = HOURS[kept][series.at]
    assert told[told >= 30][0] == pytest.approx(told_h)
    assert series.values == pytest.approx(500, abs=2)  # the bucket half full beside the hole stands for its middle


def test_void_starts_anew() -> None:
    """While the valve was open nobody knows what went through: 3 000 Pa less after it are no leak."""
    values = np.where(HOURS < 30, 102_000, 99_000.0)
    values[(HOURS >= 29.9) & (HOURS < 30.1)] = np.inf
    series = losses(values)
    assert series.values == pytest.approx(0, abs=0.01)
    assert HOURS[series.at[0]] == pytest.approx(24)
    told = HOURS[series.at]
    assert not ((told > 30.4) & (told < 54)).any()
    assert (told >= 54).any()


def test_climb_and_descent_are_no_leak() -> None:
    """An hour's flight of a container that follows the outside, and one that comes down lower than it went up."""
    for after_pa in (102_000, 99_000):
        values = np.where(HOURS < 30, 102_000.0, after_pa)
        values[(HOURS >= 30) & (HOURS < 31)] = 75_000
        series = losses(values)
        assert series.values == pytest.approx(0, abs=0.01)
        assert (HOURS[series.at] > 55.5).any()


@pytest.mark.parametrize(("step_pa", "is_told"), [(500, True), (-500, True), (508, False), (-508, False)])
def test_no_leak_of_days_is_faster_than_climb_and_descent(step_pa: float, is_told: bool) -> None:
    """0.35 Pa/s are 504 Pa from one bucket of 24 min to the next: beyond, the window says nothing."""
    told = HOURS[losses(np.where(HOURS < 30, 102_000.0, 102_000 + step_pa)).at]
    assert ((told > 31) & (told < 53)).any() == is_told
    assert (told > 54.5).any()


def test_weights_of_a_slope_are_those_of_least_squares() -> None:
    """They take a line as it is, and neither level nor wave of a day at any phase."""
    age_d = np.sort(np.random.default_rng(1).uniform(0, 1, 50))
    weights = slope_weights(age_d)
    assert weights @ age_d == pytest.approx(1)
    for other in (np.ones(50), np.sin(2 * np.pi * age_d), np.cos(2 * np.pi * age_d + 1)):
        assert weights @ other == pytest.approx(0, abs=1e-12)


STEPS_S = (100, 700, 700, 1440, 1440, 1500, 2900, 20_000, 0, -60, -4000, 3e8, -3e8)
ODDS = (2, 8, 8, 8, 8, 4, 2, 0.05, 0.2, 0.2, 0.02, 0.01, 0.01)


def random_gas(seed: int, lanes: int) -> Readings:
    """Streams of 60 to 140 readings, most of them dense enough for windows of a day; some void, some hostile."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(60, 141, lanes)
    total = int(counts.sum())
    odds = np.array(ODDS) / sum(ODDS)
    times_ns = np.cumsum(np.rint(rng.choice(np.array(STEPS_S), total, p=odds) * S).astype(np.int64))
    values = 100_000 + np.cumsum(rng.normal(0, 20, total)) + rng.normal(0, 10, total)
    hostile = np.flatnonzero(rng.random(total) < 0.003)
    values[hostile] = rng.choice(np.array([np.inf, np.inf, -np.inf, 0.0, 1e6]), hostile.size)
    starts = np.cumsum(counts) - counts
    changes = np.cumsum(rng.random(total) < 0.002)
    span = np.where(changes % 3 == 0, NO_SPAN, changes * S)
    return Readings(values.astype(np.float32), times_ns, np.full(total, UNKNOWN_GAP_NS), span, starts, counts)


def test_losses_equal_those_of_the_plain_twin() -> None:
    """On random streams the same windows say something, and the same."""
    lanes = 800
    readings = random_gas(1, lanes)
    parameters = LeakParameters(np.full(lanes, DAY.width_ns), np.zeros(lanes, dtype=np.bool_))
    series, _ = leak(readings, LeakMemory.empty(lanes), parameters)
    at, values = [], []
    for lane in range(lanes):
        twin = NaiveLeak(int(DAY.width_ns))
        for row, reading in enumerate(twin_readings(readings, lane)):
            value = twin.reading(reading)
            if value is not None:
                at.append(int(readings.starts[lane]) + row)
                values.append(value)
    np.testing.assert_array_equal(series.at, np.array(at))
    np.testing.assert_allclose(series.values, np.array(values), rtol=1e-5, atol=2e-2)
    assert len(at) > 3000


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_cuts_change_neither_losses_nor_memory(seed: int, pieces: int) -> None:
    """Cut anywhere, single readings included, all is the same to the last bit."""
    assert_cuts_change_nothing(random_gas(seed, 20), LeakMemory.empty(20), series_judge(leak, DAY), seed, pieces)


def test_a_lane_of_void_readings_only_remembers_them() -> None:
    """Void at the beginning, then nothing else in the batch: the lane beside it goes on as it would alone."""
    readings = one_lane([math.inf, math.inf], [0, 60])
    series, after = leak(readings, LeakMemory.empty(1), LeakParameters(np.array([DAY.width_ns]), np.array([False])))
    assert series.values.size == 0
    assert after.voids.tolist() == [2]
    assert after.is_used.tolist() == [True]


def told_days(plan: LoggerPlan, days: float) -> NDArray[np.float32]:
    """The losses that a simulated logger's readings tell of."""
    blocks = []
    for happening in plan.happenings:
        if isinstance(happening, Made) and isinstance(happening.content, Env):
            blocks.append((happening.t0_ns, happening.content))
            if happening.t0_ns - blocks[0][0] > days * DAY_S * S:
                break
    rows = np.concatenate([env.x for _, env in blocks])
    times_ns = np.concatenate([t0_ns + np.arange(len(env.x)) * (env.dt_us * 1000) for t0_ns, env in blocks])
    rule = LeakRule.model_validate({"id": "l", "severity": "alarm", "kind": "leak", "above": "300 Pa/d"})
    plan_of_row = derivations(tuple(blocks[0][1].channels), (rule,))
    (gas,) = (
        made for each, made in zip(plan_of_row, derive(rows, plan_of_row), strict=True) if each.channel == "leak.inside"
    )
    readings = one_lane(gas.tolist(), ((times_ns - times_ns[0]) / S).tolist(), 60)
    parameters = LeakParameters(np.array([DAY.width_ns]), np.array([False]))
    return leak(readings, LeakMemory.empty(1), parameters)[0].values


def test_simulated_seal_that_leaks_and_one_that_is_tight() -> None:
    """The day's swing moves the pressure by more than the leak: one is told above 300 Pa/d, the other within 20."""
    parsed = scenario.load("nitrogen-leak")
    plans = recorder.plan(parsed, 1_796_342_400 * S, speed=1.0, loggers=None, truth=Truth(None))
    leaky, tight = (next(plan for plan in plans if plan.identity.container == name) for name in ("C-101", "C-102"))
    assert told_days(leaky, 1.5).min() > 300
    assert abs(told_days(tight, 2.5)).max() < 20


def test_family_tells_a_flow_of_gas_where_the_volume_is_known() -> None:
    """10 m3 that lose 500 Pa a day are 0.0579 Pa m3/s; nobody can say so of a container without a volume."""
    rules: list[dict[str, object]] = [
        {"id": "pa", "above": "300 Pa/d"},
        {"id": "flow", "above": "0.05 Pa m3/s", "clear": "0.04 Pa m3/s"},
    ]
    view = View(*[{"kind": "leak"} | rule for rule in rules])
    streams = Streams(view)
    family = Leaks(streams, view)
    found = []
    for container in ("volume", "unknown"):
        values = np.column_stack((102_000 - 500 * HOURS / 24, np.full(HOURS.size, 20))).astype(np.float32)
        times_ns = np.rint(HOURS * 3600).astype(np.int64) * S
        channels = ("pressure.inside", "temperature.air")
        columns, _ = gather([Block(1, container, "l", 7, 10, False, channels, times_ns, values, 720 * S)], streams)
        for column in columns:
            found += [each for _, each in family.step(column, Phases(view), [])]
    fired = {(each.container, each.rule): each.value for each in found if each.change == "fired"}
    assert fired == {
        ("volume", "pa"): pytest.approx(500, abs=0.1),
        ("volume", "flow"): pytest.approx(0.0579, abs=5e-5),
        ("unknown", "pa"): pytest.approx(500, abs=0.1),
    }
