"""Time: int64 ns UTC inside, RFC 3339 with Z outside, and the clocks that parts are given."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

NS_PER_S = 1_000_000_000
MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 60 * MINUTE_NS


class Clock(Protocol):
    """What a part knows of time; a replay, the demo and a simulation bring their own."""

    def now_ns(self) -> int:
        """Calendar time, ns UTC; may step."""

    def mono_ns(self) -> int:
        """Steady time in ns from an arbitrary origin; never steps back."""


class SystemClock:
    """The machine's clocks."""

    def now_ns(self) -> int:
        """Calendar time, ns UTC."""
        return time.time_ns()

    def mono_ns(self) -> int:
        """Steady time, ns."""
        return time.monotonic_ns()


class AcceleratedClock:
    """A clock that runs `speed` times as fast as the machine's, both readings alike.

    At the machine's time `real_start_s` (seconds UTC) it reads `start_ns`.
    """

    def __init__(self, start_ns: int, speed: float, real_start_s: float) -> None:
        self._start_ns, self._speed = start_ns, speed
        self._mono_origin_s = time.monotonic() - (time.time() - real_start_s)

    def now_ns(self) -> int:
        """Calendar time of the accelerated world, ns UTC."""
        return self._start_ns + self.mono_ns()

    def mono_ns(self) -> int:
        """Accelerated ns since `real_start_s`."""
        return int((time.monotonic() - self._mono_origin_s) * self._speed * NS_PER_S)


def rfc3339(time_ns: int) -> str:
    """Format ns UTC as RFC 3339 with Z; as many fractional digits (0, 3, 6, 9) as the value needs."""
    seconds, fraction = divmod(time_ns, NS_PER_S)
    text = _whole_second(seconds)
    if fraction == 0:
        return f"{text}Z"
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}Z"


@lru_cache(maxsize=1024)  # the alerts of a storm share their seconds, and each names five of them
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def parse_rfc3339(text: str) -> int:
    """Read an RFC 3339 time with zone to ns UTC (microseconds count); ValueError when it has no zone or is no time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; end it with Z")
    return datetime_ns(moment)


def datetime_ns(moment: datetime) -> int:
    """Exact ns UTC of an aware datetime (floats would lose microseconds)."""
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * NS_PER_S + delta.microseconds * 1_000
