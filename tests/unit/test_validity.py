"""Validity of events: sound ones raise nothing, and each fault is found, with its figures and its bound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
import scipy.signal
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_sim.device.accelerometer import Accelerometer, Capture, ShockChannel
from firmware_sim.physics.impact import REST_G, SURFACES, drop
from firmware_sim.physics.vibration import ASTM_D4169_CYCLE, Vibration
from firmware_sim.recorder.journey import impacts, vibrations
from firmware_sim.scenario.load import load
from monitor.model.record import Shock, Stamp
from monitor.shock.analysis import Analysis
from monitor.shock.waveform import Waveform, waveform_of

Signal = NDArray[np.float64]
FS_HZ, PRE, SAMPLES = 3200.0, 640, 2600
FAULTS = ("clipped", "drop-out", "offset", "spikes", "truncated", "late-trigger")
TURNED = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
seeds = st.integers(0, 2**32 - 1)


def analysed(accel_g: Signal, pre: int = PRE, range_g: float = 16.0, rotation: Signal | None = None) -> Analysis:
    """A record as a sensor of 16 bits makes it of what it feels, on its own axes."""
    scale = np.full(3, range_g / 32768)
    counts = np.rint(accel_g / scale[:, None]).clip(-32768, 32767).astype(np.int16)
    shock = Shock(Stamp(1, 0, 0, 2), 0, 0, 0, FS_HZ, pre, scale, range_g, counts, "a", 1.0, 0)
    return Analysis(waveform_of(shock, np.eye(3) if rotation is None else rotation))


def felt(seed: int, noise_g: float = 0.005) -> Signal:
    """A half-sine of 4 to 10 g and 8 to 30 ms on a random axis that rings down, over gravity and offset; noise."""
    rng = np.random.default_rng(seed)
    since_s = np.maximum((np.arange(SAMPLES) - PRE + 5) / FS_HZ, 0.0)
    length_s = rng.uniform(0.008, 0.03)
    pulse_g = rng.uniform(4, 10) * np.where(since_s < length_s, np.sin(np.pi * since_s / length_s), 0.0)
    ring_g = rng.uniform(0, 1.5) * np.exp(-since_s * 40) * np.sin(2 * np.pi * rng.uniform(30, 200) * since_s)
    accel_g = np.outer(unit(rng), pulse_g) + np.outer(unit(rng), ring_g)
    return accel_g + rest_g(rng)[:, None] + noise_g * rng.standard_normal(accel_g.shape)


def unit(rng: np.random.Generator) -> Signal:
    vector = rng.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)


def rest_g(rng: np.random.Generator) -> Signal:
    """Gravity in any direction and an offset of up to 0.3 g an axis."""
    return unit(rng) + rng.uniform(-0.3, 0.3, 3)


# What a sound sensor records.


def shaped(rng: np.random.Generator, since_s: Signal) -> Signal:
    """A pulse of a random shape, 1 g at its peak."""
    length_s = rng.uniform(0.004, 0.04)
    place = np.where(since_s < length_s, since_s / length_s, 0.0)
    ring_hz = rng.uniform(8, 600)
    shapes = (
        np.sin(np.pi * place),
        place,
        np.where((place > 0) & (place < 1), 1 - place, 0.0),
        (place > 0).astype(np.float64),
        np.exp(-since_s * max(ring_hz / 4, 15)) * np.sin(2 * np.pi * ring_hz * since_s),
    )
    return shapes[rng.integers(len(shapes))]


def shaken(rng: np.random.Generator, samples: int) -> Signal:
    """Noise between 3 Hz and a random corner below fs / 2.56, 1 g rms on each axis, all along the record."""
    frequencies_hz = np.fft.rfftfreq(samples, 1 / FS_HZ)
    spectrum = rng.standard_normal((3, len(frequencies_hz))) * np.exp(2j * np.pi * rng.random((3, len(frequencies_hz))))
    spectrum[:, (frequencies_hz < 3) | (frequencies_hz > rng.uniform(30, FS_HZ / 2.56))] = 0
    noise: Signal = np.fft.irfft(spectrum, samples)
    noise /= noise.std()
    return noise


@settings(max_examples=200)
@given(seeds)
def test_a_sound_record_is_valid(seed: int) -> None:
    """Pulses of all shapes, rings and vibration; noise from far below a count up; offset; any rotation; any range."""
    rng = np.random.default_rng(seed)
    since_s = np.maximum((np.arange(SAMPLES) - PRE + rng.uniform(0, 3)) / FS_HZ, 0.0)
    range_g = float(rng.choice([8.0, 16.0, 100.0, 32768 / 1024]))
    if rng.random() < 0.25:
        moved_g = rng.uniform(0.2, 1.0) * shaken(rng, SAMPLES)
    else:
        peak_g = rng.uniform(0.5, 0.6 * range_g)
        moved_g = np.outer(unit(rng), peak_g * shaped(rng, since_s))
    noise_g = float(rng.choice([0.0, 1e-5, 0.002, 0.02])) * range_g / 16
    accel_g = moved_g + rest_g(rng)[:, None] + noise_g * rng.standard_normal(moved_g.shape)
    assume(np.abs(accel_g).max() < 0.999 * range_g)
    found = analysed(accel_g, range_g=range_g, rotation=TURNED).validity
    assert found.reason == ""
    assert (found.is_valid, found.is_lower_bound, found.names) == (True, False, ())


def captures(name: str, loggers: int, count: int) -> Iterator[tuple[Capture, Signal]]:
    """Events of a scenario's loggers, by way of their accelerometers alone."""
    scenario = load(name)
    for container, logger in islice(scenario.loggers(), loggers):
        for key, part in logger.device.accelerometer.items():
            channel = ShockChannel(
                part.built(key), impacts(scenario, container, logger), vibrations(scenario, container),
                logger.device.isolation, [1, 2, 3],
            )  # fmt: skip
            caught = (found for found in channel if isinstance(found, Capture))
            yield from ((found, np.array(part.rotation, dtype=np.float64)) for found in islice(caught, count))


