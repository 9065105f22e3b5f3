"""A spike is found wherever a sample is that no sensor felt; a short impact is none."""

from __future__ import annotations

import numpy as np
import scipy.signal
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.waveforms import PRE, SAMPLES, analysed, felt, rest_g, seeds


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
