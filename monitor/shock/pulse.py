"""The main pulse of an event, from zero crossing to zero crossing around its largest peak, and its frequency."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.duration import around
from monitor.shock.peak import strongest

G_M_S2 = 9.80665  # standard gravity, exact by definition
DURATION_SHARE = 0.1  # a pulse lasts between the points at 10 % of its peak
# Rest that the static vector leaves a little above zero is no part of a pulse: it ends where it has come down to 0.1 %
# of its peak. Of a sawtooth that cuts off 1e-6 of the velocity change, of a half-sine less.
REST_SHARE = 0.001


class Pulse(NamedTuple):
    """The pulse of `axis` (0..2) that holds the peak `peak_g` (signed) at sample `peak_index`.

    `limits` are the zero crossings around it, in samples from the first, between samples as interpolated: the limits of
    integration of the velocity change. `velocity_change_m_s` float64 [3] is the integral over all axes between them;
    `direction` float64 [3] the unit vector of the acceleration at the peak. `duration_ms` lies between the points at
    10 % of the peak, `rise_ms` from the first of them to the peak. `is_cut`: it reaches an end of the record, or NaN,
    so that more of it may be missing. All zeros of a signal of zeros, all NaN of NaN.
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
    if axis is None:
        axis = strongest(np.array([row[strongest(row)] for row in dynamic_g]))
    signal_g = dynamic_g[axis]
    index = strongest(signal_g)
    peak_g = float(signal_g[index])
    if peak_g == 0 or np.isnan(peak_g):
        nothing = np.full(3, peak_g)
        return Pulse(axis, index, peak_g, (float(index), float(index)), peak_g, peak_g, nothing, nothing, False)
    is_nan = np.isnan(dynamic_g)
    known_g = np.where(is_nan, 0.0, dynamic_g) if is_nan.any() else dynamic_g
    signal_g = signal_g * np.sign(peak_g)
    if is_weightless is not None and not is_weightless[index]:
        signal_g[is_weightless & (signal_g > 0)] = 0.0
    first, last = _edge(known_g, signal_g, index, -1), _edge(known_g, signal_g, index, 1)
    area_g = np.trapezoid(known_g[:, first.sample : last.sample + 1], axis=1) + first.area_g + last.area_g
    begin, end = around(signal_g, DURATION_SHARE * abs(peak_g), index)
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
    spectrum = np.fft.rfft(np.nan_to_num(dynamic_g), period)
    power = (spectrum.real**2 + spectrum.imag**2).sum(axis=0)
    energy: NDArray[np.float64] = power * np.arange(period // 2 + 1)
    line = int(energy.argmax())
    if energy[line] == 0:
        return 0.0
    return (line + _top(energy[line - 1 : line + 2])) * fs_hz / period


def _edge(known_g: NDArray[np.float64], signal_g: NDArray[np.float64], index: int, step: int) -> _Edge:
    """The pulse's end from the peak at `index` on backward (step -1) or forward (1); `signal_g` > 0 at the peak."""
    side = signal_g[index::step]
    is_off = ~(side > REST_SHARE * side[0])  # NaN is off too
    count = int(is_off.argmax())
    inside = index + step * ((count or len(side)) - 1)
    if count == 0 or np.isnan(side[count]):
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
