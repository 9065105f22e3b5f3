"""Readings of one channel as they are told: a bounded number of points in which every peak is left."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.model.alert import in_json
from monitor.model.clock import rfc3339
from monitor.model.single import number

Times = NDArray[np.int64]
Values = NDArray[np.float32] | NDArray[np.float64]


class Series(NamedTuple):
    """Readings of a channel in order of time: `times_ns` int64 [n], `values` [n] in `unit`, NaN where there is none.

    `limit` is the level to hold them against, None where the limit is of something else.
    """

    logger: str
    channel: str
    unit: str
    times_ns: Times
    values: Values
    limit: float | None = None

    def document(self, points: int) -> dict[str, Any]:
        """The series as JSON, thinned to at most `points`; `count` is how many readings it was made of."""
        rows = thin(self.times_ns, self.values, points)
        return {
            "logger": self.logger,
            "channel": self.channel,
            "unit": self.unit,
            "limit": self.limit,
            "count": len(self.times_ns),
            "times": [rfc3339(time_ns) for time_ns in self.times_ns[rows].tolist()],
            "values": [number(in_json(value)) for value in self.values[rows].tolist()],
        }


def thin(times_ns: Times, values: Values, points: int) -> NDArray[np.int64]:
    """Which of n readings in order of time to keep, int64 [at most `points`, which is 2 or more]: all, if so few.

    Else of each of `points` / 2 equal spans of time the least and the largest; of a span of NaN only its first reading.
    """
    if len(times_ns) <= points:
        return np.arange(len(times_ns))
    span_ns = int(times_ns[-1]) - int(times_ns[0])
    of = (times_ns - times_ns[0]) // (span_ns // (points // 2) + 1)
    starts = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
    ends = np.append(starts[1:], len(of)) - 1
    by_least = np.lexsort((values, of))  # NaN stands last
    by_largest = np.lexsort((np.where(np.isnan(values), -np.inf, values), of))
    return np.unique(np.concatenate((by_least[starts], by_largest[ends])))
