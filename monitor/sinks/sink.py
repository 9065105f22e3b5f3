"""What every store offers, and the ways in which a write can fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.model.batch import Points, Table
from monitor.model.errors import SinkError
from monitor.sinks.stored import Columns

ENV = "env"  # the measurement of the readings, read back by default


class RefusedLines(SinkError):  # noqa: N818 - named for what to do next; SinkError is the base
    """The store holds at least one of these points to be wrong: bisect, quarantine the point, go on."""

    def __init__(self, operation: str, place: str, cause: str) -> None:
        super().__init__(operation, place, cause, retryable=False, hint="send halves to find the point, quarantine it")


class TooLarge(SinkError):  # noqa: N818 - named for what to do next; SinkError is the base
    """The body is larger than the store takes: send its halves."""

    def __init__(self, operation: str, place: str, cause: str) -> None:
        super().__init__(operation, place, cause, retryable=False, hint="send halves")


class Held(SinkError):  # noqa: N818 - named for what to do next; SinkError is the base
    """Nothing can be written until an operator acts: keep everything, raise an alarm, try again now and then.

    `status` is that of a server's answer, 0 without one.
    """

    def __init__(self, operation: str, place: str, cause: str, hint: str, status: int = 0) -> None:
        self.status = status
        super().__init__(operation, place, cause, retryable=True, hint=hint)


class Unavailable(SinkError):  # noqa: N818 - named for what to do next; SinkError is the base
    """The store is down or overloaded and the outcome unknown: send the identical body again, later.

    `retry_after_s` is how long the store asked to be left alone, None when it said nothing.
    """

    def __init__(
        self, operation: str, place: str, cause: str, hint: str = "", retry_after_s: float | None = None
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(operation, place, cause, retryable=True, hint=hint)


class Sink(Protocol):
    """A store of points. Writing the same points twice changes nothing."""

    name: str
    target: str  # which store it is, in words that say nothing secret: another one has to be filled anew
    is_keyed: bool  # points of a series and key take the place of all that was written of these before

    def prepare(self, points: Sequence[Points | Table]) -> Any:
        """Turn points into a body ready to be sent; no I/O, the same points give an equal body.

        All points of one series and key belong into one call: the next call with that key replaces them.
        NaN and infinities are left out. Raises RefusedLines for points that no store can hold.
        """

    def write(self, body: Any) -> None:
        """Send a body; returns when the store has confirmed it.

        May be called from two threads at once. Raises a SinkError: RefusedLines, TooLarge, Held or Unavailable.
        """

    def series(
        self, container: str, logger: str, field: str, from_ns: int, to_ns: int, measurement: str = ENV
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Read one field back: times int64 [n] ns UTC in ascending order, `from_ns` <= time < `to_ns`, and float64 [n].

        What was written as float32 may come back as another float64 that rounds to it (`astype(np.float32)` is exact).
        Flags read as 0 and 1; what was never written is empty, not an error. Raises SinkError when the store cannot
        be read, ValueError when the field holds text that is no number.
        """

    def columns(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> tuple[Columns, int]:
        """Read all that a logger has of a measurement, `from_ns` <= time < `to_ns`, or the first page of it.

        With it comes the time before which it is all. Numbers come as float64, see `series`. Raises SinkError.
        """

    def owners(self, measurement: str) -> set[tuple[str, str]]:
        """Container and logger of everything that the store has of a measurement; raises SinkError."""

    def retention_ns(self) -> int | None:
        """How long points are kept, 0 for ever, None where the store does not tell; raises SinkError."""

    def is_there(self) -> bool:
        """Whether there is what could be read, as a database may have yet to be made; raises SinkError."""

    def open(self) -> None:
        """Make ready for the first write; raises SinkError when the store does not answer or cannot be used."""

    def ping(self) -> None:
        """Return when the store answers; raises SinkError when it does not."""

    def try_write(self) -> None:
        """Return when the store would take a write, without writing anything; raises SinkError when it would not."""

    def cut(self) -> None:
        """End the writes under way and those to come, each with Unavailable, where they may last: the daemon ends."""

    def close(self) -> None:
        """Release connections and files; no other call may follow or be under way."""
