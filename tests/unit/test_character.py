"""Kinds of events: what must be told apart always, and how often the rest is told wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.shock.analysis import Analysis
from monitor.shock.character import character
from monitor.shock.waveform import Waveform
from tests.strikes import F64, Shape, direction, gaussian, pulse, ring, waveform

EVENTS = 200  # of each family, drawn anew from a fixed seed

seeds = st.integers(0, 2**32 - 1)


class Drawn:
    """An event to be: its rate, its times, and a sensor at rest with an offset of its own."""

    def __init__(self, seed: int, noise_g: float = 0.01) -> None:
        self.random = np.random.default_rng(seed)
        self.fs_hz = float(np.exp(self.random.uniform(math.log(800), math.log(10_000))))
        self.lasts_s = self.random.uniform(0.4, 2.0)
        self.at_s = self.random.uniform(0.12, 0.4) * self.lasts_s + 0.1
        self.t_s = np.arange(round(self.lasts_s * self.fs_hz)) / self.fs_hz
        rest_g = direction(self.random) + self.random.normal(0.0, 0.2, 3)
        self.raw_g = rest_g[:, None] + noise_g * self.random.standard_normal((3, self.t_s.size))

    def uniform(self, low: float, high: float) -> float:
        """A number, any as likely as any other."""
        return float(self.random.uniform(low, high))

    def hz(self, low: float, high: float) -> float:
        """A frequency, any octave as likely as any other."""
        return float(np.exp(self.random.uniform(math.log(low), math.log(high))))

    def along(self, wave_g: F64) -> Waveform:
        """The event, felt along some direction."""
        return self.of(np.outer(direction(self.random), wave_g))

    def of(self, wave_g: F64) -> Waveform:
        """The event, felt on all axes."""
        return waveform(self.raw_g + wave_g, self.fs_hz, round(self.at_s * self.fs_hz))


def impact(seed: int) -> Waveform:
    """A half-sine or a sawtooth, 2 to 80 g."""
    d = Drawn(seed)
    shape: Shape = "half-sine" if seed % 2 else "sawtooth"
    return d.along(pulse(d.t_s, d.at_s, d.uniform(2, 80), d.uniform(max(0.003, 4 / d.fs_hz), 0.03), shape))


def ringing(seed: int) -> Waveform:
    """An impact that rings, 15 Hz upwards, Q 2 to 30."""
    d = Drawn(seed)
    return d.along(ring(d.t_s, d.at_s, d.uniform(2, 80), d.hz(15, d.fs_hz / 8), d.uniform(2, 30)))


def impact_on_vibration(seed: int) -> Waveform:
    """A half-sine of 12 times the Grms and more, on a truck bed."""
    d = Drawn(seed)
    grms = d.uniform(0.05, 0.7)
    shaken_g = gaussian(d.random, d.t_s.size, d.fs_hz, grms, 3, 200)
    struck_g = pulse(d.t_s, d.at_s, grms * d.uniform(12, 60), d.uniform(max(0.003, 4 / d.fs_hz), 0.02))
    return d.of(shaken_g + np.outer(direction(d.random), struck_g))


def rattle(seed: int) -> Waveform:
    """Three to eight impacts of 0.6 to 1 of the largest, at least five of their lengths apart."""
    d = Drawn(seed)
    peak_g, length_s = d.uniform(2, 80), d.uniform(max(0.003, 4 / d.fs_hz), 0.01)
    gap_s, count = d.uniform(max(5 * length_s, 0.03), 0.15), int(d.random.integers(3, 9))
    d.t_s = np.arange(round((d.at_s + (count + 1) * gap_s) * d.fs_hz)) / d.fs_hz
    d.raw_g = d.raw_g[:, :1] + 0.01 * d.random.standard_normal((3, d.t_s.size))
    times_s = d.at_s + gap_s * (np.arange(count) + d.random.uniform(-0.1, 0.1, count))
    waves_g = (pulse(d.t_s, at_s, peak_g * d.uniform(0.6, 1), length_s) for at_s in times_s)
    return d.of(sum(np.outer(direction(d.random), wave_g) for wave_g in waves_g))  # type: ignore[arg-type]  # sum begins with 0, which adds to an array


def random_vibration(seed: int) -> Waveform:
    """Gaussian, 0.3 to 5 Grms, one and a half octaves wide and more."""
    d = Drawn(seed)
    low_hz = d.hz(4, 100)
    high_hz = min(low_hz * d.uniform(3, 50), d.fs_hz / 2.5)
    return d.of(gaussian(d.random, d.t_s.size, d.fs_hz, d.uniform(0.3, 5), low_hz, high_hz))


def sine(seed: int) -> Waveform:
    """A shaker, eight periods and more, all through the record."""
    d = Drawn(seed)
    hz = d.hz(8 / d.lasts_s, d.fs_hz / 5)
    return d.along(d.uniform(0.5, 12) * np.sin(2 * math.pi * hz * d.t_s + d.uniform(0, 6)))


def burst(seed: int) -> Waveform:
    """A shaker that is switched on and off, ten periods and more."""
    d = Drawn(seed)
    end_s = d.uniform(d.at_s + 0.3 * (d.lasts_s - d.at_s), d.lasts_s)
    hz = d.hz(10 / (end_s - d.at_s), d.fs_hz / 5)
    is_on = (d.t_s > d.at_s) & (d.t_s < end_s)
    return d.along(d.uniform(0.5, 12) * np.sin(2 * math.pi * hz * d.t_s) * is_on)


def quiet(seed: int) -> Waveform:
    """Noise of up to 0.03 g on each axis."""
    d = Drawn(seed, noise_g=np.random.default_rng(seed).uniform(0, 0.03))
    return d.of(np.zeros((3, d.t_s.size)))


@pytest.mark.parametrize(("family", "kind"), [(impact, "impact"), (sine, "vibration"), (rattle, "rattle")])
@given(seed=seeds)
@settings(max_examples=100)
def test_what_is_always_told(family: Callable[[int], Waveform], kind: str, seed: int) -> None:
    assert Analysis(family(seed)).kind == kind


@pytest.mark.parametrize(
    ("family", "kind", "allowed"),
    [
        (ringing, "impact", 0.02),
        (impact_on_vibration, "impact", 0.02),
        (random_vibration, "vibration", 0.02),
        (burst, "vibration", 0.01),
        (rattle, "rattle", 0.0),
        (quiet, "quiet", 0.0),
    ],
)
def test_how_often_an_event_is_told_wrong(family: Callable[[int], Waveform], kind: str, allowed: float) -> None:
    told = Counter(Analysis(family(seed)).kind for seed in range(EVENTS))
    assert told[kind] >= (1 - allowed) * EVENTS, told  # type: ignore[index]  # a kind by its name


@given(seeds)
@settings(max_examples=50)
def test_of_a_record_that_is_not_valid_nobody_says_that_it_was_quiet(seed: int) -> None:
    event = quiet(seed)
    analysis = Analysis(event)
    told = [character(event, analysis.dynamic_g, analysis.pulse(), None, is_valid) for is_valid in (True, False)]
    assert told == ["quiet", "unknown"]


@given(seeds, st.floats(0.1, 100.0))
@settings(max_examples=50)
def test_the_kind_does_not_depend_on_the_size(seed: int, factor: float) -> None:
    """Nor on which way the sensor lies."""
    d = Drawn(seed, noise_g=0.0)
    wave_g = ring(d.t_s, d.at_s, 30.0, d.hz(15, d.fs_hz / 8), d.uniform(2, 30))
    one, other = Analysis(d.along(wave_g)), Analysis(d.along(factor * wave_g))
    assert one.kind == other.kind


def test_a_sensor_of_wide_range_is_noisier() -> None:
    """0.8 g of noise are nothing on one of 500 g, and a shock on one of 16 g."""
    wave_g = gaussian(np.random.default_rng(1), 2000, 2000.0, 0.2, 0, 1000)
    kinds = []
    for rail_g in (16.0, 500.0):
        of = waveform(wave_g, 2000.0, 400)
        kinds.append(Analysis(Waveform(of.raw_g, of.fs_hz, of.pre, of.is_at_rail, rail_g)).kind)
    assert kinds == ["vibration", "quiet"]


def test_swinging_by_hand_is_no_impact() -> None:
    """One swing of 1.5 g over half a second."""
    t_s = np.arange(2000) / 1000
    wave_g = np.outer([0.0, 0.0, 1.0], 1 + pulse(t_s, 0.8, 1.5, 0.5))
    assert Analysis(waveform(wave_g, 1000.0, 800)).kind == "vibration"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_impact_and_its_bounce_are_no_rattle(count: int) -> None:
    t_s = np.arange(2000) / 2000
    wave_g = sum(pulse(t_s, 0.3 + 0.1 * place, 20.0 - place, 0.008) for place in range(count))
    kind = Analysis(waveform(np.outer([0.0, 0.0, 1.0], 1 + wave_g), 2000.0, 500)).kind
    assert kind == ("rattle" if count == 3 else "impact")


@pytest.mark.parametrize("landing_g", [2.0, 3.0, 10.0])
@pytest.mark.parametrize("degrees", [90, 180])
def test_what_tips_over_and_lands_is_struck(degrees: int, landing_g: float) -> None:
    """Turned within 0.4 s: it comes to rest 1 or 2 g away, which is no vibration."""
    t_s = np.arange(8192) / 5000 - 0.2
    angle = np.radians(degrees) * np.clip(t_s / 0.4, 0, 1)
    down = np.array([math.sin(math.radians(degrees)), 0.0, math.cos(math.radians(degrees))])
    raw_g = np.array([np.sin(angle), 0 * t_s, np.cos(angle)]) + np.outer(down, pulse(t_s, 0.4, landing_g, 0.02))
    raw_g += 0.01 * np.random.default_rng(1).standard_normal(raw_g.shape)
    analysis = Analysis(waveform(raw_g, 5000.0, 1000))
    assert analysis.kind == "impact"
    felt_m_s = 2 / math.pi * landing_g * 9.80665 * 0.02
    assert analysis.pulse().delta_v_m_s == pytest.approx(felt_m_s, abs=2.1 * 9.80665 * 0.02)  # and what gravity changed


@pytest.mark.parametrize("samples", [1, 2, 50])
def test_a_record_of_nothing(samples: int) -> None:
    """Of samples that are missing nobody knows what they would have shown."""
    assert Analysis(waveform(np.full((3, samples), np.nan), 1000.0, samples // 2)).kind == "unknown"
    still = waveform(np.zeros((3, samples)), 1000.0, 1)
    assert character(still, still.raw_g, Analysis(still).pulse(), None, True) == "quiet"
