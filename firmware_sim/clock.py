"""Virtual time, and times and durations as people write them."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

NS_PER_S = 1_000_000_000
UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
MAX_DURATION_S = 3 * 366 * 86400.0  # three years, of anything; what is added up from two of them stays below ten
FIRST_TIME = datetime(1990, 1, 1, tzinfo=UTC)
LAST_TIME = datetime(2200, 1, 1, tzinfo=UTC)  # ns in 64 bits end in 2262


@dataclass(frozen=True, slots=True)
class VirtualClock:
    """A clock that showed `start_ns` when the wall clock showed `real_start_s`, and runs `speed` times as fast.

    Two programs given the same three numbers agree on the time without talking to each other.

    start_ns: ns UTC. real_start_s: Unix seconds. wall_s: source of Unix seconds, another one only in tests.
    """

    start_ns: int
    speed: float = 1.0
    real_start_s: float = 0.0
    wall_s: Callable[[], float] = time.time

    def now_ns(self) -> int:
        """Return the virtual time in ns UTC."""
        return self.start_ns + round((self.wall_s() - self.real_start_s) * self.speed * NS_PER_S)

    def error_ns(self, told_ns: int) -> int:
        """Return by how much a time that is told now (ns UTC) is wrong, positive when it is ahead.

        Nobody says by which clock it was read: whoever tells it lives under this one, as in a demonstration, or under
        the wall clock, as a monitor elsewhere does. It is the one that it is nearer to. What it is wrong by is not
        multiplied by the speed: ten milliseconds on the way are ten milliseconds.
        """
        return min(told_ns - self.now_ns(), told_ns - round(self.wall_s() * NS_PER_S), key=abs)


def parse_duration_s(text: str) -> float:
    """Return the seconds in a text such as "60 s", "10min", "1.5 h"; raise ValueError that says what is expected."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)\s*", text)
    if match is None:
        raise ValueError(f'expected a duration such as "60 s", "10 min" or "4 h", got {text!r:.60}')
    duration_s = float(match[1]) * UNITS_S[match[2]]
    if duration_s > MAX_DURATION_S:
        raise ValueError(f"expected a duration of at most {MAX_DURATION_S / 86400:.0f} d, got {text!r:.60}")
    return duration_s


def parse_time_ns(text: str) -> int:
    """Return ns UTC of "now" or of an RFC 3339 time with its zone; raise ValueError that says what is expected."""
    if text == "now":
        return time.time_ns()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f'expected "now" or a time with its zone such as "2026-11-23T06:00:00Z", got {text!r:.60}')
    check_time(moment)
    return to_ns(moment)


def check_time(moment: datetime) -> None:
    """Raise ValueError for an aware time that nothing here happens at."""
    if not FIRST_TIME <= moment <= LAST_TIME:
        raise ValueError(f"expected a time from {FIRST_TIME.year} to {LAST_TIME.year}, got {moment.isoformat()}")


def to_ns(moment: datetime) -> int:
    """Return ns UTC of an aware datetime, exactly (a float of seconds would lose the last 100 ns)."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * NS_PER_S + since.microseconds * 1000


def rfc3339(time_ns: int) -> str:
    """Return ns UTC as RFC 3339 text with milliseconds and Z."""
    moment = datetime.fromtimestamp(time_ns // NS_PER_S, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % NS_PER_S // 1_000_000:03d}Z"
