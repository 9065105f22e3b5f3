"""Store: writes the journal's readings and watch's results to the sink, each confirmed before its cursor passes it."""

from __future__ import annotations

import functools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path

from monitor.consumers.points import (
    alert_points,
    anchor_of,
    clock_points,
    env_points,
    placed_ns,
    result_points,
    status_points,
    wave_points,
)
from monitor.consumers.reading import read
from monitor.consumers.watch import WatchReader
from monitor.consumers.writes import Write, delay_s, halves
from monitor.journal import JournalReader, Place
from monitor.journal.schema import Checkpoint, open_for_writing
from monitor.model.batch import Points
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.errors import SinkError
from monitor.model.record import SYNCHRONISED, Record, Shock, Status
from monitor.sinks.sink import RefusedLines, Sink, TooLarge

MAX_IN_FLIGHT = 2  # measured: two connections carry half as much again as one, a third nothing more
MAX_BATCH_RECORDS = 250  # of blocks of 60 readings: 15 000 lines, about 1.5 MB
MAX_BATCH_BYTES = 512 << 10  # of payload; 87 000 samples of events become 7 MB of lines, 13 times as much
MAX_BATCH_RESULTS = 1_000
MAX_RESULT_BYTES = 512 << 10  # of times and fields: about 9 000 points, 1.3 MB of lines
SLOW_S = 30.0  # three time-outs: a server that drips its answer never runs into one
STORE_TABLES = """
CREATE TABLE IF NOT EXISTS cursors(name TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refused(
    n INTEGER PRIMARY KEY AUTOINCREMENT, measurement TEXT NOT NULL, key INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    reason TEXT NOT NULL, UNIQUE(measurement, key, time_ns));
"""
PAST_RETENTION = "beyond retention policy"  # InfluxDB 1.x dropped just those points, and wrote the others
SOURCES = ("journal", "results", "transitions")

log = logging.getLogger(__name__)


