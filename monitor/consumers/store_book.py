"""`store.db`: how far the store is confirmed, what its cursors count in, and what was refused for good."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from monitor.consumers.cursors import COUNTED_TABLE, begins_anew
from monitor.consumers.touched import TOUCHED_TABLE, Copied, Touched, note_touched
from monitor.journal.failure import write_failure
from monitor.journal.schema import Checkpoint, open_for_writing

MAX_REFUSED_ROWS = 10_000  # about 5 MB; what is refused beyond it is told by measurement alone
STORE_TABLES = f"""
CREATE TABLE IF NOT EXISTS cursors(name TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refused(
    n INTEGER PRIMARY KEY AUTOINCREMENT, measurement TEXT NOT NULL, tags TEXT NOT NULL, field TEXT NOT NULL,
    key INTEGER NOT NULL, time_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, points INTEGER NOT NULL,
    reason TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS refused_by_record ON refused(measurement, tags, key, time_ns) WHERE key > 0;
CREATE UNIQUE INDEX IF NOT EXISTS refused_together ON refused(measurement, tags, field) WHERE key = 0;
{COUNTED_TABLE}
{TOUCHED_TABLE}
"""
STORE_VERSION = 5
STORE_MIGRATIONS = {
    # A row was one point, also where a whole body was past the server's retention; of which series, none said.
    1: """
ALTER TABLE refused RENAME TO refused_1;
CREATE TABLE refused(
    n INTEGER PRIMARY KEY AUTOINCREMENT, measurement TEXT NOT NULL, tags TEXT NOT NULL, key INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, points INTEGER NOT NULL, reason TEXT NOT NULL, UNIQUE(measurement, tags, key, time_ns));
INSERT INTO refused SELECT n, measurement, '', key, time_ns, 1, reason FROM refused_1;
DROP TABLE refused_1;
""",
    # Of several points of a record only the first time was noted.
    2: f"""
ALTER TABLE refused RENAME TO refused_2;
{STORE_TABLES}
INSERT INTO refused
    SELECT n, measurement, tags, '', key, time_ns, iif(points = 1, time_ns, {(1 << 63) - 1}), points, reason
    FROM refused_2;
DROP TABLE refused_2;
""",
    3: TOUCHED_TABLE,  # nobody noted what was touched
    # A row was one hour always.
    4: f"""
ALTER TABLE touched RENAME TO touched_4;
{TOUCHED_TABLE}
INSERT INTO touched SELECT n, measurement, container, logger, hour, minutes, 1 FROM touched_4;
DROP TABLE touched_4;
""",
}
ANEW = ("DELETE FROM cursors", "DELETE FROM refused", "DELETE FROM touched")
_NOTHING = Copied()
_COLUMNS = "(measurement, tags, field, key, time_ns, last_ns, points, reason)"
_NOTE_RECORD = f"INSERT OR IGNORE INTO refused{_COLUMNS} VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
_NOTE_TOGETHER = f"""
INSERT INTO refused{_COLUMNS} VALUES(?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT(measurement, tags, field) WHERE key = 0 DO UPDATE SET
    time_ns = min(time_ns, excluded.time_ns), last_ns = max(last_ns, excluded.last_ns),
    points = points + excluded.points, reason = excluded.reason
"""

log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """Points that the store refused for good, from `time_ns` to `last_ns`: a row of table `refused`.

    They are of the record `key`, or where that is 0 of any; of the series `tags` (`container=C-101,logger=L-01`), or
    where that is empty of any; `field` is the one that was left out of them, empty where they were refused as a whole.
    """

    measurement: str
    tags: str
    field: str
    key: int
    time_ns: int
    last_ns: int
    points: int
    reason: str


class StoreBook:
    """The one connection that writes to the file. DiskFull when there is no room: then nothing was written."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "store.db"
        self._connection = open_for_writing(
            self._path, STORE_TABLES, can_fall_back=True, version=STORE_VERSION, migrations=STORE_MIGRATIONS
        )
        self._checkpoint = Checkpoint(self._connection)

    def count_in(self, target: str, watch_id: str) -> None:
        """Cursors that count for another store, or in another watch.db, begin anew."""
        try:
            if begins_anew(self._connection, "target", target, *ANEW):
                log.warning("the store is another than before: all that the journal holds is written to %s", target)
            told = "DELETE FROM cursors WHERE name IN ('judged', 'transitions')"
            if begins_anew(self._connection, "watch", watch_id, told):
                log.warning("watch.db is another than before: its results and alerts are written to the store again")
        except sqlite3.Error as error:
            raise write_failure("store", self._path, error) from None

    def cursors(self) -> dict[str, int]:
        """How far each source is confirmed."""
        return dict(self._connection.execute("SELECT name, n FROM cursors").fetchall())

    def save(
        self,
        cursors: Mapping[str, int],
        refusals: Sequence[Refusal],
        touched: Sequence[Touched] = (),
        copied: Copied = _NOTHING,
    ) -> None:
        """Note in one transaction how far the store has come, what was refused on the way and what the copy may lack.

        `copied` is what the copy has by now.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO cursors VALUES(?, ?)", list(cursors.items()))
            if refusals:
                self._note(refusals)
            if touched:
                note_touched(self._connection, touched, copied)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._checkpoint.failed(error)
            raise write_failure("store", self._path, error) from None
        self._checkpoint.committed()

    def idle(self) -> None:
        """The owner has nothing to do."""
        try:
            self._checkpoint.idle()
        except sqlite3.Error as error:
            raise write_failure("store", self._path, error) from None

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _note(self, refusals: Sequence[Refusal]) -> None:
        (rows,) = self._connection.execute("SELECT count(*) FROM refused").fetchone()
        if rows >= MAX_REFUSED_ROWS:
            refusals = [each._replace(tags="", key=0) for each in refusals]
        self._connection.executemany(_NOTE_RECORD, [each for each in refusals if each.key])
        self._connection.executemany(_NOTE_TOGETHER, [each for each in refusals if not each.key])
