"""The main pulse: velocity change at any phase of the sampling, its limits, rise, direction and frequency."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.model.unit import G_M_S2
from monitor.shock.analysis import Analysis
from monitor.shock.pulse import DURATION_SHARE, dominant_hz, main_pulse
from monitor.shock.report import report
from monitor.shock.waveform import Waveform

Signal = NDArray[np.float64]
Shape = Callable[[Signal], Signal]

SHAPES: dict[str, tuple[Shape, float]] = {  # over 0..1, and the area
    "half-sine": (lambda x: np.sin(np.pi * x), 2 / math.pi),
    "sawtooth": (lambda x: x, 0.5),
    "initial-peak sawtooth": (lambda x: 1 - x, 0.5),
    "rectangle": (np.ones_like, 1.0),
}
DIRECTION = np.array([0.48, -0.6, 0.64])
phases = st.floats(0.0, 1.0, exclude_max=True)


def sampled(shape: str, samples: float, phase: float, peak_g: float = 1.0) -> Signal:
    """A pulse of so many sampling steps that begins `phase` of one before sample 100, between stretches of rest."""
    times: Signal = (np.arange(200.0 + math.ceil(samples)) - 100 + phase) / samples
    inside = (times >= 0) & (times <= 1)
    return np.where(inside, peak_g * SHAPES[shape][0](times), 0.0)


def along(signal_g: Signal) -> Signal:
    """The signal along DIRECTION, [3, n]; its largest axis is z."""
    return np.outer(DIRECTION, signal_g)


def waveform(accel_g: Signal, fs_hz: float = 5000.0, pre: int = 0) -> Waveform:
    return Waveform(accel_g, fs_hz, pre, np.zeros(accel_g.shape, dtype=np.bool_))


@given(st.floats(50.0, 2000.0), phases, st.sampled_from([-1.0, 1.0]), st.floats(0.01, 1000.0))
def test_the_velocity_change_of_a_half_sine(samples: float, phase: float, sign: float, peak_g: float) -> None:
    """At any phase of the sampling within 0.1 % from 50 samples on, on all axes.

    Trapezoids cut the caps off a curve: of a sine of N steps a half-wave they leave (pi/2N) / tan(pi/2N), which is
    1 - pi^2 / 12 N^2. Where the pulse begins and ends is found to the second order, so what is left is of the same.
    """
    fs_hz = 5000.0
    pulse = main_pulse(along(sampled("half-sine", samples, phase, sign * peak_g)), fs_hz)
    exact_m_s = 2 / math.pi * sign * peak_g * G_M_S2 * samples / fs_hz
    bound = 1.5 * math.pi**2 / 12 / samples**2 + 1e-6  # and 1e-6 where the pulse is let go at 0.1 % of its peak
    assert bound < 1e-3
    assert pulse.velocity_change_m_s == pytest.approx(exact_m_s * DIRECTION, rel=bound)
    assert pulse.delta_v_m_s == pytest.approx(abs(exact_m_s), rel=bound)
    assert pulse.direction == pytest.approx(sign * DIRECTION)


@given(st.sampled_from(["sawtooth", "initial-peak sawtooth", "rectangle"]), st.floats(3.0, 500.0), phases)
def test_the_velocity_change_of_a_pulse_with_a_step(shape: str, samples: float, phase: float) -> None:
    """Within dt / tau: nobody knows where between two samples the step was.

    A step of the height A that lies f of a step behind the last sample of the pulse has an area of f A dt behind that
    sample, and its trapezoid has A dt / 2: at most A dt / 2 of a sawtooth's A tau / 2, and twice that of a rectangle's
    A tau, which has two steps. What lies below 0.1 % of the peak is let go: 1e-6 of a sawtooth.
    """
    fs_hz = 3200.0
    pulse = main_pulse(along(sampled(shape, samples, phase)), fs_hz)
    exact_m_s = SHAPES[shape][1] * G_M_S2 * samples / fs_hz
    assert abs(pulse.delta_v_m_s / exact_m_s - 1) <= 1 / samples + 2e-6


@pytest.mark.parametrize(
    ("shape", "peak_g", "length_ms", "expected_m_s"),
    [("half-sine", 1.0, 11.0, 0.0687), ("sawtooth", 40.0, 11.0, 2.157), ("half-sine", 45.9, 11.0, 3.153)],
)
def test_known_velocity_changes(shape: str, peak_g: float, length_ms: float, expected_m_s: float) -> None:
    """At 1 MHz; the last is a drop of 0.3 m with a restitution of 0.3."""
    pulse = main_pulse(along(sampled(shape, length_ms * 1e3, 0.3, peak_g)), 1e6)
    assert pulse.delta_v_m_s == pytest.approx(expected_m_s, rel=1e-3)


@given(st.floats(20.0, 200.0), phases)
def test_limits_are_the_zero_crossings_between_samples(samples: float, phase: float) -> None:
    """Of a ring with half-periods of N steps they are N apart; over a step a sine is bent by (pi / N)^2 / 8."""
    times = np.arange(math.ceil(7 * samples)) + phase
    signal_g = np.sin(np.pi * times / samples) * np.exp(-0.5 * np.abs(times / samples - 3.5))
    pulse = main_pulse(along(signal_g), 1000.0)
    begin, end = pulse.limits
    assert begin + phase == pytest.approx(3 * samples, abs=0.1)
    assert end + phase == pytest.approx(4 * samples, abs=0.1)
    assert not pulse.is_cut


def test_duration_and_rise_of_a_half_sine() -> None:
    """5 g over 11 ms lasts 10.30 ms at 10 %, and takes half of that from there to its peak; a sawtooth all of it."""
    pulse = main_pulse(along(sampled("half-sine", 55.0, 0.0, 5.0)), 5000.0)
    assert pulse.duration_ms == pytest.approx(10.30, abs=0.005)
    assert pulse.rise_ms == pytest.approx(10.30 / 2, abs=0.1 + 0.005)  # the peak lies between two samples of 0.2 ms
    sawtooth = main_pulse(along(sampled("sawtooth", 55.0, 0.0, 5.0)), 5000.0)
    assert sawtooth.rise_ms == pytest.approx(0.9 * 11.0)


def test_rest_above_zero_is_no_part_of_the_pulse() -> None:
    """A static vector that is 2 mg wrong, on a pulse of 5 g, moves the velocity change by less than 0.1 %."""
    signal_g = sampled("half-sine", 55.0, 0.4, 5.0)
    right, wrong = (main_pulse(along(signal_g + offset_g), 5000.0) for offset_g in (0.0, 0.002))
    assert wrong.limits == pytest.approx(right.limits, abs=0.2)
    assert wrong.delta_v_m_s == pytest.approx(right.delta_v_m_s, rel=1e-3)


@given(st.sampled_from(["half-sine", "initial-peak sawtooth"]), st.floats(50.0, 200.0), st.floats(0.0, 0.5), phases)
def test_a_pulse_ends_where_the_axis_rests_elsewhere(shape: str, samples: float, share: float, phase: float) -> None:
    """Tilted by a bump, or with its zero shifted, by up to half of its peak: what follows is no velocity change.

    While the pulse lasts half of the shift is in it; below 10 % of the peak the end is as far again at most.
    """
    signal_g = np.zeros(5000)
    signal_g[: 200 + math.ceil(samples)] = sampled(shape, samples, phase)
    signal_g += share * np.clip((np.arange(5000) - 100) / samples, 0, 1)
    signal_g += 1e-4 * np.random.default_rng(1).standard_normal(5000)
    pulse = main_pulse(along(20.0 * signal_g), 5000.0)
    exact_m_s = 20.0 * G_M_S2 * samples / 5000
    area = SHAPES[shape][1]
    assert area - 0.05 <= pulse.delta_v_m_s / exact_m_s <= area + share / 2 + min(share, DURATION_SHARE) + 0.05
    assert not pulse.is_cut


def test_an_impact_while_braking_has_its_own_velocity_change() -> None:
    """20 g of 5 ms upon 0.3 g of 0.6 s, which alone are 1.1 m/s."""
    t_s = np.arange(8000) / 5000
    braking = np.where(t_s < 0.6, 0.3 * np.sin(np.pi * t_s / 0.6), 0.0)
    struck = np.where((t_s >= 0.1) & (t_s < 0.105), 20 * np.sin(np.pi * (t_s - 0.1) / 0.005), 0.0)
    pulse = main_pulse(along(braking + struck), 5000.0)
    assert pulse.delta_v_m_s == pytest.approx(2 / math.pi * 20 * G_M_S2 * 0.005, rel=0.06)


def test_an_axis_that_is_asked_for_has_its_own_peak() -> None:
    """The largest pulse is on z; x has one of its own, later and of the other sign."""
    accel_g = np.zeros((3, 600))
    accel_g[2, :255] = sampled("half-sine", 55.0, 0.0, 5.0)
    accel_g[0, 300:555] = sampled("half-sine", 55.0, 0.0, -3.0)
    assert (main_pulse(accel_g, 5000.0).axis, main_pulse(accel_g, 5000.0).peak_index) == (2, 127)
    pulse = main_pulse(accel_g, 5000.0, axis=0)
    assert (pulse.axis, pulse.peak_index) == (0, 427)
    assert pulse.peak_g == pytest.approx(-3.0, abs=0.002)
    expected_m_s = -2 / math.pi * 3.0 * G_M_S2 * 0.011
    assert pulse.velocity_change_m_s == pytest.approx(np.array([expected_m_s, 0, 0]), abs=1e-3)


@pytest.mark.parametrize(("part", "is_cut"), [(slice(0, 140), True), (slice(110, None), True), (slice(50, 200), False)])
def test_a_pulse_that_touches_an_end_is_cut(part: slice, is_cut: bool) -> None:
    """Then what there is of it is a lower bound."""
    signal_g = sampled("half-sine", 55.0, 0.5, 5.0)
    whole, pulse = main_pulse(along(signal_g), 5000.0), main_pulse(along(signal_g[part]), 5000.0)
    assert (whole.is_cut, pulse.is_cut) == (False, is_cut)
    assert (pulse.delta_v_m_s < whole.delta_v_m_s - 1e-6) is is_cut


@pytest.mark.parametrize("samples", [1, 2, 3, 1000])
def test_nothing_gives_zeros_and_nan_gives_nan(samples: int) -> None:
    """Never NaN of a signal that is there, never a number of one that is not."""
    for value in (0.0, math.nan):
        accel_g = np.full((3, samples), value)
        pulse = main_pulse(accel_g, 5000.0)
        told = [pulse.peak_g, pulse.duration_ms, pulse.rise_ms, pulse.delta_v_m_s, *pulse.direction]
        assert told == pytest.approx([value] * 7, nan_ok=True)
        assert dominant_hz(accel_g, 5000.0) == pytest.approx(value, nan_ok=True)


@given(st.lists(st.integers(0, 599), min_size=1, max_size=30), st.integers(0, 2))
def test_with_nan_what_is_left_is_a_lower_bound(holes: list[int], axis: int) -> None:
    """Peak, resultant and velocity change are at most those of the whole signal, and numbers while one sample is."""
    signal_g = np.zeros(600)
    signal_g[200:455] = sampled("half-sine", 55.0, 0.3, 5.0)
    whole = Analysis(waveform(along(signal_g), pre=250))
    holed_g = along(signal_g)
    holed_g[axis, holes] = np.nan
    holed = Analysis(waveform(holed_g, pre=250))
    assert 0 < abs(holed.peaks.peak_g) <= abs(whole.peaks.peak_g)
    assert 0 < holed.peaks.resultant_g <= whole.peaks.resultant_g
    assert 0 < holed.pulse().delta_v_m_s <= whole.pulse().delta_v_m_s * (1 + 1e-9)
    assert holed.validity.names[0] == "drop-out"
    assert holed.validity.is_lower_bound


def test_an_axis_of_nan_leaves_the_vector_of_the_others() -> None:
    """Two axes of 3 and 4 g are 5 g at least; nothing is known of the third."""
    accel_g = np.zeros((3, 600))
    accel_g[[0, 2], 200:455] = np.outer([3.0, -4.0], sampled("half-sine", 55.0, 0.5))
    accel_g[1] = np.nan
    analysis = Analysis(waveform(accel_g, pre=250))
    assert analysis.peaks.resultant_g == pytest.approx(5.0, rel=1e-3)
    assert analysis.pulse().direction == pytest.approx(np.array([0.6, 0.0, -0.8]))
    assert np.isnan(analysis.peaks.axis_g).tolist() == [False, True, False]
    assert report(analysis)["axes"]["y"] == dict.fromkeys(
        ("peak_g", "peak_raw_g", "grms_g", "srs_peak_g", "srs_peak_hz")
    )


@given(st.floats(2.0, 300.0), phases)
def test_the_dominant_frequency_of_a_half_sine(length_ms: float, phase: float) -> None:
    """1 / (2 tau), within a line of the spectrum, however long the rest around it."""
    fs_hz = 5000.0
    signal_g = np.zeros(8192)
    pulse_g = sampled("half-sine", length_ms * fs_hz / 1e3, phase)
    signal_g[1000 : 1000 + len(pulse_g)] = pulse_g
    assert dominant_hz(along(signal_g), fs_hz) == pytest.approx(500.0 / length_ms, rel=0.02, abs=fs_hz / 8192)


@given(st.floats(10.0, 1500.0), st.integers(3000, 9000))
def test_the_dominant_frequency_of_a_ring(ring_hz: float, samples: int) -> None:
    """Its own, within half of the spectrum's resolution fs / n, or within a tenth of its width of f / (pi cycles)."""
    fs_hz = 5000.0
    times_s = np.arange(samples) / fs_hz
    signal_g = np.sin(2 * np.pi * ring_hz * times_s) * np.exp(-ring_hz / 10 * times_s)
    assert dominant_hz(along(signal_g), fs_hz) == pytest.approx(ring_hz, rel=0.03, abs=0.5 * fs_hz / samples)


