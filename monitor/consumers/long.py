"""Long: keeps the down-sampled copy beside the store, minimum, mean and maximum of each field and minute.

What a minute is made of is asked of the server, so a minute that late readings touch is made anew of all that is there.
Nothing else waits for it: what it has not come to stands in `store.db`, and is made after an outage or a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Protocol

from monitor.consumers.bodies import PAST_RETENTION
from monitor.consumers.store_book import STORE_VERSION
from monitor.consumers.touched import TouchedHour, TouchedReader
from monitor.consumers.writes import delay_s, halves
from monitor.model.batch import Points, Table
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.condition import COPY_HELD, GATEWAY, Condition
from monitor.model.errors import SinkError
from monitor.model.progress import Progress
from monitor.sinks.sink import RefusedLines, Sink, TooLarge, Unavailable

PERIOD_S = 20.0  # a minute that readings trickle into is made three times, not at each of them
MAX_HOURS = 100  # read at once; with a reading of 4 fields every 10 s a second of work
MANY = 5  # tries in vain, some 10 s, after which it is told whatever the cause

log = logging.getLogger(__name__)


class Minutes(Protocol):
    """A store that can say what its minutes come to."""

    def minutes(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> Points | None:
        """The minutes of a logger, `from_ns` <= time < `to_ns`, None without readings; raises SinkError."""

    def cut(self) -> None:
        """End what is under way."""

    def close(self) -> None:
        """Release connections."""


class Long:
    """One `step`: see how the hours under way went, else have the next ones brought to the copy.

    `raw` and `copy` have connections of their own, and are used by one thread of `executor` at a time. `pos` is the
    number of the row of table `touched` up to which the copy has all; that thread moves it, hour by hour.
    """

    def __init__(self, state_dir: Path, raw: Minutes, copy: Sink, executor: Executor, clock: Clock) -> None:
        self._raw, self._copy, self._executor, self._clock = raw, copy, executor, clock
        self._touched = TouchedReader(state_dir, STORE_VERSION)
        self._hours: list[TouchedHour] = []  # under way, or to be tried again
        self._future: Future[None] | None = None
        self._due_ns = clock.mono_ns()
        self._attempts, self._is_open = 0, False
        self._error: SinkError | None = None
        self.pos = 0
        self.on_done: Callable[[], None] = _nobody

    @property
    def problem(self) -> str:
        """What keeps the copy from being written, "" for nothing; that a server is away the store says first."""
        error = self._error
        is_told = error is not None and (self._attempts >= MANY or not isinstance(error, Unavailable))
        return str(error) if is_told else ""

    @property
    def progress(self) -> Progress:
        """How far it is, from memory alone; what touched minutes wait for the next look is not work that waits."""
        hours = self._hours
        return Progress(self.pos, hours[-1].n if hours else self.pos)

    def conditions(self) -> list[Condition]:
        """That the copy lacks what is new until an operator acts; a server that is away the store tells of."""
        error = self._error
        if error is None or isinstance(error, Unavailable):
            return []
        return [Condition(COPY_HELD, GATEWAY, GATEWAY, f"the copy for long ranges: {error}")]

    def step(self) -> bool:
        """Do what can be done without waiting; False when nothing could."""
        if self._future is not None:
            return self._future.done() and self._take(self._future)
        if self._clock.mono_ns() < self._due_ns:
            return False
        # Also what has to be tried again is read anew: more may have been touched since.
        self._hours = self._touched.after(self.pos, MAX_HOURS)
        if not self._hours:
            self._wait(PERIOD_S)
            return False
        self._future = self._executor.submit(self._bring, self._hours)
        self._future.add_done_callback(lambda _: self.on_done())
        return True

    def cut(self) -> None:
        """End what is under way: the daemon ends."""
        self._raw.cut()
        self._copy.cut()

    def close(self) -> None:
        """Give the file and the connections back."""
        self._touched.close()
        self._raw.close()
        self._copy.close()

    def _take(self, future: Future[None]) -> bool:
        """Take up how it went."""
        self._future, error = None, future.exception()
        if isinstance(error, SinkError):
            if str(error) != str(self._error):
                log.warning("the copy for long ranges: %s; trying again, nothing is lost", error)
            self._error, self._attempts = error, self._attempts + 1
            self._wait(delay_s(self._attempts, error))
            return True
        if error is not None:
            raise error
        if len(self._hours) < MAX_HOURS:
            self._wait(PERIOD_S)
        self._hours = []
        self._error, self._attempts = None, 0
        return True

    def _wait(self, wait_s: float) -> None:
        self._due_ns = self._clock.mono_ns() + round(wait_s * NS_PER_S)

    def _bring(self, hours: Sequence[TouchedHour]) -> None:
        """Bring the minutes of some hours to the copy, which may hold them already; in a thread of the pool."""
        if not self._is_open:
            self._copy.open()
            self._is_open = True
        for row in hours:
            points = self._raw.minutes(row.measurement, row.container, row.logger, row.from_ns, row.to_ns)
            if points is not None:
                self._write([points])
            self.pos = row.n

    def _write(self, points: list[Points | Table]) -> None:
        """Write points, in halves where the server takes no larger body; it drops what is past its retention."""
        try:
            self._copy.write(self._copy.prepare(points))
        except TooLarge:
            first, second = halves(points)
            if not second:
                raise
            self._write(first)
            self._write(second)
        except RefusedLines as error:
            if not PAST_RETENTION.search(error.cause):
                raise


def _nobody() -> None:
    """Nobody waits for an answer."""
