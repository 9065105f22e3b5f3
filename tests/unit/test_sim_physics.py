"""The formulas and sensors of the simulated world: reference vectors, closed forms and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from firmware_sim.physics import Hull, LocalSource, Sensor, SensorFault, SensorState, measure, sensor_of, spoil
from firmware_sim.physics.atmosphere import (
    absolute_humidity_g_m3,
    dew_point_c,
    saturation_pa,
    standard_pressure_pa,
)
from firmware_sim.physics.gas import contents, follow, scan, vapour

F64 = NDArray[np.float64]
FEW = settings(max_examples=40)
CUTS = st.lists(st.integers(0, 50), max_size=5).map(sorted)


def numbers(low: float, high: float, size: int = 50) -> st.SearchStrategy[F64]:
    """Arrays of `size` numbers from low to high."""
    return arrays(np.float64, size, elements=st.floats(low, high))


# ---- atmosphere ----------------------------------------------------------------------------------------------------


def test_standard_atmosphere() -> None:
    """ISO 2533 at the heights that matter: ground, cabin, 15 000 ft, an unpressurised feeder, the tropopause."""
    heights_m = np.array([0.0, 1000.0, 2438.4, 4572.0, 5791.0, 11_000.0])
    assert np.abs(standard_pressure_pa(heights_m) - [101_325, 89_875, 75_262, 57_182, 48_549, 22_632]).max() < 1


def test_dew_point_and_absolute_humidity() -> None:
    """Magnus over water, WMO constants."""
    at_c, humidity_pct = np.array([20.0, 22.0, 25.0, 30.0, 25.0]), np.array([50.0, 40.0, 60.0, 30.0, 40.0])
    assert np.abs(dew_point_c(at_c, humidity_pct) - [9.255, 7.772, 16.693, 10.529, 10.46]).max() < 0.005
    water_g_m3 = absolute_humidity_g_m3(at_c[:4], humidity_pct[:4])
    assert np.abs(water_g_m3 - [8.621, 7.745, 13.779, 9.078]).max() < 0.001
    assert saturation_pa(np.array([-20.0]))[0] == pytest.approx(125.97, abs=0.01)
    assert dew_point_c(np.array([20.0]), np.array([0.0]))[0] == -243.12


@given(st.floats(-40, 60), st.floats(1, 100))
def test_dew_point_inverts_saturation(at_c: float, humidity_pct: float) -> None:
    """At its dew point, gas of the same vapour pressure is saturated."""
    dew_c = dew_point_c(np.array([at_c]), np.array([humidity_pct]))
    assert saturation_pa(dew_c)[0] == pytest.approx(humidity_pct / 100 * saturation_pa(np.array([at_c]))[0], rel=1e-9)


# ---- scan and follow -----------------------------------------------------------------------------------------------


@given(numbers(0, 1), numbers(-10, 10), numbers(-5, 5), st.floats(-5, 5))
@FEW
def test_scan_is_the_loop(keep: F64, push: F64, ceiling: F64, start: float) -> None:
    """The doubling rounds give what going step by step gives, with and without a ceiling."""
    for top in (None, ceiling):
        y, path = start, []
        for i in range(keep.size):
            y = keep[i] * y + push[i]
            y = y if top is None else min(y, top[i])
            path.append(y)
        assert np.allclose(scan(keep, push, start, top), path, rtol=1e-12, atol=1e-9)


@given(st.floats(1, 5000), st.floats(0.5, 60), st.floats(-10, 10), st.floats(-20, 20), st.floats(-1, 1))
@FEW
def test_follow_is_exact_for_a_ramp(time_s: float, step_s: float, start: float, begin: float, slope: float) -> None:
    """x = a + b t: y = a + b (t - tau) + (y0 - a + b tau) exp(-t / tau), whatever the step."""
    t_s: F64 = np.linspace(0.0, 199 * step_s, 200)
    y = follow(begin + slope * t_s, time_s, step_s, start)
    exact = begin + slope * (t_s - time_s) + (start - begin + slope * time_s) * np.exp(-t_s / time_s)
    assert np.allclose(y, exact, rtol=1e-9, atol=1e-8)


def test_follow_without_time_is_the_input() -> None:
    """And with a time it takes 63 % of a step in that time."""
    x = np.concatenate(([0.0], np.ones(1000)))
    assert np.array_equal(follow(x, 0.0, 1.0, 0.0), x)
    assert follow(np.ones(1001), 900.0, 1.0, 0.0)[900] == pytest.approx(1 - np.exp(-1))


@given(st.floats(60, 3000), st.floats(-20, 20, allow_subnormal=False), st.floats(0, 3000), st.floats(1, 3000))
@FEW
def test_a_local_source_is_a_first_order_response(time_s: float, delta_k: float, begin_s: float, for_s: float) -> None:
    """Its closed form is what `follow` makes of a heater that is switched on and off, and is bounded by it."""
    source = LocalSource(round(begin_s), round(begin_s + for_s) + 1, delta_k, time_s)
    t_s = np.arange(9000, dtype=np.float64)
    on = np.where((t_s >= source.begin_s) & (t_s < source.end_s), delta_k, 0.0)
    # a step between two seconds is a ramp of one second to `follow`: half a second's change apart at most
    assert np.abs(source.at(t_s) - follow(on, time_s, 1.0, 0.0)).max() <= abs(delta_k) / time_s
    assert np.all(np.abs(source.at(t_s)) <= abs(delta_k))


# ---- gas -----------------------------------------------------------------------------------------------------------

CLOSED = np.zeros(50, dtype=np.bool_)


def naive_contents(hull: Hull, warm: F64, outside_pa: F64, step_s: float, start: float) -> list[float]:
    """Backward Euler point by point: each of the three regimes is tried until one is consistent."""
    path = [start]
    for i in range(warm.size):
        for side in (0, -1, 1):
            slope = hull.leak_per_s + abs(side) * hull.valve_per_s
            free = path[-1] + step_s * (slope * outside_pa[i] + side * hull.valve_per_s * hull.crack_pa)
            content = free / (1 + step_s * slope * warm[i])
            differential = content * warm[i] - outside_pa[i]
            if (side == 0 and abs(differential) <= hull.crack_pa) or side * differential > hull.crack_pa:
                path.append(content)
                break
    return path[1:]


@given(numbers(0.85, 1.15), numbers(45_000, 103_000), st.floats(1, 60), st.floats(40_000, 110_000))
@FEW
def test_contents_are_those_of_the_plain_loop(warm: F64, outside_pa: F64, step_s: float, start: float) -> None:
    """The regimes that are solved at once are those found point by point, however wild temperature and pressure."""
    hull = Hull(leak_pa_d=5000.0)
    content_pa = contents(hull, warm, outside_pa, CLOSED, CLOSED, step_s, start)
    assert np.allclose(content_pa, naive_contents(hull, warm, outside_pa, step_s, start), rtol=1e-9)


@given(numbers(-0.9, 0.9), st.floats(1, 60))
@FEW
def test_the_valve_bounds_the_differential(climb: F64, step_s: float) -> None:
    """As long as the outside changes by less than the valve passes, the differential stays within full flow."""
    hull = Hull()
    passes_pa = hull.valve_per_s * (hull.full_flow_pa - hull.crack_pa) * step_s
    outside_pa = 1e6 + np.cumsum(climb * passes_pa)
    content_pa = contents(hull, np.ones(50), outside_pa, CLOSED, CLOSED, step_s, 1e6)
    assert np.abs(content_pa - outside_pa).max() <= hull.full_flow_pa


def test_the_valve_passes_its_flow() -> None:
    """20 l/s at full flow: 220 Pa/s in 9.2 m3; a steady climb is held at the differential that passes it."""
    hull = Hull()
    outside_pa = 90_000.0 - 110.0 * np.arange(1, 51, dtype=np.float64)
    start = 90_000.0 + 4000.0
    content_pa = contents(hull, np.ones(50), outside_pa, CLOSED, CLOSED, 1.0, start)
    half = 3000.0 + 2000.0 * 110.0 / (0.02 * 101_325 / 9.2)  # linear between crack and full flow
    assert content_pa[-1] - outside_pa[-1] == pytest.approx(half, abs=5)


def test_a_leak_lets_in_as_it_lets_out() -> None:
    """Ten per cent a day of the reference differential, either way."""
    hull = Hull(leak_pa_d=220.0)
    for sign in (1, -1):
        start = 100_000.0 + sign * 2200.0
        minute = contents(
            hull, np.ones(1440), np.full(1440, 1e5), np.zeros(1440, bool), np.zeros(1440, bool), 60, start
        )
        assert sign * (start - minute[-1]) == pytest.approx(2200 * (1 - np.exp(-0.1)), rel=1e-3)


@given(numbers(50_000, 110_000, 51), numbers(500, 4000), st.floats(0, 0.03), st.booleans())
@FEW
def test_vapour_is_never_beyond_saturation(content: F64, saturated: F64, room_share: float, is_open: bool) -> None:
    """Nor below nothing, whatever comes in."""
    mask = np.full(50, is_open)
    water_pa = vapour(
        Hull(), content, np.full(50, room_share), np.full(50, 2000.0), saturated, mask, CLOSED, 10.0, saturated[0]
    )
    assert np.all((water_pa >= 0) & (water_pa <= saturated))


def test_gas_that_leaves_takes_its_water_along_and_dry_gas_brings_none() -> None:
    """Half of the gas: half of the water; twice the gas, dry: the same water; twice the gas, humid: its share more."""
    slow = Hull(sorption_time_s=1e15)
    none, much = np.zeros(1), np.full(1, 1e9)
    for factor, room_share, left_pa in ((0.5, 0.02, 500.0), (2.0, 0.0, 1000.0), (2.0, 0.02, 3000.0)):
        content_pa = np.array([1e5, factor * 1e5])
        water_pa = vapour(slow, content_pa, none + room_share, none, much, CLOSED[:1], CLOSED[:1], 1.0, 1000.0)
        assert water_pa[0] == pytest.approx(left_pa)


# ---- sensors -------------------------------------------------------------------------------------------------------

QUIET = Sensor(noise=0.0, resolution=0.0)


def test_a_sensor_shows_bias_noise_and_steps_of_its_resolution() -> None:
    """The spread is that of its noise, the mean is off by its bias, all values are multiples of the resolution."""
    sensor = Sensor(noise=0.5, resolution=0.25, bias=-1.0)
    shown = measure(sensor, np.full(20_000, 20.0), 60.0, np.random.default_rng(1), SensorState())
    assert np.array_equal(shown * 4, np.round(shown * 4))
    assert shown.mean() == pytest.approx(19.0, abs=0.02)
    assert shown.std() == pytest.approx(np.sqrt(0.5**2 + 0.25**2 / 12), rel=0.03)  # rounding adds r2 / 12


def test_a_sensors_lag_is_first_order() -> None:
    """After a step, 1 - exp(-t / lag); left out where readings are far apart."""
    truth = np.concatenate(([0.0], np.ones(60)))
    slow = Sensor(noise=0.0, resolution=0.0, lag_s=10.0)
    shown = measure(slow, truth, 1.0, np.random.default_rng(1), SensorState())
    assert np.allclose(shown, 1 - np.exp(-np.arange(61) / 10.0))
    assert np.array_equal(measure(slow, truth, 60.0, np.random.default_rng(1), SensorState()), truth)


@given(numbers(-40, 40), CUTS, st.floats(0, 30))
@FEW
def test_a_sensor_does_not_notice_how_its_series_is_cut(truth: F64, cuts: list[int], lag_s: float) -> None:
    """Bit by bit: records must not depend on how many readings were asked for at once."""
    sensor = Sensor(noise=0.1, resolution=0.01, bias=0.2, lag_s=lag_s)
    whole = measure(sensor, truth, 5.0, np.random.default_rng(3), SensorState())
    random, state = np.random.default_rng(3), SensorState()
    pieces = [measure(sensor, piece, 5.0, random, state) for piece in np.split(truth, cuts)]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_each_sensor_has_a_bias_of_its_own_within_its_accuracy() -> None:
    """Drawn from U / 2."""
    biases = np.array([sensor_of("temperature.air", np.random.default_rng(k)).bias for k in range(500)])
    assert np.abs(biases).max() <= 0.2
    assert biases.std() == pytest.approx(0.1, rel=0.15)
    with pytest.raises(KeyError):
        sensor_of("gravity.moon", np.random.default_rng(1))


HOURS_S = np.linspace(0.0, 18_000.0, 6)
SHOWN = np.array([1.0, 2.0, 3.0, -4.0, 5.0, 6.0])


@pytest.mark.parametrize(
    ("kind", "channel", "value", "left"),
    [
        ("stuck", "temperature.air", 0.0, [1, 2, 2, 2, 5, 6]),
        ("drift", "temperature.air", 0.5, [1, 2, 3, -3.5, 5, 6]),
        ("dropout", "temperature.air", 0.0, [1, 2, np.nan, np.nan, 5, 6]),
        ("clip", "temperature.air", 2.5, [1, 2, 2.5, -4, 5, 6]),
        ("clip", "differential.inside", 2.5, [1, 2, 2.5, -2.5, 5, 6]),
        ("stuck", "humidity.air", 0.0, SHOWN),
    ],
)
def test_faults(kind: str, channel: str, value: float, left: list[float]) -> None:
    """Each kind between the second and the fourth hour, on its own channel only."""
    fault = SensorFault(kind, 7200.0, 14_400.0, "temperature.air" if channel == "humidity.air" else channel, value)  # type: ignore[arg-type]  # a parameter
    assert np.array_equal(spoil(channel, SHOWN, HOURS_S, [fault], SensorState()), left, equal_nan=True)


def test_a_sensor_stuck_from_the_start_holds_its_first_value() -> None:
    """There is no value from before."""
    fault = SensorFault("stuck", 0.0, 1e9, "temperature.air")
    assert spoil("temperature.air", SHOWN, HOURS_S, [fault], SensorState()).tolist() == [1.0] * 6


def test_a_stuck_sensor_remembers_over_blocks() -> None:
    """The value from before begin_s is held in all later blocks, whatever is measured."""
    fault, state = SensorFault("stuck", 2.0, 5.0, "temperature.air"), SensorState()
    blocks = (([7.0, 8.0], [0.0, 1.0]), ([9.0, 1.0], [2.0, 3.0]), ([2.0, 3.0], [4.0, 5.0]))
    left = [spoil("temperature.air", np.array(v), np.array(t_s), [fault], state).tolist() for v, t_s in blocks]
    assert left == [[7, 8], [8, 8], [8, 3]]


FAULTS = st.lists(
    st.builds(
        lambda kind, begin, length, value: SensorFault(kind, begin, begin + length, "temperature.air", value),
        st.sampled_from(["stuck", "drift", "dropout", "clip"]),
        st.integers(0, 50),
        st.integers(1, 30),
        st.floats(0, 40),
    ),
    max_size=4,
)


@given(numbers(-40, 40), CUTS, FAULTS)
@FEW
def test_faults_do_not_notice_how_a_series_is_cut(shown: F64, cuts: list[int], faults: list[SensorFault]) -> None:
    """Nor in which order they are listed."""
    t_s = np.arange(50.0)
    whole = spoil("temperature.air", shown, t_s, faults, SensorState())
    state = SensorState()
    pieces = [
        spoil("temperature.air", piece, times, faults[::-1], state)
        for piece, times in zip(np.split(shown, cuts), np.split(t_s, cuts), strict=True)
    ]
    assert np.allclose(np.concatenate(pieces), whole, rtol=1e-12, atol=1e-12, equal_nan=True)
