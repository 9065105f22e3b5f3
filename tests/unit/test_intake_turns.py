"""In which order the intake takes what waits: live before fill, loggers in turns, nobody long behind a slow one."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.ingest.intake import MAX_COMMIT_RECORDS
from monitor.model.record import Message
from monitor.wire import decode
from tests.intakes import Bench, delivery
from tests.messages import S, env, status


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An intake on an empty journal, its first tick made."""
    made = Bench(tmp_path)
    assert made.take() == []
    return made


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


def test_a_step_without_work_says_so(bench: Bench) -> None:
    """Its thread may sleep then."""
    assert not bench.intake.step()
    bench.put(delivery("env", env(0)))
    assert bench.intake.step()
    assert not bench.intake.step()


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
