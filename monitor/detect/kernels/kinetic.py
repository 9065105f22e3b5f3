"""Mean kinetic temperature (USP <1079>) over a rolling window: the steady temperature that does the same harm.

    T_k = (dH/R) / -ln(sum of w exp(-dH / (R T)) / sum of w),  dH/R = 83.144 kJ/mol / 8.3144e-3 kJ/(mol K) = 10 000 K

Each reading weighs by the time w until the next one, in the bucket that it lies in. Sums are whole numbers: ns, and
steps of 16 ns at 25 degC, so that cuts change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.buckets import BUCKETS, Chain, chain, find_opened
from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import Flags, Index, Readings, Series, Times, Values, continuity

ACTIVATION_K = 10_000.0
KELVIN = 273.15
AT_25_DEGC = ACTIVATION_K / (25 + KELVIN)
STEP_NS = 16
# exp(10 000 / 298.15 - 10 000 / T) is 4540 at 125 degC: a year of that is 9e18 steps, just below 2**63; at -60 degC it
# is 1.5e-6, so that a minute there is 5800 steps and rounding costs at most 0.4 mK.
LEAST_DEGC, MOST_DEGC = -60.0, 125.0
LONGEST_NS = 1 << 52  # 52 days for one reading, where no interval is declared


@dataclass(frozen=True, slots=True)
class KineticMemory(Columns):
    """A lane's last reading and up to 61 buckets, the open one last, 1.5 kB: `number`, `weight_ns`, `harm` in steps.

    `held` is how many, `since` the first bucket since the last restart.
    """

    dtypes: ClassVar[dict[str, str]] = {
        "begun": "?", "last_ns": "<i8", "last_span": "<i8", "value": "<f4", "held": "<u1", "since": "<i8",
        "number": "(61,)<i8", "weight_ns": "(61,)<i8", "harm": "(61,)<i8",
    }  # fmt: skip
    begun: Flags
    last_ns: Times
    last_span: Times
    value: Values
    held: NDArray[np.uint8]
    since: Index
    number: Index
    weight_ns: Times
    harm: Index


class KineticParameters(NamedTuple):
    """The width of each lane's 60 buckets, `width_ns` int64 [L]."""

    width_ns: Times


def kinetic(readings: Readings, memory: KineticMemory, p: KineticParameters) -> tuple[Series, KineticMemory]:
    """MKT of the 60 buckets before one, at the reading that opens it, once 60 have passed: float32 [m], degC.

    The time in a gap weighs nothing. A lane begins anew with a span and when time goes back to an earlier bucket; a
    window without any weight makes no point. Readings beyond -60 and 125 degC count as that.
    """
    follows = continuity(readings, memory.begun, memory.last_ns, memory.last_span)
    opened = find_opened(readings, follows.is_first, p.width_ns, memory.number[:, -1])
    weight_ns = np.where(follows.is_parted, 0, np.minimum(follows.spacing_ns, LONGEST_NS))
    rows = chain(readings, opened, memory.held)
    at = np.flatnonzero(opened.opens)
    number = rows.lay(memory.number, opened.number[at])
    harm = _bucket_sums(readings, rows, at, memory.harm, _harm(readings, memory.value, weight_ns))
    weight_ns = _bucket_sums(readings, rows, at, memory.weight_ns, weight_ns)

    is_full = opened.number[at] - rows.since(number, rows.opened_at, memory.since) >= BUCKETS
    place = rows.opened_at[is_full]
    oldest = rows.oldest(number, place)
    series = _series(at[is_full], _window_sums(weight_ns, oldest, place), _window_sums(harm, oldest, place))
    held, kept = rows.keep(number, weight_ns, harm)
    ends = readings.starts + readings.counts - 1
    last = held > 0, readings.times_ns[ends], readings.span[ends], readings.values[ends]
    return series, KineticMemory(*last, held, rows.since(number, rows.end - 1, memory.since), *kept)


def fields(series: Series, index: Index) -> dict[str, NDArray[np.float64]]:
    """The MKT at some readings, NaN at those that close no window, float64 [k]."""
    mkt_c = np.full(len(index), np.nan)
    _, of_series, of_index = np.intersect1d(series.at, index, return_indices=True)
    mkt_c[of_index] = series.values[of_series]
    return {"mkt_c": mkt_c}


def _harm(readings: Readings, last_value: Values, weight_ns: Times) -> Index:
    """What the reading before each one has done until then, in steps of 16 ns at 25 degC, int64 [n]."""
    before = np.empty(len(readings.values))
    before[1:] = readings.values[:-1]
    before[readings.starts] = last_value
    kelvin = np.clip(before, LEAST_DEGC, MOST_DEGC) + KELVIN
    return np.rint(np.exp(AT_25_DEGC - ACTIVATION_K / kelvin) * (weight_ns / STEP_NS)).astype(np.int64)


def _bucket_sums(readings: Readings, rows: Chain, at: Index, held: Index, amounts: Index) -> Index:
    """The sums of all buckets [c] with what readings add; an amount belongs to the bucket of the reading before."""
    sums = np.cumsum(amounts)  # wraps around, and differences of it wrap back
    ends = readings.starts + readings.counts - 1
    lane = np.searchsorted(readings.starts, at, side="right") - 1
    is_next = lane[1:] == lane[:-1]
    until, until_first = ends[lane], ends.copy()
    until[:-1][is_next] = at[1:][is_next]
    until_first[lane[::-1]] = at[::-1]  # of several in a lane the first one stays
    column = rows.lay(held, sums[until] - sums[at])
    column[rows.begin + BUCKETS] += sums[until_first] - sums[readings.starts] + amounts[readings.starts]
    return column


def _window_sums(column: Index, first: Index, stop: Index) -> Index:
    """Sums over column[first:stop], int64 [k]."""
    sums = np.concatenate(([0], np.cumsum(column)))
    return np.asarray(sums[stop] - sums[first])


def _series(at: Index, weight_ns: Times, harm: Index) -> Series:
    is_known = weight_ns > 0
    mean = np.maximum(harm[is_known], 1) / (weight_ns[is_known] / STEP_NS)
    mkt_c = np.clip(ACTIVATION_K / (AT_25_DEGC - np.log(mean)) - KELVIN, LEAST_DEGC, MOST_DEGC)
    return Series(mkt_c.astype(np.float32), at[is_known])
