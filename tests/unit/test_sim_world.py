"""The world of one container: what each part of a journey does to it, and what holds whatever happens."""

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_sim.physics import QUANTITIES, Failure, Hull, LocalSource, Stretch, Weather, World
from firmware_sim.physics.atmosphere import dew_point_c, standard_pressure_pa
from firmware_sim.physics.climate import WEATHER_BOUND

F64 = NDArray[np.float64]
HOUR_S, DAY_S = 3600.0, 86_400.0
MIDNIGHT_NS = 1_795_478_400_000_000_000  # 2026-11-24T00:00:00Z
CALM = Weather(0.0, 0.0, 0.0)
FEW = settings(max_examples=25)


def world(
    *stretches: Stretch,
    hull: Hull | None = None,
    failures: Sequence[Failure] = (),
    weather: Weather = CALM,
    seed: int = 5,
    step_s: float = 10.0,
    kept_chunks: int = 4,
    start_h: float = 0.0,
) -> World:
    """A container at 239 m (Turin); the day begins at start_h UTC."""
    start_ns = MIDNIGHT_NS + round(start_h * HOUR_S) * 1_000_000_000
    return World(stretches, hull or Hull(), failures, start_ns, step_s, seed, weather=weather, kept_chunks=kept_chunks)


def stretch(begin_h: float, end_h: float, outside_c: float = 20.0, **more: float | bool | None) -> Stretch:
    """A stretch with its times in hours, at 239 m unless said otherwise."""
    return Stretch(begin_h * HOUR_S, end_h * HOUR_S, outside_c, **({"altitude_m": 239.0} | more))  # type: ignore[arg-type]  # keys of Stretch


def hours(end_h: float, per_hour: int = 60) -> F64:
    """Even times from 0 to end_h, s."""
    return np.arange(0, end_h * per_hour + 1) * (HOUR_S / per_hour)


JOURNEY = (
    stretch(0, 6, 5.0, day_amplitude_k=6.0, hvac_c=20.0),
    stretch(6, 9, 15.0, sun_k=15.0, outside_humidity_pct=80.0),
    stretch(9, 13, 10.0, hvac_c=18.0, altitude_m=2400.0),
    stretch(13, 15, 10.0, hvac_c=12.0, altitude_m=5791.0, climb_m_per_min=300.0),
    stretch(15, 17, 25.0, outside_humidity_pct=70.0, is_open=True),
    stretch(17, 19, 22.0, is_purged=True),
    stretch(19, 48, 22.0, outside_humidity_pct=60.0),
)
SENSORS = Hull(leak_pa_d=300.0)


# ---- what happens on a journey ---------------------------------------------------------------------------------------


def test_the_hardware_lags_the_gas_and_the_gas_the_day() -> None:
    """Amplitude and lag of each first-order stage: 1 / sqrt(1 + (w tau)^2) and atan(w tau) / w."""
    hull = Hull(wall_time_s=7200.0, hardware_time_s=5400.0)
    day = world(stretch(0, 120, 20.0, day_amplitude_k=8.0), hull=hull).at(72 * HOUR_S + hours(24))
    omega = 2 * np.pi / DAY_S
    swing_k, warmest_h = 8.0, 14.0
    for name, time_s in (("outside", 0.0), ("air", 7200.0), ("hardware", 5400.0)):
        swing_k /= np.sqrt(1 + (omega * time_s) ** 2)
        warmest_h += np.arctan(omega * time_s) / omega / HOUR_S
        path_c = day[f"temperature.{name}"]
        assert np.ptp(path_c) / 2 == pytest.approx(swing_k, rel=1e-3)
        assert np.argmax(path_c) / 60 == pytest.approx(warmest_h, abs=0.1)


def test_a_failed_air_conditioning_lets_the_cold_in_and_a_repaired_one_brings_it_back() -> None:
    """At the set point (but for 5 % of the outside's departure), away towards the outside, and back."""
    air_c = world(stretch(0, 48, -5.0, hvac_c=20.0), failures=[Failure(10 * HOUR_S, 18 * HOUR_S)]).at(hours(48))[
        "temperature.air"
    ]
    assert np.allclose(air_c[: 10 * 60], 20 - 0.05 * 25)
    assert -5 < air_c[18 * 60] < 0
    assert np.argmin(air_c) / 60 == pytest.approx(18.7, abs=0.7)  # the gas still follows the room's last cold
    assert air_c[40 * 60] == pytest.approx(18.75, abs=0.1)


