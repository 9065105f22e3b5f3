"""The journal on a real file: what becomes a record, what is settled, and the chain that proves it."""

from __future__ import annotations

import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import JournalSettings
from monitor.journal import Commit, Journal, JournalReader, Place, StateLock, Usable
from monitor.journal.ordered import batches
from monitor.journal.reader import MAX_BATCH_BYTES
from monitor.journal.schema import CHECKPOINT_COMMITS, IDENTITY_CONFLICT
from monitor.journal.statuses import last_status
from monitor.model.condition import DISK_FULL, DISK_LOW
from monitor.model.errors import DiskFull, JournalError
from monitor.wire import decode
from tests.journals import (
    CHAINED,
    MESSAGES,
    Row,
    arrival,
    contents,
    fill,
    gaps,
    message,
    refused,
    rows,
    seqs,
)
from tests.messages import env, pack, shock, status


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    made = Journal(tmp_path)
    yield made
    made.close()


def stored(folder: Path) -> list[Row]:
    return rows(folder, "SELECT kind, boot, seq FROM records ORDER BY pos")


def test_a_record_lies_in_the_journal_as_it_came(tmp_path: Path, journal: Journal) -> None:
    """All columns, the payload to the byte."""
    content = env(0)
    commit = journal.append([arrival("env", content, is_fill=True)])
    assert commit == Commit(inserted=1, upto={("C", "L", 1): 0})
    columns = "pos, received_ns, container, logger, boot, seq, kind, topic, payload"
    expected = (1, 1000, "C", "L", 1, 0, "env", "tcm/v1/C/L/up/fill/env", pack(content))
    assert rows(tmp_path, f"SELECT {columns} FROM records") == [expected]
    reader = JournalReader(tmp_path)
    (record,) = reader.read(Place()).records
    assert record.is_fill
    assert record.payload == pack(content)
    reader.close()


@pytest.mark.parametrize("is_one_commit", [True, False])
def test_a_duplicate_is_counted_and_acknowledged_again(tmp_path: Path, journal: Journal, is_one_commit: bool) -> None:
    """Whether in one transaction or in a later one: one row, and the logger is told once more."""
    if is_one_commit:
        commit = journal.append(seqs(0, 0))
        assert (commit.inserted, commit.duplicates) == (1, 1)
    else:
        journal.append(seqs(0))
        commit = journal.append(seqs(0))
        assert (commit.inserted, commit.duplicates) == (0, 1)
    assert commit.upto == {("C", "L", 1): 0}
    assert stored(tmp_path) == [("env", 1, 0)]


@pytest.mark.parametrize("is_one_commit", [True, False])
def test_of_two_payloads_under_one_identity_the_first_stands(
    tmp_path: Path, journal: Journal, is_one_commit: bool
) -> None:
    """The second goes to quarantine, each delivery as a row of its own, and the seq stays settled."""
    first, second = arrival("env", env(0)), arrival("env", env(0, values=[[99.0]]))
    if is_one_commit:
        commit = journal.append([first, second, second])
    else:
        journal.append([first])
        commit = journal.append([second, second])
    assert (commit.quarantined, commit.upto) == (2, {("C", "L", 1): 0})
    assert rows(tmp_path, "SELECT payload FROM records") == [(first.payload,)]
    expected = [(second.payload, IDENTITY_CONFLICT)] * 2
    assert rows(tmp_path, "SELECT payload, reason FROM quarantine") == expected
    assert IDENTITY_CONFLICT.startswith("monitor.identity-conflict")


def test_env_and_shock_share_one_counter(tmp_path: Path, journal: Journal) -> None:
    """An event under a block's seq is another payload under the same identity."""
    commit = journal.append([arrival("env", env(0)), arrival("shock", shock(1)), arrival("shock", shock(0))])
    assert (commit.inserted, commit.quarantined, commit.upto) == (2, 1, {("C", "L", 1): 1})
    assert stored(tmp_path) == [("env", 1, 0), ("shock", 1, 1)]


