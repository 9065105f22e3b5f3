"""Shock algorithms: vectors from the definitions, a real recording, and the plain twins."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from monitor.model.record import Shock, Stamp
from monitor.shock.analysis import Analysis
from monitor.shock.duration import around, longest_s, stretches
from monitor.shock.filter import lowpass
from monitor.shock.static import static_vector
from monitor.shock.waveform import waveform_of
from tests import naive

RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "ssx70065" / "accel_ch32.csv.gz"
TURNED = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # sensor x is container y
Signal = NDArray[np.float64]


def half_sine(peak_g: float, length_ms: float, fs_hz: float = 5000.0, before_s: float = 0.2) -> Signal:
    """A half-sine pulse between stretches of rest of 0.2 s, float64 [n]."""
    times_s = np.arange(round((2 * before_s + length_ms * 1e-3) * fs_hz) + 1) / fs_hz - before_s
    phase = times_s / (length_ms * 1e-3)
    return np.where((phase >= 0) & (phase <= 1), peak_g * np.sin(np.pi * phase), 0.0)


def event(accel_g: Signal, fs_hz: float = 5000.0, pre: int = 1000, range_g: float = 100.0) -> Shock:
    """An event record of samples in g, [3, n], in steps of 1/1024 g."""
    scale = np.full(3, 1 / 1024)
    counts = np.rint(accel_g / scale[:, None]).clip(-32768, 32767).astype(np.int16)
    return Shock(Stamp(1, 0, 0, 2), 5, 0, 0, fs_hz, pre, scale, range_g, counts, "a", 2.0, 0)


def analysed(shock: Shock, rotation: Signal | None = None) -> Analysis:
    """The analysis of an event record, by default of a sensor whose axes are the container's."""
    return Analysis(waveform_of(shock, np.eye(3) if rotation is None else rotation))


