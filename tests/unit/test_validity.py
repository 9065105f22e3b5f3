"""Validity of events: what a sound sensor records raises nothing, and faults have the names that are told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firmware_sim.device.accelerometer import Accelerometer, Capture, ShockChannel
from firmware_sim.physics.impact import REST_G, SURFACES, drop
from firmware_sim.physics.vibration import ASTM_D4169_CYCLE, Vibration
from firmware_sim.recorder.journey import impacts, vibrations
from firmware_sim.scenario.load import load
from monitor.model.record import Shock, Stamp
from monitor.shock.analysis import Analysis
from monitor.shock.waveform import Waveform, waveform_of
from tests.waveforms import FS_HZ, PRE, SAMPLES, TURNED, Signal, analysed, felt, rest_g, seeds, unit

FAULTS = ("clipped", "drop-out", "offset", "spikes", "truncated", "late-trigger")


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
