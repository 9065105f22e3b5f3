"""Vibration of a vehicle: a stationary Gaussian process, of equal Grms on each of the three axes and independent there.

A table of (Hz, g2/Hz) with straight lines between its points on double logarithmic paper says how the mean square is
spread over frequency; nothing is outside it. With s = level / Grms and f0 = sqrt(m2 / m0), where m_k is the integral of
f^k PSD, everything rare follows from how often the resultant of the three axes crosses a level upwards (Rice's formula
for a chi process of three degrees of freedom): 2 f0 s^2 exp(-s^2 / 2) times a second.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_sim.physics.impact import Impact

F64 = NDArray[np.float64]
Psd = tuple[tuple[float, float], ...]

# Our own choice of break points, after the usual look of such spectra; no standard is behind them. Scaled when used.
PSD: dict[str, Psd] = {
    "truck": ((1.0, 5e-5), (4.0, 0.01), (16.0, 0.01), (40.0, 0.001), (80.0, 0.001), (200.0, 1e-5)),  # springs, tyres
    "rail": ((1.0, 1e-5), (2.0, 1e-3), (50.0, 1e-3), (90.0, 4e-4), (200.0, 1e-5)),
    "air": ((2.0, 2e-4), (12.0, 0.01), (100.0, 0.01), (300.0, 1e-5)),
}
ASTM_D4169_CYCLE = ((0.40, 2400.0), (0.54, 900.0), (0.70, 300.0))  # (Grms, s) of an hour on a truck
COMMONEST = math.sqrt(2.0)  # level / Grms that is crossed most often; below it, the resultant is nearly always beyond
RAREST = 1e-9  # chance below which no peak is drawn: bounds it at about 8 Grms for a minute
NEWTON_STEPS = 8


class Vibration(NamedTuple):
    """A stretch of vibration: s since the scenario's start, Grms of each axis, name of a table in PSD."""

    begin_s: float
    end_s: float
    grms: float
    psd: str


def overall_grms(psd: Psd) -> float:
    """Return the root of the integral over the table, in g."""
    return math.sqrt(_moment(psd, 0))


def scaled(psd: Psd, grms: float) -> Psd:
    """Return the table with all densities multiplied so that its overall Grms is `grms`."""
    factor = grms**2 / _moment(psd, 0)
    return tuple((f_hz, density * factor) for f_hz, density in psd)


def crossing_rate_hz(psd: Psd, grms: float, level_g: float) -> float:
    """Return how often a second the resultant passes level_g upwards; psd is scaled to `grms` first. 0 without Grms."""
    if grms <= 0:
        return 0.0
    s = level_g / grms
    return 2.0 * _zero_crossings_hz(psd) * s * s * math.exp(-s * s / 2.0)