def simulated(found: Capture, rotation: Signal | None = None) -> Analysis:
    """The analysis of an event of the simulator."""
    made = found.shock
    shock = Shock(
        Stamp(1, 0, 0, 2), 0, 0, 0, made.fs_hz, made.pre, np.array(made.scale_g), made.range_g, made.counts, made.acc,
        made.level_g, made.rejected,
    )  # fmt: skip
    return Analysis(waveform_of(shock, np.eye(3) if rotation is None else rotation))


@pytest.mark.parametrize("name", ["turin-return", "long-silence", "hostile", "departure"])
def test_events_of_the_scenarios_are_valid(name: str) -> None:
    """Their sensors are sound, have rest before their triggers, and record for long enough."""
    reasons = [simulated(*each).validity.reason for each in captures(name, 3, 20)]
    assert len(reasons) >= 3
    assert set(reasons) == {""}


def test_a_sensor_that_wakes_up_amid_vibration_takes_the_mean_of_the_record_for_rest() -> None:
    """On a rough road loggers wake, or become ready, amid vibration, with up to 50 ms before the trigger, or none.

    Fewer than 1 of 20 events are not valid; where the rest is sure it is right to a fifth of the level, mostly.
    """
    count = invalid = 0
    wrong: list[float] = []
    for found, rotation in captures("rough-road", 4, 100):
        analysis = simulated(found, rotation)
        wave, static = analysis.waveform, analysis.static
        count += 1
        invalid += not analysis.validity.is_valid
        if analysis.validity.is_valid and static.is_estimated and abs(rotation).max() == 1 and wave.level_g:
            wrong.append(float(np.linalg.norm(static.vector_g - np.array(REST_G))) / wave.level_g)
        if not analysis.validity.is_valid and not wave.is_at_rail.any():
            assert wave.samples_before < 0.05 * wave.fs_hz, analysis.validity.reason
            assert not analysis.validity.is_lower_bound or wave.samples_before == 0
    assert invalid < 0.05 * count
    assert len(wrong) >= 10
    assert np.quantile(wrong, 0.9) < 0.2


