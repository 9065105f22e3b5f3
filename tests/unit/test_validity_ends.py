"""A record that does not hold the whole event: it is truncated, or its trigger came late."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.waveforms import FS_HZ, PRE, analysed, felt, rest_g, seeds, unit


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


@pytest.mark.parametrize("samples", [1, 500])
def test_a_record_that_ends_before_its_trigger_is_late(samples: int) -> None:
    """What triggered it is not in it."""
    accel_g = 0.01 * np.random.default_rng(0).standard_normal((3, samples))
    assert "late-trigger: the record ends before its trigger" in analysed(accel_g, pre=samples).validity.reason


@given(seeds, st.integers(1, 30))
def test_rest_that_was_measured_in_motion_leaves_no_bound(seed: int, before: int) -> None:
    """Peaks are wrong by as much, in either direction, even where the record ends in the pulse."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(before + 100) / FS_HZ
    accel_g = rest_g(rng)[:, None] + np.outer(unit(rng), 6 * np.cos(2 * np.pi * 11 * times_s + rng.uniform(0, 6)))
    found = analysed(accel_g, pre=before).validity
    if "late-trigger" in found.names:
        assert not found.is_lower_bound