def on_axis(signal_g: Signal, axis: int, static_g: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Signal:
    """A signal on one axis over a static vector, float64 [3, n]."""
    accel_g = np.repeat(np.array(static_g)[:, None], len(signal_g), axis=1)
    accel_g[axis] += signal_g
    return accel_g


@pytest.mark.parametrize(("length_ms", "expected_g"), [(1.0, 0.63), (11.0, 4.82)])
def test_lowpass_of_a_half_sine(length_ms: float, expected_g: float) -> None:
    """A 5 g half-sine through 100 Hz: 1 ms leaves 0.63 g, 11 ms leaves 4.82 g."""
    assert lowpass(half_sine(5.0, length_ms), 5000.0, 100.0).max() == pytest.approx(expected_g, abs=0.005)


@given(st.floats(5.0, 1000.0), st.floats(0.3, 2.0))
def test_lowpass_has_the_butterworth_response(corner_hz: float, ratio: float) -> None:
    """A sine in the middle of a long record leaves 1 / (1 + (tan/tan)^8) of its amplitude without delay.

    The bilinear transform warps frequency f to tan(pi f / fs); forward and backward square the 4th-order response.
    """
    fs_hz = 5000.0
    sine_hz = min(corner_hz * ratio, 2400.0)
    times_s = np.arange(-round(20 / corner_hz * fs_hz), round(20 / corner_hz * fs_hz) + 1) / fs_hz
    warped = np.tan(np.pi * sine_hz / fs_hz) / np.tan(np.pi * corner_hz / fs_hz)
    middle = len(times_s) // 2
    filtered = lowpass(np.cos(2 * np.pi * sine_hz * times_s), fs_hz, corner_hz)
    assert filtered[middle] == pytest.approx(1 / (1 + warped**8), abs=2e-3)


def test_lowpass_leaves_what_it_cannot_filter() -> None:
    """A corner from half the rate on, or a rate that cannot be, changes nothing; a record of one sample is filtered."""
    signal_g = half_sine(5.0, 11.0)
    for fs_hz in (200.0, 1.0, 1e8, 1e300):
        assert lowpass(signal_g, fs_hz, 100.0) is signal_g
    for samples in (1, 2, 15, 16):
        assert lowpass(np.ones((3, samples)), 5000.0, 100.0) == pytest.approx(np.ones((3, samples)))


def test_durations_of_a_half_sine() -> None:
    """5 g over 11 ms last 10.30 ms at 10 % of the peak and 6.49 ms above 3 g."""
    signal_g = half_sine(5.0, 11.0)
    assert analysed(event(on_axis(signal_g, 2))).pulse().duration_ms == pytest.approx(10.30, abs=0.005)
    assert 1e3 * longest_s(signal_g, 5000.0, 3.0) == pytest.approx(6.49, abs=0.005)


def test_stretches_compare_as_float32_and_end_with_the_record() -> None:
    """25.1 is not beyond 25.1, NaN never is; a stretch at an end of the record is bounded by it."""
    signal = np.array([26.0, 25.1, np.nan, 25.2, 26.0])
    assert stretches(signal, 25.1).tolist() == [[0, 1], [3, 5]]
    assert longest_s(np.array([2.0, 2.0, 0.0]), 1.0, 1.0) == 1.5
    assert longest_s(np.zeros(3), 1.0, 1.0) == 0.0
    assert around(np.array([np.nan, 2.0, 2.0, 0.0]), 1.0, 1) == (1.0, 2.5)  # bounded by NaN too
    assert around(np.zeros(3), 1.0, 1) == (1.0, 1.0)


def test_peaks_of_a_real_recording() -> None:
    """ssx70065 on Y: raw +11.3125 g; static removed -10.717 g, its positive peak being +10.291 g."""
    with gzip.open(RECORDING, "rt") as file:
        rows = np.loadtxt(file, delimiter=",", skiprows=2)
    scale = 1 / 128  # the sensor's step: the file's values are multiples of 0.0078125 g
    counts = np.rint(rows[:, 1:].T / scale).astype(np.int16)
    pre = int(np.argmax(np.abs(rows[:, 2]) > 3.0))
    shock = Shock(Stamp(1, 0, 0, 2), 1, 0, 0, 3071.843, pre, np.full(3, scale), 100.0, counts, "a", 3.0, 0)
    analysis = analysed(shock)
    peaks = analysis.peaks
    assert peaks.axis_raw_g[1] == peaks.peak_raw_g == 11.3125
    assert peaks.peak_g == peaks.axis_g[1] == pytest.approx(-10.717, abs=0.001)
    assert analysis.dynamic_g[1].max() == pytest.approx(10.291, abs=0.001)
    assert analysis.waveform.offset_ns(analysis.pulse().peak_index) == round(28807 * 1e9 / 3071.843)
    assert not analysis.static.is_estimated
    assert analysis.validity.is_valid


def test_resultant_is_the_largest_length_at_one_time() -> None:
    """Separate pulses of 2, 2 and 1 g give 2 g, not 3 g."""
    accel_g = np.zeros((3, 3000))
    for axis, (at, peak_g) in enumerate(((1200, 2.0), (1600, 2.0), (2000, 1.0))):
        accel_g[axis, at] = peak_g
    assert analysed(event(accel_g)).peaks.resultant_g == 2.0


def test_peaks_are_on_container_axes() -> None:
    """A pulse on sensor x over gravity on sensor y shows on container y, signed, with gravity on container -x."""
    analysis = analysed(event(on_axis(half_sine(-5.0, 11.0, before_s=0.2), 0, (0.0, 1.0, 0.0))), TURNED)
    assert analysis.static.vector_g.tolist() == [-1.0, 0.0, 0.0]
    assert analysis.peaks.axis_g == pytest.approx(np.array([0.0, -5.0, 0.0]), abs=0.005)
    assert analysis.peaks.axis_raw_g == pytest.approx(np.array([-1.0, -5.0, 0.0]), abs=0.005)
    assert analysis.waveform.offset_ns(analysis.pulse().peak_index) == pytest.approx(0.2055e9, abs=0.2e6)
    assert analysis.pulse().axis == 1


def test_static_without_pre_trigger_is_the_median_and_flagged() -> None:
    """Nothing before the trigger: the median of the record, said to be an estimate; a short one is taken whole."""
    accel_g = on_axis(half_sine(5.0, 11.0), 0, (0.0, 0.0, 1.0))
    assert static_vector(accel_g, 5000.0, 0).is_estimated
    assert static_vector(accel_g, 5000.0, 0).vector_g.tolist() == [0.0, 0.0, 1.0]
    short = static_vector(np.array([[1.0, 3.0, 50.0]] * 3), 5000.0, 2)
    assert (short.vector_g.tolist(), short.is_estimated) == ([2.0, 2.0, 2.0], False)


def test_free_fall_before_the_trigger_is_no_baseline() -> None:
    """Rest at 1 g with some noise, then a quieter fall at 0 g: the static vector is the rest's."""
    rng = np.random.default_rng(1)
    rest = np.array([[0.0], [0.0], [1.0]]) + 0.02 * rng.standard_normal((3, 1000))
    fall = 0.001 * rng.standard_normal((3, 1500))
    accel_g = np.concatenate((rest, fall, np.full((3, 50), 30.0)), axis=1)
    assert static_vector(accel_g, 5000.0, 2500).vector_g == pytest.approx([0, 0, 1], abs=0.01)


@pytest.mark.parametrize("pre", [250, 700, 2000])
@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (-0.8, 0.0, 0.6)])
def test_where_all_before_the_trigger_is_free_fall_the_rest_behind_is_taken(pre: int, up: tuple[float, ...]) -> None:
    """The fall is longer than the pre-trigger, the sensor has an offset of 0.2 g; the estimate is said to be one."""
    rng, offset_g = np.random.default_rng(1), np.array([0.2, 0.0, 0.0])
    impact = half_sine(30.0, 11.0, before_s=0.0)
    accel_g = offset_g[:, None] + 0.005 * rng.standard_normal((3, pre + len(impact) + 500))
    accel_g[:, pre:] += np.array(up)[:, None]
    accel_g[2, pre : pre + len(impact)] += impact
    static = static_vector(accel_g, 5000.0, pre)
    assert static.vector_g == pytest.approx(offset_g + up, abs=0.002)
    assert static.is_estimated


