"""`notify.db`: who was told of what, one file for the board and all notifiers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.consumers.cursors import COUNTED_TABLE
from monitor.journal.failure import write_failure
from monitor.journal.schema import Checkpoint, open_for_writing

# followed: the alerts that a notifier tells of, until it has told their end. `mark` is what there is to tell of one,
# `told` what was; `held` why it is not told now.
# routes: of which alerts a notifier is told; outbox: what is told and not taken yet; refused: what never will be.
NOTIFY_TABLES = f"""
CREATE TABLE IF NOT EXISTS cursors(name TEXT PRIMARY KEY, n INTEGER NOT NULL);
{COUNTED_TABLE}
CREATE TABLE IF NOT EXISTS notifiers(
    name TEXT PRIMARY KEY, watch_id TEXT NOT NULL, pos INTEGER NOT NULL, known_ns INTEGER NOT NULL,
    joined TEXT, taken INTEGER NOT NULL, refused INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS routes(notifier TEXT PRIMARY KEY, routes TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS followed(
    notifier TEXT NOT NULL, alert TEXT NOT NULL, container TEXT NOT NULL, cause TEXT NOT NULL, rule TEXT NOT NULL,
    logger TEXT NOT NULL, channel TEXT NOT NULL, rank INTEGER NOT NULL, occurred_ns INTEGER NOT NULL, escalates TEXT,
    state TEXT NOT NULL, mark TEXT NOT NULL, told TEXT NOT NULL, held TEXT NOT NULL, since_ns INTEGER NOT NULL,
    told_ns INTEGER NOT NULL, PRIMARY KEY(notifier, alert));
CREATE INDEX IF NOT EXISTS followed_untold ON followed(notifier, container, cause, rank DESC, occurred_ns)
    WHERE mark <> told AND held = '';
CREATE INDEX IF NOT EXISTS followed_held ON followed(notifier, held, since_ns) WHERE held <> '';
CREATE INDEX IF NOT EXISTS followed_told ON followed(notifier, told_ns) WHERE mark = told;
CREATE INDEX IF NOT EXISTS followed_escalates ON followed(notifier, escalates) WHERE escalates IS NOT NULL;
CREATE TABLE IF NOT EXISTS windows(
    notifier TEXT NOT NULL, container TEXT NOT NULL, cause TEXT NOT NULL, due_ns INTEGER NOT NULL,
    width_ns INTEGER NOT NULL, rank INTEGER NOT NULL, PRIMARY KEY(notifier, container, cause)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox(
    n INTEGER PRIMARY KEY AUTOINCREMENT, notifier TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS outbox_by_notifier ON outbox(notifier, n);
CREATE TABLE IF NOT EXISTS refused(
    n INTEGER PRIMARY KEY, notifier TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, at_ns INTEGER NOT NULL,
    reason TEXT NOT NULL);
"""
OF_NOTIFIERS = ("notifiers", "routes", "followed", "windows", "outbox", "refused")


class NotifyFile:
    """The one connection to `notify.db`, by which the board and all notifiers write in turn.

    It may fall back to an earlier commit at a power loss, but behind none that `is_durable`: then something is told
    once more.
    """

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "notify.db"
        self.connection = open_for_writing(self.path, NOTIFY_TABLES, can_fall_back=True)
        self._checkpoint = Checkpoint(self.connection)
        self._lock = threading.Lock()

    @contextmanager
    def writing(self, *, is_durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction, which waits for that of others; DiskFull or JournalError when it could not be kept."""
        with self._lock:
            before = self.connection.total_changes
            try:
                self.connection.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
                self.connection.execute("BEGIN")
                yield self.connection
                self.connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                self._checkpoint.failed(error)
                raise write_failure("tell alerts", self.path, error) from None
            except BaseException:
                self._roll_back()
                raise
            if self.connection.total_changes != before:
                self._checkpoint.committed()

    def idle(self) -> None:
        """Whoever wrote has nothing to do."""
        with self._lock:
            self._checkpoint.idle()

    def close(self) -> None:
        """Give the file back."""
        self.connection.close()

    def _roll_back(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
