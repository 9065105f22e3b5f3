"""What it means that a file of the state directory cannot be used."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from monitor.model.errors import DiskFull, JournalError, TcmError


class Unreachable(JournalError):  # noqa: N818 - named for what it is, as others are
    """Nothing is known to be wrong with a file, but this user may not open it, or not now."""


FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)  # the second: no room for the WAL's index, which is no data
# Without room SQLite says that it cannot open the index, or that it found none for it.
NO_INDEX = (*FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY_DIRECTORY)  # the last: this user may not make it
_OTHER_HINT = "check the disk, and whether the file belongs to the daemon's user"
_HINTS = {
    sqlite3.SQLITE_CORRUPT: "the file is damaged: run tcm journal check, then tcm journal recover or restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is damaged: run tcm journal recover, or restore a backup",
    sqlite3.SQLITE_IOERR: "the disk fails (see dmesg, smartctl): repair or replace it, then start the daemon again",
    sqlite3.SQLITE_READONLY: "the file or its file system is read-only: see dmesg, and whether the daemon owns it",
    sqlite3.SQLITE_CANTOPEN: "is this the daemon's state directory, and may this user read it?",
    sqlite3.SQLITE_BUSY: "another program writes to the file: end it, then start the daemon again",
    sqlite3.SQLITE_READONLY_DIRECTORY: "does the daemon just start? try again; else may this user write to the folder?",
}  # by result code, primary where the whole one is not there
_UNREACHABLE = (sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def write_failure(operation: str, path: Path, error: Exception) -> TcmError:
    """What it means that SQLite or the system cannot use a file: DiskFull, after which the same may be tried again once
    there is room, or the end of the process.

    A commit whose fsync failed is never tried again: what the disk holds then, nobody knows.
    """
    code = getattr(error, "sqlite_errorcode", 0)
    if code in FULL or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return DiskFull(operation, str(path), str(error), "free some room; it is tried again")
    hint = _HINTS.get(code) or _HINTS.get(code & 0xFF, _OTHER_HINT)
    kind = Unreachable if code & 0xFF in _UNREACHABLE else JournalError
    return kind(operation, str(path), str(error), hint)
