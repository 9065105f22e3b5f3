"""The tables of `watch.db`, how files of earlier versions become such, and the file as others read it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from monitor.alerts import AlertView
from monitor.alerts.listing import Listing
from monitor.alerts.tables import ALERT_MIGRATION_1, ALERT_MIGRATION_3, ALERT_TABLES
from monitor.consumers import saved
from monitor.consumers.base import BASE_TABLE, BaseBook
from monitor.consumers.results import RESULT_MIGRATION_1, RESULT_MIGRATION_2, RESULT_TABLES, ResultBook
from monitor.journal.schema import open_for_reading
from monitor.model.errors import SnapshotError

WATCH_TABLES = (
    ALERT_TABLES
    + RESULT_TABLES
    + """
CREATE TABLE IF NOT EXISTS snapshot(one INTEGER PRIMARY KEY CHECK (one = 1), pos INTEGER NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS kept(one INTEGER PRIMARY KEY CHECK (one = 1), pos INTEGER NOT NULL, given INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS identity(one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL);
INSERT OR IGNORE INTO identity VALUES(1, lower(hex(randomblob(16))));
"""
    + BASE_TABLE
)


WATCH_VERSION = 4
# In version 1 nobody noted what was kept: at least what the snapshot knows.
KEPT_MIGRATION = """
CREATE TABLE kept(one INTEGER PRIMARY KEY CHECK (one = 1), pos INTEGER NOT NULL, given INTEGER NOT NULL);
INSERT INTO kept SELECT 1, pos, 0 FROM snapshot;
"""
WATCH_MIGRATIONS = {  # by the version that they start from
    1: RESULT_MIGRATION_1 + ALERT_MIGRATION_1 + KEPT_MIGRATION,
    2: RESULT_MIGRATION_2,
    3: ALERT_MIGRATION_3,
}


class WatchReader:
    """Read-only view of `watch.db` for the store, the notifiers, the API and the command line."""

    def __init__(self, state_dir: Path) -> None:
        self._connection: sqlite3.Connection = open_for_reading(state_dir / "watch.db", WATCH_VERSION)
        self.book, self.results = AlertView(self._connection), ResultBook(self._connection)
        self.base = BaseBook(self._connection)
        self.listing = Listing(self._connection)

    def provisional(self) -> list[str]:
        """The containers to be judged again, as the last snapshot has them; without a usable one nobody knows: none."""
        row = self._connection.execute("SELECT state FROM snapshot").fetchone()
        try:
            return [] if row is None else saved.provisional(row[0])
        except SnapshotError:
            return []  # the next start judges the whole journal

    @property
    def identity(self) -> str:
        """Of this file; one that is made anew has another, and its numbers mean other things."""
        return str(self._connection.execute("SELECT id FROM identity").fetchone()[0])

    @property
    def kept_pos(self) -> int:
        """Position up to which the file has what the journal led to."""
        row = self._connection.execute("SELECT pos FROM kept").fetchone()
        return int(row[0]) if row else 0

    @property
    def dropped_pos(self) -> int:
        """Position up to which results are here no more, so that nobody writes them to a store again."""
        kept_pos = self.kept_pos  # before the rows: what is judged meanwhile lies behind it
        first_pos = self.results.first_pos()
        return kept_pos if first_pos is None else first_pos - 1

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