def test_a_quarantined_message_with_identity_settles_its_seq(tmp_path: Path, journal: Journal) -> None:
    """So the logger may free it; one without identity settles nothing."""
    commit = journal.append([*seqs(0), refused(env(1, v=2), 1), refused(env(2)), *seqs(3)])
    assert (commit.inserted, commit.quarantined, commit.upto) == (2, 2, {("C", "L", 1): 1})
    assert gaps(tmp_path) == [(1, 2, 2, "open")]


def test_a_good_copy_of_a_quarantined_record_is_stored(tmp_path: Path, journal: Journal) -> None:
    """What was once refused for a flaw is taken when it comes whole, and only once."""
    journal.append([refused(env(0, v=2), 0)])
    commit = journal.append(seqs(0, 0))
    assert (commit.inserted, commit.duplicates, commit.quarantined) == (1, 1, 0)
    assert stored(tmp_path) == [("env", 1, 0)]


def test_a_retained_status_equal_to_the_last_is_not_journalled_again(tmp_path: Path, journal: Journal) -> None:
    """Every start of the daemon receives it again; a different one is news, and so is the first after that."""
    birth, will = status(), status(state="offline")
    journal.append([arrival("status", birth)])
    same = journal.append([arrival("status", birth, is_retained=True), arrival("status", birth, is_retained=True)])
    assert (same.inserted, same.duplicates, same.upto) == (0, 2, {})
    other = journal.append([arrival("status", will, is_retained=True), arrival("status", birth, is_retained=True)])
    assert (other.inserted, other.statuses, other.duplicates) == (2, 2, 0)
    assert journal.append([arrival("status", birth)]).inserted == 1
    assert journal.append([arrival("status", birth, logger="M", is_retained=True)]).inserted == 1
    assert len(stored(tmp_path)) == 5


def birth(next_seq: int, held: list[list[int]], boot: int = 1) -> Usable:
    return arrival("status", status(boot, next=next_seq, held=held))


def test_a_birth_declares_lost_what_lies_below_next_and_outside_held(tmp_path: Path, journal: Journal) -> None:
    """What is held stays open; one record above `next` lies aside, and what it leaves out is not awaited."""
    journal.append(seqs(0, 9, 20))
    commit = journal.append([birth(12, [[1, 2, 3], [1, 6, 6]])])
    expected = [(1, 1, "lost"), (2, 3, "open"), (4, 5, "lost"), (6, 6, "open"), (7, 8, "lost"), (10, 11, "lost")]
    assert gaps(tmp_path) == [(1, *gap) for gap in expected] + [(1, 12, 19, "unmade")]
    assert (commit.upto, commit.births) == ({("C", "L", 1): 1}, {("C", "L", 1)})


def test_a_birth_opens_gaps_for_what_it_made_and_holds(tmp_path: Path, journal: Journal) -> None:
    """Records that the daemon never heard of are missing from then on, those that are gone are lost."""
    commit = journal.append([birth(10, [[1, 4, 9]])])
    assert gaps(tmp_path) == [(1, 0, 3, "lost"), (1, 4, 9, "open")]
    assert commit.upto == {("C", "L", 1): 3}


def test_a_birth_speaks_of_older_boots_too(tmp_path: Path, journal: Journal) -> None:
    """Of a boot that it still holds the ranges are open, of one that it does not name all that was open is lost."""
    journal.append([*seqs(0, 5, boot=1), *seqs(0, 5, boot=2)])
    commit = journal.append([birth(1, [[2, 3, 3], [3, 7, 8]], boot=4)])
    assert gaps(tmp_path) == [
        (1, 1, 4, "lost"),
        *((2, 1, 2, "lost"), (2, 3, 3, "open"), (2, 4, 4, "lost")),
        *((3, 0, 6, "lost"), (3, 7, 8, "open")),
        (4, 0, 0, "lost"),
    ]
    assert commit.births == {("C", "L", boot) for boot in (2, 3, 4)}
    assert commit.upto == {("C", "L", 1): 5, ("C", "L", 2): 2, ("C", "L", 3): 6, ("C", "L", 4): 0}


