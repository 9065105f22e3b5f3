"""A drop-out is found where a sensor stands still or gives nothing, and bounds only what is sure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.shock.analysis import Analysis
from monitor.shock.waveform import Waveform
from tests.waveforms import FS_HZ, PRE, SAMPLES, TURNED, Signal, analysed, felt, impact, seeds, unit


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