@settings(max_examples=40)
@given(st.floats(0.1, 1.0), st.sampled_from(sorted(SURFACES)), st.booleans(), seeds)
def test_a_simulated_drop_is_valid(height_m: float, surface: str, has_long_pre: bool, seed: int) -> None:
    """With its whole fall in the record, or nothing but fall before the trigger."""
    acc = Accelerometer(range_g=400.0, level_g=3.0, record_s=1.2, pre_s=0.6 if has_long_pre else 0.1)
    channel = ShockChannel(acc, [drop(height_m, surface, 5.0)], [], 1.0, [seed])
    found = next(each for each in channel if isinstance(each, Capture))
    analysis = simulated(found)
    assert analysis.validity.reason == ""
    assert analysis.static.vector_g == pytest.approx(np.array(REST_G), abs=0.05)
    assert analysis.static.is_estimated is not has_long_pre


def test_vibration_of_a_truck_is_valid() -> None:
    """An hour of it, at triggers that it passes now and then."""
    spans, begin_s = [], 0.0
    for grms, length_s in ASTM_D4169_CYCLE:
        spans.append(Vibration(begin_s, begin_s + length_s, grms, "truck"))
        begin_s += length_s
    channel = ShockChannel(Accelerometer(level_g=2.2, dead_s=5.0), [], spans, 1.0, [1])
    found = [simulated(each) for each in islice((each for each in channel if isinstance(each, Capture)), 60)]
    whole = [each for each in found if each.waveform.samples_before >= 0.05 * each.waveform.fs_hz]
    assert len(whole) > 40
    assert [each.validity.reason for each in whole if not each.validity.is_valid] == []


# Each fault, put into what was sound.


@settings(max_examples=50)
@given(seeds, st.booleans())
def test_clipping_is_found_and_bounds_the_event(seed: int, is_turned: bool) -> None:
    """A sensor of 3 g has lost what lay beyond; peak and velocity change are at least what is left, on turned axes."""
    rotation = TURNED if is_turned else None
    accel_g = felt(seed)
    assume(np.abs(accel_g).max() > 3.1)
    whole, clipped = analysed(accel_g, rotation=rotation), analysed(accel_g.clip(-3, 3), range_g=3.0, rotation=rotation)
    assert "clipped" in clipped.validity.names
    assert "drop-out" not in clipped.validity.names  # though it stands still there
    assert clipped.validity.is_lower_bound
    assert clipped.peaks.resultant_g <= whole.peaks.resultant_g + 0.001  # their counts differ
    assert abs(clipped.peaks.peak_g) <= abs(whole.peaks.peak_g) + 0.05


def test_the_reason_of_a_clipped_event_has_its_figures() -> None:
    """Which axes of the sensor, at what, when, and the bound."""
    accel_g = np.zeros((3, SAMPLES))
    accel_g[2] = 1.0
    accel_g[[0, 2], PRE + 10 : PRE + 13] = [[20.0], [-20.0]]
    analysis = analysed(accel_g)
    assert analysis.validity.reason == (
        "clipped: x, z at +-16 g from 3.1 ms to 3.8 ms; the peak is at least 17 g"  # -16 g where rest reads 1 g
    )


