"""Whatever comes is kept: in quarantine if it cannot be used, unacknowledged while there is no room for it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ingest.inbox import Delivery
from monitor.ingest.intake import ROOM_NS
from monitor.journal import JournalReader
from monitor.model.errors import DiskFull
from tests.intakes import Bench, delivery
from tests.messages import S, env, shock, status


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An intake on an empty journal, its first tick made."""
    made = Bench(tmp_path)
    assert made.take() == []
    return made


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


def test_prompt_and_retained_reach_the_journal(bench: Bench) -> None:
    """What anchors a boot's clock is what the session said of the message."""
    bench.take(delivery("env", env(1, mono=7), is_prompt=True))
    reader = JournalReader(bench.folder)
    assert reader.anchor("L", 1) == (1_000_000 * S - 7, 7)
    reader.close()


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
