"""A backup beside a journal that is written to: whole, consistent with the consumers' files, usable as it is."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from monitor.journal import Journal, backup
from monitor.journal.backup import back_up
from monitor.journal.check import check_journal
from monitor.model.errors import TcmError
from tests.journals import arrival, contents, fill, refused, rows, seqs
from tests.messages import env
from tests.processes import wait_until
from tests.retentions import Bench
from tests.retentions import fill as fill_up

LIMIT_S = 20.0


def quiet(_done: int, _total: int) -> None:
    """No bar."""


def consumer(path: Path, pos: int) -> sqlite3.Connection:
    """A consumer's file with a cursor."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE cursor(pos INTEGER)")
    connection.execute("INSERT INTO cursor VALUES(?)", (pos,))
    return connection


def cursor_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT pos FROM cursor").fetchone()[0])


def test_a_backup_is_the_same_journal(tmp_path: Path) -> None:
    """All rows of all tables; the daemon goes on from it as from the original."""
    fill(tmp_path / "state")
    answer = back_up(tmp_path / "state", tmp_path / "copy", quiet)
    assert contents(tmp_path / "copy") == contents(tmp_path / "state")
    assert (answer["records"], answer["quarantined"], answer["pos"]) == (12, 4, 12)
    assert answer["head"] == rows(tmp_path / "state", "SELECT hex(chain) FROM records ORDER BY pos")[-1][0].lower()
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["journal.db"]
    journals = [Journal(tmp_path / name) for name in ("state", "copy")]
    assert journals[0].append(seqs(2, 3)) == journals[1].append(seqs(2, 3))
    for journal in journals:
        journal.close()
    assert contents(tmp_path / "copy") == contents(tmp_path / "state")


def test_a_backup_while_everything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends, no cursor is ahead of its journal, and the store's is never ahead of what it counts in."""
    monkeypatch.setattr(backup, "MAX_ROWS", 10)
    state = tmp_path / "state"
    journal = Journal(state)
    journal.append(seqs(*range(300)))
    files = {name: consumer(state / name, 1) for name in backup.CONSUMERS}
    stopping = threading.Event()

    def write() -> None:
        seq = 300
        while not stopping.is_set():
            journal.append([arrival("env", env(seq)), refused(env(seq, boot=9), seq, 9)])
            for name in ("watch.db", "series.db", "store.db", "notify.db"):  # as they pass it on
                files[name].execute("UPDATE cursor SET pos = ?", (journal.pos,))
            seq += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        answers = []
        for i in range(3):
            answers.append(back_up(state, tmp_path / str(i), quiet))
            wait_until(lambda: journal.pos > answers[-1]["pos"], LIMIT_S, "another record")
    finally:
        stopping.set()
        thread.join(20)
        for connection in files.values():
            connection.close()
        journal.close()
    assert answers[0]["pos"] < answers[1]["pos"] < answers[2]["pos"]
    for i, answer in enumerate(answers):
        folder = tmp_path / str(i)
        cursors = {name: cursor_of(folder / name) for name in backup.CONSUMERS}
        assert cursors["notify.db"] <= cursors["store.db"] <= cursors["series.db"] <= cursors["watch.db"]
        assert cursors["watch.db"] <= answer["pos"]
        assert check_journal(folder, quiet).document()["problems"] == []
        assert rows(folder, "SELECT next FROM boots WHERE boot = 1") == [(answer["records"],)]


def test_a_backup_never_overwrites(tmp_path: Path) -> None:
    """Neither a finished one nor one that another process is making."""
    fill(tmp_path / "state")
    back_up(tmp_path / "state", tmp_path / "copy", quiet)
    before = (tmp_path / "copy" / "journal.db").read_bytes()
    with pytest.raises(TcmError, match="a backup never overwrites"):
        back_up(tmp_path / "state", tmp_path / "copy", quiet)
    assert (tmp_path / "copy" / "journal.db").read_bytes() == before
    (tmp_path / "other.unfinished").mkdir()
    with pytest.raises(TcmError, match="remove it, or let it end"):
        back_up(tmp_path / "state", tmp_path / "other", quiet)


def test_a_backup_of_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    """It would replace a good one; nothing is left of it."""
    fill(tmp_path / "state")
    with sqlite3.connect(tmp_path / "state" / "journal.db") as connection:
        connection.execute("UPDATE records SET payload = x'00' WHERE pos = 3")
    with pytest.raises(TcmError, match="does not fit its digest"):
        back_up(tmp_path / "state", tmp_path / "copy", quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_what_retention_dropped_is_not_missed(tmp_path: Path) -> None:
    """The copy of a journal that dropped payloads passes its check; retention starts anew on it."""
    bench = Bench(tmp_path / "state")
    fill_up(bench, 0.95)
    bench.drop()
    answer = back_up(tmp_path / "state", tmp_path / "copy", quiet)
    assert answer["pos"] == bench.journal.pos
    assert rows(tmp_path / "copy", "SELECT * FROM dropped") == []
    assert contents(tmp_path / "copy") == contents(tmp_path / "state")
    bench.close()


def test_the_answer_names_every_file(tmp_path: Path) -> None:
    """With its size, as JSON can be kept beside it."""
    fill(tmp_path / "state")
    consumer(tmp_path / "state" / "watch.db", 3).close()
    answer = json.loads(json.dumps(back_up(tmp_path / "state", tmp_path / "copy", quiet)))
    assert sorted(answer["files"]) == ["journal.db", "watch.db"]
    assert answer["bytes"] == sum(path.stat().st_size for path in (tmp_path / "copy").iterdir())


def test_a_disk_that_is_not_mounted_is_no_place_for_a_backup(tmp_path: Path) -> None:
    """No folder is made above the one asked for: it would lie on the gateway's own disk."""
    fill(tmp_path / "state")
    with pytest.raises(TcmError, match="mount it, or create the folder"):
        back_up(tmp_path / "state", tmp_path / "media" / "copy", quiet)
    assert not (tmp_path / "media").exists()
