"""Who fills quarantine is named, whoever it is and however many they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.journal import Journal, Refused
from monitor.journal.senders import MAX_NAMED, MAX_REFUSED, MAX_REFUSED_BYTES, MAX_SENDERS, WINDOW_NS, Senders
from monitor.model.condition import GATEWAY, QUARANTINE_FLOOD
from monitor.model.errors import DiskFull


def refused(logger: str, size: int = 10) -> Refused:
    return Refused(1, f"tcm/v1/C/{logger}/up/env", bytes(size), reason="v: too new")


def named(senders: Senders) -> list[tuple[str, str]]:
    return [(condition.container, condition.logger) for condition in senders.conditions()]


def test_a_sender_of_many_or_of_large_messages_is_named_for_an_hour() -> None:
    """Others are not; one whose topic is none of ours is nobody."""
    senders = Senders()
    senders.note([refused("A")] * MAX_REFUSED + [refused("B")])
    assert named(senders) == []
    senders.note([refused("A"), *[refused("B", MAX_REFUSED_BYTES // 2)] * 2])
    senders.note([Refused(1, "x" * 60_000, b"", reason="topic")] * (MAX_REFUSED + 1))
    assert named(senders) == [("C", "A"), ("C", "B"), (GATEWAY, GATEWAY)]
    assert all(len(condition.text) < 300 for condition in senders.conditions())
    senders.tick(WINDOW_NS)
    assert senders.conditions() == []


def test_senders_that_are_many_are_told_together() -> None:
    """Each new under another name: what is remembered of them is bounded."""
    senders = Senders()
    for i in range(MAX_SENDERS + 10):
        senders.note([refused(f"L{i}")])
    assert named(senders) == [(GATEWAY, GATEWAY)]
    assert len(senders._counts) <= MAX_SENDERS
    for i in range(MAX_NAMED + 5):
        senders.note([refused(f"M{i}")] * (MAX_REFUSED + 1))
    assert len(named(senders)) == MAX_NAMED


def test_a_batch_without_room_counts_once_it_is_in(tmp_path: Path) -> None:
    """It is tried again every few seconds."""
    journal = Journal(tmp_path)
    (pages,) = journal.connection.execute("PRAGMA page_count").fetchone()
    journal.connection.execute(f"PRAGMA max_page_count={pages}")
    batch = [refused("A", 10_000)] * 300
    for _ in range(4):
        with pytest.raises(DiskFull):
            journal.append(batch)
    journal.connection.execute("PRAGMA max_page_count=1000000")
    for _ in range(4):
        assert [condition.rule for condition in journal.conditions()] == []
        journal.append(batch)
    assert [condition.rule for condition in journal.conditions()] == [QUARANTINE_FLOOD]
    journal.close()
