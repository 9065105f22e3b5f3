"""Long: keeps the down-sampled copy beside the store, minimum, mean and maximum of each field and minute.

What a minute is made of is asked of the server, so a minute that late readings touch is made anew of all that is there.
Nothing else waits for it: what it has not come to stands in `store.db`, and is made after an outage or a restart. An
hour that the server refuses is set aside for a while, and the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import NamedTuple

from monitor.consumers.minutes import Minutes, stretches, write_minutes
from monitor.consumers.store import LATE_NS
from monitor.consumers.store_book import STORE_VERSION
from monitor.consumers.touched import Copied, Series, TouchedHour, TouchedReader
from monitor.consumers.writes import delay_s
from monitor.model.clock import NS_PER_S, Clock, rfc3339
from monitor.model.condition import COPY_HELD, COPY_REFUSED, GATEWAY, Condition
from monitor.model.errors import SinkError
from monitor.model.progress import Progress
from monitor.sinks.sink import Held, RefusedLines, Sink, TooLarge, Unavailable

PERIOD_S = 20.0  # a minute that readings trickle into is made three times, not at each of them
MAX_HOURS = 100  # read at once; with a reading of 4 fields every 10 s a second of work
MANY = 5  # tries in vain, some 10 s, after which it is told whatever the cause
MAX_ASIDE = 1_000  # hours; a field of another type is refused of 12 loggers for two days, until the copy is held
ASIDE_S = 600.0  # until what is set aside is tried again
WHAT_TO_DO = "mend it there; what is refused is tried again every 10 minutes"

log = logging.getLogger(__name__)


class Refused(NamedTuple):
    """An hour that is set aside, and the server's words."""

    row: TouchedHour
    cause: str


