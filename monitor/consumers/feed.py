"""Feed: what the store writes next, body by body: alerts, what is said, results of watch, readings."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from monitor.consumers.bodies import Bodies
from monitor.consumers.points import alert_points, record_points
from monitor.consumers.touched import touched_by
from monitor.consumers.watch_file import WatchReader
from monitor.consumers.writes import Write, spans_of
from monitor.journal import JournalReader, Place
from monitor.model.batch import Points, Table

MAX_IN_FLIGHT = 2  # measured: two connections carry half as much again as one, a third nothing more
MAX_BATCH_RECORDS = 250  # of blocks of 60 readings: 15 000 lines, about 1.5 MB
MAX_BATCH_BYTES = 512 << 10  # of payload; 87 000 samples of events become 7 MB of lines, 13 times as much
MAX_BATCH_TRANSITIONS = 1_000
# Points of how things stand, kept while the store is away: 20 containers with 240 loggers have 267 a minute, so for 75
# minutes, in 23 MB; beyond that the oldest are dropped.
MAX_SAID = 20_000
MAX_BATCH_SAID = 1_000
MAX_RESULT_BYTES = 512 << 10  # of JSON: about 9 000 points, 1.3 MB of lines
BULK = ("said", "judged", "journal")  # these share the places in flight


class Feed:
    """Reads ahead of what is confirmed; of two bodies under way the server decides which comes first.

    So they never hold points of one series and time: of alerts, of results and of what is said there is one at a time,
    and readings of times that are under way wait. Alerts have a place of their own.
    """

    def __init__(
        self, journal: JournalReader, watch: WatchReader, bodies: Bodies, confirmed: Mapping[str, int]
    ) -> None:
        self._journal, self._watch, self._bodies = journal, watch, bodies
        self._place = Place(confirmed["journal"])
        self._transitions_read = confirmed["transitions"]
        self.results_read = watch.results.before(confirmed["judged"])  # number of the last row that was read
        self._ready: Write | None = None  # the next readings: made while others are under way, so that none waits
        self._said: deque[Points] = deque(maxlen=MAX_SAID)
        self.is_copied = False  # whether there is a copy, for which is noted what it will lack

    def say(self, points: Sequence[Points]) -> None:
        """Take points that no record led to, and that no cursor counts; any thread may call it."""
        self._said.extend(points)

    def next(self, flying: Sequence[Write], late: Sequence[Write]) -> Write | None:
        """The next body beside those under way: alerts, what is said, results, readings.

        So a backlog of readings delays no other. `late` are confirmed ones of which an earlier try may still come.
        """
        sources = [write.source for write in flying]
        write = None if "transitions" in sources else self._alerts()
        if write is not None or sum(sources.count(source) for source in BULK) >= MAX_IN_FLIGHT:
            return write
        if "said" not in sources and self._said:
            return self._what_is_said()
        if "judged" not in sources:
            write = self._results(late)
        return write or self._free_readings([*flying, *late])

    def make_ready(self) -> bool:
        """Make the next readings, whether there is a place for them or not; False without any."""
        if self._ready is not None:
            return False
        self._ready = self._readings()
        return self._ready is not None

    def _alerts(self) -> Write | None:
        transitions = self._watch.book.apart(self._transitions_read, MAX_BATCH_TRANSITIONS)
        if not transitions:
            return None
        points = [alert_points(n, at_ns, alert) for n, at_ns, alert in transitions]
        write = self._write("transitions", transitions[-1][0], points)
        self._transitions_read = transitions[-1][0]
        return write

    def _what_is_said(self) -> Write:
        count = min(len(self._said), MAX_BATCH_SAID)  # others only add
        return self._write("said", None, [self._said.popleft() for _ in range(count)])

    def _results(self, late: Sequence[Write]) -> Write | None:
        rows = self._watch.results.after(self.results_read, MAX_RESULT_BYTES)
        if not rows or (rows[0].is_again and any(each.source == "judged" for each in late)):
            return None
        told = [row.upto for row in rows if row.upto is not None]
        write = self._write("judged", told[-1] if told else None, [table for row in rows for table in row.tables])
        self.results_read = rows[-1].number
        return write

    def _free_readings(self, others: Sequence[Write]) -> Write | None:
        """The next readings; those that meet others wait until these are confirmed."""
        write = self._ready or self._readings()
        is_free = write is None or not any(write.meets(other) for other in others)
        self._ready = None if is_free else write
        return write if is_free else None

    def _readings(self) -> Write | None:
        records, reached = self._journal.read(self._place, MAX_BATCH_RECORDS, MAX_BATCH_BYTES)
        if reached == self._place:
            return None
        points = [made for record in records for made in record_points(record, self._journal)]
        write = self._write("journal", reached.pos, points, records[-1].received_ns if records else 0)
        write.spans = spans_of(points)
        self._place = reached
        return write

    def _write(self, source: str, upto: int | None, points: Sequence[Points | Table], received_ns: int = 0) -> Write:
        write = Write(source, upto, received_ns=received_ns)
        self._bodies.make(write, points)
        if self.is_copied:
            write.touched = touched_by(points)
        return write