class Store:
    """One `step`: collect confirmations, then fill the free places in flight from the three sources.

    Bodies are made in order; a cursor passes a body once that and all before it of its source are confirmed.
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
        self._connection = open_for_writing(state_dir / "store.db", STORE_TABLES, can_fall_back=True)
        self._checkpoint = Checkpoint(self._connection)
        saved = dict(self._connection.execute("SELECT name, n FROM cursors").fetchall())
        self.confirmed: dict[str, int] = {source: saved.get(source, 0) for source in SOURCES}
        self._read = dict(self.confirmed)
        self._place = Place(self._read["journal"])
        # First of all the store is opened; until it answers nothing is read.
        self._flying: deque[Write] = deque([Write("journal", self._place.pos, [], sink.open)])
        self._problem = "not opened yet"
        self._waiting_since_s: float | None = None
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
        since_s = self._waiting_since_s
        waited_s = 0.0 if since_s is None else time.monotonic() - since_s
        return self._problem or (f"no answer for {waited_s:.0f} s" if waited_s > SLOW_S else "")

    @property
    def is_caught_up(self) -> bool:
        """Whether everything in the journal and in watch's file is confirmed."""
        heads = (self._journal.head()[0], self._watch.results.last(), self._watch.book.last_transition())
        return tuple(self.confirmed[source] for source in SOURCES) == heads

    def step(self) -> bool:
        """Do what can be done without waiting; False when nothing could."""
        collected = self._collect()
        self._send_due()
        did = self._read_more() or collected
        if not did:
            self._checkpoint.idle()
        self._waiting_since_s = self._flying[0].sent_s if self._flying else None
        return did

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
        return did

    def _next(self) -> Write | None:
        """The next body: alerts before results before readings, so that a backlog of readings delays no alert."""
        transitions = self._watch.book.transitions(self._read["transitions"], MAX_BATCH_RESULTS)
        if transitions:
            points = [alert_points(n, at_ns, alert) for n, at_ns, alert in transitions]
            return self._write("transitions", transitions[-1][0], points)
        results = self._watch.results.after(self._read["results"], MAX_BATCH_RESULTS, MAX_RESULT_BYTES)
        if results:
            points = [result_points(result) for _, result in results]
            return self._write("results", results[-1][0], points)
        records, reached = self._journal.read(self._place, MAX_BATCH_RECORDS, MAX_BATCH_BYTES)
        if reached == self._place:
            return None
        self._place = reached
        points = [made for record in records for made in self._record_points(record)]
        return self._write("journal", reached.pos, points, records[-1].received_ns if records else 0)

    def _write(self, source: str, upto: int, points: list[Points], received_ns: int = 0) -> Write:
        self._read[source] = upto
        return Write(source, upto, points, self._sending(points), received_ns=received_ns)

    def _sending(self, points: Sequence[Points]) -> Callable[[], None] | None:
        """Make the body, once: every try sends the same. Points that no store can hold are refused one by one."""
        if not points:
            return None
        try:
            return functools.partial(self._sink.write, self._sink.prepare(points))
        except RefusedLines as error:
            if len(points) == 1:
                self._refuse(points[0], error)
                return None
            return self._sending([one for one in points if self._sending([one]) is not None])

    def _record_points(self, record: Record) -> Iterator[Points]:
        if record.kind not in ("env", "shock", "status"):
            return
        message = read(record)
        if message is None:
            return
        if isinstance(message, Status):
            if not self._journal.is_stale_will(record.pos, record.logger or "", message):
                yield status_points(record, message)
            return
        anchor = anchor_of(record, message.stamp, self._journal.anchor)
        start_ns = placed_ns(message, anchor)
        if message.stamp.clk != SYNCHRONISED:
            yield clock_points(record, message.stamp, start_ns)
        if isinstance(message, Shock):
            yield wave_points(record, message, start_ns)
            return
        points = env_points(record, message, start_ns)
        if points.fields:
            yield points

    def _submit(self, write: Write) -> None:
        write.sent_s = time.monotonic()
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
        for write, error in failed:
            self._handle(write, error)
        confirmed = [write for write, future in ended if future.exception() is None]
        passed: dict[str, int] = {}
        count = len(self._flying)
        while self._flying and self._flying[0] in confirmed:  # what ends meanwhile is looked at in the next step
            write = self._flying.popleft()
            if write.upto is not None:
                passed[write.source] = write.upto
            self.points += sum(len(points.times_ns) for points in write.points)
            self.last_received_ns = write.received_ns or self.last_received_ns
            if write.attempts:
                log.info("store answers again")
            self._problem = ""
        if passed:
            self.confirmed |= passed
            self._connection.executemany("INSERT OR REPLACE INTO cursors VALUES(?, ?)", list(passed.items()))
            self._checkpoint.committed()
        return bool(failed) or len(self._flying) < count

    def _handle(self, write: Write, error: BaseException) -> None:
        if isinstance(error, RefusedLines) and PAST_RETENTION in str(error):
            self._refuse(write.points[0], error)  # one row for all: the rest was written, and halves would fare alike
            write.send, write.future = None, None
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

    def _split(self, write: Write, error: SinkError) -> None:
        """Send halves of what the server does not take; a single point that it refuses goes to table `refused`."""
        first, second = halves(list(write.points))
        if second:
            pieces = [
                replace(write, upto=upto, points=half, send=self._sending(half), future=None, attempts=0)
                for upto, half in ((None, first), (write.upto, second))
            ]
        else:
            self._refuse(first[0], error)
            pieces = [replace(write, points=[], send=None, future=None)]
        index = self._flying.index(write)
        self._flying.remove(write)
        for piece in reversed(pieces):
            self._flying.insert(index, piece)

    def _refuse(self, points: Points, error: SinkError) -> None:
        log.error("store refuses a point of %s (record %d): %s", points.measurement, points.key, error)
        self._connection.execute(
            "INSERT OR IGNORE INTO refused(measurement, key, time_ns, reason) VALUES(?, ?, ?, ?)",
            (points.measurement, points.key, int(points.times_ns[0]), str(error)[:500]),
        )


def _nobody() -> None:
    """Nobody waits for a confirmation."""