@pytest.mark.parametrize("speed_m_s", [2.0, 4.5, 5.0])
def test_the_droop_of_an_ac_coupled_sensor_is_no_rest(speed_m_s: float) -> None:
    """0.5 Hz: behind 5 m/s it reads -1.6 g, 0.2 s later -0.9 g; what it reads before the trigger is its baseline."""
    fs_hz, corner_hz = 5000.0, 0.5
    pulse_g = half_sine(speed_m_s * np.pi / (2 * 9.80665 * 0.011), 11.0)
    droop_g = 2 * np.pi * corner_hz / fs_hz * np.cumsum(pulse_g)
    times_s = np.maximum(np.arange(len(pulse_g)) / fs_hz - 0.211, 0.0)
    accel_g = on_axis(pulse_g - droop_g * np.exp(-2 * np.pi * corner_hz * times_s), 2)
    accel_g += 0.005 * np.random.default_rng(1).standard_normal(accel_g.shape)
    static = static_vector(accel_g, fs_hz, 1000)
    assert static.vector_g == pytest.approx(np.zeros(3), abs=0.001)
    assert not static.is_estimated


def test_windows_with_nan_are_no_baseline() -> None:
    """The quietest window without NaN is taken; where each has some, what is there; an axis of NaN has none."""
    accel_g = on_axis(half_sine(5.0, 11.0), 0, (0.0, 0.0, 1.0))
    accel_g[:, :600] += 0.1 * np.random.default_rng(1).standard_normal((3, 600))
    accel_g[1, 700] = np.nan
    known = static_vector(accel_g, 5000.0, 1000)
    assert known.vector_g == pytest.approx([0, 0, 1], abs=0.03)
    assert known.span is not None
    assert 700 not in range(*known.span)
    accel_g[2, :1000:50] = np.nan
    accel_g[1] = np.nan
    partly = static_vector(accel_g, 5000.0, 1000)
    assert partly.vector_g == pytest.approx([0, np.nan, 1], abs=0.03, nan_ok=True)


def test_the_low_pass_bridges_nan() -> None:
    """A pulse shows behind it as without the hole, and the hole is told as such."""
    signal_g = half_sine(5.0, 11.0)
    holed_g = signal_g.copy()
    holed_g[900:903] = np.nan
    filtered_g = lowpass(np.stack((holed_g, np.full(len(signal_g), np.nan))), 5000.0, 100.0)
    assert np.isnan(filtered_g).sum(axis=1).tolist() == [3, len(signal_g)]
    assert np.nanmax(filtered_g[0]) == pytest.approx(4.82, abs=0.005)


def test_an_ac_coupled_sensor_has_its_baseline_near_zero() -> None:
    """Without rest near 1 g before the trigger a quiet 0 g is the baseline and no fall."""
    accel_g = 0.001 * np.random.default_rng(1).standard_normal((3, 3000))
    assert static_vector(accel_g, 5000.0, 2500).vector_g == pytest.approx([0, 0, 0], abs=0.001)