def test_a_birth_says_nothing_of_other_loggers(tmp_path: Path, journal: Journal) -> None:
    """Their boots may have the same number."""
    journal.append(seqs(0, 5))
    journal.append([arrival("status", status(1, next=9, held=[]), logger="M")])
    assert gaps(tmp_path) == [(1, 1, 4, "open"), (1, 0, 8, "lost")]


@pytest.mark.parametrize("state", ["offline", "sleeping"])
def test_a_status_without_memory_changes_no_gap(tmp_path: Path, journal: Journal, state: str) -> None:
    """A will was written before any of it happened."""
    journal.append(seqs(0, 5))
    commit = journal.append([arrival("status", status(state=state))])
    assert gaps(tmp_path) == [(1, 1, 4, "open")]
    assert commit.births == set()


def test_oldest_declares_lost_what_the_logger_no_longer_held(tmp_path: Path, journal: Journal) -> None:
    """Below `oldest` of a later record, never more; an older copy's smaller `oldest` takes nothing back."""
    journal.append(seqs(0, 5))
    commit = journal.append(seqs(9, oldest=3))
    assert gaps(tmp_path) == [(1, 1, 2, "lost"), (1, 3, 4, "open"), (1, 6, 8, "open")]
    assert commit.upto == {("C", "L", 1): 2}
    journal.append(seqs(6, oldest=1))
    assert gaps(tmp_path) == [(1, 1, 2, "lost"), (1, 3, 4, "open"), (1, 6, 6, "filled"), (1, 7, 8, "open")]


def test_a_lost_record_that_comes_all_the_same_is_stored(tmp_path: Path, journal: Journal) -> None:
    """Its gap becomes filled; also after a restart, below `upto`."""
    journal.append(seqs(0, 5, oldest=5))
    journal.close()
    again = Journal(tmp_path)
    commit = again.append([arrival("env", env(3), is_fill=True)])
    assert (commit.inserted, commit.upto) == (1, {("C", "L", 1): 5})
    assert gaps(tmp_path) == [(1, 1, 2, "lost"), (1, 3, 3, "filled"), (1, 4, 4, "lost")]
    assert again.append(seqs(3)).duplicates == 1
    again.close()


def test_a_restart_knows_what_is_settled(tmp_path: Path, journal: Journal) -> None:
    """Duplicates, gaps and the last status are those of the file."""
    journal.append([*seqs(0, 1, 4), arrival("status", status())])
    journal.close()
    again = Journal(tmp_path)
    commit = again.append([*seqs(0, 1, 4, 5), arrival("status", status(), is_retained=True)])
    assert (commit.inserted, commit.duplicates, commit.upto) == (1, 4, {("C", "L", 1): 1})
    again.close()


def anchor(folder: Path) -> int | None:
    (row,) = rows(folder, "SELECT anchor_ns FROM boots")
    value: int | None = row[0]
    return value


def test_the_first_prompt_message_sets_the_anchor_once(tmp_path: Path, journal: Journal) -> None:
    """Receive time less mono; neither what was queued nor what comes later moves it."""
    journal.append([arrival("env", env(0, mono=10), 1000)])
    assert anchor(tmp_path) is None
    journal.append([arrival("env", env(1, mono=20), 2000, is_prompt=True)])
    assert anchor(tmp_path) == 1980
    journal.append([arrival("env", env(2, mono=30), 9000, is_prompt=True)])
    assert anchor(tmp_path) == 1980
    journal.close()
    again = Journal(tmp_path)
    again.append([arrival("status", status(mono=40), 9999, is_prompt=True)])
    assert anchor(tmp_path) == 1980
    again.close()


def test_a_prompt_status_sets_the_anchor(tmp_path: Path, journal: Journal) -> None:
    """The birth is mostly a boot's first message."""
    journal.append([arrival("status", status(mono=40), 1000, is_prompt=True)])
    assert anchor(tmp_path) == 960


