"""Vibration: densities against scipy, levels and responses against exact formulas and Irvine's example."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import scipy.integrate
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.shock.psd import LONGEST, psd, segment_samples
from monitor.shock.vibration import (
    Bands,
    equivalent_time_s,
    grms,
    measured,
    miles_grms,
    overall_grms,
    specified,
    vrs,
)

IRVINE = ((20.0, 0.0053), (150.0, 0.04), (600.0, 0.04), (2000.0, 0.0036))  # g2/Hz; overall 6.14 Grms
LENGTHS = [*range(1, 70), 127, 128, 129, 255, 256, 257, 511, 512, 1000, 4096, 5000, 16_384, 170_000]
RATE = st.floats(1.0, 1e5)


def noise_g(samples: int, seed: int = 1) -> NDArray[np.float64]:
    """White noise of 1 Grms on three axes, with offsets of several g."""
    white_g = np.random.default_rng(seed).normal(size=(3, samples))
    return np.asarray(white_g + np.array([[5.0], [-3.0], [0.0]]))


@pytest.mark.parametrize("samples", LENGTHS)
def test_the_density_is_scipy_s(samples: int) -> None:
    """Frequencies and densities, for records of every length."""
    accel_g, length = noise_g(samples), segment_samples(samples)
    frequencies_hz, density = psd(accel_g, 3200.0)
    expected_hz, expected = scipy.signal.welch(accel_g, 3200.0, "hann", length, length // 2, detrend="constant")
    np.testing.assert_allclose(frequencies_hz, expected_hz, rtol=1e-12)
    np.testing.assert_allclose(density, expected, rtol=0, atol=1e-12 * max(expected.max(), 1e-6))


@given(st.integers(1, 3000), RATE, st.integers(0, 2**32))
def test_the_density_adds_up_to_the_mean_square(samples: int, fs_hz: float, seed: int) -> None:
    """Parseval: of the tapered segments exactly, whatever their length."""
    accel_g, length = noise_g(samples, seed), segment_samples(samples)
    frequencies_hz, density = psd(accel_g, fs_hz)
    window = scipy.signal.get_window("hann", length)
    starts = range(0, samples - length + 1, length - length // 2)
    cut = np.stack([accel_g[:, start : start + length] for start in starts])
    free = (cut - cut.mean(axis=-1, keepdims=True)) * window
    mean_square = (free**2).sum(axis=-1).mean(axis=0) / (window**2).sum()
    np.testing.assert_allclose(density.sum(axis=-1) * fs_hz / length, mean_square, rtol=1e-9, atol=1e-18)
    if samples > 1:
        np.testing.assert_allclose(
            overall_grms(measured(frequencies_hz, density)) ** 2, mean_square, rtol=1e-9, atol=1e-18
        )


@given(st.integers(1, 170_000))
def test_segments_fit_into_their_record(samples: int) -> None:
    """And are never longer than the longest, however long the record."""
    length = segment_samples(samples)
    assert 1 <= length <= min(samples, LONGEST)
    assert samples <= 64 or length * 2 <= samples or length == 64


def test_how_fine_a_density_is() -> None:
    """A quarter of the record where that is neither too short nor too long; a sine is at its own frequency."""
    assert [segment_samples(samples) for samples in (1, 64, 100, 4096, 10_000, 170_000)] == [
        1,
        64,
        64,
        1024,
        2048,
        4096,
    ]
    tone_g = np.sin(2 * np.pi * 200.0 * np.arange(8192) / 3200.0)[None, :]
    frequencies_hz, density = psd(tone_g, 3200.0)
    bands = measured(frequencies_hz, density)
    at = int(density[0].argmax())
    assert frequencies_hz[at] == 200.0
    assert bands.edges_hz[at : at + 2].mean() == pytest.approx(200.0, rel=1e-12)


def test_a_long_record_has_the_grms_of_its_density() -> None:
    """From samples and from the density, to what the tapering costs of 170 000 samples of noise."""
    accel_g = noise_g(170_000)
    np.testing.assert_allclose(overall_grms(measured(*psd(accel_g, 5000.0))), grms(accel_g), rtol=3e-3)


def test_a_record_with_nothing_in_it() -> None:
    """NaN stays on its axis, a constant is no vibration, and what is no record is refused."""
    accel_g = noise_g(500)
    accel_g[1, 30] = np.nan
    _, density = psd(accel_g, 1000.0)
    assert np.isnan(density[1]).all() and np.isfinite(density[[0, 2]]).all()
    assert np.isnan(grms(accel_g)).tolist() == [False, True, False]
    assert psd(np.full((3, 300), 7.0), 1000.0)[1].max() == grms(np.full((3, 300), 7.0)).max() == 0.0
    for samples, fs_hz in ((0, 1000.0), (10, 0.0), (10, -1.0), (10, math.nan)):
        with pytest.raises(ValueError, match="psd: expected samples and a positive sampling rate"):
            psd(np.zeros((3, samples)), fs_hz)
    with pytest.raises(ValueError, match="two samples or more"):
        measured(*psd(np.zeros((3, 1)), 1000.0))


def test_the_specification_that_is_known() -> None:
    """Overall level, Miles' equation and response spectrum of Irvine's example, to the digit."""
    natural_hz, bands = np.array([100.0, 200.0, 1000.0]), specified(IRVINE)
    assert round(float(overall_grms(bands)), 2) == 6.14
    np.testing.assert_array_equal(vrs(bands, natural_hz, 10.0).round(2), [6.38, 11.09, 16.06])
    rise, fall = math.log(0.04 / 0.0053) / math.log(150 / 20), math.log(0.0036 / 0.04) / math.log(2000 / 600)
    density = [0.0053 * (100 / 20) ** rise, 0.04, 0.04 * (1000 / 600) ** fall]
    found = [miles_grms(hz, 10.0, at_natural) for hz, at_natural in zip(natural_hz, density, strict=True)]
    assert [round(level, 2) for level in found] == [6.47, 11.21, 15.04]


POINT_LEVEL = st.floats(1e-5, 10.0)


@given(
    st.floats(1.0, 100.0), st.lists(st.tuples(st.floats(1.05, 10.0), POINT_LEVEL), min_size=1, max_size=4), POINT_LEVEL
)
def test_a_specification_holds_exactly_its_area(first_hz: float, more: list[tuple[float, float]], level: float) -> None:
    """Against the integral of each power law; a slope of -1 is a logarithm."""
    points, area = [(first_hz, level)], 0.0
    for ratio, density in more:
        (f1, g1), (f2, g2) = points[-1], (points[-1][0] * ratio, density)
        b = math.log(g2 / g1) / math.log(f2 / f1)
        area += g1 * f1 * math.log(f2 / f1) if abs(b + 1) < 1e-6 else (g2 * f2 - g1 * f1) / (b + 1)
        points.append((f2, g2))
    assert float(overall_grms(specified(tuple(points)))) ** 2 == pytest.approx(area, rel=1e-5)


def test_a_slope_of_minus_one() -> None:
    """Equal energy in each octave."""
    assert float(overall_grms(specified(((1.0, 1.0), (math.e, 1 / math.e))))) == pytest.approx(1.0, rel=1e-12)


@given(
    st.floats(1.0, 2000.0), st.floats(0.6, 200.0), st.lists(st.floats(0.0, 3000.0), min_size=2, max_size=6, unique=True)
)
@settings(max_examples=50)
def test_the_response_is_the_integral(natural_hz: float, q: float, edges: list[float]) -> None:
    """Of |H|^2 times the density, done numerically with the resonance as a point to look at."""
    edges_hz = np.array(sorted(edges))
    density = np.linspace(0.1, 1.0, len(edges) - 1)

    def passed(f_hz: float) -> float:
        r = f_hz / natural_hz
        return (1 + (r / q) ** 2) / ((1 - r * r) ** 2 + (r / q) ** 2)

    parts = []
    for low, high in pairwise(edges_hz):
        near = [natural_hz * (1 + k / q) for k in (-3, -1, 0, 1, 3)]
        corners = [low, *sorted(hz for hz in near if low < hz < high), high]
        parts.append(sum(scipy.integrate.quad(passed, *pair, epsrel=1e-10)[0] for pair in pairwise(corners)))
    expected = math.sqrt(float(density @ np.array(parts)))
    found = float(vrs(Bands(edges_hz, density), np.array([natural_hz]), q)[0])
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)


@given(st.floats(1.0, 1000.0), st.floats(5.0, 200.0), st.floats(1e-6, 10.0))
def test_miles_is_the_response_to_white_noise(natural_hz: float, q: float, density: float) -> None:
    """But for what the damper passes on: a factor of sqrt(1 + 1 / Q^2)."""
    white = Bands(np.array([0.0, 1e9 * natural_hz]), np.array([density]))
    found = float(vrs(white, np.array([natural_hz]), q)[0])
    assert found == pytest.approx(miles_grms(natural_hz, q, density) * math.sqrt(1 + 1 / q**2), rel=1e-6)


def test_the_response_to_a_record_is_that_of_its_oscillators() -> None:
    """Noise of which the spectrum is known, through an oscillator in the time domain (scipy's first-order hold)."""
    fs_hz, natural_hz, q = 4000.0, 150.0, 10.0
    accel_g = noise_g(400_000)
    w = 2 * math.pi * natural_hz
    up, down, _ = scipy.signal.cont2discrete((np.array([w / q, w * w]), np.array([1, w / q, w * w])), 1 / fs_hz, "foh")
    response = scipy.signal.lfilter(np.ravel(up), down, accel_g - accel_g.mean(axis=1, keepdims=True))
    found = vrs(measured(*psd(accel_g, fs_hz)), np.array([natural_hz]), q)[:, 0]
    np.testing.assert_allclose(found, grms(response), rtol=0.02)  # 2.7 Hz of 15 Hz smears little, 400 000 scatter 1 %


@given(st.floats(1.0, 1e6), st.floats(0.01, 10.0), st.floats(0.01, 10.0), st.floats(1.0, 10.0))
def test_time_at_another_level(time_s: float, level_g: float, other_g: float, exponent: float) -> None:
    """There and back is the same time; more of a level takes less."""
    other_s = equivalent_time_s(time_s, level_g, other_g, exponent)
    assert equivalent_time_s(other_s, other_g, level_g, exponent) == pytest.approx(time_s, rel=1e-9)
    assert (other_s < time_s) == (other_g > level_g) or other_s == pytest.approx(time_s)


def test_the_truck_cycle_at_one_level() -> None:
    """40, 15 and 5 minutes at 0.40, 0.54 and 0.70 Grms, all taken to 0.54 with m = 4."""
    levels = ((0.40, 2400.0), (0.54, 900.0), (0.70, 300.0))
    found = [equivalent_time_s(time_s, level_g, 0.54, 4.0) for level_g, time_s in levels]
    assert found == pytest.approx([722.56, 900.0, 847.12], rel=1e-4)
    for values in ((0.0, 1.0, 1.0, 4.0), (1.0, math.nan, 1.0, 4.0), (1.0, 1.0, 0.0, 4.0), (1.0, 1.0, 1.0, -1.0)):
        with pytest.raises(ValueError, match="above 0"):
            equivalent_time_s(*values)


@pytest.mark.parametrize(
    ("hz", "q"), [(-100.0, 10.0), (0.0, 10.0), (math.nan, 10.0), (math.inf, 10.0), (100.0, 0.5), (100.0, 0.0),
                  (100.0, math.inf), (100.0, math.nan)],
)  # fmt: skip
def test_an_oscillator_that_is_none_is_an_error(hz: float, q: float) -> None:
    with pytest.raises(ValueError, match="oscillators that swing"):
        vrs(specified(((20.0, 0.01), (2000.0, 0.01))), np.array([hz]), q)


@pytest.mark.parametrize("figures", [(-1.0, 10.0, 0.1), (math.nan, 10.0, 0.1), (100.0, 0.0, 0.1), (100.0, 10.0, -0.1)])
def test_miles_of_what_is_none_is_an_error(figures: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="Miles"):
        miles_grms(*figures)


@pytest.mark.parametrize("points", [(), ((10.0, 1.0),), ((10.0, 0.0), (20.0, 1.0)), ((20.0, 1.0), (10.0, 1.0))])
def test_a_specification_that_is_none_is_an_error(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        specified(points)


@pytest.mark.parametrize("fs_hz", [0.0, -1.0, math.nan, math.inf])
def test_a_density_at_no_rate_is_an_error(fs_hz: float) -> None:
    with pytest.raises(ValueError, match="positive sampling rate"):
        psd(np.ones((3, 9)), fs_hz)
