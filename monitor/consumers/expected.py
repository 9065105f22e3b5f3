"""What a store should hold, by series and time: the journal's points, alerts, and watch's results judged anew.

Records lie in the journal in the order of arrival, and are wanted in that of their times: an index of them, and the
results, stand in a temporary file of SQLite's own, gone when it is closed. So memory does not grow with the journal.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from monitor.consumers.base import Base
from monitor.consumers.judge import Judge
from monitor.consumers.points import alert_points, record_points
from monitor.consumers.settling import Settling
from monitor.consumers.watch_file import WatchReader
from monitor.journal import JournalReader, Place
from monitor.journal.ordered import batches, dropped_upto
from monitor.journal.reader import MAX_BATCH_RECORDS
from monitor.model.batch import Points, Table
from monitor.model.errors import TcmError
from monitor.model.record import Record
from monitor.sinks.stored import PLACE, TAGS, Columns, Part, Tags, as_array, merged

SEGMENT_POINTS = 20_000  # looked at together: some 5 MB of JSON, and 15 MB while they are compared
END_NS = (1 << 63) - 2  # the last time that InfluxDB knows
MAX_TRANSITIONS = 1_000  # read at once
_INDEX = """
CREATE TABLE spans(
    n INTEGER PRIMARY KEY, measurement TEXT NOT NULL, container TEXT NOT NULL, logger TEXT NOT NULL,
    first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, points INTEGER NOT NULL, key INTEGER NOT NULL,
    source INTEGER NOT NULL, place INTEGER NOT NULL, body BLOB);