def test_the_sun_heats_what_stands_on_the_apron() -> None:
    """Nothing in the night, most after noon, less than the sol-air excess."""
    sunny = world(stretch(0, 24, 20.0, sun_k=20.0)).at(hours(24))
    assert np.allclose(sunny["temperature.air"][: 6 * 60], 20.0)
    assert 12 < np.argmax(sunny["temperature.air"]) / 60 < 16
    assert 10 < sunny["temperature.air"].max() - 20 < 20
    assert np.allclose(sunny["temperature.outside"], 20.0)


def test_a_cabin_and_an_unpressurised_feeder() -> None:
    """The outside follows the standard atmosphere at the stated rate; the valve holds what the hull bears."""
    flights = world(
        stretch(0, 2, hvac_c=20.0),
        stretch(2, 8, hvac_c=20.0, altitude_m=2400.0, climb_m_per_min=90.0),
        stretch(8, 12, hvac_c=20.0, altitude_m=5791.0, climb_m_per_min=300.0),
        stretch(12, 16, hvac_c=20.0, climb_m_per_min=300.0),
    ).at(hours(16))
    outside_pa, differential_pa = flights["pressure.outside"], flights["differential.inside"]
    assert outside_pa[5 * 60] == pytest.approx(standard_pressure_pa(np.array([2400.0]))[0], abs=0.1)
    assert outside_pa[10 * 60] == pytest.approx(48_549, abs=1)
    assert outside_pa[2 * 60 + 10] == pytest.approx(standard_pressure_pa(np.array([239.0 + 900]))[0], abs=1)
    assert 3000 < differential_pa.max() < 5000  # the valve cracked, and was never beyond full flow
    assert differential_pa[7 * 60] == pytest.approx(3000, abs=1)  # it shuts at the crack
    assert -5000 < differential_pa.min() < -3000
    assert differential_pa[-1] == pytest.approx(-3000, abs=1)  # breathed in on the way down: vacuum is left
    assert np.allclose(flights["pressure.inside"] - outside_pa, differential_pa)


def test_a_tight_container_couples_pressure_to_temperature() -> None:
    """At 101.8 kPa, 1 K moves it by 347 Pa."""
    hull = Hull(fill_over_pressure_pa=101_800.0 - float(standard_pressure_pa(np.array([239.0]))[0]), crack_pa=8000.0)
    hull_full = Hull(fill_over_pressure_pa=hull.fill_over_pressure_pa, crack_pa=8000.0, full_flow_pa=9000.0)
    warming = world(stretch(0, 24, 20.0), stretch(24, 96, 21.0), hull=hull_full).at(np.array([0.0, 95 * HOUR_S]))
    assert warming["pressure.inside"][0] == pytest.approx(101_800)
    assert np.diff(warming["pressure.inside"])[0] == pytest.approx(347, abs=0.5)


def test_opening_in_humid_air_wets_cold_hardware_and_closing_dries_it() -> None:
    """The margin to the dew point is negative while the hardware is cold; the desiccant takes a day to dry the gas."""
    wet = world(
        stretch(0, 12, 5.0),
        stretch(12, 18, 25.0, outside_humidity_pct=60.0, is_open=True),
        stretch(18, 90, 25.0, outside_humidity_pct=60.0),
    ).at(hours(90))
    margin_k = wet["temperature.hardware"] - dew_point_c(wet["temperature.air"], wet["humidity.air"])
    assert margin_k[: 12 * 60].min() > 5
    (below,) = np.nonzero(margin_k < 0)
    assert 12 < below[0] / 60 < 12.2 and 10 < below.size < 60  # minutes: hardware of 15 min against gas of 5 min
    assert wet["humidity.air"][17 * 60] == pytest.approx(60, abs=0.5)
    assert wet["humidity.air"][21 * 60] == pytest.approx(40 + 20 * np.exp(-1), abs=0.5)  # 3 h: the desiccant's time
    assert wet["humidity.air"][-1] == pytest.approx(40, abs=0.1)
    assert np.abs(wet["differential.inside"][12 * 60 + 10 : 18 * 60]).max() < 20
    assert np.array_equal(wet["light.inside"] > 0, (hours(90) >= 12 * HOUR_S) & (hours(90) < 18 * HOUR_S))


