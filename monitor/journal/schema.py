"""The tables of `journal.db` and how every part opens SQLite files."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

from monitor.journal.failure import FULL, NO_INDEX, write_failure
from monitor.journal.lock import rest
from monitor.model.errors import DiskFull, JournalError
from monitor.model.regular_file import sync

SCHEMA_VERSION = 1
JOURNAL_VERSION = 3  # 1: no record waited for its boot's clock; 2: nothing was dropped from quarantine
MAX_WAL_PAGES = 16_384  # 64 MiB; past this a commit folds the WAL back itself, however long that takes
_NO_MIGRATIONS: Mapping[int, str] = MappingProxyType({})
KEPT_WAL_BYTES = 4 << 20  # what stays of a longer one once it is folded back, as its room is wanted again soon
SHORT_RATIO = 10  # a WAL that is more than this part of what is free on the disk is folded back and cut at once
CHECKPOINT_COMMITS = 200  # about 4 MB of single records: what an idle moment folds back in a few ms
BUSY_TIMEOUT_S = 10.0  # only a checkpoint in another connection can make anybody wait, for milliseconds
LOCKLESS = "&immutable=1"  # how the name of a file ends that is read without a lock, see `read_only`

IDENTITY_CONFLICT = "monitor.identity-conflict: another payload is stored under this logger, boot and seq"
JOURNAL_TABLES = f"""
CREATE TABLE IF NOT EXISTS records(
    pos INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, container TEXT, logger TEXT, boot INTEGER, seq INTEGER,
    kind TEXT NOT NULL, topic TEXT, payload BLOB, digest BLOB NOT NULL, chain BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS identity ON records(logger, boot, seq) WHERE seq IS NOT NULL;
CREATE INDEX IF NOT EXISTS statuses ON records(logger, pos) WHERE kind = 'status';
CREATE INDEX IF NOT EXISTS configs ON records(pos) WHERE kind = 'config';
CREATE INDEX IF NOT EXISTS operators ON records(pos) WHERE kind = 'operator';
CREATE INDEX IF NOT EXISTS ticks ON records(pos) WHERE kind = 'tick';
CREATE TABLE IF NOT EXISTS quarantine(
    pos INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB,
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
CREATE TABLE IF NOT EXISTS checkpoints(
    pos INTEGER PRIMARY KEY, made_ns INTEGER NOT NULL, ticks INTEGER NOT NULL, chain BLOB NOT NULL,
    quarantine_pos INTEGER NOT NULL, quarantine_chain BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dropped(
    one INTEGER PRIMARY KEY CHECK (one = 1), pos INTEGER NOT NULL, quarantine_pos INTEGER NOT NULL);
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
""",
    2: """
ALTER TABLE quarantine RENAME TO quarantine_2;
CREATE TABLE quarantine(
    pos INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB,
    reason TEXT NOT NULL, digest BLOB NOT NULL, chain BLOB NOT NULL);
INSERT INTO quarantine SELECT * FROM quarantine_2;
DROP TABLE quarantine_2;
""",
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

    A file of an earlier version is copied to `<path>.v<version>` and brought to `version`, one step of `migrations`
    after the other (each stands under the version that it starts from), in one transaction.

    A file that `can_fall_back` to an earlier commit at a power loss, because its owner makes the rest again from the
    journal, saves the fsync of each commit.

    Raises JournalError when the file is damaged or was written by a later version of this program, DiskFull when there
    is no room to open it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={MAX_WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={KEPT_WAL_BYTES}")
        connection.execute("PRAGMA secure_delete=OFF")  # some builds overwrite what is dropped: all of it, in the WAL
        connection.execute(f"PRAGMA synchronous={'NORMAL' if can_fall_back else 'FULL'}")
        found = _check_version(path, connection, version, (0, *migrations))
        # After a failed fsync the system's cache may hold what the disk never will: folded back, it is written anew.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        script = tables
        if found != version:
            script = "".join(migrations[step] for step in range(found or version, version)) + tables
            script += f"PRAGMA user_version={version};"
            if found:
                copy_database(connection, path.with_name(f"{path.name}.v{found}"))
        connection.executescript(f"BEGIN IMMEDIATE;{script}COMMIT;")
    except (sqlite3.Error, OSError) as error:
        raise write_failure("open", path, error) from None
    return connection


def copy_database(connection: sqlite3.Connection, copy: Path) -> None:
    """Copy a database as of one moment to the file `copy`, durable when this returns; its WAL grows meanwhile."""
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=OFF")  # it is synchronised once, whole
        connection.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, that a reader needs no other beside it for
    sync(unfinished)
    unfinished.replace(copy)
    sync(copy.parent)


class Checkpoint:
    """Folds a file's WAL back while its owner is idle.

    Left to SQLite it happens inside some commit, whose message then waits for two more fsyncs. Where the disk is short
    of room the WAL is cut as well: else the gateway's own would keep it full.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._commits = connection, 0
        self._wal = Path(f"{connection.execute('PRAGMA database_list').fetchone()[2]}-wal")

    def committed(self) -> None:
        """The owner wrote."""
        self._commits += 1

    def idle(self) -> None:
        """The owner has nothing to do."""
        if self._commits and self._is_large():
            self.make_room()
        elif self._commits >= CHECKPOINT_COMMITS:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._commits = 0

    def failed(self, error: sqlite3.Error) -> None:
        """A commit of the owner failed and was rolled back."""
        if error.sqlite_errorcode in FULL:  # after anything else nobody knows what the disk holds
            self.make_room()

    def make_room(self) -> None:
        """Fold all of the WAL back and cut it, without waiting for readers."""
        try:
            self._connection.execute("PRAGMA busy_timeout=0")
            (is_busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            if error.sqlite_errorcode not in FULL:  # the file itself would grow: others may make room for that
                raise
            is_busy = True
        finally:
            self._connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        self._commits = int(is_busy)  # what a reader held up is tried again

    def _is_large(self) -> bool:
        try:
            wal_bytes = self._wal.stat().st_size
        except FileNotFoundError:
            return False
        return wal_bytes * SHORT_RATIO > shutil.disk_usage(self._wal.parent).free


def open_for_reading(path: Path, version: int = SCHEMA_VERSION) -> sqlite3.Connection:
    """Open `path` read-only; JournalError when it is not there, no database, or another version's.

    DiskFull when not even the WAL's index finds room, which readers need too.
    """
    try:
        connection = connect_reading(path)
        _check_version(path, connection, version)
    except sqlite3.Error as error:
        failure = write_failure("open", path, error)
        if isinstance(failure, DiskFull):
            hint = "to read it takes some 32 kB on its disk: make room there, then try again"
            raise DiskFull("open", str(path), str(error), hint) from None
        raise failure from None
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection to a file of any version; sqlite3.Error when it is not there or no database."""
    return _connect(read_only(path))


def read_only(path: Path) -> str:
    """The name under which SQLite opens a file and never writes to it.

    A file at rest whose index this user may not make, or finds no room for, is read as it lies there, without a lock:
    a daemon that starts meanwhile is not seen, and what it folds back may be seen in part. See `rest`.
    """
    name = f"{path.resolve().as_uri()}?mode=ro"
    try:
        _connect(name).close()
    except sqlite3.Error as error:
        if error.sqlite_errorcode in NO_INDEX and rest(path) is not None:
            return f"{name}{LOCKLESS}"
    return name


def _connect(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA wal_autocheckpoint=0")  # only the writer checkpoints (SQLite's WAL-reset bug)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check_version(path: Path, connection: sqlite3.Connection, expected: int, known: tuple[int, ...] = ()) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != expected and version not in known:
        hint = "a later version of this program wrote it: use that one, or another state_dir"
        if 0 < version < expected:
            hint = "start the daemon on it once: it brings the file up to date"
        raise JournalError("open", str(path), f"schema version {version}, expected {expected}", hint)
    return version
