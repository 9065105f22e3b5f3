"""A commit is in the file whole or not at all: after a kill, a write that fails, and on a disk without room."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from monitor.config import JournalSettings
from monitor.journal import Commit, Journal
from monitor.journal.schema import CHECKPOINT_COMMITS
from monitor.model.condition import DISK_FULL, DISK_LOW
from monitor.model.errors import DiskFull, JournalError
from tests.journals import arrival, contents, refused, seqs
from tests.messages import env
from tests.tables import first_break, stored


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    made = Journal(tmp_path)
    yield made
    made.close()


def test_what_is_not_committed_is_not_there(tmp_path: Path) -> None:
    """A process killed inside a transaction leaves the commits before it, whole, and the next daemon goes on."""
    script = (
        "import os, sys; from pathlib import Path; from monitor.journal import Journal;"
        "from tests.journals import seqs;"
        "journal = Journal(Path(sys.argv[1])); journal.append(seqs(0, 1));"
        "journal._connection.execute('BEGIN IMMEDIATE'); [journal.add(a, 1, 2) for a in seqs(2)]; journal._flush();"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    journal = Journal(tmp_path)
    assert journal.append(seqs(1, 2)) == Commit(inserted=1, duplicates=1, upto={("C", "L", 1): 2})
    assert first_break(tmp_path, "records") is None
    journal.close()


def test_a_write_that_fails_is_an_error_and_leaves_nothing(tmp_path: Path, journal: Journal) -> None:
    """A table that is gone: JournalError, the commit is not there, what was there before is."""
    journal.append(seqs(0))
    journal._connection.execute("DROP TABLE waiting")
    with pytest.raises(JournalError, match=r"append: .*no such table"):
        journal.append([arrival("env", env(1, clk=0))])
    journal.close()
    assert stored(tmp_path) == [("env", 1, 0)]


def scene(folder: Path, *, is_full_between: bool) -> Commit:
    """Two commits, between them one that found no room, or none."""
    journal = Journal(folder)
    journal.append([*seqs(0, 2), refused(env(7, boot=2), 7, boot=2), arrival("env", env(0, boot=3, clk=0))])
    if is_full_between:
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        before = journal.heads
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        large = [arrival("env", env(seq, boot, pad=bytes(9_000))) for boot in (1, 2, 3, 4) for seq in range(9)]
        for _ in range(2):
            with pytest.raises(DiskFull, match="free some room"):
                journal.append([refused(env(1), 1), *large])
            assert journal.heads == before
        journal._connection.execute("PRAGMA max_page_count = 1000000")
    commit = journal.append([*seqs(0, 1, 5), arrival("env", env(1, boot=3, clk=0)), refused(env(9))])
    journal.append_own("tick", 10**15, b"")
    journal.close()
    return commit


def test_a_full_disk_changes_nothing_and_the_same_can_be_appended_again(tmp_path: Path) -> None:
    """Positions, chains, boots, gaps and waits are as if the commit that found no room had never been tried."""
    commits = [scene(tmp_path / name, is_full_between=name == "full") for name in ("full", "plain")]
    assert commits[0] == commits[1]
    assert contents(tmp_path / "full") == contents(tmp_path / "plain")
    assert first_break(tmp_path / "full", "records") is None


def test_room_is_the_budget_and_what_is_free_on_the_disk(tmp_path: Path) -> None:
    """Nothing is said below 90 % of the budget; at its end, or below the reserve, there is no room."""
    told = []
    journal = Journal(tmp_path, JournalSettings.model_validate({"budget": "1 MB", "reserve": "0 B"}))
    seq = 0
    while journal.has_room():
        told.append([condition.rule for condition in journal.conditions()])
        journal.append([arrival("env", env(seq, pad=bytes(20_000)))])
        seq += 1
    assert [condition.rule for condition in journal.conditions()] == [DISK_FULL]
    low = told.index([DISK_LOW])
    assert told == [[]] * low + [[DISK_LOW]] * (len(told) - low)
    assert 0.85 < low / len(told) < 0.95
    journal.append_own("tick", 1, b"")
    journal.close()
    free_bytes = shutil.disk_usage(tmp_path).free
    wanted = JournalSettings.model_validate({"budget": "1 GB", "reserve": f"{free_bytes + 10**9} B"})
    journal = Journal(tmp_path, wanted)
    assert not journal.has_room()
    assert "free on the disk" in journal.conditions()[0].text
    journal.close()


def test_an_idle_moment_folds_the_wal_back(tmp_path: Path) -> None:
    """Not inside a commit, whose message would wait for it: the file alone then holds all records."""
    journal = Journal(tmp_path)
    for seq in range(CHECKPOINT_COMMITS):
        journal.append([arrival("env", env(seq))])

    def records_in_file_alone() -> int:
        copy = tmp_path / "copy.db"
        shutil.copyfile(tmp_path / "journal.db", copy)
        with closing(sqlite3.connect(copy)) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'records'").fetchone()[0]
            return int(connection.execute("SELECT count(*) FROM records").fetchone()[0]) if tables else 0

    assert records_in_file_alone() == 0
    journal.idle()
    assert records_in_file_alone() == CHECKPOINT_COMMITS
    journal.close()
