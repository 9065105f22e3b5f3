"""Trend kernel: the level that a significant trend leads to, and when it reaches the limit.

A straight line is fitted by least squares to the means of the window's buckets. Two things keep it from promising what
does not come:

- What follows from one another errs together. The buckets count as n' = n (1 - r) / (1 + r) independent ones, r the
  lag-1 autocorrelation of the residuals, in the line's standard error and in the degrees of freedom (Santer et al.,
  J. Geophys. Res. 105 (2000) 7337), after Kendall's (1 + 4 r) / n is added, by which a short series understates it.
  Without that a slow wander of temperature is "significant" every other window.
- A curve that levels off falls behind its own line. So a second line is fitted to the newer half of the window, and the
  flatter one of the two says what comes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.buckets import BUCKETS
from monitor.detect.kernels.means import Closing, Means, close_means
from monitor.detect.kernels.readings import Flags, Index, Readings, Series, Times, Values
from monitor.model.clock import NS_PER_S

MIN_BUCKETS = BUCKETS // 2
MIN_EFFECTIVE = 4.0  # however smooth the curve: at 2 degrees of freedom a line must explain 99.6 % of it
# 99.9 % quantile of Student's t by degrees of freedom (scipy.stats.t.ppf(0.999, dof)), linear in 1 / dof between.
_DOF = np.array([2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 60])
_T999 = np.array([22.328, 10.215, 7.174, 5.894, 5.208, 4.786, 4.501, 4.144, 3.930, 3.733, 3.552, 3.386, 3.232])


_Ahead = tuple[NDArray[np.float64], Index, NDArray[np.float64]]  # level, reading, when the limit is reached


class TrendParameters(NamedTuple):
    """Width of a bucket in ns, int64 [L]; `within_s` [L]; `limit` and `sign` (+1: beyond is above), float32 [L]."""

    width_ns: Times
    within_s: Values
    limit: Values
    sign: Values


class Line(NamedTuple):
    """Lines fitted to rows of points, float64 [k]: `present` is that at time 0; `effective` points carry it.

    `slope_error` is the standard error of `slope`, infinite where nothing can be said.
    """

    slope: NDArray[np.float64]
    present: NDArray[np.float64]
    slope_error: NDArray[np.float64]
    effective: NDArray[np.float64]

    @property
    def is_significant(self) -> Flags:
        """Whether the slope, in its own direction, passes the 99.9 % quantile of Student's t."""
        return np.asarray(np.abs(self.slope) > t999(self.effective - 2) * self.slope_error)


def trend(readings: Readings, memory: Means, p: TrendParameters) -> tuple[Series, Means]:
    """The level `within_s` ahead, told at the reading that opens a bucket, once the window is full; float32 [m].

    Without a significant trend it is the present level. Nothing is told where the present level is beyond the limit
    already, nor with fewer than 30 known buckets. `detail` is when the limit is reached, ns UTC, NaN if not within.
    """
    closings, after = close_means(readings, p.width_ns, memory)
    none: _Ahead = np.empty(0), np.empty(0, dtype=np.int64), np.empty(0)
    parts = [none, *(_ahead(closing, p, readings.times_ns) for closing in closings.chunks())]
    values, at, detail = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Series(values.astype(np.float32), at, detail), after


def _ahead(closing: Closing, p: TrendParameters, times_ns: Times) -> _Ahead:
    lane, half = closing.lane, BUCKETS // 2
    whole = fit(-closing.age_s, closing.mean)
    newer = fit(-closing.age_s[:, half:], closing.mean[:, half:])
    is_same_way = (whole.slope > 0) == (newer.slope > 0)
    is_trend = whole.is_significant & is_same_way
    flatter = np.where(np.abs(newer.slope) < np.abs(whole.slope), newer.slope, whole.slope)
    slope = np.where(is_trend, flatter, 0.0)
    present, sign = newer.present, p.sign[lane].astype(np.float64)
    ahead = present + slope * p.within_s[lane]

    known = (~np.isnan(closing.mean)).sum(axis=1) >= MIN_BUCKETS
    margin = (p.limit[lane] - present) * sign
    told = np.flatnonzero(known & np.isfinite(ahead) & (margin >= 0))
    speed = (slope * sign)[told]
    with np.errstate(divide="ignore", invalid="ignore"):
        until_s = margin[told] / speed
    opened_ns = times_ns[closing.at[told]]
    opened_ns = opened_ns - opened_ns % p.width_ns[lane[told]]
    reached_ns = np.where((speed > 0) & (until_s <= p.within_s[lane[told]]), opened_ns + until_s * NS_PER_S, np.nan)
    return ahead[told], closing.at[told], reached_ns


def fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    """Least-squares line through the known points of each row, float64 [k, n] both, NaN where unknown."""
    is_known = ~np.isnan(y)
    n = is_known.sum(axis=1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        x_mean, y_mean = _sum(x, is_known) / n, _sum(y, is_known) / n
        dx, dy = x - x_mean[:, None], y - y_mean[:, None]
        spread = _sum(dx * dx, is_known)
        slope = _sum(dx * dy, is_known) / spread
        residual = np.where(is_known, dy - slope[:, None] * dx, 0.0)
        squares = (residual * residual).sum(axis=1)
        r = np.nan_to_num(_lag_1(residual, is_known) / squares)
        r = np.clip(r + (1 + 4 * r) / n, 0.0, 1.0)
        effective = np.maximum(n * (1 - r) / (1 + r), MIN_EFFECTIVE)
        slope_error = np.sqrt(squares / (effective - 2) / spread)
    return Line(slope, y_mean - slope * x_mean, np.where(n >= MIN_EFFECTIVE, slope_error, np.inf), effective)


def t999(dof: NDArray[np.float64]) -> NDArray[np.float64]:
    """99.9 % quantile of Student's t, one-sided, from 2 degrees of freedom on; up to 9 % too large in between."""
    return np.asarray(np.interp(-1 / dof, -1 / _DOF, _T999))


def _lag_1(residual: NDArray[np.float64], is_known: Flags) -> NDArray[np.float64]:
    """Sum of products of each residual with the next known one, float64 [k]."""
    order = np.argsort(~is_known, axis=1, kind="stable")
    packed = np.take_along_axis(residual, order, axis=1)
    products: NDArray[np.float64] = (packed[:, 1:] * packed[:, :-1]).sum(axis=1)
    return products


def _sum(values: NDArray[np.float64], is_known: Flags) -> NDArray[np.float64]:
    return np.asarray(np.where(is_known, values, 0.0).sum(axis=1))
