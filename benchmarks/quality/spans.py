"""Where in a series a rule MUST and where it MAY have been exceeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.arrays import F64, Mask, runs_of
from benchmarks.quality.limits import Limit
from benchmarks.quality.truth import LoggerTruth


@dataclass(frozen=True)
class Series:
    """A rule's value at one logger, mirrored where beyond is below: `low` and `high` [n] on the truth's grid.

    `hold_s` must pass beyond the level before an exceedance MUST be seen. At points that are not `is_known` nothing
    can be asked of the monitor; at `is_excluded` ones nothing can be held against it either. Where a `key` changes the
    rule begins anew.
    """

    rule: Limit
    channel: str
    low: F64
    high: F64
    level: float
    clear: float
    hold_s: float
    is_known: Mask
    is_excluded: Mask
    is_watched: Mask
    key: NDArray[np.int32]


class Spans(NamedTuple):
    """In s since the start: [begin, end] of what MUST, [begin, end] of what MAY be found."""

    must: list[tuple[float, float]]
    may: list[tuple[float, float]]


def spans_of(logger: LoggerTruth, series: Series) -> Spans:
    """The stretches of a series; those of MAY last until the truth may have cleared, and an interval more."""
    step_s, interval_s = logger.step_s, logger.interval_s
    certain = (series.low > series.level) & series.is_known & series.is_watched & ~series.is_excluded
    runs = runs_of(certain, logger.stretch, series.key) * step_s
    must = [(begin, end) for begin, end in runs.tolist() if end - begin >= series.hold_s + 2 * interval_s]
    held = (series.high > min(series.clear, series.level)) & series.is_watched
    beyond = (series.high > series.level) & series.is_watched
    may = []
    for first, last in runs_of(held).tolist():
        inside = np.flatnonzero(beyond[first : last + 1])
        if inside.size:
            may.append(((first + int(inside[0])) * step_s, last * step_s + interval_s))
    return Spans(must, may)
