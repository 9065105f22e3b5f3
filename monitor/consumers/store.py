"""Store: writes the journal's readings and watch's results to the sink, each confirmed before its cursor passes it."""

from __future__ import annotations

import functools
import itertools
import logging
import re
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor.consumers.points import alert_points, record_points
from monitor.consumers.watch import WatchReader
from monitor.consumers.writes import Write, delay_s, halves, spans_of
from monitor.journal import JournalReader, Place
from monitor.journal.schema import Checkpoint, open_for_writing, write_failure
from monitor.model.batch import Points, Table
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.condition import GATEWAY, STORE_HELD, Condition
from monitor.model.errors import SinkError
from monitor.sinks.sink import Held, RefusedLines, Sink, TooLarge

MAX_IN_FLIGHT = 2  # measured: two connections carry half as much again as one, a third nothing more
MAX_BATCH_RECORDS = 250  # of blocks of 60 readings: 15 000 lines, about 1.5 MB
MAX_BATCH_BYTES = 512 << 10  # of payload; 87 000 samples of events become 7 MB of lines, 13 times as much
MAX_BATCH_TRANSITIONS = 1_000
MAX_RESULT_BYTES = 512 << 10  # of JSON: about 9 000 points, 1.3 MB of lines
SLOW_S = 30.0  # three time-outs: a server that drips its answer never runs into one
# A body whose outcome was unknown may still lie with the server when a second try of it is confirmed. What could meet
# it there waits so long: a server that answers again has read what came before within a moment.
LATE_NS = 5 * NS_PER_S
STORE_TABLES = """
CREATE TABLE IF NOT EXISTS cursors(name TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refused(
    n INTEGER PRIMARY KEY AUTOINCREMENT, measurement TEXT NOT NULL, tags TEXT NOT NULL, key INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, points INTEGER NOT NULL, reason TEXT NOT NULL, UNIQUE(measurement, tags, key, time_ns));
"""
STORE_VERSION = 2
# In version 1 a row was one point, also where a whole body was past the server's retention; of which series, none said.
STORE_MIGRATIONS = {
    1: f"""
ALTER TABLE refused RENAME TO refused_before;
{STORE_TABLES}
INSERT INTO refused SELECT n, measurement, '', key, time_ns, 1, reason FROM refused_before;
DROP TABLE refused_before;
"""
}
# InfluxDB dropped so many points and wrote the others: "partial write: points beyond retention policy dropped=5".
PAST_RETENTION = re.compile(r"beyond retention policy.*dropped=(\d+)")
SOURCES = ("journal", "judged", "transitions")  # the numbers of `results`, of earlier versions, were others

log = logging.getLogger(__name__)


