"""Vibration: what a long record, or one without a pulse, says of the hardware's load.

A power spectral density is taken as bands, constant within each: those of a measured one lie around its frequencies,
those of a specified one are so narrow that nothing is lost.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.envelope import Points, check, limit_g

BAND = 0.005  # width over frequency of a specification's bands: a tenth of a resonance's width at Q 20


class Bands(NamedTuple):
    """Edges float64 [b + 1], ascending, in Hz, and the density between them, float64 [..., b], g2/Hz."""

    edges_hz: NDArray[np.float64]
    density: NDArray[np.float64]


def measured(frequencies_hz: NDArray[np.float64], density: NDArray[np.float64]) -> Bands:
    """Bands of what `psd` gave: as wide as its frequencies are apart, each around its own.

    ValueError for a record of one sample, which has no frequency but 0.
    """
    if frequencies_hz.size < 2:
        raise ValueError("measured: expected the density of two samples or more, got that of one")
    return Bands((np.arange(frequencies_hz.size + 1) - 0.5) * frequencies_hz[1], density)


def specified(points: Points) -> Bands:
    """Bands of a specification, (Hz, g2/Hz) points with log-log lines between them; what each holds is exact.

    ValueError: fewer than two points, or such as `limit_g` does not take.
    """
    if len(points) < 2:
        raise ValueError(f"specification: expected two points (Hz, g2/Hz) or more, got {len(points)}")
    corners_hz = check(points)[0]
    steps = np.ceil(np.log(corners_hz[1:] / corners_hz[:-1]) / BAND).astype(int) + 1
    segments = [
        np.geomspace(first, last, count) for (first, last), count in zip(pairwise(corners_hz), steps, strict=True)
    ]
    edges_hz = np.unique(np.concatenate(segments))
    at_edges, width = limit_g(points, edges_hz), np.diff(np.log(edges_hz))
    # The integral of G1 (f / f1)^b over a band is G1 f1 L (exp(x) - 1) / x: L = ln f2 / f1, x = (b + 1) L, which is
    # ln G2 f2 / G1 f1.
    power = at_edges * edges_hz
    x = np.diff(np.log(power))
    held = power[:-1] * width * np.divide(np.expm1(x), x, out=np.ones_like(x), where=x != 0)
    return Bands(edges_hz, held / np.diff(edges_hz))


def grms(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root of the mean square about the mean, float64 [...] of [..., n], g. NaN in, NaN out."""
    level: NDArray[np.float64] = accel_g.std(axis=-1)
    return level


def overall_grms(bands: Bands) -> NDArray[np.float64]:
    """Root of the area under a density, float64 [...], g."""
    level: NDArray[np.float64] = np.sqrt(bands.density @ np.diff(bands.edges_hz))
    return level


def miles_grms(natural_hz: float, q: float, density: float) -> float:
    """Response of an oscillator to a density (g2/Hz) that is the same at all frequencies, g.

    J. W. Miles, "On structural fatigue under random loading", J. Aeronaut. Sci. 21 (1954): sqrt(pi / 2 fn Q W). A good
    guess where the density is flat around the natural frequency; it leaves out what the damper passes on, 1 / Q^2.
    ValueError: frequency or Q not above 0, a density below.
    """
    if not (natural_hz > 0 and q > 0 and density >= 0):
        raise ValueError(f"Miles: expected frequency, Q and density above 0, got {natural_hz:g}, {q:g}, {density:g}")
    return math.sqrt(math.pi / 2 * natural_hz * q * density)


def vrs(bands: Bands, natural_hz: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """Vibration response spectrum: Grms of absolute acceleration of oscillators, float64 [..., f], g.

    Root of the integral of |H|^2 times the density; |H|^2 = (1 + (r / Q)^2) / ((1 - r^2)^2 + (r / Q)^2), r = f / fn, is
    the transmissibility from a moving base. Exact for the bands; those of a measurement hide what is narrower, so a
    resonance (fn / Q) should be wider than they are. ValueError: frequencies that are not above 0 and finite, Q not
    above 0.5.
    """
    if not (0.5 < q < np.inf and ((natural_hz > 0) & (natural_hz < np.inf)).all()):
        raise ValueError("vrs: expected frequencies above 0 and a Q above 0.5, as of oscillators that swing")
    passed = _passed(bands.edges_hz.tobytes(), natural_hz.astype(np.float64).tobytes(), q)
    level: NDArray[np.float64] = np.sqrt(np.maximum(bands.density @ passed.T, 0))  # rounding around nothing
    return level


@lru_cache(maxsize=4)  # of 104 oscillators and 2 049 bands 1.7 MB; a logger's events have one rate and length
def _passed(edges_hz: bytes, natural_hz: bytes, q: float) -> NDArray[np.float64]:
    """How much of each band an oscillator lets through, in Hz: [f, b]; arguments as bytes of float64, to be hashed."""
    edges, natural = np.frombuffer(edges_hz), np.frombuffer(natural_hz)[:, None]
    passed: NDArray[np.float64] = np.diff(_transmitted(edges / natural, q), axis=-1) * natural
    return passed


def _transmitted(r: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """The integral of |H|^2 from 0 to r, in closed form.

    With p^2 and its conjugate the roots of the denominator in r^2, |H|^2 is 2 Re(a / (r^2 - p^2)); the logarithm's
    argument stays in the upper half plane, so its principal value is continuous. At infinity it is pi / 2 (Q + 1 / Q).
    """
    p = math.sqrt(1 - 1 / (4 * q * q)) + 0.5j / q
    a = (1 + p * p / (q * q)) / (p * p - (p * p).conjugate())
    total: NDArray[np.float64] = (a / p * np.log((p - r) / (p + r))).real
    return total


def equivalent_time_s(time_s: float, level_g: float, at_level_g: float, exponent: float) -> float:
    """How long at another level, Grms as `level_g`, fatigues as much: T2 = T1 (G1 / G2)^m, in s.

    The inverse power law of Miner's sum over a straight S-N line. Its exponent m is a property of the hardware's
    material and joints, so there is no default. ValueError: time, levels or exponent that are not above 0.
    """
    if not all(value > 0 for value in (time_s, level_g, at_level_g, exponent)):
        raise ValueError("equivalent time: expected time, levels and exponent above 0")
    return time_s * math.pow(level_g / at_level_g, exponent)
