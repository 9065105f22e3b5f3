"""Impacts follow their formulas, and the shock channel records them as its settings say."""

import gc
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.device.accelerometer import Accelerometer, Capture, Missed, ShockChannel
from firmware_sim.device.sensing import F64, lagged
from firmware_sim.physics.impact import G_M_S2, SURFACES, Impact, Nearby, Shape, Surface, Vector, drop, struck
from firmware_sim.physics.vibration import Vibration

UP = (0.0, 0.0, 1.0)
QUIET = Accelerometer(noise_g=0.0)

shapes: st.SearchStrategy[Shape] = st.sampled_from(["half-sine", "sawtooth"])
angles = st.floats(-math.pi, math.pi)
seeds = st.integers(0, 2**32 - 1)


def turned(about_z: float, about_x: float) -> F64:
    """Return a rotation matrix, (3, 3)."""
    c, s, d, t = math.cos(about_z), math.sin(about_z), math.cos(about_x), math.sin(about_x)
    about: F64 = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, d, -t], [0, t, d]])
    return about


def rows(matrix: F64) -> tuple[Vector, Vector, Vector]:
    x, y, z = ((float(a), float(b), float(c)) for a, b, c in matrix)
    return x, y, z


def wave_of(found: Capture) -> F64:
    """Return what a receiver makes of a record, (3, n) g in sensor axes."""
    wave_g: F64 = found.shock.counts * np.array(found.shock.scale_g)[:, None]
    return wave_g


def recorded(
    acc: Accelerometer, impacts: list[Impact], vibration: list[Vibration] | None = None, seed: int = 1
) -> list[Capture]:
    found = ShockChannel(acc, impacts, vibration or [], 1.0, [seed])
    return [capture for capture in found if isinstance(capture, Capture)]


@pytest.mark.parametrize(
    ("shape", "peak_g", "duration_ms", "delta_v_m_s"),
    [("half-sine", 1.0, 11.0, 0.0687), ("sawtooth", 40.0, 11.0, 2.157)],
)
def test_known_velocity_changes(shape: Shape, peak_g: float, duration_ms: float, delta_v_m_s: float) -> None:
    impact = Impact(0.0, UP, shape, peak_g, duration_ms)
    assert impact.delta_v_m_s == pytest.approx(delta_v_m_s, abs=5e-4 * max(1.0, delta_v_m_s))


def test_the_known_drop() -> None:
    """0.3 m, e = 0.3, 11 ms: 3.153 m/s and 45.9 g."""
    impact = struck(0.3, Surface(11.0, 0.3, "half-sine"), 5.0)
    assert impact.delta_v_m_s == pytest.approx(3.153, abs=5e-4)
    assert impact.peak_g == pytest.approx(45.9, abs=0.05)


@pytest.mark.parametrize(("height_m", "fall_ms"), [(0.1, 142.8), (0.25, 225.8), (0.5, 319.3), (1.0, 451.6)])
def test_known_fall_times(height_m: float, fall_ms: float) -> None:
    impact = drop(height_m, "wood", 5.0)
    assert impact.fall_s * 1000 == pytest.approx(fall_ms, abs=0.06)
    assert impact.begin_s == pytest.approx(5.0 - fall_ms / 1000, abs=1e-4)


@given(shapes, st.floats(-100, 100), st.floats(0.5, 50), st.floats(0, 0.5))
def test_a_wave_has_the_velocity_change_and_the_energy_it_tells(
    shape: Shape, peak_g: float, duration_ms: float, rebound: float
) -> None:
    impact = Impact(1.0, (0.6, 0.0, 0.8), shape, peak_g, duration_ms, rebound)
    t_s = np.linspace(1.0, impact.end_s, 20_000, endpoint=False)
    along_g = np.array(impact.axis_unit) @ impact.wave_g(t_s)
    step_s = t_s[1] - t_s[0]
    pulse = t_s < impact.pulse_end_s
    scale = abs(peak_g) * duration_ms / 1000
    assert along_g[pulse].sum() * step_s * G_M_S2 == pytest.approx(impact.delta_v_m_s, abs=5e-3 * scale + 1e-9)
    assert (along_g**2).sum() * step_s == pytest.approx(impact.energy_g2_s, abs=1e-3 * scale * abs(peak_g) + 1e-9)


