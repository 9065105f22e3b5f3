"""Falls are seen where they are and not where they are not, and heights follow from their time and from the impact."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.device.accelerometer import Accelerometer, Capture, ShockChannel
from firmware_sim.physics.impact import SURFACES
from firmware_sim.physics.impact import drop as simulated_drop
from monitor.shock.analysis import Analysis
from monitor.shock.drop import fallen_m, struck_m
from monitor.shock.waveform import Waveform
from tests.strikes import F64, G_M_S2, Shape, direction, dropped, fall_s, pulse, waveform

UP = np.array([[0.0], [0.0], [1.0]])

heights_m = st.floats(0.1, 1.0)
restitutions = st.floats(0.2, 0.6)
shapes: st.SearchStrategy[Shape] = st.sampled_from(["half-sine", "sawtooth"])
lengths_s = st.floats(0.003, 0.03)
rates_hz = st.floats(500.0, 20_000.0)
noises_g = st.floats(0.0, 0.03)
seeds = st.integers(0, 2**32 - 1)
DROPS = list(itertools.product((0.1, 0.3, 1.0), SURFACES))
# Those that tell where up is, and those of piezo sensors that could be read through a DC coupling.
offsets_g = st.one_of(st.floats(0.0, 0.5), st.floats(3.0, 10.0))


def recorded(acc: Accelerometer, height_m: float, surface: str, seed: int = 1) -> Waveform:
    """What a simulated logger records of a drop."""
    captures = ShockChannel(acc, [simulated_drop(height_m, surface, 5.0)], [], 1.0, [seed])
    (shock,) = (capture.shock for capture in captures if isinstance(capture, Capture))
    raw_g = shock.counts * np.array(shock.scale_g)[:, None]
    return Waveform(raw_g, acc.fs_hz, shock.pre, np.zeros(raw_g.shape, np.bool_), lowpass_hz=acc.lp_hz)


@pytest.mark.parametrize(("height_m", "fall_ms"), [(0.1, 142.8), (0.25, 225.8), (0.5, 319.3), (1.0, 451.6)])
def test_known_fall_times(height_m: float, fall_ms: float) -> None:
    assert fallen_m(fall_ms / 1e3) == pytest.approx(height_m, rel=1e-3)


def test_known_velocity_change() -> None:
    """0.3 m with e 0.3 change the velocity by 3.153 m/s, which 0.2 m with e 0.6 and 0.35 m with e 0.2 do as well."""
    low_m, high_m = struck_m(3.153)
    assert low_m == pytest.approx(0.3 * (1.3 / 1.6) ** 2, rel=1e-3)
    assert high_m == pytest.approx(0.3 * (1.3 / 1.2) ** 2, rel=1e-3)


@given(heights_m, restitutions, shapes, lengths_s, rates_hz, st.floats(0.12, 0.5), offsets_g, noises_g, seeds)
@settings(max_examples=200)
def test_a_fall_seen_whole_tells_the_height(
    height_m: float,
    restitution: float,
    shape: Shape,
    length_s: float,
    fs_hz: float,
    rest_s: float,
    offset_g: float,
    noise_g: float,
    seed: int,
) -> None:
    """Within 5 %, and within its own range."""
    random = np.random.default_rng(seed)
    length_s = max(length_s, 4 / fs_hz)
    before_s = rest_s + fall_s(height_m)
    offset = offset_g * direction(random)
    event = dropped(height_m, restitution, shape, length_s, fs_hz, before_s, 0.3, offset, noise_g, random, 1 + seed % 3)
    analysis = Analysis(event)
    drop = analysis.drop
    assert analysis.kind == "impact"
    assert drop.is_whole
    assert drop.height_m == pytest.approx(height_m, rel=0.05)
    assert drop.by_fall_m is not None
    assert drop.by_fall_m[0] <= height_m <= drop.by_fall_m[1]


@given(heights_m, restitutions, st.floats(0.004, 0.02), st.floats(0.12, 0.5), seeds)
@settings(max_examples=150)
def test_the_velocity_change_is_that_of_the_impact_alone(
    height_m: float, restitution: float, length_s: float, rest_s: float, seed: int
) -> None:
    """(1 + e) v whichever way it is pushed, neither the fall before nor the flight behind is a part of it.

    Less or more what gravity does meanwhile, g tau; 1 % for the pulse's ends.
    """
    random, before_s = np.random.default_rng(seed), rest_s + fall_s(height_m)
    event = dropped(
        height_m, restitution, "half-sine", length_s, 10e3, before_s, 0.3, np.zeros(3), 0.002, random, 1 + seed % 3
    )
    analysis = Analysis(event)
    pulse, drop = analysis.pulse(), analysis.drop
    speed_m_s = (1 + restitution) * math.sqrt(2 * G_M_S2 * height_m)
    assert pulse.delta_v_m_s == pytest.approx(speed_m_s, abs=0.01 * speed_m_s + G_M_S2 * length_s)
    assert pulse.duration_ms == pytest.approx(936 * length_s, rel=0.1)  # 2 asin(0.1) / pi of a half-sine are below 10 %
    assert drop.by_impact_m is not None
    assert drop.by_impact_m[0] == struck_m(pulse.delta_v_m_s)[0]
    if analysis.validity.is_valid:  # some records end in another bounce
        assert drop.by_impact_m[1] == struck_m(pulse.delta_v_m_s)[1]


@given(heights_m, restitutions)
def test_the_range_of_an_impact_holds_the_height(height_m: float, restitution: float) -> None:
    low_m, high_m = struck_m((1 + restitution) * math.sqrt(2 * G_M_S2 * height_m))
    assert low_m <= height_m * (1 + 1e-9)
    assert high_m >= height_m * (1 - 1e-9)


@given(heights_m, restitutions, shapes, lengths_s, rates_hz, st.floats(0.0, 0.25), noises_g, st.floats(0, 1), seeds)
@settings(max_examples=100)
def test_a_fall_that_began_before_the_record_is_at_least(
    height_m: float,
    restitution: float,
    shape: Shape,
    length_s: float,
    fs_hz: float,
    offset_g: float,
    noise_g: float,
    share: float,
    seed: int,
) -> None:
    """A lower bound that is true, by what was seen or by the impact; rest is to be seen behind the impact.

    The impact's low end holds as its velocity change does: to a sample in its length, and to what gravity does in it.
    """
    random = np.random.default_rng(seed)
    length_s = max(length_s, 4 / fs_hz)
    seen_s = 0.06 + share * (fall_s(height_m) - 0.06)
    offset = offset_g * direction(random)
    drop = Analysis(dropped(height_m, restitution, shape, length_s, fs_hz, seen_s, 0.2, offset, noise_g, random)).drop
    assert not drop.is_whole
    assert drop.by_fall_m is not None
    error = 0.01 + 1 / (length_s * fs_hz) + length_s / (1 + restitution) / fall_s(height_m)
    assert drop.height_m == drop.by_fall_m[0] <= height_m * (1 + error) ** 2
    assert drop.fall_s == pytest.approx(seen_s, abs=2 / fs_hz + 2e-3)
    assert drop.by_fall_m[0] >= 0.65 * fallen_m(seen_s)
    assert drop.by_impact_m is None or drop.by_fall_m[0] >= drop.by_impact_m[0]


@pytest.mark.parametrize("fs_hz", [500.0, 3200.0, 20_000.0])
@pytest.mark.parametrize(("height_m", "surface"), DROPS)
def test_a_simulated_logger_whose_record_holds_the_fall(fs_hz: float, height_m: float, surface: str) -> None:
    acc = Accelerometer(fs_hz=fs_hz, record_s=1.0, pre_s=0.65, range_g=500.0, level_g=1.2, offset_g=(0.2, -0.1, 0.1))
    drop = Analysis(recorded(acc, height_m, surface)).drop
    assert drop.is_whole
    assert drop.height_m == pytest.approx(height_m, rel=0.05)


@pytest.mark.parametrize(("height_m", "surface"), DROPS)
def test_a_simulated_logger_with_an_eighth_of_a_second_before_the_trigger(height_m: float, surface: str) -> None:
    """It sees 0.077 m of any fall; only that it lay still behind it tells the fall from an AC-coupled sensor's rest.

    What it does not see the impact proves: at 0.3 of restitution 0.66 of the height.
    """
    acc = Accelerometer(range_g=500.0, record_s=0.35, level_g=1.2)
    drop = Analysis(recorded(acc, height_m, surface)).drop
    assert (drop.is_whole, drop.by_fall_m is not None) == (False, True)
    assert drop.height_m is not None
    assert max(0.06, 0.45 * height_m) < drop.height_m < height_m


@pytest.mark.parametrize("hp_hz", [0.5, 2.0])
def test_an_ac_coupled_sensor_sees_no_fall(hp_hz: float) -> None:
    """Nor is its droop after a strong impact the rest behind a fall; the impact still tells a range."""
    acc = Accelerometer(range_g=500.0, coupling="ac", hp_hz=hp_hz, record_s=1.0, pre_s=0.65, level_g=1.2)
    for height_m, surface in DROPS:
        drop = Analysis(recorded(acc, height_m, surface)).drop
        assert (drop.fall_s, drop.by_fall_m) == (0.0, None)
        assert drop.by_impact_m is not None
        assert drop.height_m == drop.by_impact_m[0]


def felt(*parts: tuple[float, F64], fs_hz: float = 2000.0) -> F64:
    """What a sensor reads one after the other: so many s of each vector."""
    return np.concatenate([np.repeat(vector, round(lasts_s * fs_hz), axis=1) for lasts_s, vector in parts], axis=1)


def struck(raw_g: F64, at_s: float, peak_g: float, fs_hz: float = 2000.0) -> Waveform:
    """With an impact of 10 ms upwards."""
    t_s = np.arange(raw_g.shape[1]) / fs_hz
    return waveform(raw_g + UP * pulse(t_s, at_s, peak_g, 0.01), fs_hz, round(at_s * fs_hz))


def test_the_flight_of_a_bounce_tells_no_height() -> None:
    """A fall of 0.2 s onto an edge, a flight of 0.25 s, then flat and harder: it fell for 0.2 s."""
    raw_g = felt((0.3, UP), (0.2, 0 * UP), (0.01, UP), (0.25, 0 * UP), (0.3, UP))
    drop = Analysis(struck(struck(raw_g, 0.5, 30.0).raw_g, 0.76, 60.0)).drop
    assert drop.fall_s == pytest.approx(0.2, abs=1e-3)
    assert drop.is_whole


@pytest.mark.parametrize("between_s", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("landing_g", [2.5, 8.0, 40.0])
def test_a_hop_before_a_drop_is_not_the_drop(between_s: float, landing_g: float) -> None:
    """18 mm, landed softly or hard, and then 0.5 m: no bounce flies so much longer than it fell."""
    raw_g = felt((0.5, UP), (0.06, 0 * UP), (between_s, UP), (fall_s(0.5), 0 * UP), (0.3, UP))
    hopped = struck(raw_g, 0.56, landing_g).raw_g
    drop = Analysis(struck(hopped, 0.56 + between_s + fall_s(0.5), 60.0)).drop
    assert drop.is_whole
    assert drop.height_m == pytest.approx(0.5, rel=0.02)
    assert not drop.is_contradictory


def test_an_impact_harder_than_the_fall_before_it_is_a_contradiction() -> None:
    """0.2 m by its fall, and 6 m/s: it was thrown."""
    drop = Analysis(struck(felt((0.3, UP), (0.2, 0 * UP), (0.3, UP)), 0.5, 96.0)).drop
    assert drop.is_whole
    assert drop.is_contradictory


@pytest.mark.parametrize("seen_s", [0.02, 0.06, 0.2, 0.35])
def test_an_impact_proves_more_than_the_fall_that_was_seen(seen_s: float) -> None:
    """1 m and a restitution of 0.3: 0.66 m at least, however little of its 0.45 s the record holds."""
    peak_g = 1.3 * math.sqrt(2 * G_M_S2) / (0.01 * 2 / math.pi * G_M_S2)
    drop = Analysis(struck(felt((seen_s, 0 * UP), (0.3, UP)), seen_s, peak_g)).drop
    assert drop.height_m == pytest.approx((1.3 / 1.6) ** 2, rel=0.01)


def test_a_fall_without_an_impact_in_the_record() -> None:
    """It fell at least so far; nothing bounds the height from above."""
    analysis = Analysis(waveform(felt((0.3, UP), (0.25, 0 * UP)), 2000.0, 610))
    assert analysis.kind == "free-fall"
    assert not analysis.drop.is_whole
    assert analysis.drop.height_m == pytest.approx(fallen_m(0.247), rel=0.01)
    assert analysis.drop.by_fall_m == (analysis.drop.height_m, math.inf)


def test_what_is_caught_by_hand_was_no_drop() -> None:
    """Weightless for 0.2 s, then 1.6 g for a while."""
    raw_g = felt((0.3, UP), (0.2, 0 * UP), (0.2, 1.6 * UP), (0.3, UP))
    assert Analysis(waveform(raw_g, 2000.0, 600)).fall is None


def test_what_is_tilted_before_it_is_struck_did_not_fall() -> None:
    """By 60 degrees, which changes the vector by 1 g as a fall does: the sensor still reads 1 g, not its offset."""
    tilted = np.array([[math.sin(math.pi / 3)], [0.0], [0.5]])
    analysis = Analysis(struck(felt((0.3, UP), (0.2, tilted), (0.3, tilted)), 0.5, 30.0))
    assert (analysis.fall, analysis.kind) == (None, "impact")


def test_a_clipped_impact_bounds_no_height_from_above() -> None:
    event = struck(felt((0.2, 0 * UP), (0.3, UP)), 0.2, 50.0)
    drop = Analysis(event).drop
    assert drop.by_fall_m is not None
    assert drop.by_fall_m[1] < 1.0
    clipped = Analysis(replace(event, raw_g=np.minimum(event.raw_g, 16.0), is_at_rail=event.raw_g >= 16.0)).drop
    assert clipped.by_fall_m is not None
    assert clipped.by_fall_m[0] < drop.by_fall_m[0]
    assert clipped.by_fall_m[1] == math.inf
    assert clipped.by_impact_m is not None
    assert clipped.by_impact_m[1] == math.inf


def test_the_sensors_low_pass_widens_the_range() -> None:
    event = struck(felt((0.3, UP), (0.2, 0 * UP), (0.3, UP)), 0.5, 30.0)
    sharp, slow = Analysis(event).drop.by_fall_m, Analysis(replace(event, lowpass_hz=50.0)).drop.by_fall_m
    assert sharp is not None
    assert slow is not None
    assert slow[0] < sharp[0] < sharp[1] < slow[1]


def test_a_shaker_has_no_drop_height() -> None:
    t_s = np.arange(4000) / 2000
    analysis = Analysis(waveform(UP + 10 * UP * np.sin(2 * math.pi * 60 * t_s), 2000.0, 400))
    assert analysis.kind == "vibration"
    assert analysis.drop == (0.0, False, None, None)


@given(seeds, st.integers(1, 3000), st.floats(1.0, 1e5), st.integers(0, 4000), st.floats(0.0, 1.0))
@settings(max_examples=150)
def test_any_record_has_an_answer(seed: int, samples: int, fs_hz: float, pre: int, holes: float) -> None:
    """Long or short, with missing samples or not: ranges in order, none negative."""
    random = np.random.default_rng(seed)
    raw_g = random.choice([0.0, 1.0, 30.0], size=(3, 1 + samples // 100)).repeat(100, axis=1)[:, :samples]
    if seed % 2:
        raw_g[:, random.random(samples) < holes] = np.nan
    analysis = Analysis(waveform(raw_g, fs_hz, pre))
    drop = analysis.drop
    for found in (drop.by_fall_m, drop.by_impact_m):
        assert found is None or 0 <= found[0] <= found[1]
    assert (drop.by_fall_m is None) == (analysis.fall is None)
    if analysis.fall is not None:
        assert 0 <= analysis.fall.begin < analysis.fall.end <= samples - 1
