"""The minutes of a logger on their way from a store to its down-sampled copy: read in stretches, written in bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from monitor.consumers.bodies import PAST_RETENTION
from monitor.consumers.touched import Series
from monitor.consumers.writes import halves
from monitor.model.batch import Points, Table
from monitor.model.clock import MINUTE_NS
from monitor.sinks.sink import RefusedLines, Sink, TooLarge

STRETCH_NS = 24 * 60 * MINUTE_NS  # read at once: 1440 minutes of 60 fields are 2 MB of JSON


class Minutes(Protocol):
    """A store that can say what its minutes come to."""

    def minutes(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> Points | None:
        """The minutes of a logger, `from_ns` <= time < `to_ns`, None without readings; raises SinkError."""

    def next_ns(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> int | None:
        """The time of its first point, `from_ns` <= time < `to_ns`, None without any; raises SinkError."""

    def cut(self) -> None:
        """End what is under way."""

    def close(self) -> None:
        """Release connections."""


class Stretch(NamedTuple):
    """What the minutes of a series come to, `from_ns` <= time < `to_ns`."""

    from_ns: int
    to_ns: int
    points: Points


def stretches(raw: Minutes, series: Series, from_ns: int, to_ns: int) -> Iterator[Stretch]:
    """All minutes of a series (measurement, container, logger) of a time, of at most a day each; holes are skipped."""
    while from_ns < to_ns:
        end_ns = min(from_ns + STRETCH_NS, to_ns)
        points = raw.minutes(*series, from_ns, end_ns)
        if points is not None:
            yield Stretch(from_ns, end_ns, points)
            from_ns = end_ns
        elif end_ns == to_ns or (next_ns := raw.next_ns(*series, end_ns, to_ns)) is None:
            return
        else:
            from_ns = next_ns // MINUTE_NS * MINUTE_NS


def write_minutes(copy: Sink, points: list[Points | Table]) -> None:
    """Write to the copy, in halves where the server takes no larger body; it drops what is past its retention.

    RefusedLines or TooLarge for what it takes in no form, other SinkErrors for what may be sent again.
    """
    try:
        copy.write(copy.prepare(points))
    except TooLarge:
        first, second = halves(points)
        if not second:
            raise
        write_minutes(copy, first)
        write_minutes(copy, second)
    except RefusedLines as error:
        if not PAST_RETENTION.search(error.cause):
            raise
