"""An event against its sensor's range and scale: clipped, an offset that takes of it, or nothing that can be meant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.model.record import Shock, Stamp
from monitor.shock.analysis import Analysis
from monitor.shock.waveform import waveform_of
from tests.waveforms import FS_HZ, PRE, SAMPLES, TURNED, analysed, felt, impact, seeds, unit


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


@pytest.mark.parametrize("range_g", [32768.0, 1e300, np.inf, np.nan])
def test_a_range_wider_than_the_counts_reach_says_nothing(range_g: float) -> None:
    """An event of 60 g is neither quiet nor far below the rail, whatever the range is told to be."""
    counts = np.rint(impact(0) / 0.01).astype(np.int16) * 2
    shock = Shock(Stamp(1, 0, 0, 2), 0, 0, 0, FS_HZ, PRE, np.full(3, 0.01), range_g, counts, "a", 1.0, 0)
    analysis = Analysis(waveform_of(shock, np.eye(3)))
    assert analysis.waveform.rail_g == pytest.approx(327.67)
    assert analysis.kind == "impact"
