"""The inbox between network and writer: bounded by messages and bytes, each lane by itself, and nothing lost."""

from __future__ import annotations

import threading

import pytest

from monitor.ingest import Inbox
from monitor.ingest.inbox import MAX_INBOX_BYTES, MAX_INBOX_MESSAGES, Delivery
from tests.intakes import delivery

WAIT_S = 20.0  # for threads that only have to be scheduled


def drain(inbox: Inbox) -> list[Delivery]:
    """All that the inbox gives out."""
    return list(iter(inbox.take, None))


def put_in_thread(inbox: Inbox, each: Delivery, *, is_fill: bool) -> tuple[threading.Thread, list[bool]]:
    """A network thread that is at `put`; its answer when it has come back."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(inbox.put(each, is_fill=is_fill)), daemon=True)
    thread.start()
    return thread, answers


def full_inbox(*, by_bytes: bool, is_fill: bool) -> Inbox:
    inbox = Inbox()
    count = 64 if by_bytes else MAX_INBOX_MESSAGES
    payload = bytes(MAX_INBOX_BYTES // 64) if by_bytes else b""
    for _ in range(count):
        assert inbox.put(delivery("env", payload), is_fill=is_fill)
    return inbox


@pytest.mark.parametrize("by_bytes", [True, False])
@pytest.mark.parametrize("is_fill", [True, False])
def test_a_full_inbox_makes_the_network_wait_until_something_is_taken(by_bytes: bool, is_fill: bool) -> None:
    """Bounded by messages and by bytes; one taken delivery makes room for one."""
    inbox = full_inbox(by_bytes=by_bytes, is_fill=is_fill)
    before = len(inbox)
    thread, answers = put_in_thread(inbox, delivery("env", b"x"), is_fill=is_fill)
    thread.join(0.05)
    assert thread.is_alive()
    assert len(inbox) == before
    other, passed = put_in_thread(inbox, delivery("env", b"y"), is_fill=not is_fill)
    other.join(WAIT_S)
    assert passed == [True]  # neither lane waits for the other: the live session's own words come behind its messages
    while is_fill and len(inbox) > before:  # the live one comes first
        inbox.take()
    inbox.take()
    thread.join(WAIT_S)
    assert answers == [True]


def test_close_lets_a_waiting_network_thread_go() -> None:
    """Its message stays unacknowledged and comes again; from then on nothing is taken in."""
    inbox = full_inbox(by_bytes=False, is_fill=False)
    thread, answers = put_in_thread(inbox, delivery("env", b"x"), is_fill=False)
    inbox.close()
    thread.join(WAIT_S)
    assert answers == [False]
    assert not inbox.put(delivery("env", b"x"), is_fill=False)
    assert len(inbox) == MAX_INBOX_MESSAGES


def test_an_arrival_is_announced_and_drained_means_no_live_one_waits() -> None:
    """The writer is woken whenever it may have gone to sleep; fill does not count against promptness."""
    inbox, woken = Inbox(), []
    inbox.on_arrival = lambda: woken.append(len(inbox))
    assert inbox.is_drained
    inbox.put(delivery("env", b"1"), is_fill=True)
    assert inbox.is_drained
    inbox.put(delivery("env", b"2"), is_fill=False)
    assert not inbox.is_drained
    assert [each.payload for each in drain(inbox)] == [b"2", b"1"]
    assert inbox.is_drained
    inbox.put(delivery("env", b"3"), is_fill=False)
    assert woken[0] == woken[-1] == 1  # each time that nothing waited before
    assert len(woken) >= 2


def test_topics_count_against_the_bounds() -> None:
    """They cost memory as payloads do."""
    inbox, topic = Inbox(), "x" * 65_000
    while inbox.offer(delivery("env", b"", topic=topic), is_fill=False):
        assert len(inbox) < MAX_INBOX_MESSAGES
        inbox.is_held = True
    assert len(inbox) == MAX_INBOX_BYTES // len(topic) + 1


def test_a_full_lane_that_does_not_move_takes_nothing_and_nobody_waits() -> None:
    """While nothing is given out at once, else after a moment; the other lane goes on."""
    inbox = full_inbox(by_bytes=True, is_fill=False)
    inbox.is_held = True
    assert not inbox.offer(delivery("env", b"x"), is_fill=False)
    assert inbox.offer(delivery("env", b"x"), is_fill=True)
    inbox.is_held = False
    assert not inbox.offer(delivery("env", b"x"), is_fill=False)
    assert not inbox.has_room(is_fill=False)
    while len(inbox) > 1 + 31:
        inbox.take()
    assert inbox.has_room(is_fill=False)
    assert inbox.offer(delivery("env", b"x"), is_fill=False)
