"""The intake on a real journal: nothing is acknowledged before it is durable, and no logger is told too often."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ingest import Inbox, Intake
from monitor.ingest.inbox import MAX_INBOX_BYTES, MAX_INBOX_MESSAGES, Delivery
from monitor.ingest.intake import MAX_COMMIT_RECORDS, ROOM_NS
from monitor.journal import JournalReader
from monitor.journal.floods import MAX_BOOTS, WINDOW_NS
from monitor.model.condition import MAX_CONDITIONS, MAX_RULE_CONDITIONS, Condition
from monitor.model.errors import DiskFull
from monitor.model.record import Message
from monitor.wire import decode
from tests.intakes import Bench, delivery
from tests.messages import S, env, shock, status

WAIT_S = 20.0  # for threads that only have to be scheduled


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


def test_live_comes_before_fill(bench: Bench) -> None:
    """A long back-fill waits while anything live is there; each lane keeps its order."""
    bench.put(*(delivery("env", env(seq), is_fill=True) for seq in range(600)))
    bench.put(*(delivery("env", env(seq)) for seq in range(900, 903)))
    for expected in ([900, 901, 902], list(range(500)), list(range(500, 600))):
        before = len(bench.stored())
        assert bench.intake.step()
        assert [seq for _, _, seq in bench.stored()[before:]] == expected
    assert not bench.intake.step()
    assert MAX_COMMIT_RECORDS == 500


def test_fill_is_held_while_live_messages_may_wait_at_the_broker(bench: Bench) -> None:
    """Right after a connect the broker still sends what it kept: memory that came first would be taken for late."""
    is_held = True
    bench.inbox.is_fill_held = lambda: is_held
    bench.put(delivery("env", env(5), is_fill=True), delivery("env", env(0)))
    bench.intake.step()
    bench.intake.step()
    assert bench.stored() == [("L", 1, 0)]
    is_held = False
    bench.intake.step()
    assert bench.stored() == [("L", 1, 0), ("L", 1, 5)]


def test_unknown_loggers_are_quarantined_when_the_configuration_says_so(tmp_path: Path) -> None:
    """Kept with the reason, and settled, so that they do not send the same for ever."""
    bench = Bench(tmp_path, accepts=lambda container, logger: (container, logger) == ("C", "L"))
    acks = bench.take(
        delivery("env", env(0)),
        *(
            delivery(kind, content, "X")
            for kind, content in (("env", env(0)), ("shock", shock(1)), ("status", status()))
        ),
    )
    assert acks == [("L", 1, 0), ("X", 1, 1)]
    assert bench.stored() == [("L", 1, 0)]
    reasons = bench.rows("SELECT topic, reason FROM quarantine")
    assert [topic for topic, _ in reasons] == [f"tcm/v1/C/X/up/{kind}" for kind in ("env", "shock", "status")]
    assert {reason for _, reason in reasons} == {
        "logger: not registered in any container file, and [ingest] unknown_loggers is quarantine"
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (delivery("env", b""), "CBOR: "),
        (delivery("env", bytes(2 << 20)), "size: "),
        (delivery("env", env(0, dt="?")), "dt: "),
        (delivery("env", env(0), topic="tcm/v1/C/L/up/nonsense"), "topic: "),
        (delivery("env", env(0), topic="tcm/v1/ä/L/up/env"), "topic: "),
        (delivery("status", b"", is_retained=True), "CBOR: "),
        (delivery("env", env(0, ch=["\N{SNOWMAN}" * 129])), "ch: "),
    ],
)
def test_what_cannot_be_used_is_kept_and_freed(bench: Bench, bad: Delivery, reason: str) -> None:
    """Quarantine has the bytes and a reason, the broker's window its place back, and good neighbours are stored."""
    freed: list[int] = []
    good = delivery("env", env(0, boot=9), acknowledge=lambda: freed.append(1))
    bench.take(Delivery(bad.received_ns, bad.topic, bad.payload, bad.is_retained, False, lambda: freed.append(0)), good)
    ((topic, payload, text),) = bench.rows("SELECT topic, payload, reason FROM quarantine")
    assert (topic, payload) == (bad.topic, bad.payload)
    assert text.startswith(reason)
    assert (sorted(freed), bench.intake.quarantined, bench.intake.records) == ([0, 1], 1, 1)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.text(max_size=30) | st.just("tcm/v1/C/L/up/env"), st.binary(max_size=60)), max_size=5))
