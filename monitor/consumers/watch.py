"""Watch: judges every record in the order of the journal and keeps alerts, results and its own state in `watch.db`."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from monitor.alerts import AlertBook, raise_alert
from monitor.alerts.book import ALERT_TABLES
from monitor.config import Rules
from monitor.consumers.conflicts import raise_conflicts
from monitor.consumers.judge import Judge, Judged, Result
from monitor.journal import JournalReader, Place
from monitor.journal.schema import Checkpoint, open_for_reading, open_for_writing
from monitor.model.clock import NS_PER_S, Clock

SNAPSHOT_NS = 10 * NS_PER_S  # a restart judges at most this much again
WATCH_TABLES = (
    ALERT_TABLES
    + """
CREATE TABLE IF NOT EXISTS results(
    n INTEGER PRIMARY KEY AUTOINCREMENT, pos INTEGER NOT NULL, measurement TEXT NOT NULL, tags TEXT NOT NULL,
    time_ns INTEGER NOT NULL, fields TEXT NOT NULL, UNIQUE(pos, measurement, tags));
CREATE TABLE IF NOT EXISTS snapshot(one INTEGER PRIMARY KEY CHECK (one = 1), pos INTEGER NOT NULL, state BLOB NOT NULL);
"""
)


class Watch:
    """One `step`: read a batch, judge it, commit what it led to.

    1. read the records behind the cursor;
    2. judge them, under the rules that the journal says were in force;
    3. write alerts, transitions and results in one transaction, idempotent by key;
       Judged again after a power loss, transitions and results get the same numbers, so no reader's cursor is ahead;
    4. at most every 10 s the judge's snapshot and the cursor go along: a restart judges again from there.
    """

    def __init__(self, state_dir: Path, reader: JournalReader, clock: Clock) -> None:
        self._reader, self._clock = reader, clock
        self._connection = open_for_writing(state_dir / "watch.db", WATCH_TABLES, can_fall_back=True)
        self._checkpoint = Checkpoint(self._connection)
        self.book = AlertBook(self._connection)
        row = self._connection.execute("SELECT pos, state FROM snapshot").fetchone()
        self._place = Place(row[0] if row else 0)
        self._saved_ns, self._is_whole = clock.mono_ns(), True
        self.last_received_ns = 0
        self.readings = self.events = 0
        config = reader.last_config(self.pos) if row else None
        self.judge = Judge(Rules.from_json(config) if config else None, reader.anchor)
        if row:
            self.judge.restore(row[1])

    @property
    def pos(self) -> int:
        """Position up to which the journal is judged."""
        return self._place.pos

    def step(self) -> bool:
        """Judge one batch; False when nothing waited."""
        records, reached = self._reader.read(self._place)
        if reached == self._place:
            self._checkpoint.idle()
            return False
        self._is_whole = False  # the judge runs ahead of the file until the commit
        self._connection.execute("BEGIN IMMEDIATE")
        for judged in self.judge.step(records):
            self._keep(judged)
        is_whole = not reached.given  # a snapshot amid records that waited would have some of them judged twice
        if is_whole and self._clock.mono_ns() - self._saved_ns >= SNAPSHOT_NS:
            self._write_snapshot(reached.pos)
        self._connection.execute("COMMIT")
        self._place, self._is_whole = reached, is_whole
        if records:
            self.last_received_ns = records[-1].received_ns
        self._checkpoint.committed()
        return True

    def close(self) -> None:
        """Save the state where it stands, so that the next start judges nothing again; not after a failed step."""
        if self.pos and self._is_whole:
            self._write_snapshot(self.pos)
        self._connection.close()

    def _keep(self, judged: Judged) -> None:
        keep_findings(self.book, judged, self._reader)
        self._connection.executemany(
            "INSERT INTO results(pos, measurement, tags, time_ns, fields) SELECT ?1, ?2, ?3, ?4, ?5 "
            "WHERE NOT EXISTS (SELECT 1 FROM results WHERE pos = ?1 AND measurement = ?2 AND tags = ?3)",
            [_result_row(result) for result in judged.results],
        )
        self.readings += judged.readings
        self.events += judged.events

    def _write_snapshot(self, pos: int) -> None:
        row = (pos, self.judge.snapshot())
        self._connection.execute("INSERT OR REPLACE INTO snapshot VALUES(1, ?, ?)", row)
        self._saved_ns = self._clock.mono_ns()


def keep_findings(book: AlertBook, judged: Judged, reader: JournalReader | None) -> None:
    """Enter findings into the book of alerts; `reader` is None where there is no quarantine to look into."""
    if reader is not None and judged.quarantine is not None:
        raise_conflicts(book, reader, judged.rules, *judged.quarantine)
    for finding in judged.findings:
        if finding.change == "fired":
            book.fire(raise_alert(finding, judged.rules, judged.origins[finding.pos]), finding.time_ns)
        else:
            book.follow(finding)


def _result_row(result: Result) -> tuple[Any, ...]:
    return (
        result.pos,
        result.measurement,
        json.dumps(dict(result.tags), sort_keys=True),
        result.time_ns,
        json.dumps(result.fields),
    )


class WatchReader:
    """Read-only view of `watch.db` for the store, the notifiers, the API and the command line."""

    def __init__(self, state_dir: Path) -> None:
        self._connection: sqlite3.Connection = open_for_reading(state_dir / "watch.db")
        self.book = AlertBook(self._connection)

    def results(self, after: int, limit: int) -> list[tuple[int, Result]]:
        """(number, result) behind number `after`, in order."""
        rows = self._connection.execute(
            "SELECT n, pos, measurement, tags, time_ns, fields FROM results WHERE n > ? ORDER BY n LIMIT ?",
            (after, limit),
        ).fetchall()
        return [
            (n, Result(pos, measurement, tuple(json.loads(tags).items()), time_ns, json.loads(fields)))
            for n, pos, measurement, tags, time_ns, fields in rows
        ]

    def last_result(self) -> int:
        """Number of the latest result, 0 before the first."""
        return int(self._connection.execute("SELECT coalesce(max(n), 0) FROM results").fetchone()[0])

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
