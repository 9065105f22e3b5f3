"""The way to the broker: when there is one, and what it does to messages; and the line that needs no broker."""

from collections import Counter
from dataclasses import replace
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import decode_ack
from firmware_sim.device import Identity, Message
from firmware_sim.plan import LinkPlan, Span
from firmware_sim.publish.line import LocalLine
from firmware_sim.publish.way import Way, corrupt

IDENTITY = Identity("C-1", "L-1", "SN-1", "TL-3", 60_000_000, seed=5)
HOUR_NS = 3600 * NS_PER_S
TOPIC = "tcm/v1/C-1/L-1/up"


def records(n: int) -> list[Message]:
    """Return n messages that differ."""
    return [Message(f"{TOPIC}/env", cbor2.dumps({"boot": 1, "seq": i, "oldest": 0})) for i in range(n)]


def carried(way: Way, messages: list[Message]) -> list[Message]:
    """Return what reaches the broker of messages a second apart."""
    return [copy for i, message in enumerate(messages) for copy in way.carry(message, i * NS_PER_S)]


def always(kind: str, share: float) -> LinkPlan:
    """Return a plan with one fault all the time."""
    spans: dict[str, Any] = {kind: (Span(0, 2**62, share),)}
    return LinkPlan(**spans)


spans = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 30)).map(lambda pair: Span(pair[0], pair[0] + pair[1])), max_size=3
).map(tuple)


@given(spans, spans, st.integers(0, 20), st.integers(1, 19), st.integers(0, 30))
def test_a_state_lasts_until_the_next_change(
    down: tuple[Span, ...], refused: tuple[Span, ...], every: int, length: int, since: int
) -> None:
    """Whoever looks only at the changes misses none; no network goes before refused, a sleeping radio before both."""
    plan = LinkPlan(down=down, refused=refused, report_every_ns=every, report_for_ns=min(length, max(0, every - 1)))
    way = Way(plan, IDENTITY, since)
    at, change = 0, 0
    for now in range(100):
        if now == change:
            at, following = now, way.next_change_ns(now)
            assert following is None or following > now
            change = -1 if following is None else following
        awake = now >= since and (plan.report_for_ns == 0 or (now - since) % every < plan.report_for_ns)
        is_down, is_refused = (any(span.begin_ns <= now < span.end_ns for span in group) for group in (down, refused))
        expected = "asleep" if not awake else "down" if is_down else "refused" if is_refused else "up"
        assert way.state(now) == way.state(at) == expected


def test_reports_come_at_multiples_and_last_long_enough() -> None:
    """Every 2 h for 10 min from the first switching on; under an accelerated clock a report is as long as is needed."""
    plan = LinkPlan(report_every_ns=2 * HOUR_NS, report_for_ns=600 * NS_PER_S)
    way = Way(plan, IDENTITY, HOUR_NS)
    assert [way.state(HOUR_NS + minute * 60 * NS_PER_S) for minute in (-1, 0, 9, 10, 119, 120)] == [
        "asleep",
        "up",
        "up",
        "asleep",
        "asleep",
        "up",
    ]
    assert way.next_report_ns(HOUR_NS + 700 * NS_PER_S) == 3 * HOUR_NS


@given(st.integers(1, 10**6), st.integers(1, 100), st.integers(0, 10**9))
def test_a_report_that_is_stretched_keeps_its_share_of_the_time(length: int, times: int, least: int) -> None:
    """Its end and the next report's begin are put off by one factor, so a radio that sleeps at all sleeps still."""
    every = length * times + 1
    way = Way(LinkPlan(report_every_ns=every, report_for_ns=length), IDENTITY, 0, least)
    end = way.next_change_ns(0)
    assert end is not None
    begin = way.next_change_ns(end)
    assert begin == way.next_report_ns(0) == way.next_report_ns(end)
    assert end == max(length, least)
    assert begin == pytest.approx(every * max(1.0, least / length), rel=1e-9, abs=1)
    assert (way.state(end - 1), way.state(end), way.state(begin)) == ("up", "asleep", "up")
    assert way.stretch == max(1.0, least / length)


def test_a_way_is_found_within_a_time_or_not() -> None:
    """A network that comes back is worth waiting for, one that does not is not."""
    way = Way(LinkPlan(down=(Span(10, 100),)), IDENTITY, 0)
    assert way.is_up_within(0, 5)
    assert not way.is_up_within(10, 99)
    assert way.is_up_within(10, 100)


@pytest.mark.parametrize("kind", ["duplicated", "reordered", "corrupted"])
def test_the_same_seed_gives_the_same_faults(kind: str) -> None:
    """They hang on seed, logger and message number; another logger and another seed have others."""
    plan, messages = always(kind, 0.3), records(200)
    first = carried(Way(plan, IDENTITY, 0), messages)
    assert carried(Way(plan, IDENTITY, 0), messages) == first
    others: list[dict[str, Any]] = [{"seed": 6}, {"logger": "L-2"}, {"instance": 1}]
    for change in others:
        assert carried(Way(plan, replace(IDENTITY, **change), 0), messages) != first
    assert first != messages


