"""Spectra of any records: both kernels, ISO 18431-4's filters as an oracle, laws, bounds, bad input."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import lfilter

from monitor.shock.spectrum import fast, plain, srs
from monitor.shock.spectrum.octave import STANDARD_HZ
from monitor.shock.spectrum.oscillator import BLOCK
from monitor.shock.spectrum.srs import MAX_SAMPLES, Kernel, Responses, responses
from tests.iso18431 import acceleration_filter, displacement_filter

KERNELS = pytest.mark.parametrize("kernel", [plain.extremes, fast.extremes], ids=["plain", "fast"])
AGREE = 1e-9  # of the largest response of a record


def noise(seed: int, *shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=shape)


def magnitudes(found: Responses) -> NDArray[np.float64]:
    """[3 quantities, 4, ..., f]."""
    return np.array([spectrum[2:] for spectrum in found])


def assert_agree(one: Responses, other: Responses) -> None:
    """Each quantity of each record, against its largest value of either sort at any frequency."""
    expected = magnitudes(one)
    largest = expected.max(axis=(1, -1), keepdims=True)
    assert (np.abs(magnitudes(other) - expected) <= AGREE * largest).all()


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    count=st.sampled_from([1, 3, 5]),
    samples=st.sampled_from([1, 2, 15, 16, 17, 300, 1000]),
    fs_hz=st.sampled_from([1.0, 100.0, 5000.0, 100_000.0]),
    oscillators=st.sampled_from([1, 7, 8, 104]),
    lowest=st.sampled_from([1e-5, 1e-3, 0.2]),  # of the sampling rate
    q=st.floats(0.51, 1e4),
    scale_g=st.sampled_from([1e-6, 1.0, 1e5]),
)
def test_both_kernels_agree(
    seed: int, count: int, samples: int, fs_hz: float, oscillators: int, lowest: float, q: float, scale_g: float
) -> None:
    """To 1e-9 of a record's largest response; so do an offset and a constant."""
    records = scale_g * np.concatenate([noise(seed, count, samples) + seed % 3, np.ones((1, samples))])
    frequencies_hz = np.geomspace(lowest, 0.5, oscillators) * fs_hz
    assert_agree(*(responses(records, fs_hz, frequencies_hz, q, each) for each in (plain.extremes, fast.extremes)))