@settings(max_examples=60)
@given(seeds, st.integers(0, 2), st.booleans())
def test_an_axis_that_stands_still_amid_motion_is_a_drop_out(seed: int, axis: int, holds: bool) -> None:
    """It holds its last value, or reads nothing, for 12 ms of the pulse, with a noise of 10 counts."""
    accel_g = felt(seed)
    hole = slice(PRE + 8, PRE + 46)
    accel_g[axis, hole] = accel_g[axis, PRE + 7] if holds else 0.0
    found = analysed(accel_g, rotation=TURNED).validity
    assert "drop-out" in found.names
    reason = next(fault.reason for fault in found.faults if fault.name == "drop-out")
    assert f"{'xyz'[axis]} stands still at" in reason


@settings(max_examples=30)
@given(seeds, st.integers(0, 2))
def test_a_dead_axis_is_a_drop_out(seed: int, axis: int) -> None:
    """It never moves, while the noise of the other two shows; one whose noise is below a count is not dead."""
    accel_g = felt(seed)
    accel_g[axis] = accel_g[axis, 0]
    assert "drop-out" in analysed(accel_g).validity.names
    silent = felt(seed, noise_g=0.0)
    silent[axis] = silent[axis, 0]
    assert analysed(silent).validity.reason == ""


@given(seeds)
def test_a_plateau_is_no_drop_out_where_noise_is_below_a_count(seed: int) -> None:
    """At rest between two counts the noise shows, and half of all steps are one; on the plateau, upon a count, none."""
    rng, count_g = np.random.default_rng(seed), 16 / 32768
    accel_g = 0.5 * count_g + 0.1 * count_g * rng.standard_normal((3, SAMPLES))
    accel_g[1, PRE : PRE + 100] += 4.0 - 0.5 * count_g
    assert analysed(accel_g).validity.reason == ""


@given(seeds, st.lists(st.integers(0, SAMPLES - 1), min_size=1, max_size=20), st.integers(0, 2))
def test_missing_samples_are_a_drop_out(seed: int, holes: list[int], axis: int) -> None:
    """NaN anywhere, on one axis; the reason says how many and when."""
    accel_g = felt(seed)
    accel_g[axis, holes] = np.nan
    none = np.zeros(accel_g.shape, dtype=np.bool_)
    found = Analysis(Waveform(accel_g, FS_HZ, PRE, none, 16.0, 1.0)).validity
    assert found.faults[0].reason.startswith(f"drop-out: {'xyz'[axis]} gave nothing for {len(set(holes))} samples")
    assert found.is_lower_bound or "spikes" in found.names


@pytest.mark.parametrize("scale", [np.nan, np.inf, 0.0])
def test_a_scale_that_is_none_leaves_no_figure(scale: float) -> None:
    """Nobody knows what the counts mean: a drop-out, and no number that looks right, if only one axis has it."""
    counts = np.rint(felt(1) * 2048).astype(np.int16)
    scales = np.array([1 / 2048, scale, 1 / 2048])
    shock = Shock(Stamp(1, 0, 0, 2), 0, 0, 0, FS_HZ, PRE, scales, 16.0, counts, "a", 1.0, 0)
    analysis = Analysis(waveform_of(shock, np.eye(3)))
    assert analysis.validity.names == ("drop-out",)
    assert analysis.validity.reason == f"drop-out: x, y, z gave nothing for {SAMPLES} samples"
    peaks, pulse = analysis.peaks, analysis.pulse()
    assert np.isnan([peaks.peak_g, peaks.peak_raw_g, peaks.resultant_g, pulse.delta_v_m_s, pulse.duration_ms]).all()
    assert analysis.kind == "unknown"


@settings(max_examples=50)
@given(seeds, st.floats(5.5, 8.0), st.integers(0, 2))
def test_an_offset_that_eats_the_range(seed: int, offset_g: float, axis: int) -> None:
    """More than a quarter of the range and gravity; several g on a channel of 100 g are none."""
    accel_g = felt(seed) * 0.3
    accel_g[axis] += offset_g + 1.0
    found = analysed(accel_g).validity
    assert found.names == ("offset",)
    assert f"offset: {'xyz'[axis]} rests at" in found.reason
    assert not found.is_lower_bound
    assert analysed(accel_g, range_g=100.0).validity.is_valid


