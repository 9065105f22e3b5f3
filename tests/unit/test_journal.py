"""The journal on a real file: what becomes a record, what goes to quarantine, and what is settled by either."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.journal import Commit, Journal, JournalReader, Place
from monitor.journal.schema import IDENTITY_CONFLICT
from tests.journals import arrival, gaps, refused, rows, seqs
from tests.messages import env, pack, shock, status
from tests.tables import stored


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    made = Journal(tmp_path)
    yield made
    made.close()


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


def test_a_restart_knows_what_is_settled(tmp_path: Path, journal: Journal) -> None:
    """Duplicates, gaps and the last status are those of the file."""
    journal.append([*seqs(0, 1, 4), arrival("status", status())])
    journal.close()
    again = Journal(tmp_path)
    commit = again.append([*seqs(0, 1, 4, 5), arrival("status", status(), is_retained=True)])
    assert (commit.inserted, commit.duplicates, commit.upto) == (1, 4, {("C", "L", 1): 1})
    again.close()


def test_the_journal_may_be_written_from_another_thread_than_the_one_that_opened_it(
    tmp_path: Path, journal: Journal
) -> None:
    """The composition root opens it, the writer's thread uses it."""
    thread = threading.Thread(target=journal.append, args=(seqs(0),))
    thread.start()
    thread.join(10)
    assert stored(tmp_path) == [("env", 1, 0)]
