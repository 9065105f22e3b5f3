"""A write of the store under way: what it sends, when it is tried again, how it is split."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np

from monitor.consumers.store_book import Refusal
from monitor.consumers.touched import Touched
from monitor.model.batch import Points, Table
from monitor.model.errors import SinkError

# A server that is back is used again within 4 s; meanwhile it is asked but once in 2 s, and less when it says so.
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.5, 4.0

Spans = dict[tuple[str, tuple[tuple[str, str], ...]], tuple[int, int]]


@dataclass(slots=True, eq=False)
class Write:
    """Points under way, how to send them, and the cursor that may pass once that is confirmed.

    `send` runs in a thread of the pool; without it there is nothing to send. `upto` is None where it is not all of its
    records. Of a body that was split, `points` is the piece under way and `rest` those still to be sent, the next one
    last. `refusals` is what the store has refused of it. `spans` are first and last time of each series, where others
    of its source may be under way with it. `touched` is what the copy will lack of it. `error` is why it has to be sent
    again.
    """

    source: str
    upto: int | None
    points: Sequence[Points | Table] = ()
    send: Callable[[], None] | None = None
    future: Future[None] | None = None
    retry_at_ns: int = 0
    attempts: int = 0
    received_ns: int = 0
    sent_ns: int = 0
    spans: Spans = field(default_factory=dict)
    touched: Touched = field(default_factory=dict)
    rest: list[Sequence[Points | Table]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    error: SinkError | None = None
    confirmed_points: int = 0
    is_confirmed: bool = False

    def meets(self, other: Write) -> bool:
        """Whether both may hold points of one series and time."""
        return any(
            key in other.spans and first_ns <= other.spans[key][1] and last_ns >= other.spans[key][0]
            for key, (first_ns, last_ns) in self.spans.items()
        )


def delay_s(attempts: int, error: SinkError) -> float:
    """Full jitter: anything up to a bound that doubles, and not before the server asked for it."""
    bound_s = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(attempts, 10))
    return max(random.uniform(0, bound_s), getattr(error, "retry_after_s", None) or 0.0)


def spans_of(points: Sequence[Points]) -> Spans:
    """First and last time of each series, ns UTC."""
    filled = [one for one in points if len(one.times_ns)]
    if not filled:
        return {}
    counts = np.array([len(one.times_ns) for one in filled])
    times_ns, starts = np.concatenate([one.times_ns for one in filled]), np.cumsum(counts) - counts
    firsts, lasts = np.minimum.reduceat(times_ns, starts).tolist(), np.maximum.reduceat(times_ns, starts).tolist()
    spans: Spans = {}
    for one, first_ns, last_ns in zip(filled, firsts, lasts, strict=True):
        key = one.measurement, one.tags
        before = spans.get(key, (first_ns, last_ns))
        spans[key] = min(before[0], first_ns), max(before[1], last_ns)
    return spans


def halves(points: list[Points | Table]) -> tuple[list[Points | Table], list[Points | Table]]:
    """Two halves of a body; the second is empty when there is but one point."""
    if len(points) > 1:
        middle = len(points) // 2
        return points[:middle], points[middle:]
    only = points[0]
    middle = len(only.times_ns) // 2
    if middle == 0:
        return points, []
    return [_rows(only, slice(0, middle))], [_rows(only, slice(middle, None))]


def _rows(points: Points | Table, rows: slice) -> Points | Table:
    if isinstance(points, Table):
        return points.take(np.arange(len(points.times_ns))[rows])
    return replace(
        points, times_ns=points.times_ns[rows], fields={name: column[rows] for name, column in points.fields.items()}
    )
