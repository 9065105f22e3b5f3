"""The intake on a real journal: nothing is acknowledged before it is durable, and no logger is told too often."""

from __future__ import annotations

from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ingest import Intake
from monitor.model.errors import DiskFull
from tests.intakes import Bench, delivery
from tests.messages import S, env, status


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An intake on an empty journal, its first tick made."""
    made = Bench(tmp_path)
    assert made.take() == []
    return made


def test_nothing_is_acknowledged_before_another_connection_can_read_it(bench: Bench) -> None:
    """At the PUBACK and at the acknowledgement all rows of the commit are in the file, quarantine included."""
    seen: list[tuple[str, int, int]] = []

    def look(what: str) -> None:
        records, quarantine = bench.stored(), bench.rows("SELECT pos FROM quarantine")
        seen.append((what, len(records), len(quarantine)))

    published: list[bytes] = []

    def publish(topic: str, payload: bytes) -> None:
        look(topic.rpartition("/")[2])
        published.append(payload)

    intake = Intake(bench.journal, bench.inbox, bench.clock, publish, ())
    bench.put(*(delivery("env", env(seq), acknowledge=lambda: look("puback")) for seq in range(3)))
    bench.put(delivery("env", b"rubbish", acknowledge=lambda: look("puback")))
    intake.step()
    assert seen == [("puback", 3, 1)] * 4 + [("ack", 3, 1)]
    assert cbor2.loads(published[0]) == {"v": 1, "boot": 1, "upto": 2, "want": [], "now": bench.clock.now_ns()}


def test_a_commit_that_fails_acknowledges_nothing(bench: Bench) -> None:
    """As on a full disk: no PUBACK, no acknowledgement, and the error ends the part."""
    freed: list[int] = []
    bench.journal._connection.execute("PRAGMA max_page_count = 20")
    bench.put(delivery("env", env(0, pad=bytes(500_000)), acknowledge=lambda: freed.append(0)))
    with pytest.raises(DiskFull):
        bench.intake.step()
    assert (freed, bench.acks(), bench.stored()) == ([], [], [])


def test_one_acknowledgement_a_second_with_the_latest_state(bench: Bench) -> None:
    """The first at once; those of the next second become one, sent when it is over."""
    assert bench.take(delivery("env", env(0))) == [("L", 1, 0)]
    for seq in (1, 2, 3):
        bench.clock.mono += S // 4
        assert bench.take(delivery("env", env(seq))) == []
    bench.clock.mono += S // 4 - 1
    assert bench.take() == []
    bench.clock.mono += 1
    assert bench.take() == [("L", 1, 3)]
    bench.clock.mono += 5 * S
    assert bench.take() == []


def test_each_logger_has_a_second_of_its_own(bench: Bench) -> None:
    """One that talks much delays no other's acknowledgement."""
    assert bench.take(delivery("env", env(0)), delivery("env", env(0), "M")) == [("L", 1, 0), ("M", 1, 0)]
    assert bench.take(delivery("env", env(1)), delivery("env", env(0), "N")) == [("N", 1, 0)]


def test_two_boots_of_a_logger_are_acknowledged_one_after_the_other(bench: Bench) -> None:
    """Each is told its latest state, neither is forgotten."""
    assert bench.take(delivery("env", env(0, boot=5)), delivery("env", env(0, boot=6), is_fill=True)) == [("L", 5, 0)]
    assert bench.take(delivery("env", env(1, boot=6), is_fill=True)) == []
    bench.clock.mono += S
    assert bench.take() == [("L", 6, 1)]


def test_a_duplicate_is_acknowledged_too(bench: Bench) -> None:
    """Or the logger would send it for ever, its acknowledgement being lost."""
    bench.take(delivery("env", env(0)))
    bench.clock.mono += S
    assert bench.take(delivery("env", env(0))) == [("L", 1, 0)]
    assert bench.intake.duplicates == 1


def test_births_are_acknowledged_at_once(bench: Bench) -> None:
    """Whatever was told a moment ago, and for each boot whose memory the birth tells of."""
    assert bench.take(delivery("env", env(0))) == [("L", 1, 0)]
    birth = status(2, next=0, held=[[1, 3, 4]])
    assert sorted(bench.take(delivery("status", birth))) == [("L", 1, 2), ("L", 2, -1)]
    assert bench.take(delivery("status", status(3))) == [("L", 3, -1)]


def test_no_older_state_follows_the_acknowledgement_of_a_birth(bench: Bench) -> None:
    """What waited for its second is overtaken by the birth, and must not come after it."""
    bench.take(delivery("env", env(0)))
    bench.clock.mono += S // 10
    assert bench.take(delivery("env", env(1))) == []
    assert bench.take(delivery("env", env(2)), delivery("status", status(1, next=3, held=[]))) == [("L", 1, 2)]
    bench.clock.mono += S
    assert bench.take() == []


def test_a_retained_status_seen_before_is_no_birth(bench: Bench) -> None:
    """The broker hands it out at every start of the daemon; nobody waits for an answer."""
    birth = status(1, next=0, held=[])
    assert bench.take(delivery("status", birth)) == [("L", 1, -1)]
    assert bench.take(delivery("status", birth, is_retained=True)) == []


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("LM"), st.integers(0, 12), st.sampled_from(["env", "birth", "bad"]), st.integers(0, 1500)
    ),
    max_size=40,
)


@settings(max_examples=50)
@given(EVENTS)
def test_acknowledgements_are_true_rare_and_never_go_back(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, str, int]]
) -> None:
    """On any traffic: what is told is settled, grows, comes once a second save for births, and ends at the latest."""
    bench = Bench(tmp_path_factory.mktemp("state"))
    told: dict[str, int] = {}
    told_ns: dict[str, int] = {}
    latest: dict[str, int] = {}

    def check(births: set[str]) -> None:
        latest.update(dict(bench.rows("SELECT logger, upto FROM boots")))
        for logger, _, upto in bench.acks():
            assert upto == latest[logger]
            assert upto >= told.get(logger, -1) or logger in births  # which may say that less was made
            told[logger] = upto
            if logger not in births:
                assert bench.clock.mono - told_ns.get(logger, -S) >= S
                told_ns[logger] = bench.clock.mono

    for logger, seq, what, wait_ms in events:
        bench.clock.mono += wait_ms * 1_000_000
        content = {"env": env(seq), "bad": env(seq, dt="?"), "birth": status(1, next=seq, held=[[1, seq, seq + 1]])}[
            what
        ]
        bench.put(delivery("status" if what == "birth" else "env", content, logger))
        bench.intake.step()
        check({logger} if what == "birth" else set())
    for _ in range(3):
        bench.clock.mono += S
        bench.intake.step()
        check(set())
    assert told == latest