def test_the_last_will_sets_no_anchor(tmp_path: Path, journal: Journal) -> None:
    """It was written when its logger connected, and came when the connection broke: days may lie between."""
    journal.append([arrival("status", status(state="offline", mono=10), 10**15, is_prompt=True)])
    assert anchor(tmp_path) is None
    journal.append([arrival("status", status(state="sleeping", mono=40), 1000, is_prompt=True)])
    assert anchor(tmp_path) == 960


def test_readers_take_batches_bounded_by_records_and_bytes(tmp_path: Path, journal: Journal) -> None:
    """In order, nothing left out, at most `limit` records and one payload more than the bytes."""
    journal.append([arrival("env", env(seq, pad=bytes(900_000))) for seq in range(20)])
    journal.append(seqs(*range(20, 40)))
    reader = JournalReader(tmp_path)
    assert [record.pos for record in reader.read(Place(), 3).records] == [1, 2, 3]
    batches, place = [], Place()
    while (page := reader.read(place)).reached != place:
        batches.append(page.records)
        place = page.reached
    assert [record.pos for batch in batches for record in batch] == list(range(1, 41))
    assert all(sum(len(record.payload) for record in batch[:-1]) < MAX_BATCH_BYTES for batch in batches)
    assert len(batches) == 3
    reader.close()


def test_a_reader_does_not_hold_the_journal(tmp_path: Path, journal: Journal) -> None:
    """Between reads no transaction stays open: the writer can shorten its WAL, and news is seen at once."""
    reader = JournalReader(tmp_path)
    journal.append(seqs(0))
    assert len(reader.read(Place(), 1).records) == 1
    journal.append(seqs(1))
    assert reader.head()[0] == 2
    busy = journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == (0, 0, 0)
    reader.close()


def test_the_reader_counts_what_status_shows(tmp_path: Path, journal: Journal) -> None:
    """Records, quarantine, gaps by state, loggers with their latest boot, last statuses, configurations in force."""
    journal.append_own("config", 1, b"{1}")
    journal.append([*seqs(0, 3, oldest=2), refused(env(9)), arrival("status", status()), arrival("status", status(2))])
    journal.append([arrival("env", env(0, boot=2), 2000)])
    journal.append_own("config", 1, b"{2}")
    reader = JournalReader(tmp_path)
    assert (reader.records(), reader.quarantined()) == (3, 1)
    assert reader.gaps() == {"open": 1, "requested": 0, "filled": 0, "lost": 1}
    (row,) = reader.loggers()
    assert (row["container"], row["logger"], row["boot"], row["seen_ns"], row["gap_records"]) == ("C", "L", 2, 2000, 1)
    assert last_status(reader, "L") == decode("status", pack(status(2)))
    assert (reader.last_config(), reader.last_config(3), reader.last_config(0)) == (b"{2}", b"{1}", b"{1}")
    assert reader.head()[1] == rows(tmp_path, "SELECT hex(chain) FROM records ORDER BY pos DESC")[0][0].lower()
    reader.close()


def measured(value: object) -> bytes:
    """A field with its length before it: u32 big-endian; numbers are 8 bytes big-endian, NULL is nothing."""
    if value is None:
        data = b""
    elif isinstance(value, int):
        data = value.to_bytes(8, "big")
    else:
        data = value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]  # BLOB
    return len(data).to_bytes(4, "big") + data


def first_break(folder: Path, table: str) -> int | None:
    """Recompute digests and chain of a table from its rows alone; the position of the first that does not fit."""
    before = bytes(32)
    for row in rows(folder, f"SELECT {CHAINED[table]}, digest, chain FROM {table} ORDER BY pos"):
        *fields, digest, chain = row
        wanted = hashlib.sha256(b"".join(map(measured, fields))).digest()
        before = hashlib.sha256(before + wanted).digest()
        if (digest, chain) != (wanted, before):
            return int(row[0])
    return None