@pytest.mark.parametrize("fs_hz", [1.0, 50.0, 5000.0, 1e5])
@pytest.mark.parametrize("samples", [1, 2, 5, 300])
@pytest.mark.parametrize("content", ["zeros", "constant", "noise", "nan", "hole", "spike"])
@pytest.mark.parametrize("pre", [-3, 0, 1, 200, 10_000])
def test_a_report_is_json_whatever_the_event(fs_hz: float, samples: int, content: str, pre: int) -> None:
    """Finite numbers or null, and an event of nothing but NaN has no number that looks right."""
    accel_g = np.zeros((3, samples))
    if content == "noise":
        accel_g = np.random.default_rng(1).standard_normal((3, samples))
    accel_g[:, samples // 2] += {"nan": 0.0, "hole": np.nan, "spike": 9.0}.get(content, 0.0)
    accel_g += {"constant": 1.0, "nan": np.nan}.get(content, 0.0)
    told = report(Analysis(waveform(accel_g, fs_hz, pre)))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    if content == "nan" or (content == "hole" and samples == 1):
        assert not told["validity"]["is_valid"]
        pulse, axes = told["pulse"], told["axes"].values()
        figures = [told["resultant_g"], told["dominant_hz"], pulse["peak_g"], pulse["delta_v_m_s"]]
        figures += [axis[key] for axis in axes for key in axis] + told["static"]["vector_g"]
        assert set(figures) == {None}


def test_the_report_of_a_drop() -> None:
    """0.3 m on wood: its figures, times from the trigger, and what the velocity change was integrated between."""
    fs_hz, pre = 5000.0, 2500
    signal_g = np.ones(4000)
    signal_g[pre - 1237 : pre] = 0.0  # 0.2474 s
    pulse_g = sampled("half-sine", 55.0, 0.0, 45.9)[100:156]
    signal_g[pre : pre + 56] = 0.0 + pulse_g
    accel_g = np.zeros((3, 4000))
    accel_g[2] = signal_g
    told = report(Analysis(waveform(accel_g, fs_hz, pre)))
    assert told["kind"] == "impact"
    assert told["validity"] == {"is_valid": True, "is_lower_bound": False, "faults": []}
    assert told["static"] == {"vector_g": [0.0, 0.0, 1.0], "is_estimated": False}
    assert told["axes"]["z"]["peak_raw_g"] == pytest.approx(45.9, rel=1e-3)
    assert told["axes"]["z"]["peak_g"] == told["resultant_g"] == pytest.approx(44.9, rel=1e-3)
    pulse = told["pulse"]
    assert (pulse["axis"], pulse["direction"], pulse["is_cut"]) == ("z", [0.0, 0.0, 1.0], False)
    assert (pulse["from_ms"], pulse["to_ms"]) == pytest.approx((0.076, 10.924), abs=0.01)  # where it is above 1 g
    assert pulse["delta_v_m_s"] == pytest.approx(3.153 - 0.011 * G_M_S2, rel=2e-3)  # 1 g is gravity, not impact
    assert told["drop"]["restitutions"] == [0.2, 0.6]
    assert told["drop"]["is_whole"] is True
    assert told["drop"]["height_m"] == pytest.approx(0.3, rel=0.02)
    assert told["reliable_hz"] == 500.0


def test_responses_of_an_analysis() -> None:
    """A half-sine of 20 g as a spectrum and as vibration."""
    analysis = Analysis(waveform(along(sampled("half-sine", 55.0, 0.0, 20.0)), pre=100))
    found_g = analysis.srs(np.array([75.0]), 10.0).maximax
    assert found_g[2, 0] == pytest.approx(20 * DIRECTION[2] * 1.65, rel=0.01)  # near f tau = 0.82
    assert analysis.vrs(np.array([100.0])).shape == (3, 1)
    assert analysis.reliable_hz == 500.0


@pytest.mark.parametrize("fs_hz", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_an_error(fs_hz: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        waveform(np.zeros((3, 5)), fs_hz)


@pytest.mark.parametrize("shape", [(2, 5), (4, 5), (5,), (3, 5, 1)])
def test_other_than_three_axes_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="samples of 3 axes"):
        Waveform(np.zeros(shape), 5000.0, 0, np.zeros(shape, dtype=np.bool_))
