"""The main pulse of an event, from zero crossing to zero crossing around its largest peak, and its frequency."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.model.unit import G_M_S2
from monitor.shock.duration import around
from monitor.shock.peak import strongest
from monitor.shock.static import BEHIND_S

DURATION_SHARE = 0.1  # a pulse lasts between the points at 10 % of its peak
# Rest that the static vector leaves a little above zero is no part of a pulse: it ends where it has come down to 0.1 %
# of its peak. Of a sawtooth that cuts off 1e-6 of the velocity change, of a half-sine less.
REST_SHARE = 0.001
# It also ends where it has been below 10 % for as long as it was above: what goes on then is a tilt, or a brake. A
# half-sine, a haversine and a sawtooth are over long before; of an exponential that cuts off 1 %.

STEADY_SHARE = 0.25  # of the difference that lying in another position makes: what spreads as much is no rest


class Pulse(NamedTuple):
    """The pulse of `axis` (0..2) that holds the peak `peak_g` (signed) at sample `peak_index`.

    `limits` are the zero crossings around it, in samples from the first, between samples as interpolated: the limits of
    integration of the velocity change. Where it does not come to zero they are no further beyond the points at 10 % of
    the peak than these from each other; where the axis rests elsewhere behind it, zero and peak are taken from there.
    `velocity_change_m_s` float64 [3] is the integral over all axes between them; `direction` float64 [3] the unit
    vector of the acceleration at the peak. `duration_ms` lies between the points at 10 %, `rise_ms` from the first of
    them to the peak. `is_cut`: it reaches an end of the record, or NaN, so that more of it may be missing. All zeros of
    a signal of zeros, all NaN of NaN.
    """

    axis: int
    peak_index: int
    peak_g: float
    limits: tuple[float, float]
    duration_ms: float
    rise_ms: float
    direction: NDArray[np.float64]
    velocity_change_m_s: NDArray[np.float64]
    is_cut: bool

    @property
    def delta_v_m_s(self) -> float:
        """Length of the velocity change."""
        return float(np.linalg.norm(self.velocity_change_m_s))


class _Edge(NamedTuple):
    """One end of a pulse: its last sample, the limit beyond it, and the area [3] between them in g x samples."""

    sample: int
    limit: float
    area_g: NDArray[np.float64]
    is_cut: bool


def main_pulse(
    dynamic_g: NDArray[np.float64],
    fs_hz: float,
    axis: int | None = None,
    is_weightless: NDArray[np.bool_] | None = None,
) -> Pulse:
    """The pulse around the largest peak of one axis (None: of the axis with the largest), static part removed.

    `dynamic_g` float64 [3, n], n > 0. NaN ends a pulse, so what is told of it is a lower bound. Free fall (bool [n])
    ends it too: without the static part it reads -1 g, which on a tilted axis has the sign of the pulse.
    """
    indices = [strongest(row) for row in dynamic_g]
    if axis is None:
        axis = strongest(dynamic_g[range(len(indices)), indices])
    index = indices[axis]
    peak_g = float(dynamic_g[axis, index])
    if peak_g == 0 or np.isnan(peak_g):
        nothing = np.full(3, peak_g)
        return Pulse(axis, index, peak_g, (float(index), float(index)), peak_g, peak_g, nothing, nothing, False)
    known_g = _known(dynamic_g)
    signal_g = dynamic_g[axis] * np.sign(peak_g)
    if is_weightless is not None and not is_weightless[index]:
        signal_g[is_weightless & (signal_g > 0)] = 0.0
    signal_g -= _rest_behind_g(signal_g, index, round(BEHIND_S * fs_hz))
    begin, end = around(signal_g, DURATION_SHARE * float(signal_g[index]), index)
    first = _edge(known_g, signal_g, index, -1, index - begin + (end - begin))
    last = _edge(known_g, signal_g, index, 1, end - index + (end - begin))
    area_g = np.trapezoid(known_g[:, first.sample : last.sample + 1], axis=1) + first.area_g + last.area_g
    return Pulse(
        axis,
        index,
        peak_g,
        (first.limit, last.limit),
        1e3 * (end - begin) / fs_hz,
        1e3 * (index - begin) / fs_hz,
        known_g[:, index] / np.linalg.norm(known_g[:, index]),
        area_g * (G_M_S2 / fs_hz),
        first.is_cut or last.is_cut,
    )


def dominant_hz(dynamic_g: NDArray[np.float64], fs_hz: float) -> float:
    """Where the event [3, n] has the most energy an octave: the frequency f of the largest f |X(f)|^2, over all axes.

    Of |X|^2 alone a single pulse has its largest line next to 0 Hz, whatever its length; so weighed, a half-sine of
    length tau has it at 1 / (2 tau), and a ringing at its own frequency. Between the lines of the spectrum, fs / n
    apart, a parabola through the largest and its neighbours says where. 0.0 of zeros, NaN of NaN only.
    """
    if np.isnan(dynamic_g).all():
        return float("nan")
    period: int = 1 << (dynamic_g.shape[1] - 1).bit_length()
    spectrum = np.fft.rfft(_known(dynamic_g), period)
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=0)
    energy: NDArray[np.float64] = power * np.arange(period // 2 + 1)
    line = int(energy.argmax())
    if energy[line] == 0:
        return 0.0
    return (line + _top(energy[line - 1 : line + 2])) * fs_hz / period


def _known(accel_g: NDArray[np.float64]) -> NDArray[np.float64]:
    """The samples, 0 where they are NaN; themselves where none is."""
    is_nan = np.isnan(accel_g)
    return np.where(is_nan, 0.0, accel_g) if is_nan.any() else accel_g


def _rest_behind_g(signal_g: NDArray[np.float64], index: int, width: int) -> float:
    """What the axis rests at, over the last `width` samples, behind a pulse that does not come down to zero; else 0.0.

    It then lies differently from before, or its zero was shifted.
    """
    last_g = signal_g[max(len(signal_g) - width, index + 1) :]
    if len(last_g) < max(width, 2) or not (signal_g[index:] > REST_SHARE * signal_g[index]).all():
        return 0.0
    rest_g = float(last_g.mean())
    return rest_g if last_g.std() < STEADY_SHARE * rest_g else 0.0


def _edge(known_g: NDArray[np.float64], signal_g: NDArray[np.float64], index: int, step: int, furthest: float) -> _Edge:
    """The pulse's end from the peak at `index` on backward (step -1) or forward (1), `signal_g` > 0 there.

    At most `furthest` samples from it, to the next whole one.
    """
    steps = max(math.ceil(furthest), 1)
    side = signal_g[index::step][: steps + 1]
    is_off = ~(side > REST_SHARE * side[0])  # NaN is off too
    count = int(is_off.argmax())
    inside = index + step * ((count or len(side)) - 1)
    if count == 0:
        return _Edge(inside, float(inside), np.zeros(3), len(side) <= steps)
    if np.isnan(side[count]):
        return _Edge(inside, float(inside), np.zeros(3), True)
    height, below = side[count - 1], side[count]
    # At a true crossing the signal goes straight from above to below zero. Where it only comes to rest, it did so on
    # its way to the sample at rest: as steeply as from the sample before, at the latest at that sample.
    share = height / (height - min(below, 0.0))
    slope = side[max(count - 2, 0)] - height
    reach = share
    if below >= -REST_SHARE * side[0] and slope > 0:
        reach = min(height / slope, 1.0)
    inner, outer = known_g[:, inside], known_g[:, inside + step]
    return _Edge(inside, float(inside + step * reach), reach * (inner + share * (outer - inner) / 2), False)


def _top(three: NDArray[np.float64]) -> float:
    """Where the parabola through three values at -1, 0, 1 has its top, 0.0 where they are not three or not bent."""
    if len(three) < 3 or (bend := three[0] - 2 * three[1] + three[2]) >= 0:
        return 0.0
    return float((three[0] - three[2]) / (2 * bend))
