"""Oscillators as recursions from sample to sample, exact while acceleration runs straight between two samples.

A mass on a damped spring, on a base with acceleration a(t), has the pole p = (-zeta + i sqrt(1 - zeta^2)) w and its
conjugate. With u' = p u + a, one complex number, each of its responses is the imaginary part of c u with some c. Over a
straight piece of a(t), T long, from one sample to the next,

    u[k+1] = e^pT u[k] + T (phi1 - phi2) a[k] + T phi2 a[k+1],   phi1 = (e^pT - 1) / pT,   phi2 = (phi1 - 1) / pT

The state s = c (u - T phi2 a) needs one sample only:

    response[k] = Im s[k] + direct a[k],   s[k+1] = step s[k] + gain a[k]

These are the responses of ISO 18431-4's ramp-invariant filters from rest. Those filters subtract numbers that are
nearly equal where a period has many samples; here nothing cancels.
"""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from monitor.model.unit import G_M_S2

Complexes = NDArray[np.complex128]

BLOCK = 16  # kernels take this many samples at a time; a record is filled up with zeros before its start
# phi2 as a power series. |pT| is at most pi (f <= fs/2), where the last term is 1e-18 and 3 bits are lost.
_PHI2 = [1 / factorial(power + 2) for power in range(28)]


class Oscillators(NamedTuple):
    """Recursions of oscillators [f] for samples in g, as above with the c of the first quantity of m.

    Each quantity's response is Im(factor s) + direct a, `factor` and `direct` [m, f]; the first factor is 1.
    """

    pole: Complexes  # 1/s
    step: Complexes
    gain: Complexes
    factor: Complexes
    direct: NDArray[np.float64]


def oscillators(frequencies_hz: NDArray[np.float64], q: float, fs_hz: float, *, with_displacement: bool) -> Oscillators:
    """Whose response is the absolute acceleration of the mass, g; the second one its relative displacement, m."""
    damping = 1 / (2 * q)
    turn = complex(-damping, np.sqrt((1 - damping) * (1 + damping)))
    pole: Complexes = np.multiply(2 * np.pi * frequencies_hz, turn)
    # Displacement from the base is z = -Im u / Im p, absolute acceleration -(2 zeta w z' + w^2 z) = Im(-p^2 u) / Im p.
    scale = np.stack([-pole * pole / pole.imag, -G_M_S2 / pole.imag][: 1 + with_displacement])
    step = np.exp(pole / fs_hz)
    phi2 = polyval(pole / fs_hz, _PHI2)
    phi1 = 1 + pole / fs_hz * phi2
    ahead = phi2 / fs_hz
    gain = scale[0] * ((phi1 - phi2) / fs_hz + step * ahead)
    return Oscillators(pole, step, gain, scale / scale[0], (scale * ahead).imag)


def free_peaks(state: Complexes, pole: Complexes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest Im(state e^(pole t)) over t >= 0, and largest -Im, [..., f]: at once, or at the first crest or trough."""
    crest = np.arctan2(pole.imag, -pole.real)  # where a sine that decays is largest
    height = np.abs(state) * np.sin(crest)
    to_crest = (crest - np.angle(state)) % (2 * np.pi)
    to_trough = (to_crest + np.pi) % (2 * np.pi)
    decay = pole.real / pole.imag
    above = np.maximum(state.imag, height * np.exp(decay * to_crest))
    return above, np.maximum(-state.imag, height * np.exp(decay * to_trough))