@settings(max_examples=50)
@given(seeds, st.floats(0.0, 6.0))
def test_rest_behind_the_event_that_is_another(seed: int, shift_g: float) -> None:
    """Turning over explains 2 g, and a tenth of that for the scale; more is an offset, unless the peak was large."""
    accel_g, direction = felt(seed), unit(np.random.default_rng(seed + 1))
    accel_g[:, PRE + 300 :] += shift_g * direction[:, None]
    found = analysed(accel_g).validity
    if shift_g < 2.1:
        assert found.is_valid, found.reason
    if shift_g > 2.2 + 0.05 * 12 + 0.3:  # the peak is 11.5 g at most
        assert "offset" in found.names
        assert "at rest behind the event" in found.reason


@settings(max_examples=60)
@given(seeds, st.floats(1.0, 3.0), st.integers(50, SAMPLES - 50), st.integers(0, 2))
def test_a_spike_is_found_and_makes_the_peak_too_high(seed: int, times: float, sample: int, axis: int) -> None:
    """One sample as high as the peak or higher, anywhere but on the steep of the pulse itself."""
    assume(abs(sample - PRE) > 10 and not PRE < sample < PRE + 130)
    accel_g = felt(seed)
    peak_g = float(np.abs(accel_g).max())
    accel_g[axis, sample] += times * peak_g * np.random.default_rng(seed).choice([-1, 1])
    found = analysed(accel_g, range_g=64.0).validity
    assert "spikes" in found.names
    assert not found.is_lower_bound
    assert "the peak may be too high" in found.reason


@given(seeds)
def test_a_spike_is_found_amid_vibration(seed: int) -> None:
    """It has to stand out from its neighbours, not from rest: 6 g in 0.2 g rms do, 0.6 g does not.

    The 16 neighbours spread by 6 g / 12 = 2.5 sigma once in 1e13.
    """
    rng = np.random.default_rng(seed)
    for height_g, names in ((0.6, ()), (6.0, ("spikes",))):
        accel_g = 0.2 * rng.standard_normal((3, SAMPLES))
        accel_g[1, 1500] = height_g
        assert analysed(accel_g).validity.names == names


@settings(max_examples=60)
@given(st.floats(4.0, 40.0), st.floats(0, 1, exclude_max=True), st.floats(1.0, 12.0), seeds)
def test_a_short_half_sine_is_no_spike(samples: float, phase: float, peak_g: float, seed: int) -> None:
    """From four samples on, at any phase of the sampling."""
    place = (np.arange(SAMPLES) - PRE + phase) / samples
    accel_g = np.random.default_rng(seed).standard_normal((3, SAMPLES)) * 0.005
    accel_g[1] += np.where((place >= 0) & (place <= 1), peak_g * np.sin(np.pi * place), 0.0)
    assert analysed(accel_g).validity.reason == ""


@settings(max_examples=50)
@given(seeds, st.floats(0.2, 0.85))
def test_a_record_that_ends_or_begins_in_the_pulse_is_truncated(seed: int, share: float) -> None:
    """Peak and velocity change are then lower bounds."""
    rng = np.random.default_rng(seed)
    samples, pulse = 60, 6 * np.sin(np.pi * np.arange(60) / 60)
    accel_g = rest_g(rng)[:, None] + 0.005 * rng.standard_normal((3, PRE + samples + 1000))
    accel_g[:, PRE : PRE + samples] += np.outer(unit(rng), pulse)
    whole = analysed(accel_g)
    assert whole.validity.is_valid
    cut = analysed(accel_g[:, : PRE + round(share * samples)])
    assert "truncated" in cut.validity.names
    assert "ends while it still moves by" in cut.validity.reason
    assert cut.validity.is_lower_bound
    assert cut.pulse().delta_v_m_s < whole.pulse().delta_v_m_s
    begun = analysed(accel_g[:, PRE + round(share * samples) :], pre=0).validity
    assert {"truncated", "late-trigger"} <= set(begun.names)
    assert begun.is_lower_bound


