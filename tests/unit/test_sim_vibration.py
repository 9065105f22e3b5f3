"""Vibration has the Grms, the spectrum and the extremes that its table asks for."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from firmware_sim.physics.impact import Impact, drop
from firmware_sim.physics.vibration import (
    ASTM_D4169_CYCLE,
    F64,
    PSD,
    Crossings,
    Psd,
    Vibration,
    conditioned,
    crossing_rate_hz,
    interval_extremes,
    interval_peak_g,
    overall_grms,
    scaled,
    waveform,
)

IRVINE: Psd = ((20.0, 0.0053), (150.0, 0.04), (600.0, 0.04), (2000.0, 0.0036))
TRUCK = PSD["truck"]
FS_HZ = 1000.0

grms_values = st.floats(0.01, 5.0)
tables = st.sampled_from(sorted(PSD))
seeds = st.integers(0, 2**32 - 1)


def density(psd: Psd, f_hz: F64) -> F64:
    """Return straight lines on double logarithmic paper, nothing outside."""
    at_hz, values = np.array(psd).T
    inside = np.exp(np.interp(np.log(np.maximum(f_hz, 1e-9)), np.log(at_hz), np.log(values)))
    return np.where((f_hz >= at_hz[0]) & (f_hz <= at_hz[-1]), inside, 0.0)


def test_the_known_table_has_its_known_grms() -> None:
    """6.14 Grms, as published for this table."""
    assert overall_grms(IRVINE) == pytest.approx(6.14, abs=0.01)


def test_a_slope_of_minus_one_is_integrated_too() -> None:
    """PSD = 1 / f from 1 to e: the integral is 1."""
    assert overall_grms(((1.0, 1.0), (math.e, 1 / math.e))) == pytest.approx(1.0, rel=1e-6)


@given(tables, grms_values)
def test_the_integral_is_that_of_a_fine_sum(name: str, grms: float) -> None:
    table = scaled(PSD[name], grms)
    f_hz = np.geomspace(table[0][0], table[-1][0], 20_001)
    assert overall_grms(table) == pytest.approx(grms, rel=1e-9)
    assert np.trapezoid(density(table, f_hz), f_hz) == pytest.approx(grms**2, rel=1e-3)


@given(tables, grms_values, seeds)
@settings(max_examples=30)
def test_a_waveform_has_its_rms_on_every_axis(name: str, grms: float, seed: int) -> None:
    """Exactly over a whole period, which is a power of two."""
    wave_g = waveform(PSD[name], grms, FS_HZ, 8192, np.random.default_rng(seed))
    np.testing.assert_allclose(np.sqrt((wave_g**2).mean(axis=1)), grms, rtol=2e-3)


@pytest.mark.parametrize("name", sorted(PSD))
def test_a_waveform_has_its_spectrum(name: str) -> None:
    """Welch's estimate, averaged over bands, within 15 % where the table has most of its energy."""
    wave_g = waveform(PSD[name], 0.54, FS_HZ, 2**18, np.random.default_rng(3))
    f_hz, found = welch(wave_g, FS_HZ, nperseg=4096)
    asked = density(scaled(PSD[name], 0.54), f_hz)
    for low, high in ((5.0, 15.0), (18.0, 35.0), (45.0, 80.0)):
        band = (f_hz >= low) & (f_hz < high)
        np.testing.assert_allclose(found[:, band].mean(axis=1), asked[band].mean(), rtol=0.15)
    assert found[:, f_hz > 1.2 * PSD[name][-1][0]].max() < 1e-6 * asked.max()


def test_axes_are_independent_and_gaussian() -> None:
    wave_g = waveform(TRUCK, 1.0, FS_HZ, 2**17, np.random.default_rng(4))
    assert np.abs(np.corrcoef(wave_g) - np.eye(3)).max() < 0.05
    assert (wave_g**4).mean() == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("level", [1.5, 2.5, 3.2])