def test_any_message_is_kept(tmp_path_factory: pytest.TempPathFactory, messages: list[tuple[str, bytes]]) -> None:
    """No topic and no payload ends the intake; every delivery is a row."""
    bench = Bench(tmp_path_factory.mktemp("state"))
    bench.take(*(delivery("env", payload, topic=topic or "/") for topic, payload in messages))
    assert len(bench.rows("SELECT pos FROM quarantine")) == len(messages)


def test_a_tick_every_ten_seconds(tmp_path: Path) -> None:
    """With steady time, links and queue; the first at the start, then when ten seconds have passed."""
    bench = Bench(tmp_path)
    bench.put(delivery("env", env(0)), delivery("env", env(0), is_fill=True))
    for mono_s in (0, 5, 9.9, 10, 19, 20, 47, 48, 57):
        bench.clock.mono = round(mono_s * S)
        bench.links[1].is_connected = mono_s < 40
        bench.intake.step()
    ticks = [json.loads(payload) for (payload,) in bench.rows("SELECT payload FROM records WHERE kind = 'tick'")]
    assert [(tick["mono_ns"] // S, tick["connected"], tick["queue"]) for tick in ticks] == [
        (0, True, 2),
        (10, True, 0),
        (20, True, 0),
        (47, False, 0),
        (57, False, 0),
    ]


def test_a_step_without_work_says_so(bench: Bench) -> None:
    """Its thread may sleep then."""
    assert not bench.intake.step()
    bench.put(delivery("env", env(0)))
    assert bench.intake.step()
    assert not bench.intake.step()


def test_prompt_and_retained_reach_the_journal(bench: Bench) -> None:
    """What anchors a boot's clock is what the session said of the message."""
    bench.take(delivery("env", env(1, mono=7), is_prompt=True))
    reader = JournalReader(bench.folder)
    assert reader.anchor("L", 1) == (1_000_000 * S - 7, 7)
    reader.close()


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


def test_what_found_no_room_is_tried_again_and_nothing_is_lost(bench: Bench) -> None:
    """The loop hears of it; the deliveries stay, unacknowledged, in their order, and ticks fall due as before."""
    freed: list[int] = []
    bench.journal._connection.execute("PRAGMA max_page_count = 40")
    pad = bytes(100_000)
    bench.put(*(delivery("env", env(seq, pad=pad), acknowledge=partial(freed.append, seq)) for seq in range(4)))
    for _ in range(3):
        with pytest.raises(DiskFull):
            bench.intake.step()
    assert (freed, bench.acks(), bench.stored()) == ([], [], [])
    bench.clock.mono += 10 * S
    bench.put(delivery("env", env(4)))
    bench.journal._connection.execute("PRAGMA max_page_count = 100000")
    bench.intake.step()
    assert (sorted(freed), [seq for _, _, seq in bench.stored()]) == ([0, 1, 2, 3], [0, 1, 2, 3])
    bench.intake.step()
    assert bench.acks() == [("L", 1, 3)]
    assert bench.rows("SELECT count(*) FROM records WHERE kind = 'tick'") == [(2,)]
    assert bench.intake.records == 5


def test_without_room_nothing_is_taken_and_ticks_go_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not taken stays with the broker; as soon as there is room it is."""
    monkeypatch.setattr(bench.journal, "has_room", lambda: False)
    bench.clock.mono += ROOM_NS
    assert bench.take(delivery("env", env(0))) == []
    bench.clock.mono += 10 * S
    assert bench.intake.step()
    assert (bench.stored(), len(bench.inbox), bench.inbox.waiting) == ([], 1, 0)
    assert bench.rows("SELECT count(*) FROM records WHERE kind = 'tick'") == [(2,)]
    monkeypatch.undo()
    bench.clock.mono += ROOM_NS
    assert bench.take() == [("L", 1, 0)]


def last_tick(bench: Bench) -> dict[str, Any]:
    """The content of a tick that is made now."""
    bench.clock.mono += 10 * S
    bench.intake.step()
    ((payload,),) = bench.rows("SELECT payload FROM records WHERE kind = 'tick' ORDER BY pos DESC LIMIT 1")
    content: dict[str, Any] = json.loads(payload)
    return content


def test_conditions_stand_in_the_ticks(bench: Bench) -> None:
    """Sorted, bounded, and absent when there are none."""
    assert "conditions" not in last_tick(bench)
    bench.intake.conditions = lambda: [Condition("monitor.x", "-", "-", f"text {n:04}") for n in range(200, 0, -1)]
    conditions = last_tick(bench)["conditions"]
    assert len(conditions) == MAX_CONDITIONS
    assert conditions[0] == ["monitor.x", "-", "-", "text 0001"]
    assert conditions == sorted(conditions)


def conditions(bench: Bench) -> list[tuple[str, str, str]]:
    return [(rule, container, logger) for rule, container, logger, _ in last_tick(bench).get("conditions", [])]


def test_a_false_oldest_is_ignored_and_alarmed(bench: Bench) -> None:
    """A record is held when it is made: what says otherwise gives nothing up that may still come."""
    assert bench.take(delivery("env", env(5, oldest=9))) == [("L", 1, -1)]
    assert bench.rows('SELECT "from", "to", state FROM gaps') == [(0, 4, "open")]
    assert conditions(bench) == [("monitor.false-oldest", "C", "L")]
    bench.clock.mono += 600 * S
    last_tick(bench)
    assert conditions(bench) == []


def test_a_logger_that_starts_anew_without_end_is_alarmed(bench: Bench) -> None:
    """More than a hundred boots an hour; all of it is stored, and of others nothing is said."""
    bench.take(*(delivery("env", env(0, boot)) for boot in range(MAX_BOOTS)), delivery("env", env(0), "M"))
    assert conditions(bench) == []
    bench.take(*(delivery("env", env(0, boot)) for boot in range(MAX_BOOTS + 1)))
    assert conditions(bench) == [("monitor.boot-flood", "C", "L")]
    assert len(bench.stored()) == MAX_BOOTS + 2
    bench.clock.mono += WINDOW_NS
    last_tick(bench)
    bench.take(delivery("env", env(0, 9999)))
    assert conditions(bench) == []


def test_a_logger_with_too_many_gaps_is_alarmed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one boot or of all together: what would open another goes to quarantine, unsettled; others go on."""
    monkeypatch.setattr("monitor.journal.gaps.MAX_GAPS", 3)
    bench.take(*(delivery("env", env(seq)) for seq in range(0, 12, 2)), delivery("env", env(2), "M"))
    assert sorted(bench.stored()) == [("L", 1, 0), ("L", 1, 2), ("L", 1, 4), ("L", 1, 6), ("M", 1, 2)]
    assert conditions(bench) == [("monitor.gap-flood", "C", "L")]
    monkeypatch.setattr("monitor.journal.boots.MAX_OPEN_BOOTS", 2)
    bench.take(*(delivery("env", env(1, boot), "N") for boot in range(3)))
    assert [row for row in bench.stored() if row[0] == "N"] == [("N", 0, 1), ("N", 1, 1)]
    assert conditions(bench) == [("monitor.gap-flood", "C", "L"), ("monitor.gap-flood", "C", "N")]


def test_a_live_seq_that_goes_backwards_is_stored(bench: Bench) -> None:
    """A boot counts on, so it fills a gap that a later one opened; under a seq that is taken it is a conflict."""
    bench.take(*(delivery("env", env(seq)) for seq in (5, 4, 3, 2, 1, 0)))
    assert [seq for _, _, seq in bench.stored()] == [5, 4, 3, 2, 1, 0]
    bench.take(delivery("env", env(3, t0=9)))
    assert bench.rows("SELECT substr(reason, 1, 25) FROM quarantine") == [("monitor.identity-conflict",)]


def test_loggers_have_turns(bench: Bench) -> None:
    """One that has thousands waiting delays another by one message, whatever lane; each one's order stays."""
    for is_fill in (False, True):
        bench.put(*(delivery("env", env(seq, 1 + is_fill), is_fill=is_fill) for seq in range(2000)))
        bench.put(delivery("env", env(0, 1 + is_fill), "M", is_fill=is_fill))
    bench.put(delivery("status", status(1, next=2000, held=[])))
    while bench.intake.step():
        pass
    order = bench.stored()
    assert order.index(("M", 1, 0)) == 1
    assert order.index(("M", 2, 0)) == 2000 + 1 + 1 + 1
    for boot in (1, 2):
        assert [seq for logger, number, seq in order if (logger, number) == ("L", boot) and seq is not None] == [
            *range(2000)
        ]


def test_a_slow_message_goes_with_what_was_judged_before_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing behind it waits for it longer than that."""
    bench.put(delivery("env", env(0), "slow"), delivery("env", env(1), "slow"), delivery("env", env(0), "M"))

    def judge(kind: str, payload: bytes) -> Message:
        message = decode(kind, payload)
        bench.clock.mono += S // 10
        return message

    monkeypatch.setattr("monitor.ingest.reading.decode", judge)
    bench.intake.step()
    assert bench.stored() == [("slow", 1, 0)]
    bench.intake.step()
    assert bench.stored() == [("slow", 1, 0), ("M", 1, 0)]


def test_what_concerns_the_gateway_is_told_before_all_loggers(bench: Bench) -> None:
    """A hundred of them with a fault hide neither a full disk nor another kind of fault."""
    own = Condition("monitor.store-held", "-", "-", "the server refuses everything")
    bench.intake.conditions = lambda: [*bench.journal.conditions(), own]
    for number in range(MAX_CONDITIONS):
        bench.take(delivery("env", env(0, 1, oldest=5), f"F{number:03}"))
    first, *others = conditions(bench)
    assert first == ("monitor.store-held", "-", "-")
    assert others == [("monitor.false-oldest", "C", f"F{number:03}") for number in range(MAX_RULE_CONDITIONS)]


def test_boots_that_a_logger_only_names_are_counted_and_bounded(bench: Bench) -> None:
    """A ledger full of invented boots in each status; past the flood no more of them take room."""
    for number in range(5):
        ledger = [[1000 * number + boot, 5] for boot in range(1, 65)]
        bench.take(delivery("status", status(999_999, next=0, held=[], boots=ledger)))
    assert conditions(bench) == [("monitor.boot-flood", "C", "L")]
    assert bench.rows("SELECT count(*) FROM boots") == [(MAX_BOOTS + 1,)]
    bench.take(delivery("env", env(0, 77)))
    assert bench.stored()[-1] == ("L", 77, 0)


def test_a_boot_that_found_no_room_counts_once(bench: Bench) -> None:
    """However often it is tried again."""
    bench.journal._connection.execute("PRAGMA max_page_count = 40")
    bench.put(delivery("env", env(0, 77, pad=bytes(200_000))))
    for _ in range(MAX_BOOTS + 10):
        with pytest.raises(DiskFull):
            bench.intake.step()
    bench.journal._connection.execute("PRAGMA max_page_count = 100000")
    bench.intake.step()
    assert conditions(bench) == []


def test_loggers_with_something_missing_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names without end take no more memory; those that have all go on."""
    monkeypatch.setattr("monitor.journal.boots.MAX_OPEN_LOGGERS", 3)
    bench.take(*(delivery("env", env(1), f"L{number}") for number in range(5)), delivery("env", env(0), "M"))
    assert [logger for logger, _, _ in bench.stored()] == ["L0", "L1", "L2", "M"]
    assert conditions(bench) == [("monitor.gap-flood", "C", "L3"), ("monitor.gap-flood", "C", "L4")]
    bench.take(delivery("env", env(0), "L0"), delivery("env", env(1), "L3"))
    assert bench.stored()[-1] == ("L3", 1, 1)


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
