"""What the journal knows of each boot: its gaps, what of them is open, filled or lost, and its anchor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.journal import Journal, Usable
from tests.journals import arrival, gaps, rows, seqs
from tests.messages import env, status


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    made = Journal(tmp_path)
    yield made
    made.close()


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
