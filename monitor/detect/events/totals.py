"""What the shock events of one accelerometer add up to under one rule: a count within a window, or a dose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from monitor.detect.kernels.buckets import BUCKETS, width_ns
from monitor.model.limit import ShockRule


@dataclass(slots=True)
class Tally:
    """State of one lane: the events of an accelerometer under a rule that counts them or adds up their dose.

    `since_ns` begins the stretch of time in which the rule watches; `amount` is the count in the window that ends
    with bucket `newest`, or the dose; `counts` holds the window's buckets by number modulo 60 (empty for a dose).
    `start_ns` and `peak` are those of the exceedance, `last_ns`, `pos`, `boot`, `seq` of the last event; `tick_ns` is
    when the first tick behind that came, 0 before.
    """

    since_ns: int
    amount: float = 0.0
    newest: int = 0
    counts: list[int] = field(default_factory=list)
    is_firing: bool = False
    start_ns: int = 0
    peak: float = 0.0
    last_ns: int = 0
    pos: int = 0
    boot: int = 0
    seq: int = 0
    tick_ns: int = 0

    def to_list(self) -> list[Any]:
        """The state for `from_list`, plain numbers and one list."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def from_list(cls, values: list[Any]) -> Self:
        """What `to_list` gave; TypeError or ValueError when it is not that."""
        tally = cls(*values)
        if len(tally.counts) not in (0, BUCKETS):
            raise ValueError(f"expected {BUCKETS} buckets or none, got {len(tally.counts)}")
        return tally


class Moment(NamedTuple):
    """A time, ns UTC, and the amount then."""

    time_ns: int
    amount: float


@dataclass(frozen=True, slots=True)
class Meter:
    """A rule's arithmetic; `limit` is what the amount must not exceed."""

    limit: float
    bucket_ns: int = 0  # 0: a dose, which nothing leaves
    ref_g: float = 1.0
    exponent: float = 1.0

    @property
    def name(self) -> str:
        """The field of measurement `exposure` that the amount is."""
        return "count" if self.bucket_ns else "dose"

    def begin(self, since_ns: int, time_ns: int) -> Tally:
        """An empty tally of a lane whose first event is at `time_ns`."""
        if not self.bucket_ns:
            return Tally(since_ns)
        return Tally(since_ns, newest=time_ns // self.bucket_ns, counts=[0] * BUCKETS)

    def is_before(self, tally: Tally, time_ns: int) -> bool:
        """Whether an event lies before the window: a clock was set back, and what is in the window is no guide."""
        return bool(self.bucket_ns) and time_ns // self.bucket_ns <= tally.newest - BUCKETS

    def move(self, tally: Tally, time_ns: int) -> Moment | None:
        """Let the window end with `time_ns`; buckets that leave it are taken off, oldest first.

        A count falls when the window's last bucket begins; None when it did not come down to the limit.
        """
        if not self.bucket_ns:
            return None
        newest, bucket = tally.newest, time_ns // self.bucket_ns
        fall = None
        for step in range(newest + 1, min(bucket, newest + BUCKETS) + 1):
            left = tally.counts[step % BUCKETS]
            tally.counts[step % BUCKETS] = 0
            if tally.amount > self.limit >= tally.amount - left:
                fall = Moment(step * self.bucket_ns, tally.amount - left)
            tally.amount -= left
        tally.newest = max(newest, bucket)
        return fall

    def add(self, tally: Tally, time_ns: int, size_g: float) -> None:
        """Take an event that weighs, its time within the window; a dose is a float64 sum in the order of the events."""
        if self.bucket_ns:
            tally.counts[time_ns // self.bucket_ns % BUCKETS] += 1
            tally.amount += 1
            return
        with np.errstate(over="ignore"):  # an absurd peak makes the dose infinite
            tally.amount += float(np.power(np.float64(size_g) / self.ref_g, self.exponent))


def meter_of(rule: ShockRule) -> Meter | None:
    """How the rule adds up events, None for one that judges each event by itself."""
    if rule.count is not None:
        assert rule.within_s is not None  # the rule's own check requires it with `count`
        return Meter(rule.limit, width_ns(rule.within_s))
    if rule.dose is not None:
        assert rule.ref_g is not None and rule.exponent is not None  # as above, with `dose`
        return Meter(rule.limit, ref_g=rule.ref_g, exponent=rule.exponent)
    return None