def waveform(psd: Psd, grms: float, fs_hz: float, n: int, random: np.random.Generator) -> F64:
    """Return (3, n) float64 g of the table scaled to `grms`: a sum of cosines of random phase (Shinozuka).

    The cosines are those of a period of the next power of two of samples, each with the mean square of its share of
    the table; what lies above fs_hz / 2 is missing. Over a whole period the RMS is exact, over less it varies.
    """
    period = _period(n)
    first, squares = _lines(psd, fs_hz, period)
    spectrum = np.zeros((3, period // 2 + 1), dtype=np.complex128)
    phase = np.exp(2j * np.pi * random.random((3, squares.size)))
    spectrum[:, first : first + squares.size] = grms * period / 2 * np.sqrt(2 * squares) * phase
    return np.fft.irfft(spectrum, period)[:, :n]


def conditioned(psd: Psd, grms: float, fs_hz: float, n: int, at: int, value_g: F64, random: np.random.Generator) -> F64:
    """Return a `waveform` that has value_g (3,) at sample `at`, with the law that a Gaussian process has given that.

    Kriging with one datum: w(t) + rho(t - at) (value - w(at)), rho the autocorrelation. The mean has no slope at `at`,
    so a value beyond a level is the top of an excursion there (Slepian).
    """
    wave_g = waveform(psd, grms, fs_hz, n, random)
    lags = np.abs(np.arange(n) - at)
    return wave_g + np.outer(value_g - wave_g[:, at], _autocorrelation(psd, fs_hz, _period(n))[lags])


def interval_peak_g(psd: Psd, grms: float, seconds: F64, draws: F64) -> F64:
    """Return the greatest resultant within each of `seconds` (n,) above 0, float64 g.

    draws: (n,) from the standard exponential distribution. Crossings of high levels are rare and independent, so
    P(peak <= u) = exp(-rate(u) T): the peak solves rate(u) T = draw (in the limit, Gumbel's law). y = s^2 is the root
    of y - 2 ln y = 2 ln(2 f0 T / draw), by Newton's method from above; at least COMMONEST Grms.
    """
    c = np.log(2.0 * _zero_crossings_hz(psd) * seconds / np.maximum(draws, RAREST))
    c = np.maximum(c, 1.0 - math.log(2.0))  # the root is y = 2 there, COMMONEST squared
    y = 4.0 * c + 4.0
    for _ in range(NEWTON_STEPS):
        y = np.maximum(2.0, y - (y - 2.0 * np.log(y) - 2.0 * c) / np.maximum(1.0 - 2.0 / y, 1e-6))
    return grms * np.sqrt(y)


def interval_extremes(
    ends_s: F64,
    interval_s: float,
    impacts: Sequence[Impact],
    vibration: Sequence[Vibration],
    isolation: float,
    random: np.random.Generator,
) -> tuple[F64, F64]:
    """Return (peak_g, rms_g), each (n,) float64, of the resultant without gravity over the intervals up to ends_s.

    ends_s: (n,) ascending; an interval is (end - interval_s, end]. impacts in order of at_s; vibration in order and
    apart; `isolation` is the share of both that arrives. An impact counts wholly where its at_s falls. The peak is the
    greater of both, the RMS is by energy. Free of noise: 0 where nothing happens. One number is drawn for each interval
    whatever happens in it, so the result does not depend on how the ends are cut into calls.
    """
    draws = random.standard_exponential(ends_s.size)
    peak_g, energy_g2_s = np.zeros(ends_s.size), np.zeros(ends_s.size)
    if ends_s.size == 0:
        return peak_g, energy_g2_s
    begins_s = ends_s - interval_s
    begin_s, end_s = float(begins_s[0]), float(ends_s[-1])
    for span in _spans(vibration, begin_s, end_s):
        seconds = np.minimum(ends_s, span.end_s) - np.maximum(begins_s, span.begin_s)
        shaken, grms = seconds > 0, span.grms * isolation
        shaken_peak_g = interval_peak_g(PSD[span.psd], grms, seconds[shaken], draws[shaken])
        peak_g[shaken] = np.maximum(peak_g[shaken], shaken_peak_g)
        energy_g2_s[shaken] += 3.0 * grms**2 * seconds[shaken]
    first, last = (bisect_right(impacts, t_s, key=lambda impact: impact.at_s) for t_s in (begin_s, end_s))
    for impact in (impact.behind(isolation) for impact in impacts[first:last]):
        place = int(np.searchsorted(ends_s, impact.at_s))
        if impact.at_s > begins_s[place]:
            peak_g[place] = max(peak_g[place], abs(impact.peak_g))
            energy_g2_s[place] += impact.energy_g2_s
    return peak_g, np.sqrt(energy_g2_s / interval_s)


class Crossings:
    """The moments at which vibration alone passes a level: a Poisson process of the level's crossing rate.

    next_s: the next one, inf when there is none. Raise ValueError for a table that is not known.
    """

    def __init__(
        self, level_g: float, vibration: Sequence[Vibration], isolation: float, random: np.random.Generator
    ) -> None:
        for span in vibration:
            if span.psd not in PSD:
                raise ValueError(f"vibration from {span.begin_s} s: psd {span.psd!r}, expected one of {', '.join(PSD)}")
        self._level_g, self._vibration, self._isolation, self._random = level_g, vibration, isolation, random
        self._place = 0
        self.restart(0.0)

    def restart(self, from_s: float) -> None:
        """Draw next_s from from_s on, which never goes back: the process has no memory."""
        while self._place < len(self._vibration):
            span = self._vibration[self._place]
            rate_hz = self._rate_hz(span)
            if span.end_s > from_s and rate_hz > 0:
                self.next_s = max(from_s, span.begin_s) + self._random.exponential() / rate_hz
                if self.next_s < span.end_s:
                    return
            self._place += 1
        self.next_s = math.inf

    def count(self, begin_s: float, end_s: float) -> int:
        """Return a drawn number of crossings in a stretch of time that next_s does not cover."""
        spans = _spans(self._vibration, begin_s, end_s)
        mean = sum(self._rate_hz(span) * (min(end_s, span.end_s) - max(begin_s, span.begin_s)) for span in spans)
        return int(self._random.poisson(mean)) if mean > 0 else 0

    def at(self, t_s: float) -> tuple[Psd, float] | None:
        """Return table and Grms (isolated) at a time; None where nothing shakes."""
        for span in _spans(self._vibration, t_s, math.nextafter(t_s, math.inf)):
            if span.grms * self._isolation > 0:
                return PSD[span.psd], span.grms * self._isolation
        return None

    def _rate_hz(self, span: Vibration) -> float:
        grms = span.grms * self._isolation
        return crossing_rate_hz(PSD[span.psd], grms, max(self._level_g, COMMONEST * grms))


def _spans(vibration: Sequence[Vibration], begin_s: float, end_s: float) -> Sequence[Vibration]:
    """Return those that share time with [begin_s, end_s)."""
    first = bisect_right(vibration, begin_s, key=lambda span: span.end_s)
    last = first
    while last < len(vibration) and vibration[last].begin_s < end_s:
        last += 1
    return vibration[first:last]


def _period(n: int) -> int:
    return 1 << max(n - 1, 1).bit_length()


@lru_cache(maxsize=256)
def _moment(psd: Psd, power: int) -> float:
    return float(_cumulative(psd, power, np.array([math.inf]))[0])


def _zero_crossings_hz(psd: Psd) -> float:
    return math.sqrt(_moment(psd, 2) / _moment(psd, 0))


def _cumulative(psd: Psd, power: int, to_hz: F64) -> F64:
    """Return the integral of f^power PSD from 0 to each of to_hz, exact for straight lines in log-log.

    On a segment PSD = G (f / F)^b, and the integral to f is G F^(power + 1) (e^(q L) - 1) / q with q = b + power + 1
    and L = ln(f / F); L itself for q = 0.
    """
    f_hz, density = np.array(psd).T
    slope = np.diff(np.log(density)) / np.diff(np.log(f_hz))
    q = np.where(np.abs(slope + power + 1) < 1e-9, 1e-9, slope + power + 1)
    scale = density[:-1] * f_hz[:-1] ** (power + 1)
    whole = np.concatenate(([0.0], np.cumsum(scale * np.expm1(q * np.diff(np.log(f_hz))) / q)))
    to_hz = np.clip(to_hz, f_hz[0], f_hz[-1])
    segment = np.minimum(np.searchsorted(f_hz, to_hz, side="right") - 1, q.size - 1)
    part = scale[segment] * np.expm1(q[segment] * np.log(to_hz / f_hz[segment])) / q[segment]
    return np.asarray(whole[segment] + part, dtype=np.float64)


@lru_cache(maxsize=64)
def _lines(psd: Psd, fs_hz: float, period: int) -> tuple[int, F64]:
    """Return the first line that is not empty and the mean squares from there on, of the table scaled to 1 Grms."""
    edges_hz = np.concatenate(([0.0], np.arange(1.5, period // 2))) * fs_hz / period
    squares = np.diff(_cumulative(psd, 0, edges_hz)) / _moment(psd, 0)
    filled = np.flatnonzero(squares > 0)
    if filled.size == 0:
        raise ValueError(f"waveform of {period} samples at {fs_hz} Hz: none of its frequencies lies in the table {psd}")
    return int(filled[0]) + 1, squares[filled[0] : filled[-1] + 1]


@lru_cache(maxsize=64)
def _autocorrelation(psd: Psd, fs_hz: float, period: int) -> F64:
    first, squares = _lines(psd, fs_hz, period)
    spectrum = np.zeros(period // 2 + 1)
    spectrum[first : first + squares.size] = squares
    rho = np.fft.irfft(spectrum, period)
    return np.asarray(rho / rho[0], dtype=np.float64)