@pytest.mark.parametrize("count", [-32768, 32767])
def test_a_count_at_a_rail_is_clipped(count: int) -> None:
    """A rail of the converter or the declared full scale mark an event as clipped; an undeclared range does not."""

    def is_clipped(shock: Shock) -> bool:
        return "clipped" in analysed(shock).validity.names

    quiet = event(np.zeros((3, 100)))
    assert not is_clipped(quiet)
    quiet.counts[1, 50] = count
    assert is_clipped(quiet)
    assert is_clipped(event(np.full((3, 100), 16.0), range_g=16.0))
    assert not is_clipped(event(np.full((3, 100), 15.9), range_g=16.0))
    assert not is_clipped(event(np.full((3, 100), 16.0), range_g=0.0))
    twelve_bits = event(np.zeros((3, 100)), range_g=16.0)._replace(scale=np.full(3, 16 / 2048))
    assert not is_clipped(twelve_bits)
    twelve_bits.counts[1, 50] = 2047  # its upper rail, a count below the full scale
    assert is_clipped(twelve_bits)


def test_an_event_without_samples_is_an_error() -> None:
    """There is nothing to analyse in it, and the error says so."""
    with pytest.raises(ValueError, match="expected at least one sample"):
        analysed(event(np.zeros((3, 0))))


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 400), st.sampled_from([50.0, 100.0, 333.0]))
def test_analysis_equals_its_plain_twins(seed: int, samples: int, fs_hz: float) -> None:
    """On random records static vector, peaks, resultant, duration, velocity change are what plain loops give."""
    rng = np.random.default_rng(seed)
    gravity = rng.choice([0.0, 0.0, 1.0, 3.0])
    accel_g = np.cumsum(rng.standard_normal((3, samples)), axis=1) * 0.1 + np.array([[0.0], [0.0], [gravity]])
    shock = event(accel_g, fs_hz=fs_hz, pre=int(rng.integers(0, samples + 1)))
    expected_g = np.array(naive.static_vector(shock.accel_g, fs_hz, shock.pre))
    analysis = analysed(shock)
    peaks, pulse = analysis.peaks, analysis.pulse()
    assert analysis.static.vector_g == pytest.approx(expected_g, abs=1e-9)
    dynamic_g = shock.accel_g - analysis.static.vector_g[:, None]
    assert peaks.axis_g.tolist() == [naive.peak(axis.tolist()) for axis in dynamic_g]
    assert peaks.resultant_g == pytest.approx(naive.resultant(dynamic_g))
    assert pulse.axis == int(np.abs(peaks.axis_g).argmax())
    pulse_g = (dynamic_g[pulse.axis] * np.sign(peaks.peak_g)).tolist()
    has_end = min(pulse_g[pulse.peak_index :]) <= 0.001 * abs(peaks.peak_g)  # else it is measured from the rest behind
    if peaks.peak_g != 0 and analysis.fall is None and has_end:  # a fall ends a pulse before it comes to zero
        begin, end = naive.crossings_around(pulse_g, 0.1 * abs(peaks.peak_g), pulse.peak_index)
        assert pulse.duration_ms == pytest.approx(1e3 * (end - begin) / fs_hz, abs=1e-6)
        expected_m_s = naive.velocity_change(dynamic_g.T.tolist(), fs_hz, pulse.axis, pulse.peak_index)
        assert pulse.velocity_change_m_s == pytest.approx(np.array(expected_m_s), abs=1e-9)


@pytest.mark.parametrize(("fs_hz", "corner_hz"), [(5000.0, 0.0), (5000.0, -5.0), (5000.0, math.nan), (0.0, 100.0)])
def test_a_low_pass_that_is_none_is_an_error(fs_hz: float, corner_hz: float) -> None:
    with pytest.raises(ValueError, match="rate and corner above 0"):
        lowpass(np.ones((3, 9)), fs_hz, corner_hz)


@given(st.integers(1200, 3000), st.sampled_from([40.0, 100.0, 250.0]), st.integers(0, 2**32 - 1))
def test_the_low_pass_is_scipys_forward_and_backward_filter(samples: int, corner_hz: float, seed: int) -> None:
    """Away from the ends, where every implementation has to invent samples, it equals scipy's cascade of sections."""
    signal_g = np.random.default_rng(seed).normal(size=(3, samples))
    sections = butter(4, corner_hz, output="sos", fs=3200.0)
    inside = slice(math.ceil(5 * 3200 / corner_hz), -math.ceil(5 * 3200 / corner_hz))
    ours, theirs = lowpass(signal_g, 3200.0, corner_hz), sosfiltfilt(sections, signal_g)
    np.testing.assert_allclose(ours[:, inside], theirs[:, inside], atol=1e-5)