def test_levels_are_crossed_as_often_as_the_formula_says(level: float) -> None:
    """Counted in 524 s of the resultant; the tolerance is four standard deviations of a Poisson count, at least 4 %."""
    fs_hz, grms = 2000.0, 0.54
    wave_g = waveform(TRUCK, grms, fs_hz, 2**20, np.random.default_rng(5))
    beyond = (wave_g**2).sum(axis=0) > (level * grms) ** 2
    counted = int((beyond[1:] & ~beyond[:-1]).sum())
    expected = crossing_rate_hz(TRUCK, grms, level * grms) * 2**20 / fs_hz
    assert counted == pytest.approx(expected, abs=max(0.04 * expected, 4 * math.sqrt(expected)))


def test_nothing_crosses_without_vibration() -> None:
    assert crossing_rate_hz(TRUCK, 0.0, 1.0) == 0.0


@given(
    at=st.integers(0, 599),
    value=st.tuples(*[st.floats(-3, 3)] * 3),
    seed=seeds,
)
@settings(max_examples=40)
def test_a_conditioned_waveform_takes_its_value_at_the_trigger(
    at: int, value: tuple[float, float, float], seed: int
) -> None:
    wave_g = conditioned(TRUCK, 0.5, FS_HZ, 600, at, np.array(value), np.random.default_rng(seed))
    np.testing.assert_allclose(wave_g[:, at], value, atol=1e-12)


def test_a_conditioned_waveform_keeps_its_law_elsewhere() -> None:
    """Far from the trigger the RMS is the process's, at the trigger nothing varies."""
    random, value_g = np.random.default_rng(6), np.array([0.0, 0.0, 2.0])
    waves_g = np.stack([conditioned(TRUCK, 0.5, FS_HZ, 1024, 100, value_g, random) for _ in range(400)])
    assert waves_g[:, :, 700:].std() == pytest.approx(0.5, rel=0.03)
    assert waves_g[:, :, 100].std(axis=0).max() < 1e-9
    assert waves_g[:, 2, 95:106].mean(axis=0).argmax() == 5  # the mean is greatest at the trigger


@pytest.mark.parametrize("seconds", [2.0, 60.0])
def test_interval_peaks_are_those_of_long_waveforms(seconds: float) -> None:
    """The median of the drawn peaks is within 3 % of that of the peaks of real waveforms of the same length."""
    random, grms, fs_hz = np.random.default_rng(7), 0.4, 1000.0
    n = int(seconds * fs_hz)
    real_g = []
    for _ in range(max(3, int(240 / seconds))):
        wave_g = waveform(TRUCK, grms, fs_hz, 4 * n, random)
        real_g += [float(np.sqrt((part**2).sum(axis=0).max())) for part in np.split(wave_g, 4, axis=1)]
    drawn_g = interval_peak_g(TRUCK, grms, np.full(4000, seconds), random.standard_exponential(4000))
    assert np.median(drawn_g) == pytest.approx(float(np.median(real_g)), rel=0.03)


@given(st.lists(st.tuples(st.floats(1e-3, 1e5), st.floats(1e-9, 50.0)), min_size=1, max_size=20))
def test_a_peak_solves_its_equation(pairs: list[tuple[float, float]]) -> None:
    """rate(peak) T = draw wherever a rare peak exists, and sqrt(2) Grms where the stretch is too short for one."""
    seconds, draws = (np.array(column) for column in zip(*pairs, strict=True))
    for peak_g, duration_s, draw in zip(interval_peak_g(TRUCK, 1.0, seconds, draws), seconds, draws, strict=True):
        most = crossing_rate_hz(TRUCK, 1.0, math.sqrt(2)) * duration_s
        expected = draw if draw < 0.9 * most else most
        assert crossing_rate_hz(TRUCK, 1.0, peak_g) * duration_s == pytest.approx(expected, rel=0.12)
        if draw < 0.5 * most:
            assert crossing_rate_hz(TRUCK, 1.0, peak_g) * duration_s == pytest.approx(draw, rel=1e-6)