@pytest.mark.parametrize(
    ("count", "samples", "oscillators"),
    [(1, 170_000, 3), (2 * MAX_SAMPLES // 1000 + 1, 1000, 2), (2, 100, 3 * plain.MAX_OSCILLATORS + 1)],
    ids=["long", "many", "fine"],
)
def test_kernels_agree_where_work_is_cut(count: int, samples: int, oscillators: int) -> None:
    """The longest record, more records than are taken at once, more frequencies than are taken at once."""
    frequencies_hz = np.geomspace(2, 5000, oscillators)
    found = [
        responses(noise(3, count, samples), 1e4, frequencies_hz, 10, each) for each in (plain.extremes, fast.extremes)
    ]
    assert_agree(*found)


@KERNELS
@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    samples=st.integers(1, 400),
    fs_hz=st.floats(1, 1e5),
    share=st.floats(0.005, 0.5),
    q=st.floats(0.6, 100),
)
def test_equals_the_filters_of_the_standard(
    kernel: Kernel, seed: int, samples: int, fs_hz: float, share: float, q: float
) -> None:
    """Primary to rounding; residual within what picking samples of it loses: w^2 T^2 / 8 at a crest."""
    record, hz = noise(seed, samples), share * fs_hz
    found = responses(record, fs_hz, np.array([hz]), q, kernel)
    padded = np.concatenate([record, np.zeros(2 + int(2 / share))])
    filters = (acceleration_filter(hz, q, fs_hz), displacement_filter(hz, q, fs_hz))
    for spectrum, each in zip(found[:2], filters, strict=True):
        output = lfilter(*each, padded)
        exactly = 1e-9 * np.abs(output).max()
        primary, residual = output[:samples], output[samples:]
        assert spectrum.primary_positive[0] == pytest.approx(max(0, primary.max()), abs=exactly)
        assert spectrum.primary_negative[0] == pytest.approx(max(0, -primary.min()), abs=exactly)
        for known, picked in ((spectrum.residual_positive, residual), (spectrum.residual_negative, -residual)):
            assert picked.max() <= known[0] + exactly
            if share < 0.1:
                assert max(0, picked.max()) >= known[0] * (1 - 1.2 * (2 * np.pi * share) ** 2 / 8) - exactly
    assert found.pseudo_velocity.maximax == pytest.approx(2 * np.pi * hz * found.displacement.maximax)


@KERNELS
def test_a_mirrored_record_swaps_the_signs_and_a_louder_one_is_louder(kernel: Kernel) -> None:
    records = noise(7, 4, 500)
    positive = magnitudes(responses(records, 1000, STANDARD_HZ[:50], 10, kernel))
    mirrored = magnitudes(responses(-3 * records, 1000, STANDARD_HZ[:50], 10, kernel))
    assert mirrored == pytest.approx(3 * positive[:, [1, 0, 3, 2]], rel=1e-9, abs=1e-12)


@KERNELS
def test_what_one_record_holds_disturbs_no_other(kernel: Kernel) -> None:
    """NaN and infinity make all of that record's results NaN; the others are as if they were alone."""
    records = noise(8, 2, 3, 200)
    alone = magnitudes(responses(records, 1000, STANDARD_HZ[:20], 10, kernel))
    records[0, 1, 7], records[1, 2, -1], records[1, 0, 0] = np.nan, np.inf, -np.inf
    found = magnitudes(responses(records, 1000, STANDARD_HZ[:20], 10, kernel))
    is_spoilt = np.zeros((2, 3), dtype=bool)
    is_spoilt[0, 1] = is_spoilt[1, 2] = is_spoilt[1, 0] = True
    assert np.isnan(found[:, :, is_spoilt]).all()
    assert found[:, :, ~is_spoilt] == pytest.approx(alone[:, :, ~is_spoilt], rel=1e-12)


@KERNELS
def test_a_stiff_oscillator_feels_one_sample_as_it_is(kernel: Kernel) -> None:
    """A triangle two samples wide: what is stiff follows it, what is soft takes its area, w A T, as a step of speed."""
    fs_hz, frequencies_hz = 100_000.0, np.array([1.0, 50_000.0])
    found = responses(np.array([2.0]), fs_hz, frequencies_hz, 50, kernel)
    assert found.acceleration.residual_positive[0] == pytest.approx(2 * 2 * np.pi / fs_hz, rel=0.02)
    assert found.acceleration.primary_positive[1] > 0.5


@KERNELS
def test_a_soft_oscillator_under_a_constant_swings_to_twice_it(kernel: Kernel) -> None:
    """1 Hz at 100 kHz over 170 000 samples, where a filter's coefficients differ from -2 and 1 by 4e-9: to 1e-6."""
    q = 10.0
    found = responses(np.ones(170_000), 1e5, np.array([1.0]), q, kernel)
    # z of a step from rest: its first crest is 1 + e^(-pi zeta / sqrt(1 - zeta^2)) times where it comes to rest.
    crest_m = 9.80665 / (2 * np.pi) ** 2 * (1 + np.exp(-np.pi / np.sqrt(4 * q * q - 1)))
    assert found.displacement.primary_negative[0] == pytest.approx(crest_m, rel=1e-5)
    assert found.displacement.primary_positive[0] == 0
    assert found.displacement.residual_positive[0] > 0


def test_shapes_follow_the_records() -> None:
    found = srs.srs(noise(1, 2, 3, 40), 1000, STANDARD_HZ[:7])
    assert found.maximax.shape == (2, 3, 7)
    assert srs.srs(noise(1, 0, 40), 1000, STANDARD_HZ[:7]).maximax.shape == (0, 7)
    assert (srs.srs(np.zeros(40), 5000, STANDARD_HZ).maximax == 0).all()


@pytest.mark.parametrize(
    ("samples", "fs_hz", "frequencies_hz", "q", "expected"),
    [
        (0, 1000, [10], 10, "one or more samples"),
        (5, 0, [10], 10, "positive sampling rate"),
        (5, -1000, [10], 10, "positive sampling rate"),
        (5, np.nan, [10], 10, "positive sampling rate"),
        (5, np.inf, [10], 10, "positive sampling rate"),
        (5, 1000, [10], 0.5, "Q above 0.5"),
        (5, 1000, [10], np.nan, "Q above 0.5"),
        (5, 1000, [10], np.inf, "Q above 0.5"),
        (5, 1000, [10, 0], 10, "above 0 and up to 500 Hz"),
        (5, 1000, [10, np.nan], 10, "above 0 and up to 500 Hz"),
        (5, 1000, [10, 500.1], 10, "above 0 and up to 500 Hz, half the rate, got 500.1"),
        (5, 1000, [[10]], 10, "one or more frequencies in a row"),
        (5, 1000, [], 10, "one or more frequencies in a row"),
    ],
)
def test_what_cannot_be_is_refused(
    samples: int, fs_hz: float, frequencies_hz: list[float], q: float, expected: str
) -> None:
    for spectra in (srs.srs, responses):
        with pytest.raises(ValueError, match=expected):
            spectra(np.zeros((3, samples)), fs_hz, np.array(frequencies_hz), q)


def test_memory_is_bounded() -> None:
    """The longest record at all frequencies: what is worked on is a few MB, whatever its length."""
    records = noise(1, 1, 170_000)
    tracemalloc.start()
    try:
        responses(records, 1e4, STANDARD_HZ, 10, plain.extremes)
        assert tracemalloc.get_traced_memory()[1] < 12e6
    finally:
        tracemalloc.stop()


def test_the_compiled_kernel_answers_once_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srs, "_kernels", [plain.extremes])
    records = noise(2, 3, BLOCK * 10)
    before = responses(records, 1000, STANDARD_HZ[:9])
    srs.warm_up()
    srs.warm_up()
    assert srs._kernels == [plain.extremes, fast.extremes]
    assert_agree(before, responses(records, 1000, STANDARD_HZ[:9]))


def test_a_program_without_warm_up_does_not_pay_for_a_compiler() -> None:
    code = "import sys, monitor.shock.analysis; print([name for name in ('numba', 'scipy') if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