@given(st.floats(0.05, 2.0), st.sampled_from(sorted(SURFACES)))
def test_after_a_drop_everything_is_at_rest(height_m: float, surface: str) -> None:
    """Fall -v, pulse (1 + e) v, swing back -e v: the integral over all is 0."""
    impact = drop(height_m, surface, 3.0)
    t_s = np.linspace(impact.begin_s - 0.1, impact.end_s + 0.1, 200_000)
    velocity_m_s = impact.wave_g(t_s)[2].sum() * (t_s[1] - t_s[0]) * G_M_S2
    assert velocity_m_s == pytest.approx(0.0, abs=2e-3 * impact.delta_v_m_s)


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"axis_unit": (1.0, 1.0, 0.0)}, "not of length 1"),
        ({"shape": "square"}, "expected one of half-sine, sawtooth"),
        ({"duration_ms": 0.0}, "duration_ms above 0"),
        ({"peak_g": math.nan}, "finite peak_g"),
        ({"drop_height_m": 11.0}, r"up to 10\.0 m"),
    ],
)
def test_a_wrong_impact_says_what_is_wrong(wrong: dict[str, object], cause: str) -> None:
    with pytest.raises(ValueError, match=rf"impact at 2\.0 s \(impact\): .*{cause}"):
        replace(Impact(2.0, UP, "half-sine", 1.0, 11.0), **wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_surface_has_to_be_known() -> None:
    with pytest.raises(ValueError, match="surface 'water', expected one of concrete, wood"):
        drop(0.3, "water", 1.0)


def test_a_stream_out_of_order_is_refused() -> None:
    near = Nearby([Impact(2.0, UP, "half-sine", 1.0, 11.0), Impact(1.0, UP, "half-sine", 1.0, 11.0)], 0.1)
    with pytest.raises(ValueError, match=r"number 1 at 1\.0 s"):
        near.within(0.0, 5.0)


@given(st.floats(0.5, 50.0), st.integers(2, 3000))
def test_a_step_droops_and_rises_as_a_first_order_filter(corner_hz: float, n: int) -> None:
    """y = 1 - exp(-2 pi f t) at the end of each sample, which also holds the doubling sum to the recursion."""
    t_s = np.arange(1, n + 1) / 3200.0
    expected = -np.expm1(-2 * np.pi * corner_hz * t_s)
    np.testing.assert_allclose(lagged(np.ones((3, n)), corner_hz, 3200.0), np.tile(expected, (3, 1)), atol=1e-9)


def test_ac_coupling_takes_gravity_away_and_droops() -> None:
    """A lasting 5 g reads 5 exp(-2 pi f t); gravity is not there before it, the electronics' offset is."""
    acc = replace(QUIET, coupling="ac", hp_hz=2.0, offset_g=(0.0, 0.3, 0.0))
    wave_g = np.zeros((3, 1000))
    wave_g[2, 200:] = 5.0
    sensed_g = acc.sense(wave_g, np.random.default_rng(0))
    np.testing.assert_allclose(sensed_g[:, :200], np.tile([[0.0], [0.3], [0.0]], (1, 200)), atol=1e-12)
    np.testing.assert_allclose(sensed_g[2, 200:], 5 * np.exp(-2 * np.pi * 2.0 * np.arange(800) / 3200), rtol=1e-9)


def test_an_ac_record_shows_the_droop_of_what_was_before_it() -> None:
    """A pulse of area S leaves -w S exp(-w t): here w = 2 pi 1 Hz, S = 2/pi 40 g 11 ms, from the pulse's middle on."""
    acc = replace(QUIET, coupling="ac", hp_hz=1.0, range_g=200.0, level_g=1.1)
    pulses = [Impact(at_s, UP, "half-sine", 40.0, 11.0, rebound=0.0) for at_s in (5.0, 5.3)]
    _, second = recorded(acc, pulses)
    w = 2 * math.pi
    expected_g = -w * (2 / math.pi * 40.0 * 0.011) * math.exp(-w * (second.t0_s - 5.0055))
    assert expected_g < -0.5
    assert wave_of(second)[2, 0] == pytest.approx(expected_g, rel=0.01)


@given(angles, angles, st.tuples(*[st.floats(-10, 10)] * 3))
def test_rotation_there_and_back(about_z: float, about_x: float, felt: tuple[float, float, float]) -> None:
    """rotation @ what the sensor reads = the acceleration in container axes, with gravity."""
    matrix = turned(about_z, about_x)
    acc = replace(QUIET, rotation=rows(matrix))
    wave_g = np.array(felt)[:, None] * np.ones((1, 5))
    back_g = matrix @ acc.sense(wave_g, np.random.default_rng(0))
    np.testing.assert_allclose(back_g, wave_g + np.array([[0.0], [0.0], [1.0]]), atol=1e-9)


@given(angles, angles, st.tuples(*[st.floats(-1.5, 1.5)] * 3))
@settings(max_examples=25)
def test_offset_and_gravity_are_the_mean_before_the_trigger(
    about_z: float, about_x: float, offset_g: tuple[float, float, float]
) -> None:
    matrix = turned(about_z, about_x)
    acc = Accelerometer(offset_g=offset_g, rotation=rows(matrix))
    (found,) = recorded(acc, [Impact(5.0, UP, "half-sine", 5.0, 11.0)])
    mean_g = wave_of(found)[:, : found.shock.pre - 40].mean(axis=1)
    np.testing.assert_allclose(mean_g, matrix.T @ [0.0, 0.0, 1.0] + offset_g, atol=0.003)


@given(seeds, st.integers(8, 16), st.floats(1.0, 200.0))
@settings(max_examples=40)
def test_counts_are_within_half_a_count_and_cut_at_the_rails(seed: int, bits: int, range_g: float) -> None:
    acc = replace(QUIET, bits=bits, range_g=range_g, level_g=range_g / 2)
    sensed_g = np.random.default_rng(seed).uniform(-1.5 * range_g, 1.5 * range_g, (3, 200))
    counts, rail = acc.counts(sensed_g), 2 ** (bits - 1)
    inside = (sensed_g >= -range_g) & (sensed_g <= range_g - acc.scale_g)
    assert counts.dtype == np.int16
    assert acc.scale_g * rail == pytest.approx(range_g)
    assert (np.abs(counts * acc.scale_g - sensed_g)[inside] <= acc.scale_g * 0.500001).all()
    assert (counts[sensed_g >= range_g] == rail - 1).all()
    assert (counts[sensed_g <= -range_g] == -rail).all()


def test_a_shock_beyond_the_range_is_cut_but_its_truth_is_not() -> None:
    (found,) = recorded(QUIET, [Impact(5.0, UP, "half-sine", 40.0, 11.0)])
    assert found.shock.counts[2].max() == 32767
    assert found.peak_true_g == pytest.approx(40.0, rel=2e-3)


def test_noise_is_as_strong_as_said() -> None:
    sensed_g = replace(QUIET, noise_g=0.02).sense(np.zeros((3, 20_000)), np.random.default_rng(2))
    np.testing.assert_allclose(sensed_g.std(axis=1), 0.02, rtol=0.03)


def test_a_low_pass_flattens_a_short_pulse() -> None:
    impact = [Impact(5.0, UP, "half-sine", 10.0, 2.0, rebound=0.0)]
    plain, slow = recorded(QUIET, impact)[0], recorded(replace(QUIET, lp_hz=100.0), impact)[0]
    assert wave_of(plain)[2].max() == pytest.approx(11.0, rel=0.02)
    assert 2.0 < wave_of(slow)[2].max() - 1.0 < 7.0


@given(st.floats(1.2, 12.0), st.floats(8.0, 20.0), st.sampled_from([0, 1, 2]), st.sampled_from([-1, 1]))
@settings(max_examples=40)
def test_a_record_begins_before_the_first_sample_beyond_the_level(
    peak_g: float, duration_ms: float, axis: int, sign: int
) -> None:
    """The settings of a plain logger: 3 200 Hz, 0.25 s, half of it before the trigger."""
    unit = rows(np.eye(3))[axis]
    (found,) = recorded(Accelerometer(), [Impact(7.3, unit, "half-sine", sign * peak_g, duration_ms)])
    assert (found.shock.pre, found.shock.counts.shape, found.impacts) == (400, (3, 800), (0,))
    departure_g = np.sqrt(((wave_of(found) - [[0], [0], [1]]) ** 2).sum(axis=0))
    assert departure_g[400] > 1.0 - 0.001
    assert (departure_g[:400] <= 1.0 + 0.001).all()
    assert found.t0_s + 400 / 3200 == pytest.approx(
        7.3 + duration_ms / 1000 / math.pi * math.asin(1 / peak_g), abs=1e-3
    )
    assert found.peak_true_g == pytest.approx(peak_g, rel=0.01)


def test_a_sleeping_sensor_has_no_samples_from_before_it_woke() -> None:
    """40 g over 11 ms pass 0.5 g after 0.04 ms and 5 g after 0.44 ms: one sample or two before the trigger."""
    impact = [Impact(5.0, UP, "half-sine", 40.0, 11.0)]
    acc = replace(QUIET, range_g=100.0, level_g=5.0, wake_g=0.5)
    (found,) = recorded(acc, impact)
    assert 0 < found.shock.pre <= 2
    assert found.shock.counts.shape[1] == found.shock.pre + 400
    assert list(ShockChannel(replace(acc, wake_g=50.0), impact, [], 1.0, [1])) == [Missed(5.0, 0, "asleep")]


def test_a_drop_is_recorded_at_its_impact_above_one_g_and_at_its_fall_below() -> None:
    fall = drop(0.3, "wood", 5.0)
    (at_impact,) = recorded(Accelerometer(range_g=100.0, level_g=1.1), [fall])
    pre_g = wave_of(at_impact)[:, : at_impact.shock.pre - 4]
    np.testing.assert_allclose(pre_g, 0.0, atol=0.05)  # a DC sensor falls freely
    assert wave_of(at_impact)[2].max() == pytest.approx(fall.peak_g + 1.0, rel=0.01)
    (at_fall,) = recorded(Accelerometer(range_g=100.0, level_g=0.8, pre_s=0.05, record_s=0.5), [fall])
    assert at_fall.t0_s + 0.05 == pytest.approx(fall.begin_s, abs=2 / 3200)


def test_overlapping_impacts_add_up() -> None:
    """6 g along x and 8 g along y at once: 10 g, in one record."""
    both = [Impact(5.0, (1.0, 0.0, 0.0), "half-sine", 6.0, 11.0), Impact(5.0, (0.0, 1.0, 0.0), "half-sine", 8.0, 11.0)]
    (found,) = recorded(QUIET, both)
    assert found.impacts == (0, 1)
    assert found.peak_true_g == pytest.approx(10.0, rel=2e-3)


def test_a_weak_impact_in_the_pre_trigger_is_in_the_record() -> None:
    weak, strong, later = (Impact(t, UP, "half-sine", g, 11.0) for t, g in ((4.95, 0.5), (5.0, 5.0), (9.0, 0.5)))
    found = list(ShockChannel(QUIET, [weak, strong, later], [], 1.0, [1]))
    assert isinstance(found[0], Capture)
    assert found[0].impacts == (0, 1)
    assert found[1:] == [Missed(9.0, 2, "below level")]


def test_the_dead_time_rejects_and_counts() -> None:
    """Records from 5 and 8 s; two strong impacts and a weak one between them come in the 2 s of dead time."""
    times = ((5.0, 5.0), (5.5, 5.0), (6.0, 0.5), (6.5, 5.0), (8.0, 5.0), (20.0, 5.0))
    impacts = [Impact(at_s, UP, "half-sine", peak_g, 11.0) for at_s, peak_g in times]
    found = list(ShockChannel(replace(QUIET, dead_s=2.0), impacts, [], 1.0, [1]))
    assert [f.reason for f in found if isinstance(f, Missed)] == ["dead time", "below level", "dead time"]
    assert [(f.impacts, f.shock.rejected) for f in found if isinstance(f, Capture)] == [((0,), 0), ((4,), 2), ((5,), 0)]


def test_outside_power_and_journey_nothing_triggers() -> None:
    """Each span begins without dead time and with nothing rejected; a record that the power's end cuts is none."""
    times_s = (1.0, 4.0, 5.0, 9.99, 12.0, 15.0, 15.5)
    impacts = [Impact(at_s, UP, "half-sine", 5.0, 11.0) for at_s in times_s]
    channel = ShockChannel(
        replace(QUIET, dead_s=20.0), impacts, [], 1.0, [1], power=((2.0, 10.0), (14.0, math.inf)), armed_s=4.5
    )
    told = [(f.impacts, f.shock.rejected) if isinstance(f, Capture) else (f.index, f.reason) for f in channel]
    assert told == [
        (0, "no power"),
        (1, "not armed"),
        ((2,), 0),
        (3, "dead time"),
        (4, "no power"),
        ((5,), 0),
        (6, "dead time"),
    ]
    (cut,) = ShockChannel(QUIET, impacts[3:4], [], 1.0, [1], power=((2.0, 10.0), (14.0, math.inf)))
    assert cut == Missed(9.99, 0, "no power")


@given(seeds, st.floats(0.0, 0.4), st.lists(st.floats(0.1, 8.0), min_size=1, max_size=7, unique=True), st.floats(0, 9))
@settings(max_examples=40)
def test_records_lie_within_the_spans(seed: int, grms: float, edges_s: list[float], armed_s: float) -> None:
    """Whatever strikes and shakes: in time order, every impact told once, no record outside of power and journey."""
    edges = [0.0, *sorted(edges_s), math.inf]
    power = [(on_s, off_s) for on_s, off_s in itertools.pairwise(edges)][:: 2 if len(edges) % 2 == 0 else 1]
    times_s = np.sort(np.random.default_rng(seed).uniform(0.0, 10.0, 30)).tolist()
    impacts = [Impact(at_s, UP, "half-sine", 3.0, 11.0) for at_s in times_s]
    vibration = [Vibration(0.0, 10.0, grms, "truck")]
    found = list(ShockChannel(replace(QUIET, dead_s=0.5), impacts, vibration, 1.0, [seed], power, armed_s))
    moments_s = [f.t0_s if isinstance(f, Capture) else f.at_s for f in found]
    assert moments_s == sorted(moments_s)
    told = [index for f in found for index in (f.impacts if isinstance(f, Capture) else (f.index,))]
    assert sorted(told) == list(range(30))
    for capture in (f for f in found if isinstance(f, Capture)):
        assert capture.t0_s >= armed_s
        assert any(on_s <= capture.t0_s and capture.end_s <= off_s for on_s, off_s in power)


def test_isolation_takes_from_the_pulse_and_leaves_the_fall() -> None:
    (found,) = ShockChannel(QUIET, [drop(0.1, "foam", 5.0)], [], 0.5, [1])
    assert isinstance(found, Capture)
    assert found.peak_true_g == pytest.approx(drop(0.1, "foam", 5.0).peak_g / 2, rel=0.01)
    assert list(ShockChannel(QUIET, [Impact(5.0, UP, "half-sine", 3.0, 11.0)], [], 0.3, [1])) == [
        Missed(5.0, 0, "below level")
    ]


@given(
    seed=seeds,
    dead_s=st.sampled_from([0.0, 0.1, 1.0]),
    wake_g=st.sampled_from([0.0, 0.5]),
    grms=st.sampled_from([0.0, 0.25, 0.35]),
    count=st.integers(0, 60),
    ac=st.booleans(),
)
@settings(max_examples=40)
def test_laws_of_the_channel(seed: int, dead_s: float, wake_g: float, grms: float, count: int, ac: bool) -> None:
    """In time order, apart by the dead time, every impact told once, triggered where it says, the same again."""
    random = np.random.default_rng(seed)
    times_s = np.sort(random.uniform(0.0, 20.0, count))
    impacts = [
        Impact(float(t), UP, "half-sine", float(random.uniform(0.5, 5.0)), float(random.uniform(5, 20)))
        for t in times_s
    ]
    acc = replace(QUIET, dead_s=dead_s, wake_g=wake_g, coupling="ac" if ac else "dc", hp_hz=0.5 if ac else 0.0)
    vibration = [Vibration(0.0, 20.0, grms, "truck")]
    found = list(ShockChannel(acc, impacts, vibration, 1.0, [seed]))
    again = list(ShockChannel(acc, iter(impacts), vibration, 1.0, [seed]))
    moments_s = [f.t0_s if isinstance(f, Capture) else f.at_s for f in found]
    assert moments_s == sorted(moments_s)
    captures = [f for f in found if isinstance(f, Capture)]
    for one, two in itertools.pairwise(captures):
        assert two.t0_s >= one.end_s + dead_s - 1e-9
    told = [index for f in found for index in (f.impacts if isinstance(f, Capture) else (f.index,))]
    assert sorted(told) == list(range(count))
    for capture in captures:
        shock = capture.shock
        assert capture.t0_s >= 0
        assert shock.counts.shape[1] == round((capture.end_s - capture.t0_s) * 3200) == shock.pre + 400
        departure_g = np.sqrt(((wave_of(capture) - acc.rest_g()[:, None]) ** 2).sum(axis=0))
        assert departure_g[shock.pre] > acc.level_g - 0.002
        assert (departure_g[: shock.pre] < acc.level_g + 0.002).all()
        if wake_g:
            assert departure_g[0] > wake_g - 0.002 or shock.pre == 400
    for f, g in zip(found, again, strict=True):
        assert repr(f) == repr(g)
        if isinstance(f, Capture) and isinstance(g, Capture):
            assert (f.shock.counts == g.shock.counts).all()


def test_vibration_alone_triggers_at_the_rate_of_its_crossings() -> None:
    """With a dead time the rate thins to rate / (1 + rate * (post + dead)), and the rejected make up for it."""
    acc = Accelerometer(dead_s=0.5)
    found = recorded(acc, [], [Vibration(0.0, 1000.0, 0.28, "truck")])
    taken, lost = len(found), sum(capture.shock.rejected for capture in found)
    dead_s, shown_s = taken * 0.5, sum(capture.end_s - capture.t0_s for capture in found)
    rejecting_hz, taking_hz = lost / dead_s, taken / (1000.0 - dead_s - shown_s)
    assert taken > 200
    assert rejecting_hz == pytest.approx(taking_hz, rel=0.25)


def test_two_accelerometers_have_noise_of_their_own() -> None:
    impact = [Impact(5.0, UP, "half-sine", 5.0, 11.0)]
    one, two = (recorded(Accelerometer(name=name), impact)[0].shock for name in "ab")
    assert (one.acc, two.acc) == ("a", "b")
    assert (one.counts != two.counts).any()


def test_an_endless_stream_is_taken_as_it_comes() -> None:
    """A few impacts are held at a time, and days without anything are passed at once."""
    pulled = 0

    def stream() -> Iterator[Impact]:
        nonlocal pulled
        for number in itertools.count():
            pulled += 1
            yield Impact(3600.0 * (number + 1), UP, "half-sine", 5.0, 11.0)

    channel = iter(ShockChannel(Accelerometer(), stream(), [], 1.0, [1]))
    found = list(itertools.islice(channel, 50))
    assert [f.impacts for f in found if isinstance(f, Capture)] == [(k,) for k in range(50)]
    assert pulled <= 53
    assert sum(isinstance(thing, Impact) for thing in gc.get_objects()) < 10


def test_settings_are_what_a_birth_declares() -> None:
    acc = Accelerometer(coupling="ac", hp_hz=0.5, lp_hz=1000.0, dead_s=0.25, level_g=2.0)
    declared = {"fs": 3200.0, "range_g": 16.0, "level_g": 2.0, "lp_hz": 1000.0, "hp_hz": 0.5, "dead_ms": 250.0}
    assert acc.settings() == declared


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"rotation": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))}, "rotation matrix"),
        ({"level_g": 16.0}, "below range_g"),
        ({"bits": 17}, "2 to 16"),
        ({"coupling": "ac"}, "hp_hz"),
        ({"hp_hz": 0.5}, "hp_hz"),
        ({"pre_s": 0.25}, "pre_s"),
        ({"record_s": 60.0}, "170000 samples"),
        ({"dead_s": -1.0}, "dead_s"),
    ],
)
def test_wrong_settings_say_what_is_wrong(wrong: dict[str, object], cause: str) -> None:
    with pytest.raises(ValueError, match=rf"accelerometer a: .*{cause}"):
        replace(QUIET, **wrong)  # type: ignore[arg-type]  # wrong on purpose