def test_a_purge_brings_over_pressure_and_dry_gas() -> None:
    """After an opening: back to the fill's 22 hPa, and far drier than the desiccant alone would do."""
    purged = world(
        stretch(0, 2, outside_humidity_pct=60.0, is_open=True), stretch(2, 8, is_purged=True), stretch(8, 20)
    ).at(hours(20))
    assert purged["differential.inside"][7 * 60 + 50] == pytest.approx(2200, abs=5)
    assert purged["humidity.air"][7 * 60 + 50] < 1
    assert purged["differential.inside"][-1] == pytest.approx(2200, abs=5)


def test_a_humid_descent_brings_water_in() -> None:
    """A quarter of the gas comes in from outside: its water shows until the desiccant has it."""
    dry = Hull(humidity_pct=5.0)
    flight = world(
        stretch(0, 4, 25.0, altitude_m=5791.0, outside_humidity_pct=90.0, climb_m_per_min=600.0),
        stretch(4, 30, 25.0, outside_humidity_pct=90.0, climb_m_per_min=300.0),
        hull=dry,
    ).at(hours(30))
    assert 30 < flight["humidity.air"].max() < 90
    assert flight["humidity.air"][-1] == pytest.approx(5, abs=0.1)


def test_departure_is_reproduced() -> None:
    """20 degC, 22 hPa, 40 %: a day within the example limits, and a heater at one logger beyond 30 degC for 45 min."""
    morning = world(
        stretch(0, 10, 20.0, day_amplitude_k=1.5),
        hull=Hull(wall_time_s=1800.0),
        weather=Weather(),
        seed=7,
        start_h=6,
    ).at(hours(10))
    assert 16 < morning["temperature.hardware"].min() <= morning["temperature.hardware"].max() < 24
    assert 36 < morning["humidity.air"].min() <= morning["humidity.air"].max() < 45
    assert 1100 < morning["differential.inside"].min() <= morning["differential.inside"].max() < 3400
    heated_c = morning["temperature.hardware"] + LocalSource(46 * 60.0, 98 * 60.0, 17.5).at(hours(10))
    (above,) = np.nonzero(heated_c > 30)
    assert 57 <= above[0] <= 63 and 43 <= above[-1] - above[0] <= 48


# ---- what holds whatever happens -------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 200_000), min_size=1, max_size=60).map(sorted), st.data())
@FEW
def test_at_does_not_depend_on_how_it_is_asked(times_s: list[float], data: st.DataObject) -> None:
    """Bit by bit: in one piece, or in pieces in any order with one chunk kept, and beyond the last stretch."""
    t_s = np.array(times_s)
    whole = world(*JOURNEY, hull=SENSORS, weather=Weather()).at(t_s)
    cuts = sorted(data.draw(st.lists(st.integers(0, t_s.size), max_size=4)))
    pieces = [piece for piece in np.split(np.arange(t_s.size), cuts) if piece.size]
    forgetful = world(*JOURNEY, hull=SENSORS, weather=Weather(), kept_chunks=1)
    for piece in data.draw(st.permutations(pieces)):
        names = data.draw(st.lists(st.sampled_from(QUANTITIES), min_size=1, unique=True))
        for name, values in forgetful.at(t_s[piece], names).items():
            assert np.array_equal(values, whole[name][piece])


@given(st.floats(-20, 30), st.floats(0, 8), st.floats(0, 10), st.integers(0, 99))
@FEW
def test_a_tight_container_keeps_its_gas(outside_c: float, swing_k: float, sun_k: float, seed: int) -> None:
    """p / T is constant to 1e-9 while the valve is shut and nothing leaks, in any weather."""
    tight = Hull(crack_pa=1e6, full_flow_pa=2e6)
    closed = world(
        stretch(0, 24, outside_c, day_amplitude_k=swing_k, sun_k=sun_k), hull=tight, weather=Weather(), seed=seed
    ).at(hours(40, 7))
    ratio = closed["pressure.inside"] / (closed["temperature.air"] + 273.15)
    assert np.abs(ratio / ratio[0] - 1).max() < 1e-9