CREATE INDEX by_time ON spans(measurement, container, logger, first_ns);
"""
Progress = Callable[[int, int], None]


class Period(NamedTuple):
    """`from_ns` <= time < `to_ns`, of one container (None: of all)."""

    from_ns: int
    to_ns: int
    container: str | None

    def has(self, points: Points | Table) -> bool:
        """Whether any of the points, which are of one container, lies in it."""
        if self.container not in (None, _owner(points)[0]):
            return False
        return bool(((points.times_ns >= self.from_ns) & (points.times_ns < self.to_ns)).any())


class Segment(NamedTuple):
    """A stretch of time of what one logger has of a measurement."""

    measurement: str
    container: str
    logger: str
    from_ns: int
    to_ns: int


class Cursors(NamedTuple):
    """How far the store has come: the records, the records whose results, and the transitions that it has confirmed."""

    journal: int
    judged: int
    transitions: int


class Written(NamedTuple):
    """Points in the order in which they are written: `confirmed` ones, and those that may still be on their way."""

    confirmed: list[Points]
    pending: list[Points]


_JOURNAL, _JUDGED, _TRANSITIONS = range(len(Cursors._fields))


class Expected:
    """Takes up what the store writes, as far as it lies in a period."""

    def __init__(self, reader: JournalReader, watch: WatchReader, period: Period) -> None:
        self._reader, self._watch, self._period = reader, watch, period
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.executescript(f"PRAGMA journal_mode=OFF;{_INDEX}")
        self._place = Place()
        self.dropped_pos = dropped_upto(reader)
        self._base, self._newest = watch.base.read(), watch.base.newest()
        self._settling, self._judged = self._beginning()
        self._transition = 0
        self.cursors = Cursors(0, 0, 0)

    def close(self) -> None:
        """Give the temporary file back."""
        self._connection.close()

    def take(self, cursors: Cursors, progress: Progress) -> None:
        """Take up all that there is by now and was not taken before; what lies up to `cursors` is confirmed.

        So are results that `watch.db` has dropped: where the store's own file was lost, nobody else writes them again.
        """
        cursors = self.cursors = cursors._replace(judged=max(cursors.judged, self._watch.dropped_pos))
        head = self._reader.head()[0]
        for upto in (cursors.journal, head):
            for records, place in self._batches(self._place, upto):
                made = (points for record in records for points in record_points(record, self._reader))
                self._enter(made, _JOURNAL, place.pos)
                self._place = place
                progress(place.pos, 2 * head)
        for upto in (cursors.judged, head):
            for records, place in self._judged_batches(upto):
                tables = [table for judged in self._settling.step(records) for table in judged.results]
                known = (table for table in tables if table.measurement not in self.unknown or self._is_at_newest)
                self._enter((part for table in known for part in _by_owner(table)), _JUDGED, place.pos)
                self._judged = place
                progress(head + place.pos, 2 * head)
        while rows := self._watch.book.apart(self._transition, MAX_TRANSITIONS):
            for row in rows:
                self._enter([alert_points(*row)], _TRANSITIONS, row[0])
            self._transition = rows[-1][0]

    def owners(self, measurement: str) -> set[tuple[str, str]]:
        """The containers and loggers of which there is anything."""
        statement = "SELECT DISTINCT container, logger FROM spans WHERE measurement = ?"
        return set(self._connection.execute(statement, (measurement,)))

    def segments(self, measurement: str, container: str, logger: str) -> Iterator[Segment]:
        """The period of one logger in pieces that can be looked at one by one; together they are all of it."""
        rows = self._connection.execute(
            "SELECT first_ns, points FROM spans WHERE measurement = ? AND container = ? AND logger = ? "
            "ORDER BY first_ns",
            (measurement, container, logger),
        )
        from_ns, count = self._period.from_ns, 0
        for first_ns, points in rows:
            if count >= SEGMENT_POINTS and first_ns > from_ns:
                yield Segment(measurement, container, logger, from_ns, first_ns)
                from_ns, count = first_ns, 0
            count += points
        yield Segment(measurement, container, logger, from_ns, self._period.to_ns)

    def written(self, segment: Segment, *, is_keyed: bool) -> Written:
        """What is written in a segment, some of it beyond its ends.

        Where the store `is_keyed`, the last points of a series and record took the place of those before.
        """
        *place, from_ns, to_ns = segment
        (longest_ns,) = self._connection.execute(
            "SELECT max(last_ns - first_ns) FROM spans WHERE measurement = ? AND container = ? AND logger = ?", place
        ).fetchone()
        rows = self._connection.execute(
            "SELECT source, place, key, body FROM spans WHERE measurement = ? AND container = ? AND logger = ? "
            "AND first_ns >= ? AND first_ns < ? AND last_ns >= ? ORDER BY n",
            (*place, from_ns - (longest_ns or 0), to_ns, from_ns),
        ).fetchall()
        parts: tuple[list[tuple[int, bytes | None]], ...] = [], []
        for source, at, key, body in rows:
            parts[at > self.cursors[source]].append((key, body))
        confirmed, pending = (self._made(segment.measurement, part) for part in parts)
        if is_keyed:
            confirmed = list({(one.tags, one.key): one for one in confirmed}.values())
        return Written(confirmed, pending)

    def _made(self, measurement: str, rows: Sequence[tuple[int, bytes | None]]) -> list[Points]:
        """The points of spans: kept ones as they are, those of the journal from their records."""
        positions = np.array([key for key, body in rows if body is None], dtype=np.int64)
        if not positions.size:
            kept = [pickle.loads(body) for _, body in rows if body is not None]  # of a file that nobody else has
            return [points for one in kept for points in (one.split() if isinstance(one, Table) else (one,))]
        records = (record for batch in batches(self._reader, positions) for record in batch)
        made = (points for record in records for points in record_points(record, self._reader))
        return [points for points in made if points.measurement == measurement]

    def _batches(self, place: Place, upto_pos: int) -> Iterator[tuple[list[Record], Place]]:
        while place.pos < upto_pos:
            records, place = self._reader.read(place, min(MAX_BATCH_RECORDS, upto_pos - place.pos))
            yield records, place

    def _enter(self, made: Iterable[Points | Table], source: int, place: int) -> None:
        """Put an entry for each that is of one owner; with its body where it could not be made again later."""
        rows = [
            (
                *(points.measurement, *_owner(points)),
                *(int(points.times_ns.min()), int(points.times_ns.max()), len(points.times_ns), points.key),
                *(source, place, None if source == _JOURNAL else pickle.dumps(points)),
            )
            for points in made
            if self._period.has(points)
        ]
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO spans VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    @property
    def unknown(self) -> frozenset[str]:
        """The measurements of which the store may rightly have more than is expected.

        What was judged by an older base than there is now cannot be told: those totals are known from the newest state.
        """
        if self.dropped_pos:
            return frozenset(TAGS)
        return frozenset() if self._newest is None else frozenset({"exposure"})

    @property
    def _is_at_newest(self) -> bool:
        return self._newest is None or self._judged.pos >= self._newest.pos

    def _judged_batches(self, upto_pos: int) -> Iterator[tuple[list[Record], Place]]:
        """The records to be judged; from the newest state on by that, as watch went on from there with this base."""
        newest = self._newest
        if newest is not None and not self._is_at_newest:
            yield from self._batches(self._judged, min(upto_pos, newest.pos))
            if not self._is_at_newest:
                return
            self._settling = self._settling_at(newest)
        yield from self._batches(self._judged, upto_pos)

    def _beginning(self) -> tuple[Settling, Place]:
        """Where results can be judged from: the journal's beginning, or watch's base where retention dropped that."""
        if not self.dropped_pos:
            return Settling(Judge(None, self._reader.anchor, wants_events=True), self._reader), Place()
        if self._base is None:
            cause = f"the records up to position {self.dropped_pos} are gone, and watch.db has no state to go on from"
            raise TcmError("store audit", "journal.db", cause, "start the daemon on it once")
        return self._settling_at(self._base), Place(self._base.pos)

    def _settling_at(self, state: Base) -> Settling:
        config = self._reader.last_config(state.pos)
        assert config is not None  # a state is that of a judge under rules
        judge = Judge(None, self._reader.anchor, wants_events=True).at_base(config, state.state)
        return Settling(judge, self._reader, lambda: self._base)


def _owner(points: Points | Table) -> tuple[str, str]:
    """Container and logger of points that are all of one; "" for the logger of what is of a container as a whole."""
    tags = dict(points.tags if isinstance(points, Points) else points.series[int(points.of[0])])
    return tags[PLACE[0]], tags.get(PLACE[1], "")


def _by_owner(table: Table) -> Iterator[Table]:
    """A table for each logger."""
    numbers: dict[tuple[str, str], int] = {}
    owners = [numbers.setdefault((tags["container"], tags["logger"]), len(numbers)) for tags in map(dict, table.series)]
    owner_of = np.array(owners, dtype=np.int64)[table.of]
    for number in np.unique(owner_of).tolist():
        yield table.take(np.flatnonzero(owner_of == number))


def columns(points: Sequence[Points], from_ns: int, to_ns: int) -> Columns:
    """The values of points in a stretch of time, by series and field; later points stand."""
    parts: dict[tuple[Tags, str], list[Part]] = {}
    for one in points:
        is_in = (one.times_ns >= from_ns) & (one.times_ns < to_ns)
        for name, values in one.fields.items():
            parts.setdefault((one.tags, name), []).append((one.times_ns[is_in], as_array(values)[is_in]))
    return {key: column for key, each in parts.items() if (column := merged(each)).times_ns.size}