def test_duplicates_are_the_same_bytes_and_the_share_is_met() -> None:
    """Each message comes once or twice, in order."""
    messages = records(1000)
    came = carried(Way(always("duplicated", 0.2), IDENTITY, 0), messages)
    times = Counter(came)
    assert set(times.values()) == {1, 2}
    assert 150 < sum(count == 2 for count in times.values()) < 250
    assert list(dict.fromkeys(came)) == messages


def test_a_reordered_message_comes_right_after_its_successor() -> None:
    """Nothing is lost but what waits at the end; a cut connection takes that with it."""
    messages = records(1000)
    way = Way(always("reordered", 0.2), IDENTITY, 0)
    came = carried(way, messages)
    assert 0 <= len(messages) - len(came) <= 1
    places = {message: place for place, message in enumerate(came)}
    assert max(abs(places[message] - i) for i, message in enumerate(messages) if message in places) == 1
    late = Way(always("reordered", 1.0), IDENTITY, 0)
    assert late.carry(messages[0], 0) == []
    late.cut()
    assert late.carry(Message(f"{TOPIC}/status", b"", retain=True), 0) == [Message(f"{TOPIC}/status", b"", retain=True)]


def test_a_corrupted_message_differs_in_one_byte_and_the_logger_keeps_the_good_one() -> None:
    """Every position can be hit; the message that was handed over is not touched."""
    messages = records(2000)
    copies = [message.payload for message in messages]
    came = carried(Way(always("corrupted", 1.0), IDENTITY, 0), messages)
    places = set()
    for message, arrived in zip(messages, came, strict=True):
        differing = [i for i, (a, b) in enumerate(zip(message.payload, arrived.payload, strict=True)) if a != b]
        assert len(differing) == 1
        places.add(differing[0])
    assert places >= set(range(len(messages[0].payload)))
    assert [message.payload for message in messages] == copies


@given(st.binary(max_size=30), st.integers(0, 2**32))
def test_corruption_changes_exactly_one_byte(payload: bytes, seed: int) -> None:
    """An empty payload has none to change."""
    changed = corrupt(payload, np.random.default_rng(seed))
    assert len(changed) == len(payload)
    assert sum(a != b for a, b in zip(payload, changed, strict=True)) == min(1, len(payload))


@pytest.mark.parametrize("kind", ["duplicated", "reordered", "corrupted"])
def test_statuses_pass_as_they_are(kind: str) -> None:
    """The birth stays the first message of its connection, and right."""
    status = Message(f"{TOPIC}/status", b"birth", retain=True)
    assert Way(always(kind, 1.0), IDENTITY, 0).carry(status, 0) == [status]


def test_faults_end_with_their_span() -> None:
    """Before and after it everything passes."""
    way = Way(LinkPlan(duplicated=(Span(10, 20),)), IDENTITY, 0)
    message = records(1)[0]
    assert [len(way.carry(message, at)) for at in (9, 10, 19, 20)] == [1, 2, 2, 1]


def acks(line: LocalLine, at_ns: int) -> list[tuple[int, int]]:
    """Return boot and upto of each acknowledgement that has come."""
    found = [decode_ack(payload) for level, payload in line.arrived(at_ns) if level == "ack"]
    return [(ack.boot, ack.upto) for ack in found]


def test_a_local_line_acknowledges_what_is_contiguous_after_its_delay() -> None:
    """What is missing holds the acknowledgement back until it comes, or until the logger does not hold it any more."""
    line = LocalLine(delay_ns=100)
    line.open(lambda: Message("will", b""))
    for at_ns, seq in ((0, 0), (10, 2), (20, 1)):
        line.send(records(3)[seq], at_ns)
    assert line.next_ns() == 100
    assert acks(line, 99) == []
    assert acks(line, 115) == [(1, 0), (1, 0)]
    assert acks(line, 120) == [(1, 2)]
    line.send(Message(TOPIC, cbor2.dumps({"boot": 1, "seq": 9, "oldest": 9})), 200)
    assert acks(line, 300) == [(1, 9)]
    birth = {"boot": 2, "next": 4, "held": [[1, 11, 11], [2, 3, 3]], "boots": [[1, 12]]}
    line.send(Message(TOPIC, cbor2.dumps(birth), retain=True), 300)
    assert acks(line, 400) == [(2, 2), (1, 10)]


def test_a_local_line_that_never_acknowledges_and_one_that_is_closed() -> None:
    """The last will is heard when it is dropped; afterwards nothing goes and nothing comes."""
    heard: list[bytes] = []
    line = LocalLine(delay_ns=None, listen=lambda message: heard.append(message.payload))
    line.send(Message(TOPIC, b"nowhere"), 0)
    line.open(lambda: Message("will", b"will"))
    line.send(Message(TOPIC, b"one"), 0)
    line.drop()
    line.send(Message(TOPIC, b"nowhere"), 0)
    line.open(lambda: Message("will", b"will"))
    line.close(Message("status", b"farewell"))
    assert heard == [b"one", b"will", b"farewell"]
    assert line.next_ns() is None
    assert line.generation == 2
