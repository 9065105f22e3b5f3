"""A disk without room: the gateway's own logs give theirs back, and what is there can be read."""

from __future__ import annotations

import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from monitor.journal import Journal, JournalReader, StateLock, schema
from monitor.journal.check import check_journal
from monitor.model.errors import DiskFull
from tests.journals import fill, rows, seqs

Usage = namedtuple("Usage", "total used free")


def wal_bytes(folder: Path) -> int:
    return (folder / "journal.db-wal").stat().st_size


def test_a_log_is_cut_at_once_where_room_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the next idle moment; what a reader holds up, in the one behind that. Else it stays until many commits."""
    journal = Journal(tmp_path)
    journal.append(seqs(*range(100)))
    journal.idle()
    before = wal_bytes(tmp_path)
    assert before > 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1, 1, before * schema.SHORT_RATIO - 1))
    reader = JournalReader(tmp_path)
    reader.connection.execute("BEGIN")
    reader.head()
    journal.append(seqs(200))
    journal.idle()
    assert wal_bytes(tmp_path) > 0
    reader.connection.execute("COMMIT")
    journal.idle()
    assert wal_bytes(tmp_path) == 0
    reader.close()
    journal.close()


def test_a_commit_without_room_cuts_the_log(tmp_path: Path) -> None:
    """So that the next may find some."""
    journal = Journal(tmp_path)
    journal.append(seqs(*range(100)))
    (pages,) = journal.connection.execute("PRAGMA page_count").fetchone()
    journal.connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DiskFull):
        journal.append(seqs(*range(100, 500)))
    assert wal_bytes(tmp_path) == 0
    journal.close()


def test_a_file_is_read_where_there_is_no_room_for_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But only while no daemon holds it, and all of it is in the file; else the error says how much is wanted."""
    fill(tmp_path)
    connect = sqlite3.connect

    def without_room(name: str, **options: object) -> sqlite3.Connection:
        """As SQLite on a tmpfs with nothing free: no index, so no read of a file with a log."""
        if "mode=ro" in str(name) and "immutable" not in str(name):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
            raise error
        return connect(name, **options)  # type: ignore[call-overload, no-any-return]  # passed on

    monkeypatch.setattr(sqlite3, "connect", without_room)
    assert check_journal(tmp_path, lambda _done, _of: None).problems == []
    with closing(JournalReader(tmp_path)) as reader:
        assert reader.head()[0] == 12
    with StateLock(tmp_path), pytest.raises(DiskFull, match="make room there, then try again"):
        JournalReader(tmp_path)
    (tmp_path / "journal.db-wal").write_bytes(b"x")
    with pytest.raises(DiskFull, match="32 kB"):
        JournalReader(tmp_path)
    monkeypatch.undo()
    (tmp_path / "journal.db-wal").unlink()
    assert rows(tmp_path, "SELECT count(*) FROM records") == [(12,)]