@pytest.mark.parametrize("table", CHAINED)
def test_digests_and_chain_are_those_of_the_architecture(tmp_path: Path, table: str) -> None:
    """Recomputed by other code from the rows alone, across a restart."""
    fill(tmp_path)
    assert len(rows(tmp_path, f"SELECT pos FROM {table}")) == {"records": 12, "quarantine": 4}[table]
    assert first_break(tmp_path, table) is None


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in CHAINED.items() for column in columns.split(", ")[1:]]
)
def test_any_changed_field_breaks_the_chain(tmp_path: Path, table: str, column: str) -> None:
    """One column of the second row changed by hand, its digest left as it was."""
    fill(tmp_path)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE pos = 2").fetchone()
        changed = value + 1000 if isinstance(value, int) else value[:-1] + type(value)(value[:1])
        changed = changed if changed != value else value + value
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE pos = 2", (changed,))
    assert first_break(tmp_path, table) == 2


@pytest.mark.parametrize("table", CHAINED)
def test_a_row_taken_out_breaks_the_chain(tmp_path: Path, table: str) -> None:
    """Every digest is right by itself, the chain is not."""
    fill(tmp_path)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute(f"DELETE FROM {table} WHERE pos = 2")
    assert first_break(tmp_path, table) == 3


@pytest.mark.parametrize("table", CHAINED)
def test_neighbouring_fields_cannot_be_shifted(table: str, tmp_path: Path) -> None:
    """The lengths in the digest tell ("ab", "c") from ("a", "bc")."""
    fill(tmp_path)
    before = rows(tmp_path, f"SELECT digest FROM {table} WHERE pos = 1")
    pair = {"records": ("kind", "payload"), "quarantine": ("topic", "reason")}[table]
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        first, second = connection.execute(f"SELECT {pair[0]}, {pair[1]} FROM {table} WHERE pos = 1").fetchone()
        second = second.decode() if isinstance(second, bytes) else second
        moved = (first + second[:1], second[1:].encode())
        connection.execute(f"UPDATE {table} SET {pair[0]} = ?, {pair[1]} = ? WHERE pos = 1", moved)
    assert before == rows(tmp_path, f"SELECT digest FROM {table} WHERE pos = 1")
    assert first_break(tmp_path, table) == 1


@settings(max_examples=40)
@given(MESSAGES, st.data())
def test_commits_and_restarts_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, scene: list[tuple[str, int, int, int, bool]], data: st.DataObject
) -> None:
    """However arrivals are cut into transactions and daemons: the same rows, chains, boots and gaps."""
    whole, pieces = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("pieces")
    arrivals = [message(*item) for item in scene]
    journal = Journal(whole)
    journal.append(arrivals)
    journal.close()
    journal = Journal(pieces)
    while arrivals:
        size = data.draw(st.integers(1, len(arrivals)))
        journal.append(arrivals[:size])
        arrivals = arrivals[size:]
        if data.draw(st.booleans()):
            journal.close()
            journal = Journal(pieces)
    journal.close()
    assert contents(whole) == contents(pieces)
    assert first_break(whole, "records") is first_break(whole, "quarantine") is None


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


def test_the_journal_may_be_written_from_another_thread_than_the_one_that_opened_it(
    tmp_path: Path, journal: Journal
) -> None:
    """The composition root opens it, the writer's thread uses it."""
    thread = threading.Thread(target=journal.append, args=(seqs(0),))
    thread.start()
    thread.join(10)
    assert stored(tmp_path) == [("env", 1, 0)]


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


def test_between_batches_out_of_turn_others_are_let(journal: Journal, tmp_path: Path) -> None:
    """After each, as it counts as a movement: whoever judges a month again would keep the writer waiting."""
    journal.append(seqs(0, 1, 2))
    with closing(JournalReader(tmp_path)) as reader:
        let = list[int]()
        reader.on_batch_again = lambda: let.append(reader.batches_again)
        found = [[record.seq for record in batch] for batch in batches(reader, np.arange(1, 4), limit_bytes=1)]
    assert (found, let) == ([[0], [1], [2]], [1, 2, 3])