@settings(max_examples=40)
@given(seeds, st.floats(10.0, 60.0))
def test_a_ring_that_goes_on_is_truncated(seed: int, ring_hz: float) -> None:
    """Ends at half of its peak: found at any phase of the ring; one that has died away to 0.15 of it is not."""
    rng = np.random.default_rng(seed)
    since_s = np.maximum((np.arange(PRE + 1000) - PRE) / FS_HZ, 0.0)
    for left, is_cut in ((0.5, True), (0.15, False)):
        ring_g = 12 * left ** (since_s / since_s[-1]) * np.sin(2 * np.pi * ring_hz * since_s)
        accel_g = rest_g(rng)[:, None] + np.outer(unit(rng), ring_g)
        accel_g += 0.005 * rng.standard_normal(accel_g.shape)
        assert ("truncated" in analysed(accel_g).validity.names) is is_cut


@settings(max_examples=40)
@given(seeds, st.integers(80, 500))
def test_a_trigger_that_comes_late(seed: int, late: int) -> None:
    """The pulse was over 25 ms and more before the trigger; or there is nothing before it."""
    found = analysed(felt(seed), pre=PRE + 130 + late).validity
    assert found.names == ("late-trigger",)
    assert "ms before the trigger" in found.reason
    assert not found.is_lower_bound
    assert "late-trigger" in analysed(felt(seed)[:, PRE:], pre=0).validity.names


@given(seeds)
def test_a_pre_trigger_as_short_as_a_sensor_has_it_is_fine_at_rest(seed: int) -> None:
    """From a few samples on, while they are at rest."""
    accel_g = felt(seed)[:, PRE - 25 :]
    assert analysed(accel_g, pre=18).validity.reason == ""


def test_the_names_are_those_that_are_told() -> None:
    """Whoever lists faults by name finds each of them here."""
    accel_g = felt(3)
    accel_g[0] += 7.0
    accel_g[:, -1] = 15.0
    accel_g[1, 100] = 60.0
    found = analysed(accel_g).validity
    assert set(found.names) <= set(FAULTS)
    assert found.reason == "; ".join(fault.reason for fault in found.faults)
    assert not found.is_valid


def impact(seed: int, noise_g: float = 0.01) -> Signal:
    """A half-sine of 30 g and 17 ms along one direction from the trigger on, over rest."""
    rng = np.random.default_rng(seed)
    place = (np.arange(SAMPLES) - PRE) / 55
    pulse_g = np.where((place >= 0) & (place <= 1), 30 * np.sin(np.pi * place), 0.0)
    accel_g = np.outer((0.2, 0.1, 1.0), pulse_g) + rest_g(rng)[:, None]
    return np.asarray(accel_g + noise_g * rng.standard_normal(accel_g.shape))


@settings(max_examples=60)
@given(seeds, st.integers(10, 300), st.integers(3, 30), st.booleans())
def test_a_sensor_that_stands_still_in_the_pulse_is_a_drop_out(seed: int, gap: int, at: int, holds: bool) -> None:
    """All axes, even with a noise below a count; what it holds may be more than was felt, so nothing is at least it."""
    accel_g = impact(seed)
    hole = slice(PRE + at, PRE + at + (max(gap, 20) if holds else gap))
    accel_g[:, hole] = accel_g[:, [PRE + at]] if holds else 0.0
    found = analysed(accel_g, range_g=400.0).validity  # a count is 0.0122 g
    assert "drop-out" in found.names
    assert "stand still at" in found.reason
    assert not found.is_lower_bound


