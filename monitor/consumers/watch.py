"""Watch: judges every record in the order of the journal and keeps alerts, results and its own state in `watch.db`."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

from monitor.alerts import AlertBook, raise_alert
from monitor.alerts.book import ALERT_MIGRATION, ALERT_TABLES
from monitor.config import Rules
from monitor.consumers.conflicts import raise_conflicts
from monitor.consumers.forks import is_by_arrival
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged
from monitor.consumers.results import RESULT_MIGRATION, RESULT_TABLES, ResultBook
from monitor.consumers.settling import Settling, settle
from monitor.journal import JournalReader, Page, Place
from monitor.journal.reader import MAX_BATCH_RECORDS
from monitor.journal.schema import Checkpoint, open_for_reading, open_for_writing
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.errors import SnapshotError

log = logging.getLogger(__name__)

SNAPSHOT_NS = 10 * NS_PER_S  # a restart judges at most this much again
WATCH_TABLES = (
    ALERT_TABLES
    + RESULT_TABLES
    + """
CREATE TABLE IF NOT EXISTS snapshot(one INTEGER PRIMARY KEY CHECK (one = 1), pos INTEGER NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS kept(one INTEGER PRIMARY KEY CHECK (one = 1), pos INTEGER NOT NULL, given INTEGER NOT NULL);
"""
)


WATCH_VERSION = 2
# In version 1 nobody noted what was kept: at least what the snapshot knows.
KEPT_MIGRATION = """
CREATE TABLE kept(one INTEGER PRIMARY KEY CHECK (one = 1), pos INTEGER NOT NULL, given INTEGER NOT NULL);
INSERT INTO kept SELECT 1, pos, 0 FROM snapshot;
"""
WATCH_MIGRATIONS = {1: RESULT_MIGRATION + ALERT_MIGRATION + KEPT_MIGRATION}  # by the version that they start from


class Watch:
    """One `step`: read a batch, judge it, commit what it led to.

    1. read the records behind the cursor;
    2. judge them, under the rules that the journal says were in force;
    3. write alerts, transitions and results in one transaction, together with how far it has come: what is judged again
       after a restart is not written again;
       After a power loss transitions and results get the same numbers, so no reader's cursor is ahead;
    4. at most every 10 s the judge's snapshot and the cursor go along: a restart judges again from there; of another
       version of this program, from the journal's beginning.
    """

    def __init__(self, state_dir: Path, reader: JournalReader, clock: Clock) -> None:
        self._reader, self._clock = reader, clock
        self._connection = open_for_writing(
            state_dir / "watch.db",
            WATCH_TABLES,
            can_fall_back=True,
            version=WATCH_VERSION,
            migrations=WATCH_MIGRATIONS,
        )
        self._checkpoint = Checkpoint(self._connection)
        self.book, self._results = AlertBook(self._connection), ResultBook(self._connection)
        self.stored_results: Callable[[], int] = _none  # up to which number the store has confirmed them
        self.judge, self._place = self._resumed()
        self._settling = Settling(self.judge, reader)
        row = self._connection.execute("SELECT pos, given FROM kept").fetchone()
        self._kept = Place(*row) if row else Place()
        self._saved_ns, self._is_whole = clock.mono_ns(), True
        self.last_received_ns = 0
        self.readings = self.events = 0

    @property
    def pos(self) -> int:
        """Position up to which the journal is judged."""
        return self._place.pos

    @property
    def kept_pos(self) -> int:
        """Position up to which the file has what the journal led to; after a restart it may be ahead of `pos`."""
        return max(self._kept.pos, self._place.pos)

    def step(self) -> bool:
        """Judge one batch; False when nothing waited."""
        records, reached = self._read()
        if reached == self._place:
            self._checkpoint.idle()
            return False
        self._is_whole = False  # the judge runs ahead of the file until the commit
        self._connection.execute("BEGIN IMMEDIATE")
        for judged in self._settling.step(records):
            if reached > self._kept:
                self._keep(judged)
        if reached > self._kept:
            self._connection.execute("INSERT OR REPLACE INTO kept VALUES(1, ?, ?)", reached)
            self._kept = reached
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

    def _read(self) -> Page:
        """The next records; up to where the file has all they led to, not beyond."""
        if self._place >= self._kept:
            return self._reader.read(self._place)
        return self._reader.read(self._place, max(1, min(MAX_BATCH_RECORDS, self._kept.pos - self._place.pos)))

    def _resumed(self) -> tuple[Judge, Place]:
        """The judge as the snapshot has it and where that stands; without a usable one at the journal's beginning."""
        row = self._connection.execute("SELECT pos, state FROM snapshot").fetchone()
        config = self._reader.last_config(row[0]) if row else None
        if config is None:
            return Judge(None, self._reader.anchor), Place()
        judge = Judge(Rules.from_json(config), self._reader.anchor)
        try:
            judge.restore(row[1])
        except SnapshotError as error:
            log.warning("%s; the journal is judged again from its beginning, what was told already stands", error)
            return Judge(None, self._reader.anchor), Place()
        return judge, Place(row[0])

    def _keep(self, judged: Judged) -> None:
        keep_findings(self.book, judged, self._reader)
        if judged.is_again:
            self._results.replace(judged.results)
        else:
            self._results.enter(judged.results)
        self.readings += judged.readings
        self.events += judged.events

    def _write_snapshot(self, pos: int) -> None:
        row = (pos, self.judge.snapshot())
        self._connection.execute("INSERT OR REPLACE INTO snapshot VALUES(1, ?, ?)", row)
        self._results.drop(self.stored_results(), pos)
        self._saved_ns = self._clock.mono_ns()


def keep_findings(book: AlertBook, judged: Judged, reader: JournalReader | None) -> None:
    """Enter findings into the book of alerts; `reader` is None where there is no quarantine to look into."""
    if reader is not None and judged.quarantine is not None:
        raise_conflicts(book, reader, judged.rules, *judged.quarantine)
    for finding in judged.findings:
        if finding.change == "fired":
            alert = raise_alert(finding, judged.rules, judged.origins[finding.pos])
            book.report(alert, finding.time_ns, by_arrival=is_by_arrival(finding, judged.rules))
        else:
            book.follow(finding)
    if judged.settled is not None:
        settle(book, judged.settled)


def _none() -> int:
    """Nobody has stored anything yet."""
    return 0


class WatchReader:
    """Read-only view of `watch.db` for the store, the notifiers, the API and the command line."""

    def __init__(self, state_dir: Path) -> None:
        self._connection: sqlite3.Connection = open_for_reading(state_dir / "watch.db", WATCH_VERSION)
        self.book, self.results = AlertBook(self._connection), ResultBook(self._connection)

    def provisional(self) -> list[str]:
        """The containers to be judged again, as the last snapshot has them; without a usable one nobody knows: none."""
        row = self._connection.execute("SELECT state FROM snapshot").fetchone()
        try:
            return [] if row is None else Judge.provisional(row[0])
        except SnapshotError:
            return []  # the next start judges the whole journal

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