class Long:
    """One `step`: see how the hours under way went, else have the next ones brought to the copy.

    `raw` and `copy` have connections of their own, and are used by one thread of `executor` at a time. That thread
    moves what the copy has, hour by hour.
    """

    def __init__(self, state_dir: Path, raw: Minutes, copy: Sink, executor: Executor, clock: Clock) -> None:
        self._raw, self._copy, self._executor, self._clock = raw, copy, executor, clock
        self._touched = TouchedReader(state_dir, STORE_VERSION)
        self._upto = 0  # the number of the row of table `touched` up to which the copy has all that is not set aside
        self._aside: dict[tuple[Series, int], Refused] = {}  # by series and hour
        self._hours: list[TouchedHour] = []  # under way, or to be tried again
        self._future: Future[None] | None = None
        # What a process before this one has sent last may still lie with the server.
        self._due_ns = clock.mono_ns() + LATE_NS
        self._aside_due_ns = 0
        self._attempts, self._is_open = 0, False
        self._error: SinkError | None = None
        self.made = 0  # hours brought to the copy since the start
        self.complete_ns = self._read_ns = 0  # when it had all that was touched (UTC), and when that was read
        self.on_done: Callable[[], None] = lambda: None

    @property
    def copied(self) -> Copied:
        """What the copy has; any thread may ask."""
        upto = self._upto  # first: what is set aside is noted before that passes it
        return Copied(upto, tuple(each.row.n for each in self._aside.copy().values()))

    @property
    def backlog(self) -> int:
        """How many hours the copy lacks, or has not all of; any thread may ask."""
        return self._touched.waiting(self._upto) + len(self._aside)

    @property
    def is_caught_up(self) -> bool:
        """Whether the copy has every minute that was confirmed, but what is set aside; any thread may ask."""
        return self._future is None and not self._hours and not self._touched.waiting(self._upto)

    @property
    def problem(self) -> str:
        """What keeps the copy from being written, "" for nothing; that a server is away the store says first."""
        error = self._error
        is_told = error is not None and (self._attempts >= MANY or not isinstance(error, Unavailable))
        return str(error) if is_told else ""

    @property
    def progress(self) -> Progress:
        """How far it is, from memory alone; what touched minutes wait for the next look is not work that waits."""
        return Progress(self.made, self.made + len(self._hours))

    def conditions(self) -> list[Condition]:
        """What the copy lacks until an operator acts; a server that is away the store tells of. Any thread may ask."""
        error, aside = self._error, list(self._aside.copy().values())
        conditions = []
        if error is not None and not isinstance(error, Unavailable):
            conditions.append(Condition(COPY_HELD, GATEWAY, GATEWAY, f"the copy for long ranges: {error}"))
        if aside:
            row, cause = aside[-1]
            such = f"{row.measurement} of {row.container} {row.logger} from {rfc3339(row.from_ns)}: {cause}"
            lacks = f"the copy for long ranges lacks {len(aside)} h that the server refuses"
            conditions.append(Condition(COPY_REFUSED, GATEWAY, GATEWAY, f"{lacks}, such as {such} ({WHAT_TO_DO})"))
        return conditions

    def step(self) -> bool:
        """Do what can be done without waiting; False when nothing could."""
        if self._future is not None:
            return self._future.done() and self._take(self._future)
        if self._clock.mono_ns() < self._due_ns:
            return False
        self._hours = self._next()
        if not self._hours:
            self._note_complete()
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

    def _next(self) -> list[TouchedHour]:
        """What is set aside when its time has come, else what was touched; that is read anew: it may be more by now."""
        now_ns, aside = self._clock.mono_ns(), self._aside
        is_due = bool(aside) and now_ns >= self._aside_due_ns
        if is_due or not aside:
            self._aside_due_ns = now_ns + round(ASIDE_S * NS_PER_S)
        if is_due:
            return [each.row for each in aside.values()]
        self._read_ns = self._clock.now_ns()
        return self._touched.after(self._upto, MAX_HOURS)

    def _take(self, future: Future[None]) -> bool:
        """Take up how it went."""
        self._future, error = None, future.exception()
        if isinstance(error, SinkError):
            if str(error) != str(self._error):
                log.warning("the copy for long ranges: %s; trying again, nothing is lost", error)
            self._error, self._attempts = error, self._attempts + 1
            # A body whose outcome is unknown may take effect late: it must not do so behind one that was made anew.
            self._wait(max(delay_s(self._attempts, error), LATE_NS / NS_PER_S))
            return True
        if error is not None:
            raise error
        if len(self._hours) < MAX_HOURS:
            self._note_complete()
            self._wait(PERIOD_S)
        self._hours = []
        self._error, self._attempts = None, 0
        return True

    def _note_complete(self) -> None:
        """All that was touched when that was read last is in the copy, but what is set aside."""
        if not self._aside:
            self.complete_ns = self._read_ns

    def _wait(self, wait_s: float) -> None:
        self._due_ns = self._clock.mono_ns() + round(wait_s * NS_PER_S)

    def _bring(self, hours: Sequence[TouchedHour]) -> None:
        """Bring the minutes of some hours to the copy, which may hold them already; in a thread of the pool."""
        if not self._is_open:
            self._copy.open()
            self._is_open = True
        for row in hours:
            cause, key = self._bring_hour(row), (row.series, row.hour)
            if not cause:
                self._aside.pop(key, None)
            elif key in self._aside or len(self._aside) < MAX_ASIDE:
                self._set_aside(key, Refused(row, cause))
            else:
                raise Held("copy", row.container, f"more than {MAX_ASIDE} hours are refused: {cause}", WHAT_TO_DO)
            self._upto = max(self._upto, row.n)

    def _bring_hour(self, row: TouchedHour) -> str:
        """Why the server refuses something of it, "" for nothing."""
        cause = ""
        for stretch in stretches(self._raw, row.series, row.from_ns, row.to_ns):
            try:
                write_minutes(self._copy, [stretch.points])
            except (RefusedLines, TooLarge) as error:
                cause = error.cause
            self.made += 1
        return cause

    def _set_aside(self, key: tuple[Series, int], refused: Refused) -> None:
        """Others go on; it stays in table `touched`, and is tried first of all after a restart."""
        if key not in self._aside:
            log.error("the copy for long ranges: %s of %s %s is refused: %s", *refused.row.series, refused.cause)
        self._aside[key] = refused
