"""The tables of `journal.db` and how every part opens SQLite files."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from monitor.model.errors import DiskFull, JournalError, TcmError

SCHEMA_VERSION = 1
JOURNAL_VERSION = 2  # in version 1 no record waited: what was needed without a live message anchored its boot at once
MAX_WAL_PAGES = 16_384  # 64 MiB; past this a commit folds the WAL back itself, however long that takes
_NO_MIGRATIONS: Mapping[int, str] = MappingProxyType({})
CHECKPOINT_COMMITS = 200  # about 4 MB of single records: what an idle moment folds back in a few ms
BUSY_TIMEOUT_S = 10.0  # only a checkpoint in another connection can make anybody wait, for milliseconds

IDENTITY_CONFLICT = "monitor.identity-conflict: another payload is stored under this logger, boot and seq"
JOURNAL_TABLES = f"""
CREATE TABLE IF NOT EXISTS records(
    pos INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, container TEXT, logger TEXT, boot INTEGER, seq INTEGER,
    kind TEXT NOT NULL, topic TEXT, payload BLOB, digest BLOB NOT NULL, chain BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS identity ON records(logger, boot, seq) WHERE seq IS NOT NULL;
CREATE INDEX IF NOT EXISTS statuses ON records(logger, pos) WHERE kind = 'status';
CREATE INDEX IF NOT EXISTS configs ON records(pos) WHERE kind = 'config';
CREATE INDEX IF NOT EXISTS operators ON records(pos) WHERE kind = 'operator';
CREATE TABLE IF NOT EXISTS quarantine(
    pos INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    reason TEXT NOT NULL, digest BLOB NOT NULL, chain BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS conflicts ON quarantine(pos) WHERE reason = '{IDENTITY_CONFLICT}';
CREATE TABLE IF NOT EXISTS boots(
    logger TEXT NOT NULL, boot INTEGER NOT NULL, container TEXT NOT NULL, upto INTEGER NOT NULL,
    oldest INTEGER NOT NULL, next INTEGER NOT NULL, anchor_ns INTEGER, seen_ns INTEGER NOT NULL,
    anchor_mono_ns INTEGER, least_ns INTEGER, waiting_since_ns INTEGER, waiting_bytes INTEGER NOT NULL DEFAULT 0,
    clk INTEGER, is_known INTEGER NOT NULL DEFAULT 1, successor INTEGER, PRIMARY KEY(logger, boot)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waits ON boots(waiting_since_ns) WHERE waiting_since_ns IS NOT NULL;
CREATE TABLE IF NOT EXISTS waiting(
    pos INTEGER PRIMARY KEY, logger TEXT NOT NULL, boot INTEGER NOT NULL, until_pos INTEGER);
CREATE INDEX IF NOT EXISTS unplaced ON waiting(logger, boot) WHERE until_pos IS NULL;
CREATE INDEX IF NOT EXISTS placed ON waiting(until_pos) WHERE until_pos IS NOT NULL;
CREATE TABLE IF NOT EXISTS gaps(
    logger TEXT NOT NULL, boot INTEGER NOT NULL, "from" INTEGER NOT NULL, "to" INTEGER NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY(logger, boot, "from")) WITHOUT ROWID;
"""
JOURNAL_MIGRATIONS = {  # by the version that they start from
    1: """
ALTER TABLE boots ADD COLUMN anchor_mono_ns INTEGER;
ALTER TABLE boots ADD COLUMN least_ns INTEGER;
ALTER TABLE boots ADD COLUMN waiting_since_ns INTEGER;
ALTER TABLE boots ADD COLUMN waiting_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE boots ADD COLUMN clk INTEGER;
ALTER TABLE boots ADD COLUMN is_known INTEGER NOT NULL DEFAULT 1;
ALTER TABLE boots ADD COLUMN successor INTEGER;
"""
}


def open_for_writing(
    path: Path,
    tables: str,
    *,
    can_fall_back: bool = False,
    version: int = SCHEMA_VERSION,
    migrations: Mapping[int, str] = _NO_MIGRATIONS,
) -> sqlite3.Connection:
    """Open the one connection that writes and checkpoints `path`: WAL, durable at every commit.

    A file of an earlier version is brought to `version` by `migrations`, in one transaction.

    A file that `can_fall_back` to an earlier commit at a power loss, because its owner makes the rest again from the
    journal, saves the fsync of each commit.

    Raises JournalError when the file is damaged or was written by another version of this program.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={MAX_WAL_PAGES}")
        connection.execute(f"PRAGMA synchronous={'NORMAL' if can_fall_back else 'FULL'}")
        found = _check_version(path, connection, version, (0, *migrations))
        script = migrations.get(found, "") + tables
        connection.executescript(f"BEGIN IMMEDIATE;{script}PRAGMA user_version={version};COMMIT;")
    except (sqlite3.Error, OSError) as error:
        raise damaged(path, error) from None
    return connection


def write_failure(operation: str, path: Path, error: sqlite3.Error) -> TcmError:
    """What a failed write means: DiskFull, after which the same may be tried again, or the end of the process.

    A commit whose fsync failed is never tried again: what the disk holds then, nobody knows.
    """
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return DiskFull(operation, str(path), str(error), "free some room; it is tried again")
    hint = "nothing of it was acknowledged; free or repair the disk, then start the daemon again"
    return JournalError(operation, str(path), str(error), hint)


def damaged(path: Path, error: Exception) -> JournalError:
    """The error of a file that SQLite cannot use."""
    hint = "check the disk and the file's owner; restore the file from a backup if it is damaged"
    return JournalError("open", str(path), str(error), hint)


class Checkpoint:
    """Folds a file's WAL back while its owner is idle.

    Left to SQLite it happens inside some commit, whose message then waits for two more fsyncs.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._commits = connection, 0

    def committed(self) -> None:
        """The owner wrote."""
        self._commits += 1

    def idle(self) -> None:
        """The owner has nothing to do."""
        if self._commits >= CHECKPOINT_COMMITS:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._commits = 0


def open_for_reading(path: Path, version: int = SCHEMA_VERSION) -> sqlite3.Connection:
    """Open `path` read-only; JournalError when it is not there, no database, or another version's."""
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA wal_autocheckpoint=0")  # only the writer checkpoints (SQLite's WAL-reset bug)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        _check_version(path, connection, version)
    except sqlite3.Error as error:
        raise JournalError("open", str(path), str(error), "is this the daemon's state directory?") from None
    return connection


def _check_version(path: Path, connection: sqlite3.Connection, expected: int, known: tuple[int, ...] = ()) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != expected and version not in known:
        hint = "use the program that wrote it, or another state_dir"
        if 0 < version < expected:
            hint = "start the daemon on it once: it brings the file up to date"
        raise JournalError("open", str(path), f"schema version {version}, expected {expected}", hint)
    return version