@given(seeds)
def test_a_held_value_is_no_bound(seed: int) -> None:
    """It adds to the velocity change that was felt; with missing samples there is only less of it."""
    whole, held, missing = impact(seed), impact(seed), impact(seed)
    hole = slice(PRE + 25, PRE + 100)
    held[:, hole] = held[:, [PRE + 25]]
    missing[:, hole] = np.nan
    none = np.zeros(whole.shape, dtype=np.bool_)
    told = [Analysis(Waveform(each, FS_HZ, PRE, none, 100.0, 1.0)) for each in (whole, held, missing)]
    felt_m_s, held_m_s, missing_m_s = (each.pulse().delta_v_m_s for each in told)
    assert [each.validity.is_lower_bound for each in told] == [False, False, True]
    assert missing_m_s < felt_m_s < held_m_s


@pytest.mark.parametrize("at_g", [(0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.1, -0.2, 0.9)])
def test_a_dead_sensor_that_was_triggered_is_a_drop_out(at_g: tuple[float, float, float]) -> None:
    """Something triggered it, so something is not in the record; without a trigger it may have been at rest."""
    accel_g = np.tile(np.array(at_g)[:, None], 500)
    none = np.zeros(accel_g.shape, dtype=np.bool_)
    triggered = Analysis(Waveform(accel_g, FS_HZ, 100, none, 100.0, 2.0))
    assert (triggered.validity.names, triggered.kind) == (("drop-out",), "unknown")
    assert triggered.validity.reason.startswith("drop-out: x, y, z stand still at")
    assert Analysis(Waveform(accel_g, FS_HZ, 100, none, 100.0)).kind == "quiet"


@given(seeds)
def test_nothing_but_noise_is_quiet_only_where_nothing_triggered(seed: int) -> None:
    """At 5 g something did that the record does not show; at 0.5 g gravity shows it."""
    accel_g = 0.01 * np.random.default_rng(seed).standard_normal((3, SAMPLES)) + np.array([[0.0], [0.0], [1.0]])
    none = np.zeros(accel_g.shape, dtype=np.bool_)
    kinds = [Analysis(Waveform(accel_g, FS_HZ, PRE, none, 16.0, level_g)).kind for level_g in (None, 0.5, 5.0)]
    assert kinds == ["quiet", "quiet", "unknown"]


@pytest.mark.parametrize("samples", [1, 500])
def test_a_record_that_ends_before_its_trigger_is_late(samples: int) -> None:
    """What triggered it is not in it."""
    accel_g = 0.01 * np.random.default_rng(0).standard_normal((3, samples))
    assert "late-trigger: the record ends before its trigger" in analysed(accel_g, pre=samples).validity.reason


@settings(max_examples=60)
@given(seeds, st.floats(0.05, 0.5), st.floats(0.3, 1.0))
def test_a_drop_seen_by_a_coarse_sensor_is_valid(seed: int, noise: float, height_m: float) -> None:
    """12 bits of +-100 g: a noise below a count shows in neither rest nor fall, though these are many counts apart."""
    rng, count_g = np.random.default_rng(seed), 100 / 2048
    fall_samples = round(math.sqrt(2 * height_m / 9.80665) * FS_HZ)
    accel_g = np.repeat(unit(rng)[:, None], 4000, axis=1)
    accel_g[:, 1400 - fall_samples : 1400] = 0.0
    accel_g += np.outer(unit(rng), np.where(np.arange(4000) < 1400, 0, pulse_g(1400, 60, 4000, 8.0)))
    accel_g = np.rint((accel_g + noise * count_g * rng.standard_normal(accel_g.shape)) / count_g) * count_g
    none = np.zeros(accel_g.shape, dtype=np.bool_)
    assert "drop-out" not in Analysis(Waveform(accel_g, FS_HZ, 1405, none, 100.0, 2.0)).validity.names


def pulse_g(first: int, length: int, samples: int, peak_g: float) -> Signal:
    """A half-sine."""
    place = (np.arange(samples) - first) / length
    return np.where((place >= 0) & (place <= 1), peak_g * np.sin(np.pi * place), 0.0)


