"""Who may open a journal, and which: one daemon at a time, and a file that is whole and of this version."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from monitor.journal import Journal, JournalReader, StateLock
from monitor.model.errors import JournalError
from tests.journals import contents, fill, rows

HOLD = (
    "import sys; from pathlib import Path; from monitor.journal import StateLock;"
    "lock = StateLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
)


def test_the_lock_admits_one_daemon_and_goes_with_its_process(tmp_path: Path) -> None:
    """The second is told who holds it; after SIGKILL no file needs a hand."""
    folder = tmp_path / "state"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(JournalError, match=f"process {holder.pid} runs on it") as caught:
            StateLock(folder)
        assert str(folder) in str(caught.value)
        holder.send_signal(signal.SIGKILL)
        assert holder.wait(10) == -signal.SIGKILL
    with StateLock(folder), pytest.raises(JournalError):
        StateLock(folder)
    StateLock(folder).close()


def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "state").write_text("", encoding="utf-8")
    with pytest.raises(JournalError, match="choose a state_dir that can be written"):
        StateLock(tmp_path / "state")


@pytest.mark.parametrize("opener", [Journal, JournalReader])
def test_another_version_of_the_tables_is_refused(tmp_path: Path, opener: type[Journal | JournalReader]) -> None:
    """Neither written nor read: its columns may mean something else."""
    Journal(tmp_path).close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute("PRAGMA user_version=9")
    with pytest.raises(JournalError, match="schema version 9, expected 3"):
        opener(tmp_path)


def test_an_earlier_version_is_copied_and_brought_up_to_date(tmp_path: Path) -> None:
    """Version 2 knew no checkpoints, and its quarantine kept every payload; a copy from before stays beside it."""
    fill(tmp_path)
    before = contents(tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.executescript(
            """DROP TABLE checkpoints; DROP TABLE dropped; DROP INDEX ticks; ALTER TABLE quarantine RENAME TO new;
            CREATE TABLE quarantine(pos INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, topic TEXT NOT NULL,
            payload BLOB NOT NULL, reason TEXT NOT NULL, digest BLOB NOT NULL, chain BLOB NOT NULL);
            INSERT INTO quarantine SELECT * FROM new; DROP TABLE new; PRAGMA user_version=2;"""
        )
    with pytest.raises(JournalError, match="start the daemon on it once"):
        JournalReader(tmp_path)
    Journal(tmp_path).close()
    assert contents(tmp_path) == before
    with closing(sqlite3.connect(tmp_path / "journal.db.v2")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (2,)
        assert copy.execute("SELECT count(*) FROM records").fetchone() == (12,)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("UPDATE quarantine SET payload = NULL")
        tables = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    Journal(tmp_path / "new").close()
    assert tables == rows(tmp_path / "new", "SELECT name FROM sqlite_master ORDER BY name")


@pytest.mark.parametrize("opener", [Journal, JournalReader])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, opener: type[Journal | JournalReader]) -> None:
    """The message names the file and what to do."""
    (tmp_path / "journal.db").write_bytes(b"no database " * 1000)
    with pytest.raises(JournalError, match=r"journal\.db: file is not a database \("):
        opener(tmp_path)


def test_a_journal_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    """A reader never makes one."""
    with pytest.raises(JournalError, match="is this the daemon's state directory"):
        JournalReader(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    """Every page but the first overwritten: an error of ours with file and hint, nothing appended."""
    fill(tmp_path)
    path = tmp_path / "journal.db"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x5a" * (len(content) - 4096))
    with pytest.raises(JournalError, match=r"journal\.db: .*tcm journal recover or restore a backup"):
        Journal(tmp_path)
