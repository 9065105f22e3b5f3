"""A write of the store under way: what it sends, when it is tried again, how it is split."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from monitor.model.batch import Points
from monitor.model.errors import SinkError

BACKOFF_MIN_S, BACKOFF_MAX_S = 0.5, 30.0


@dataclass(slots=True, eq=False)
class Write:
    """Points under way, how to send them, and the cursor that may pass once that is confirmed.

    `send` runs in a thread of the pool; without it there is nothing to send. `upto` is None for the earlier parts of
    what had to be split: only the last may move the cursor.
    """

    source: str
    upto: int | None
    points: Sequence[Points]
    send: Callable[[], None] | None
    future: Future[None] | None = None
    retry_at_ns: int = 0
    attempts: int = 0
    received_ns: int = 0
    sent_s: float = 0.0


def delay_s(attempts: int, error: SinkError) -> float:
    """Full jitter: anything up to a bound that doubles, and not before the server asked for it."""
    bound_s = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(attempts, 10))
    return max(random.uniform(0, bound_s), getattr(error, "retry_after_s", None) or 0.0)


def halves(points: list[Points]) -> tuple[list[Points], list[Points]]:
    """Two halves of a body; the second is empty when there is but one point."""
    if len(points) > 1:
        middle = len(points) // 2
        return points[:middle], points[middle:]
    only = points[0]
    middle = len(only.times_ns) // 2
    if middle == 0:
        return points, []
    return [_rows(only, slice(0, middle))], [_rows(only, slice(middle, None))]


def _rows(points: Points, rows: slice) -> Points:
    return replace(
        points, times_ns=points.times_ns[rows], fields={name: column[rows] for name, column in points.fields.items()}
    )