@pytest.mark.parametrize("range_g", [32768.0, 1e300, np.inf, np.nan])
def test_a_range_wider_than_the_counts_reach_says_nothing(range_g: float) -> None:
    """An event of 60 g is neither quiet nor far below the rail, whatever the range is told to be."""
    counts = np.rint(impact(0) / 0.01).astype(np.int16) * 2
    shock = Shock(Stamp(1, 0, 0, 2), 0, 0, 0, FS_HZ, PRE, np.full(3, 0.01), range_g, counts, "a", 1.0, 0)
    analysis = Analysis(waveform_of(shock, np.eye(3)))
    assert analysis.waveform.rail_g == pytest.approx(327.67)
    assert analysis.kind == "impact"


@given(seeds, st.sampled_from([0, SAMPLES - 1]), st.integers(0, 2))
def test_a_corrupt_sample_at_an_end_of_the_record_is_a_spike(seed: int, sample: int, axis: int) -> None:
    """And so what it reads is not at least what was felt, though the record seems truncated too."""
    accel_g = felt(seed)
    accel_g[axis, sample] = 60.0
    found = analysed(accel_g, range_g=100.0).validity
    assert "spikes" in found.names
    assert not found.is_lower_bound


@settings(max_examples=40)
@given(seeds, st.floats(0, 1), st.booleans())
def test_an_impact_shorter_than_a_sample_behind_a_filter_is_no_spike(
    seed: int, phase: float, is_invented: bool
) -> None:
    """0.25 ms at 3200 Hz behind a low-pass at 1280 Hz rings alike on all axes; what a wire invents does not ring."""
    rng = np.random.default_rng(seed)
    times = 16
    fine = np.zeros(SAMPLES * times)
    first = round((PRE + phase) * times)
    fine[first : first + 13] = 60 * np.sin(np.pi * np.arange(13) / 12)
    rung_g = scipy.signal.sosfilt(scipy.signal.butter(4, 0.8 / times, output="sos"), fine)[::times]
    if is_invented:
        rung_g = np.where(np.arange(SAMPLES) == PRE + 5, 20.0, 0.0)
    accel_g = np.outer((0.2, 0.3, 1.0), rung_g) + rest_g(rng)[:, None] + 0.01 * rng.standard_normal((3, SAMPLES))
    assert ("spikes" in analysed(accel_g, range_g=100.0).validity.names) is is_invented


@given(seeds, st.integers(1, 30))
def test_rest_that_was_measured_in_motion_leaves_no_bound(seed: int, before: int) -> None:
    """Peaks are wrong by as much, in either direction, even where the record ends in the pulse."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(before + 100) / FS_HZ
    accel_g = rest_g(rng)[:, None] + np.outer(unit(rng), 6 * np.cos(2 * np.pi * 11 * times_s + rng.uniform(0, 6)))
    found = analysed(accel_g, pre=before).validity
    if "late-trigger" in found.names:
        assert not found.is_lower_bound


def test_arrays_of_other_shapes_are_no_event() -> None:
    """Marks or sensor samples that do not belong to the samples, and times that are none."""
    accel_g = np.zeros((3, 100))
    none = np.zeros((3, 100), dtype=np.bool_)
    with pytest.raises(ValueError, match="expected is_at_rail as raw_g"):
        Waveform(accel_g, FS_HZ, 10, none[:, :5])
    with pytest.raises(ValueError, match="expected sensor_g as raw_g"):
        Waveform(accel_g, FS_HZ, 10, none, sensor_g=accel_g[:, :5])
    with pytest.raises(ValueError, match="expected a whole number of samples before the trigger, got nan"):
        Waveform(accel_g, FS_HZ, float("nan"), none)  # type: ignore[arg-type]  # what a caller without types may do
    with pytest.raises(ValueError, match="expected a rate above 0 and up to 1e"):
        Waveform(accel_g, 1e300, 10, none)