@given(st.floats(5, 50), st.floats(0, 2), st.integers(0, 99))
@FEW
def test_the_leak_has_its_rate_over_whole_days(leak_pa_d: float, swing_k: float, seed: int) -> None:
    """p Tref / T falls by the stated rate x mean differential / reference, however warm the days are."""
    hull = Hull(leak_pa_d=leak_pa_d)
    days = world(
        stretch(0, 96, 20.0, day_amplitude_k=swing_k), hull=hull, weather=Weather(0.1, 0, 20), seed=seed, step_s=60
    ).at(hours(72, 6))
    content_pa = days["pressure.inside"] * 293.15 / (days["temperature.air"] + 273.15)
    loss_pa_d = -(content_pa[72 * 6] - content_pa[0]) / 3
    share = days["differential.inside"].mean() / hull.leak_reference_pa
    assert loss_pa_d == pytest.approx(leak_pa_d * share, rel=2e-3)
    assert loss_pa_d == pytest.approx(leak_pa_d, rel=0.15)  # as stated: the over-pressure is near the reference


@given(st.integers(0, 10_000))
@FEW
def test_weather_and_humidity_are_bounded(seed: int) -> None:
    """No seed brings more than WEATHER_BOUND standard deviations, or more than saturated air anywhere."""
    weather = Weather(temperature_k=1.0, humidity_pct=10.0, pressure_pa=300.0)
    wild = world(*JOURNEY, hull=Hull(wall_time_s=600.0), weather=weather, seed=seed, step_s=60).at(hours(60, 4))
    calm = world(*JOURNEY, hull=Hull(wall_time_s=600.0), seed=seed, step_s=60).at(hours(60, 4))
    off = {name: np.abs(wild[name] - calm[name]).max() for name in ("temperature.outside", "pressure.outside")}
    assert off["temperature.outside"] <= WEATHER_BOUND + 1e-9
    assert off["pressure.outside"] <= 300 * WEATHER_BOUND + 1e-6
    for name in ("humidity.air", "humidity.outside"):
        assert 0 <= wild[name].min() <= wild[name].max() <= 100
    assert all(np.isfinite(values).all() for values in wild.values())


def test_containers_side_by_side_have_the_same_weather() -> None:
    """The outside is one; another seed has another."""
    t_s = hours(30)
    one, two, other = (
        world(*JOURNEY, hull=hull, weather=Weather(), seed=seed).at(t_s)["temperature.outside"]
        for hull, seed in ((Hull(), 1), (SENSORS, 1), (Hull(), 2))
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_a_world_stays_small() -> None:
    """Four months are 85 chunks of 74 kB; of them only four are held, and the first can be made again."""
    here = world(*JOURNEY, weather=Weather(), step_s=120.0)
    first = here.at(hours(3))
    tracemalloc.start()
    here.at(np.array([120 * DAY_S]))
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 400_000
    assert all(np.array_equal(values, first[name]) for name, values in here.at(hours(3)).items())


def test_a_finer_grid_changes_little() -> None:
    """The truth is no child of its grid: 5 s against 20 s, away from the jumps between stretches."""
    t_s = hours(40)
    fine, coarse = (world(*JOURNEY, weather=Weather(), step_s=step_s).at(t_s) for step_s in (5.0, 20.0))
    far = np.all([np.abs(t_s - part.begin_s) > 900 for part in JOURNEY], axis=0)
    for name, within in (("temperature.air", 0.05), ("humidity.air", 0.5), ("differential.inside", 25.0)):
        assert np.abs(fine[name] - coarse[name])[far].max() < within


# ---- bad input -------------------------------------------------------------------------------------------------------


def test_stretches_have_to_follow_one_another() -> None:
    """From 0 on, without gaps, and each with a length."""
    for stretches, message in (
        ((), "begin at 0"),
        ((stretch(1, 2),), "begin at 0"),
        ((stretch(0, 1), stretch(2, 3)), "stretch 1: begins at 7200"),
        ((stretch(0, 0),), "end_s has to be after"),
        ((stretch(0, 1, climb_m_per_min=0.0),), "climb_m_per_min above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            world(*stretches)
    with pytest.raises(ValueError, match="step_s is 0"):
        world(stretch(0, 1), step_s=0.0)


def test_times_ascend_from_0() -> None:
    """A time before the journey, one after ten years, one that is none, and two in the wrong order."""
    here = world(stretch(0, 1))
    for times_s in ([-1.0], [4e8], [np.nan], [2.0, 1.0]):
        with pytest.raises(ValueError, match="expected ascending times"):
            here.at(np.array(times_s))
    with pytest.raises(KeyError):
        here.at(np.array([0.0]), ["temperature.moon"])
    assert here.at(np.empty(0))["light.inside"].size == 0