class Store:
    """One `step`: collect confirmations, then fill the free places in flight from the three sources.

    Bodies are made in order; a cursor passes a body once that and all before it are confirmed. Which of two bodies
    under way comes first is for the server to decide, so they never hold points of one series and time: of alerts and
    of results there is one at a time, and readings of times that are under way wait.
    """

    def __init__(
        self,
        state_dir: Path,
        journal: JournalReader,
        results: WatchReader,
        sink: Sink,
        executor: Executor,
        clock: Clock,
    ) -> None:
        self._journal, self._watch, self._sink, self._executor, self._clock = journal, results, sink, executor, clock
        self._path = state_dir / "store.db"
        self._connection = open_for_writing(
            self._path,
            STORE_TABLES,
            can_fall_back=True,
            version=STORE_VERSION,
            migrations=STORE_MIGRATIONS,
        )
        self._checkpoint = Checkpoint(self._connection)
        saved = dict(self._connection.execute("SELECT name, n FROM cursors").fetchall())
        self.confirmed: dict[str, int] = {source: saved.get(source, 0) for source in SOURCES}
        self._place = Place(self.confirmed["journal"])
        self._transitions_read = self.confirmed["transitions"]
        self._results_read = self._results_confirmed = results.results.before(self.confirmed["judged"])
        self._ready: Write | None = (
            None  # the next readings: made while others are under way, so that none waits for it
        )
        self._confirmed_late: list[tuple[int, Write]] = []  # until when others that meet it have to wait
        # First of all the store is opened; until it answers nothing is read.
        self._flying: deque[Write] = deque([Write("journal", self._place.pos, [], sink.open)])
        self._problem = "not opened yet"
        self._held = ""
        self._waiting_since_ns: int | None = None
        self.points = 0
        self.on_confirmed: Callable[[], None] = _nobody
        self.last_received_ns = 0

    @property
    def pos(self) -> int:
        """Position up to which the journal's records are confirmed."""
        return self.confirmed["journal"]

    @property
    def problem(self) -> str:
        """What keeps the store from taking what it is sent, "" for nothing."""
        since_ns = self._waiting_since_ns
        waited_s = 0.0 if since_ns is None else (self._clock.mono_ns() - since_ns) / NS_PER_S
        return self._problem or (f"no answer for {waited_s:.0f} s" if waited_s > SLOW_S else "")

    def conditions(self) -> list[Condition]:
        """That nothing is stored until an operator acts (token, permission, database), while that is so."""
        held = self._held
        return [Condition(STORE_HELD, GATEWAY, GATEWAY, held)] if held else []

    @property
    def is_caught_up(self) -> bool:
        """Whether everything in the journal and in watch's file is confirmed."""
        heads = (self._journal.head()[0], self._watch.book.last_transition())
        is_passed = (self.confirmed["journal"], self.confirmed["transitions"]) == heads
        return is_passed and not self._watch.results.has_after(self._results_confirmed)

    def step(self) -> bool:
        """Do what can be done without waiting; False when nothing could."""
        collected = self._collect()
        self._send_due()
        did = self._read_more() or collected
        if not did:
            self._fold()
        self._waiting_since_ns = self._flying[0].sent_ns if self._flying else None
        return did

    def cut(self) -> None:
        """End the writes under way, so that nobody waits for a slow server when the daemon ends."""
        self._sink.cut()

    def close(self) -> None:
        """Give files and connections back; what is not confirmed is sent again at the next start."""
        self._connection.close()
        self._sink.close()

    def _read_more(self) -> bool:
        did = False
        while len(self._flying) < MAX_IN_FLIGHT:
            write = self._next()
            if write is None:
                break
            self._flying.append(write)
            self._submit(write)
            did = True
        if self._ready is None:
            self._ready = self._read_readings()
            did = did or self._ready is not None
        return did

    def _next(self) -> Write | None:
        """The next body: alerts before results before readings, so that a backlog of readings delays no alert."""
        sources = {write.source for write in self._flying}
        write = None if "transitions" in sources else self._next_alerts()
        if write is None and "judged" not in sources:
            write = self._next_results()
        return write or self._next_readings()

    def _next_alerts(self) -> Write | None:
        transitions = self._watch.book.transitions(self._transitions_read, MAX_BATCH_TRANSITIONS)
        if not transitions:
            return None
        points = [alert_points(n, at_ns, alert) for n, at_ns, alert in transitions]
        write = self._write("transitions", transitions[-1][0], points)
        self._transitions_read = transitions[-1][0]
        return write

    def _next_results(self) -> Write | None:
        rows = self._watch.results.after(self._results_read, MAX_RESULT_BYTES)
        if not rows or (rows[0].is_again and any(late.source == "judged" for late in self._late())):
            return None
        told = [row.upto for row in rows if row.upto is not None]
        write = self._write("judged", told[-1] if told else None, [table for row in rows for table in row.tables])
        self._results_read = rows[-1].number
        return write

    def _next_readings(self) -> Write | None:
        """The next readings; those that meet others under way wait until these are confirmed."""
        write = self._ready or self._read_readings()
        others = [*self._flying, *self._late()] if write is not None else []
        is_free = write is None or not any(write.meets(other) for other in others)
        self._ready = None if is_free else write
        return write if is_free else None

    def _read_readings(self) -> Write | None:
        records, reached = self._journal.read(self._place, MAX_BATCH_RECORDS, MAX_BATCH_BYTES)
        if reached == self._place:
            return None
        points = [made for record in records for made in record_points(record, self._journal)]
        write = self._write("journal", reached.pos, points, records[-1].received_ns if records else 0)
        write.spans = spans_of(points)
        self._place = reached
        return write

    def _late(self) -> list[Write]:
        """Confirmed bodies of which an earlier try may still be on its way."""
        now_ns = self._clock.mono_ns()
        self._confirmed_late = [(until_ns, write) for until_ns, write in self._confirmed_late if until_ns > now_ns]
        return [write for _, write in self._confirmed_late]

    def _write(self, source: str, upto: int | None, points: Sequence[Points | Table], received_ns: int = 0) -> Write:
        return Write(source, upto, points, self._sending(points), received_ns=received_ns)

    def _sending(self, points: Sequence[Points | Table]) -> Callable[[], None] | None:
        """Make the body, once: every try sends the same. Points that no store can hold are refused one by one."""
        if not points:
            return None
        try:
            return functools.partial(self._sink.write, self._sink.prepare(points))
        except RefusedLines as error:
            if len(points) > 1:
                return self._sending([one for one in points if self._sending([one]) is not None])
            only = points[0]
            if isinstance(only, Table) and len(only.times_ns) > 1:
                return self._sending(list(only.split()))
            self._refuse(only, error, len(only.times_ns))
            return None

    def _submit(self, write: Write) -> None:
        write.sent_ns = self._clock.mono_ns()
        if write.send is None:
            write.future = Future()
            write.future.set_result(None)
        else:
            write.future = self._executor.submit(write.send)
            write.future.add_done_callback(lambda _: self.on_confirmed())

    def _send_due(self) -> None:
        for write in self._flying:
            if write.future is None and self._clock.mono_ns() >= write.retry_at_ns:
                self._submit(write)

    def _collect(self) -> bool:
        """Pass the cursors over confirmed bodies, oldest first; put failed ones up for another try."""
        ended = [(write, write.future) for write in self._flying if write.future is not None and write.future.done()]
        failed = [(write, error) for write, future in ended if (error := future.exception()) is not None]
        confirmed = [write for write, future in ended if future.exception() is None]
        # What ends meanwhile is looked at in the next step.
        passed = list(itertools.takewhile(lambda write: write in confirmed, self._flying))
        self._save({write.source: write.upto for write in passed if write.upto is not None})
        for write in passed:
            self._flying.popleft()
            self.points += sum(len(points.times_ns) for points in write.points)
            self.last_received_ns = write.received_ns or self.last_received_ns
            if write.attempts:
                log.info("store answers again")
                late = Write(write.source, None, [], None, spans=write.spans)
                self._confirmed_late.append((self._clock.mono_ns() + LATE_NS, late))
            self._problem = self._held = ""
        if not any(write.source == "judged" for write in self._flying):
            self._results_confirmed = self._results_read
        for write, error in failed:
            self._handle(write, error)
        return bool(failed or passed)

    def _save(self, cursors: dict[str, int]) -> None:
        """Cursors that passed something; with DiskFull none has."""
        if not cursors:
            return
        self._execute("INSERT OR REPLACE INTO cursors VALUES(?, ?)", list(cursors.items()))
        self.confirmed = self.confirmed | cursors
        self._checkpoint.committed()

    def _fold(self) -> None:
        try:
            self._checkpoint.idle()
        except sqlite3.Error as error:
            raise write_failure("store", self._path, error) from None

    def _execute(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows in one transaction; raises DiskFull, after which nothing was written, or JournalError."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise write_failure("store", self._path, error) from None

    def _handle(self, write: Write, error: BaseException) -> None:
        if isinstance(error, RefusedLines) and sum(len(one.times_ns) for one in write.points) <= _dropped(error):
            for points in write.points:
                for one in points.split() if isinstance(points, Table) else (points,):
                    self._refuse(one, error, len(one.times_ns))
            write.points, write.send = [], None
            self._submit(write)
            return
        if isinstance(error, RefusedLines | TooLarge):
            self._split(write, error)
            return
        if not isinstance(error, SinkError):
            raise error
        write.future = None
        write.attempts += 1
        write.retry_at_ns = self._clock.mono_ns() + round(delay_s(write.attempts, error) * NS_PER_S)
        if self._problem != str(error):
            log.warning("%s; trying again, nothing is lost", error)
        self._problem = str(error)
        self._held = str(error) if isinstance(error, Held) else ""

    def _split(self, write: Write, error: SinkError) -> None:
        """Send halves of what the server does not take; a single point that it refuses goes to table `refused`."""
        first, second = halves(list(write.points))
        if second:
            pieces = [
                replace(write, upto=upto, points=half, send=self._sending(half), future=None)
                for upto, half in ((None, first), (write.upto, second))
            ]
        else:
            self._refuse(first[0], error)
            pieces = [replace(write, points=[], send=None, future=None)]
        index = self._flying.index(write)
        self._flying.remove(write)
        for piece in reversed(pieces):
            self._flying.insert(index, piece)

    def _refuse(self, points: Points | Table, error: SinkError, count: int = 1) -> None:
        """Note the first `count` points as refused."""
        log.error("store refuses %d points of %s (record %d): %s", count, points.measurement, points.key, error)
        tags = points.tags if isinstance(points, Points) else points.series[int(points.of[0])]
        row = (points.measurement, tags_text(tags), points.key, int(points.times_ns[0]), count, str(error)[:500])
        self._execute(
            "INSERT OR IGNORE INTO refused(measurement, tags, key, time_ns, points, reason) VALUES(?, ?, ?, ?, ?, ?)",
            [row],
        )


def tags_text(tags: tuple[tuple[str, str], ...]) -> str:
    """Tags as they stand in table `refused`: `container=C-101,logger=L-01`."""
    return ",".join(f"{name}={value}" for name, value in tags)


def _dropped(error: RefusedLines) -> int:
    """How many points the server dropped as past its retention; 0 where it refused them for another reason."""
    found = PAST_RETENTION.search(str(error))
    return int(found[1]) if found else 0


def _nobody() -> None:
    """Nobody waits for a confirmation."""
