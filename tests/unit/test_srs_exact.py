"""Spectra against the exact responses to a half-sine, a terminal-peak sawtooth and a rectangle.

With u' = p u + a from rest, p = (-zeta + i sqrt(1 - zeta^2)) w, every response is Im s, s = c u, with a complex c:
-p^2 / Im p of absolute acceleration, -g / Im p of relative displacement, w times that of pseudo-velocity.

Why a sampled spectrum may differ from the exact one (T a sample, 1 g the height of the pulse, tau its length):

1. Input. Samples know the pulse on straight lines only. As an impulse gives |c| at most, a response changes by no more
   than |c| times the area between the pulse and the lines:
   - a half-sine's curvature pi^2 / tau^2 puts a line off by pi^2 / tau^2 T^2 / 8 at most, over tau;
   - a bend by a slope of D puts it off by a triangle D T / 4 high and T wide: D T^2 / 8;
   - a jump is a ramp over the sample in which it lies: T / 2 at most.
2. Picking. Between two samples Im s bulges over its chord by no more than T^2 / 8 |s''|, and
   |s''| <= w^2 |s| + |c| (w |a| + |a'|), where a' is 1 / T where a jump has become a ramp. For a free oscillation this
   is the usual 1 - cos(pi f / fs). Residual responses come from the state behind the record: nothing is picked.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.model.unit import G_M_S2
from monitor.shock.spectrum.srs import Spectrum, responses, srs

Shape = Literal["half-sine", "sawtooth", "rectangle"]
SHAPES: tuple[Shape, ...] = ("half-sine", "sawtooth", "rectangle")
TAU_S = 0.011
VECTORS_HZ = np.array([10.0, 20, 50, 100, 200, 500, 1000])
GRID = 400  # places a period, and a pulse, at which an exact response is looked at


Times = NDArray[np.float64]


class Exact(NamedTuple):
    """Magnitudes of Im s, positive and negative, while a record lasts and behind it; the largest |s|; the grid."""

    primary: tuple[float, float]
    residual: tuple[float, float]
    state: float
    grid_s: float


def pulse(shape: Shape, time_s: Times) -> Times:
    """1 g high, from 0 to `TAU_S`."""
    share = time_s / TAU_S
    height = {"half-sine": np.sin(np.pi * share), "sawtooth": share, "rectangle": np.ones_like(share)}[shape]
    return np.where((share >= 0) & (share <= 1), height, 0.0)


def pole_of(hz: float, q: float) -> complex:
    zeta = 1 / (2 * q)
    return 2 * np.pi * hz * complex(-zeta, np.sqrt(1 - zeta**2))


def forced(shape: Shape, pole: complex, time_s: Times) -> NDArray[np.complex128]:
    """u while the pulse lasts: the integral of e^(p (t - x)) pulse(x) from 0 to t."""
    swung = np.expm1(pole * time_s)
    turn = 1j * np.pi / TAU_S  # a sine is half the difference of e^turn and e^-turn, over i
    u: dict[Shape, NDArray[np.complex128]] = {
        "rectangle": swung / pole,
        "sawtooth": (swung - pole * time_s) / (pole**2 * TAU_S),
        "half-sine": (waved(turn, time_s, swung, pole) - waved(-turn, time_s, swung, pole)) / 2j,
    }
    return u[shape]


def waved(rate: complex, time_s: Times, swung: NDArray[np.complex128], pole: complex) -> NDArray[np.complex128]:
    """u of e^rate."""
    u: NDArray[np.complex128] = (np.expm1(rate * time_s) - swung) / (rate - pole)
    return u


def exact(shape: Shape, pole: complex, factor: complex, end_s: float, behind_s: float) -> Exact:
    """The record ends at `end_s`, what is behind it begins at `behind_s`; both after the pulse."""
    turns_per_s = pole.imag / (2 * np.pi)
    grid_s = 1 / GRID / (1 / TAU_S + turns_per_s)
    inside_s = np.linspace(0, TAU_S, 2 + int(TAU_S / grid_s))
    inside = factor * forced(shape, pole, inside_s)
    after = inside[-1] * np.exp(pole * np.linspace(0, end_s - TAU_S, 2 + int((end_s - TAU_S) / grid_s)))
    behind = inside[-1] * np.exp(pole * (behind_s - TAU_S + np.arange(0, 1 / turns_per_s, grid_s)))
    primary = np.concatenate([inside, after])
    return Exact(magnitudes(primary), magnitudes(behind), float(np.abs(primary).max()), grid_s)


def magnitudes(state: NDArray[np.complex128]) -> tuple[float, float]:
    return max(0.0, float(state.imag.max())), max(0.0, float(-state.imag.min()))


def by_input(shape: Shape, factor: complex, step_s: float) -> float:
    """The first bound above."""
    bend = step_s**2 / 8 / TAU_S  # by a slope of 1 g / tau
    curve, bends, jumps = {
        "half-sine": (np.pi**2 * bend, 2 * np.pi, 0),
        "sawtooth": (0.0, 2, 1),
        "rectangle": (0.0, 0, 2),
    }[shape]
    return abs(factor) * (curve + bends * bend + jumps * step_s / 2)


def by_picking(pole: complex, factor: complex, state: float, step_s: float, slope: float) -> float:
    """The second."""
    w = abs(pole)
    return step_s**2 / 8 * (w**2 * state + abs(factor) * (w + slope))


@settings(max_examples=250)
@given(
    shape=st.sampled_from(SHAPES),
    log_turns=st.floats(-2, 1.3),  # f tau from 0.01 to 20
    log_q=st.floats(-0.2, 3),
    log_samples=st.floats(1, 3),  # of the pulse
    share=st.floats(0, 1),  # of a sample, from the first one to the pulse's begin
    rest=st.integers(3, 300),  # samples behind the pulse
    sign=st.sampled_from((-1, 1)),
)
def test_every_spectrum_is_the_exact_one_within_what_sampling_explains(
    shape: Shape, log_turns: float, log_q: float, log_samples: float, share: float, rest: int, sign: int
) -> None:
    """Positive, negative, primary, residual; acceleration, displacement, pseudo-velocity; any f, Q, fs, place."""
    fs_hz = 10**log_samples / TAU_S
    hz, q = min(10**log_turns / TAU_S, fs_hz / 2), 10**log_q
    time_s = (np.arange(round(10**log_samples) + rest, dtype=np.float64) - share) / fs_hz
    found = responses(sign * pulse(shape, time_s), fs_hz, np.array([hz]), q)
    pole = pole_of(hz, q)
    factors = (-(pole**2) / pole.imag, -G_M_S2 / pole.imag, -G_M_S2 / pole.imag * abs(pole))
    for spectrum, factor in zip(found, factors, strict=True):
        true = exact(shape, pole, sign * factor, time_s[-1], time_s[-1] + 1 / fs_hz)
        on_grid = by_picking(pole, factor, true.state, true.grid_s, np.pi / TAU_S)
        explained = by_input(shape, factor, 1 / fs_hz) + on_grid + 1e-9 * abs(true.state)
        assert residual_of(spectrum) == pytest.approx(true.residual, rel=0, abs=explained)
        explained += by_picking(pole, factor, true.state, 1 / fs_hz, fs_hz)
        assert primary_of(spectrum) == pytest.approx(true.primary, rel=0, abs=explained)


def primary_of(spectrum: Spectrum) -> tuple[float, float]:
    return float(spectrum.primary_positive[0]), float(spectrum.primary_negative[0])


def residual_of(spectrum: Spectrum) -> tuple[float, float]:
    return float(spectrum.residual_positive[0]), float(spectrum.residual_negative[0])


@pytest.mark.parametrize(
    ("shape", "expected_g"),
    [
        ("half-sine", [0.4052, 0.7831, 1.5263, 1.5914, 1.1396, 1.0470, 1.0076]),
        ("sawtooth", [0.3176, 0.6105, 1.1508, 0.9405, 0.9657, 0.9998, 1.0000]),
    ],
)
def test_published_vectors(shape: Shape, expected_g: list[float]) -> None:
    """1 g, 11 ms, Q 10, to the digit printed: they were worked out at 1 MHz, with a sample on either edge.

    Exact are, of the sawtooth, 1.1507 g at 50 Hz and 0.9404 g at 100 Hz.
    """
    time_s = np.arange(11_010, dtype=np.float64) / 1e6
    found = srs(pulse(shape, time_s), 1e6, VECTORS_HZ, 10.0)
    assert found.maximax.round(4).tolist() == expected_g


@pytest.mark.parametrize(("q", "expected_g"), [(10.0, 1.652), (25.0, 1.718), (50.0, 1.743), (1e6, 1.768)])
def test_the_highest_response_to_a_half_sine(q: float, expected_g: float) -> None:
    """It is near f tau = 0.82."""
    turns = np.linspace(0.7, 0.95, 251)
    highest = srs(sampled("half-sine", 1e5), 1e5, turns / TAU_S, q).maximax
    assert highest.max() == pytest.approx(expected_g, rel=0, abs=5e-4)
    assert turns[highest.argmax()] == pytest.approx(0.82, abs=0.02)


def test_the_response_to_a_rectangle_doubles_it_as_damping_goes() -> None:
    """Undamped it is 2.000, from f tau = 1/2 on."""
    turns = np.linspace(0.55, 3, 50)
    highest = [srs(sampled("rectangle", 1e6), 1e6, turns / TAU_S, q).maximax.max() for q in (10.0, 100.0, 1e6)]
    assert highest == sorted(highest)
    assert highest[-1] == pytest.approx(2.0, abs=5e-4)


def sampled(shape: Shape, fs_hz: float) -> Times:
    """A pulse that begins and ends half way between two samples, where the area of a ramp for a jump is right."""
    return pulse(shape, (np.arange(round(TAU_S * fs_hz) + 2, dtype=np.float64) - 0.5) / fs_hz)
