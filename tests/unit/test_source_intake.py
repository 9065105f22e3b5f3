"""Messages of sources in the journal: no gaps, no acknowledgements, duplicates and conflicts; judged in their order."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.alerts import AlertBook
from monitor.alerts.tables import ALERT_TABLES
from monitor.config import IngestSettings, Rules, SourceSettings
from monitor.consumers.conflicts import raise_conflicts
from monitor.consumers.judge import Judge
from monitor.ingest import Inbox, Intake
from monitor.ingest.inbox import Delivery
from monitor.ingest.intake import MAX_COMMIT_BYTES
from monitor.journal import Journal, JournalReader
from monitor.journal.reader import Place
from monitor.model.limit import Profile
from monitor.wire import Sources
from monitor.wire.derived import MAX_LOGGERS, MAX_VALUES
from tests.intakes import ManualClock, delivery, nothing
from tests.messages import S, env

T = 1_600_000_000
SETTINGS = SourceSettings(topic="site/+", format="senml-json", container="C", logger_level=2)
MANY = SourceSettings(topic="many", format="senml-json", container="C")
FLOOD_BYTES = 24 << 20  # a commit of 8 MiB, its arrays decoded, and a little for what is being judged
HOT = {
    "name": "p",
    "rule": [
        {"id": "hot", "kind": "threshold", "channel": "temperature.*", "above": "25 degC", "severity": "alarm"}
    ],
}  # fmt: skip


class Gateway:
    """An intake with one source on a journal of its own."""

    def __init__(self, folder: Path, accepted: str = "") -> None:
        self.folder, self.sent, self.clock, self.inbox = folder, [], ManualClock(), Inbox()
        self.journal = Journal(folder)
        self.intake = Intake(
            self.journal, self.inbox, self.clock, self.publish, (),
            lambda _container, logger: not accepted or logger == accepted, Sources([SETTINGS, MANY]),
        )  # fmt: skip

    sent: list[tuple[str, bytes]]

    def publish(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))

    def take(self, *messages: tuple[str, Any]) -> None:
        """Put what was sent to a topic, and journal it."""
        for topic, pack in messages:
            self.inbox.put(
                Delivery(self.clock.now_ns(), topic, json.dumps(pack).encode(), False, True, nothing), is_fill=False
            )
        self.intake.step()
        self.clock.mono += 2 * S
        self.intake.step()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.folder / "journal.db")
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path)
    yield made
    made.journal.close()


def pack(at_s: int, *values: float, channel: str = "temperature.air") -> list[dict[str, Any]]:
    return [{"bt": at_s, "bn": channel}, *({"t": 10 * i, "v": value} for i, value in enumerate(values))]


def test_no_gap_and_no_answer(gateway: Gateway) -> None:
    """Times as seqs lie far apart, and come in any order; a native logger beside it is answered as ever."""
    gateway.take(*(("site/L", pack(T + at, 20.0)) for at in (0, 3_600, 60, 7_200)))
    assert gateway.rows("SELECT seq FROM records WHERE seq IS NOT NULL ORDER BY pos") == [
        ((T + at) * 10**6,) for at in (0, 3_600, 60, 7_200)
    ]
    assert gateway.rows("SELECT * FROM gaps") == []
    assert gateway.rows("SELECT upto FROM boots") == [((T + 7_200) * 10**6,)]
    assert gateway.sent == []
    gateway.inbox.put(delivery("env", env(0)), is_fill=False)
    gateway.intake.step()
    assert [topic for topic, _ in gateway.sent] == ["tcm/v1/C/L/down/ack"]


@settings(max_examples=50)  # each commits to a disk that others use too
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12))
def test_the_same_message_is_one_record(tmp_path_factory: pytest.TempPathFactory, sent: list[tuple[int, bool]]) -> None:
    """However often and in whatever order it comes; the first content of an instant stands."""
    gateway = Gateway(tmp_path_factory.mktemp("journal"))
    gateway.take(*(("site/L", pack(T + at, 20.0 + is_other)) for at, is_other in sent))
    first: dict[int, bool] = {}
    for at, is_other in sent:
        first.setdefault(at, is_other)
    records = gateway.rows("SELECT payload FROM records WHERE seq IS NOT NULL ORDER BY pos")
    assert [json.loads(cbor2.loads(payload)["raw"]) for (payload,) in records] == [
        pack(T + at, 20.0 + is_other) for at, is_other in first.items()
    ]
    conflicts = sum(first[at] != is_other for at, is_other in sent)
    assert gateway.rows("SELECT count(*) FROM quarantine") == [(conflicts,)]
    assert gateway.intake.duplicates == len(sent) - len(first) - conflicts
    gateway.journal.close()


def test_a_conflict_raises_the_alarm(gateway: Gateway) -> None:
    """Of the logger that the record names, as its topic does not."""
    gateway.take(("site/L", pack(T, 20.0)), ("site/L", pack(T, 21.0)))
    reader, connection = JournalReader(gateway.folder), sqlite3.connect(":memory:")
    connection.executescript(ALERT_TABLES)
    book = AlertBook(connection)
    raise_conflicts(book, reader, Rules(profiles={}), 0, 1)
    reader.close()
    (alert,) = book.alerts()
    assert (alert["rule"], alert["container"], alert["logger"]) == ("monitor.identity-conflict", "C", "L")


def test_unregistered_loggers_of_a_source_are_quarantined(tmp_path: Path) -> None:
    """The message as it came, once; with its registered ones too."""
    gateway = Gateway(tmp_path, accepted="L")
    gateway.take(("site/M", pack(T, 20.0)), ("site/L", pack(T, 20.0)))
    assert gateway.rows("SELECT topic, payload FROM quarantine") == [("site/M", json.dumps(pack(T, 20.0)).encode())]
    assert gateway.rows("SELECT logger FROM records WHERE seq IS NOT NULL") == [("L",)]
    gateway.journal.close()


@settings(max_examples=25)  # as above
@given(st.text(st.sampled_from("a_\ue000"), max_size=6))
@example("\ue000")
def test_halves_of_surrogate_pairs_are_kept_with_their_reason(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """As label, name, unit and value of JSON: the journal writes whatever the reason says."""
    gateway = Gateway(tmp_path_factory.mktemp("journal"))
    packs = [[{f"{text}_": 1}], [{"n": text, "v": 1}], [{"n": "light.a", "u": text, "v": 1}], [{"n": "a", "v": text}]]
    sent = [json.dumps(one).replace("\\ue000", "\\ud800").encode() for one in packs]
    for payload in sent:
        gateway.inbox.put(Delivery(0, "site/L", payload, False, True, nothing), is_fill=False)
    gateway.intake.step()
    kept = gateway.rows("SELECT payload, reason FROM quarantine ORDER BY pos")
    assert {payload for payload, _ in kept} >= {sent[0], sent[3]}
    assert all(reason for _, reason in kept)
    gateway.journal.close()


def sparse_pack(at_s: int) -> bytes:
    """As many values as a message may have, no two in one row or column: the record is six times as long."""
    pack = [{"n": f"tilt.c{i % 64}", "t": at_s + i, "v": i} for i in range(MAX_VALUES)]
    return json.dumps(pack, separators=(",", ":")).encode()


def crowded_pack(at_s: int) -> bytes:
    """As many loggers as a message may name, each of whose records holds it whole."""
    filler = [{"n": "x", "vs": "y" * 60_000}]
    return json.dumps([{"n": f"d{i}:tilt.a", "t": at_s, "v": i} for i in range(MAX_LOGGERS)] + filler).encode()


@pytest.mark.parametrize(("topic", "make"), [("site/L", sparse_pack), ("many", crowded_pack)])
def test_a_flood_of_the_largest_messages_is_committed_in_pieces(
    gateway: Gateway, topic: str, make: Callable[[int], bytes]
) -> None:
    """In order, each below the bound and acknowledged before the next; memory does not grow with the flood."""
    count, freed = 40, []
    gateway.intake.step()

    def acknowledge(number: int) -> None:
        query = "SELECT count(DISTINCT received_ns), sum(length(payload)) FROM records WHERE kind = 'env'"
        freed.append((number, *gateway.rows(query)[0]))

    for number in range(count):
        each = Delivery(number, topic, make(T + 10_000 * number), False, True, partial(acknowledge, number))
        gateway.inbox.put(each, is_fill=False)
    tracemalloc.start()
    try:
        while gateway.intake.step():
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [number for _, number in sorted((journalled, n) for n, journalled, _ in freed)] == list(range(count))
    assert all(number < journalled for number, journalled, _ in freed)
    journalled_bytes = [0, *sorted({size for _, _, size in freed})]
    commit_bytes = [after - before for before, after in pairwise(journalled_bytes)]
    assert max(commit_bytes) <= MAX_COMMIT_BYTES
    assert len(commit_bytes) <= 2 * journalled_bytes[-1] / MAX_COMMIT_BYTES + 1  # and none without need
    assert peak_bytes < FLOOD_BYTES


def test_channels_that_take_turns_are_judged_in_their_own_order(gateway: Gateway) -> None:
    """A record in order is never late, one that comes behind a later one of its channels is: it clears nothing."""
    air, hull = "temperature.air", "temperature.hull"
    messages = [(0, 20.0, air), (1, 20.0, hull), (10, 30.0, air), (11, 20.0, hull), (5, 20.0, air), (20, 31.0, air)]
    gateway.take(*(("site/L", pack(T + at, value, channel=channel)) for at, value, channel in messages))
    reader = JournalReader(gateway.folder)
    judge = Judge(
        Rules(profiles={"p": Profile.model_validate(HOT)}, ingest=IngestSettings(default_limits="p")), lambda *_: None
    )
    findings = [finding for judged in judge.step(reader.read(Place()).records) for finding in judged.findings]
    reader.close()
    assert [(one.change, one.channel, one.value) for one in findings if one.change != "peak"] == [("fired", air, 30.0)]


class ByHand(Executor):
    """Runs what it was given when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it later."""
        future: Future[Any] = Future()
        self.waiting.append(lambda: future.set_result(call(*args, **kwargs)))
        return future


def test_a_slow_message_holds_up_nobody_but_its_sender(gateway: Gateway) -> None:
    """Others are journalled while the decoder has it; of its sender nothing overtakes it."""
    gateway.intake.decoder = decoder = ByHand()
    woken: list[str] = []
    gateway.inbox.on_arrival = lambda: woken.append("")
    for topic, payload in (
        ("site/L", sparse_pack(T)),
        ("site/L", json.dumps(pack(T, 20.0)).encode()),
        ("site/M", json.dumps(pack(T, 21.0)).encode()),
    ):
        gateway.inbox.put(Delivery(0, topic, payload, False, True, nothing), is_fill=False)
    stored = "SELECT logger FROM records WHERE kind = 'env' ORDER BY pos"
    while gateway.intake.step():
        pass
    assert gateway.rows(stored) == [("M",)]
    assert not gateway.intake.is_done
    told = len(woken)
    decoder.waiting.pop()()
    assert len(woken) == told + 1
    while gateway.intake.step():
        pass
    assert gateway.rows(stored) == [("M",), ("L",), ("L",)]
    assert gateway.intake.is_done