def test_extremes_are_by_energy_and_the_greater_peak() -> None:
    """Interval 1: quiet; 2: half of it vibrates; 3: an impact; 4: a drop, behind half an isolation."""
    impact = Impact(130.0, (0.6, 0.8, 0.0), "half-sine", -20.0, 11.0, rebound=0.0)
    fall = drop(0.3, "wood", 200.0)
    vibration = [Vibration(90.0, 120.0, 0.4, "truck")]
    ends_s = np.array([60.0, 120.0, 180.0, 240.0])
    peak_g, rms_g = interval_extremes(ends_s, 60.0, [impact, fall], vibration, 0.5, np.random.default_rng(8))
    assert (peak_g[0], rms_g[0]) == (0.0, 0.0)
    assert rms_g[1] == pytest.approx(0.4 * 0.5 * math.sqrt(3 / 2))
    assert 3 * 0.2 < peak_g[1] < 7 * 0.2
    assert (peak_g[2], rms_g[2]) == (10.0, pytest.approx(math.sqrt(10.0**2 * 0.011 / 2 / 60)))
    assert peak_g[3] == pytest.approx(fall.peak_g / 2)
    assert rms_g[3] ** 2 * 60 == pytest.approx((fall.energy_g2_s - fall.fall_s) / 4 + fall.fall_s)


@given(seeds, st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=30)
def test_extremes_do_not_depend_on_how_they_are_asked_for(seed: int, cuts: list[int]) -> None:
    random = np.random.default_rng(seed)
    ends_s = np.linspace(30.0, 1200.0, 40)
    impacts = [Impact(at_s, (1.0, 0.0, 0.0), "sawtooth", 3.0, 10.0) for at_s in sorted(random.uniform(-9, 1300, 30))]
    vibration = [Vibration(100.0, 415.0, 0.4, "truck"), Vibration(415.0, 700.0, 0.7, "rail")]
    together = interval_extremes(ends_s, 30.0, impacts, vibration, 1.0, np.random.default_rng(seed))
    parts_random = np.random.default_rng(seed)
    parts = [
        interval_extremes(part_s, 30.0, impacts, vibration, 1.0, parts_random)
        for part_s in (ends_s[low:high] for low, high in itertools.pairwise([0, *sorted(cuts), 40]))
    ]
    for whole, pieces in zip(together, zip(*parts, strict=True), strict=True):
        np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-12)


def test_crossings_come_at_their_rate_and_only_in_their_spans() -> None:
    spans = [
        Vibration(100.0, 200.0, 0.4, "truck"),
        Vibration(200.0, 300.0, 0.0, "truck"),
        Vibration(300.0, 400.0, 0.4, "truck"),
    ]
    crossings = Crossings(1.0, spans, 1.0, np.random.default_rng(9))
    times_s = []
    while math.isfinite(crossings.next_s):
        times_s.append(crossings.next_s)
        crossings.restart(crossings.next_s)
    expected = 200.0 * crossing_rate_hz(TRUCK, 0.4, 1.0)
    assert len(times_s) == pytest.approx(expected, abs=4 * math.sqrt(expected))
    assert all(100 <= t_s < 200 or 300 <= t_s < 400 for t_s in times_s)
    assert times_s == sorted(times_s)
    counts = [crossings.count(150.0, 310.0) for _ in range(200)]
    assert np.mean(counts) == pytest.approx(0.3 * expected, rel=0.05)
    assert crossings.count(0.0, 100.0) == crossings.count(210.0, 290.0) == 0


def test_an_unknown_table_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"vibration from 5\.0 s: psd 'lorry', expected one of truck"):
        Crossings(1.0, [Vibration(5.0, 6.0, 0.4, "lorry")], 1.0, np.random.default_rng(0))


def test_a_cycle_takes_an_hour() -> None:
    assert [grms for grms, _ in ASTM_D4169_CYCLE] == [0.40, 0.54, 0.70]
    assert sum(length_s for _, length_s in ASTM_D4169_CYCLE) == 3600.0
