"""The base: what lies before it may be dropped, and everything that is judged again begins there."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from monitor.consumers.settling import MAX_WAIT_NS
from monitor.consumers.watch import BASE_NS, WANTED_BASE_NS
from monitor.detect.arrivals.steady import MAX_ADVANCE_NS
from monitor.model.errors import JournalError, TcmError
from monitor.model.operator import OperatorRecord
from monitor.replaying import replay_source
from tests.disorder import Gateway, block, hot, known, move_base, ordered, seconds
from tests.journals import arrival
from tests.messages import T0, S, env, status
from tests.stations import unset

DAY_NS = 86_400 * S


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """A gateway that heard nothing yet."""
    return Gateway(tmp_path)


def drop(gateway: Gateway, upto: int) -> None:
    """Retention drops what it may."""
    with gateway.journal.transaction("drop") as connection:
        connection.execute("UPDATE records SET payload = NULL WHERE kind IN ('env', 'tick') AND pos <= ?", (upto,))
        connection.execute("INSERT OR REPLACE INTO dropped VALUES(1, ?, 0)", (upto,))


def forget_snapshot(gateway: Gateway) -> None:
    """The snapshot is of an earlier version, or spoilt."""
    gateway.watch.book._connection.execute("UPDATE snapshot SET state = x'00'")
    gateway.start()


def test_what_lies_before_the_base_is_needed_no_more(gateway: Gateway) -> None:
    """A restart without a snapshot goes on from the base, to the same alerts; so do both kinds of replay."""
    gateway.run(block(0, 20, 26, 26), block(1, 26, 26, 26))
    base_pos = move_base(gateway)
    assert base_pos == gateway.watch.pos == 4
    gateway.run(block(2, 26, 20, 26), block(4, 26, 20, 20))
    gateway.append(block(3, 26, 26, 26, is_fill=True))
    gateway.settle()
    gateway.watch.close()
    gateway.start()
    before = gateway.outcome()
    drop(gateway, base_pos)
    forget_snapshot(gateway)
    assert gateway.watch.pos == base_pos
    gateway.judge()
    assert gateway.outcome() == before
    for is_ordered in (False, True):
        replayed = replay_source(gateway.folder, None, lambda _done, _all: None, is_ordered=is_ordered)
        assert (known(replayed["alerts"]), replayed["from_pos"]) == (gateway.known(), base_pos + 1)


def test_nothing_is_begun_without_what_was_dropped(gateway: Gateway) -> None:
    """Neither the daemon nor a replay makes up what it cannot know."""
    gateway.run(block(0, 20, 26, 26))
    drop(gateway, move_base(gateway))
    gateway.watch.close()
    for path in gateway.folder.glob("watch.db*"):
        path.unlink()
    for is_ordered in (False, True):
        with pytest.raises(TcmError, match=r"dropped its records up to 3, and watch\.db has no state to go on from"):
            replay_source(gateway.folder, None, lambda _done, _all: None, is_ordered=is_ordered)
    with pytest.raises(JournalError, match="no usable state, and the journal has dropped its records up to 3"):
        gateway.start()


def test_the_base_leaves_what_a_fork_goes_back_to(gateway: Gateway) -> None:
    """Records from the break on are judged again: they stay, and so does what waits for its boot's clock."""
    gateway.run(block(0, 20, 20, 20), block(2, 20, 20, 20), block(3, 20, 20, 20))
    assert move_base(gateway) == 2
    gateway.run(block(1, 26, 20, 20, is_fill=True))
    drop(gateway, 2)
    gateway.settle()
    assert gateway.known() == known(ordered(gateway.folder)["alerts"])
    gateway.run(unset(0, 5, 26.0, boot=9))
    waiting = gateway.watch.pos
    gateway.tick()
    assert move_base(gateway) == waiting - 1


def test_what_comes_from_before_the_base_keeps_the_judgement_it_got(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, once, and changes nothing else; its alert, with which nothing goes on, ends when that is known."""
    gateway.append(arrival("status", status(5, interval_us=10_000_000)))
    gateway.run(*(block(seq, 20, 20, 20, boot=5) for seq in (3, 4)), block(5, 20, 20, 26, boot=5, oldest=3))
    drop(gateway, move_base(gateway))
    gateway.run(block(2, 26, 26, 26, boot=5, is_fill=True))
    gateway.tick()
    gateway.judge()
    settled_s = (gateway.now_ns - T0) / S
    caplog.clear()
    with caplog.at_level(logging.INFO, "monitor"):
        for _ in range(5):
            gateway.tick()
        gateway.judge()
    assert not caplog.records
    assert hot(gateway) == [(60, settled_s, 26, "cleared", False), (170, None, 26, "firing", False)]
    first = next(alert for alert in gateway.alerts() if seconds(alert["occurred_at"]) == 60)
    assert first["message"].endswith("; ended: it came too late to be judged in its place, and nothing goes on with it")
    gateway.run(block(6, 20, 20, 20, boot=5))
    assert hot(gateway)[1][:2] == (170, 180)
    assert known(ordered(gateway.folder)["alerts"]) == gateway.known()


def test_the_base_stays_until_it_is_known_what_begins_there(gateway: Gateway) -> None:
    """A container that is to be judged again from the oldest state gets it at the next tick."""
    gateway.run(block(0, 20, 20, 20))
    assert move_base(gateway) == 3
    record = OperatorRecord("phase", "C", T0, gateway.now_ns, "somebody", details={"phase": "road"})
    gateway.journal.append_own("operator", gateway.now_ns, record.to_json(), "C")
    gateway.watch.is_base_wanted = True
    gateway.mono_ns += WANTED_BASE_NS
    gateway.judge()
    assert (gateway.watch.base_pos, gateway.watch.judge.forks.rootless) == (3, ["C"])
    gateway.settle()
    assert (gateway.watch.base_pos, list(gateway.watch.judge.forks)) == (gateway.watch.pos, [])


def test_the_base_is_a_day_old_or_two(gateway: Gateway) -> None:
    """Days of watching: restarts and a calendar that steps change nothing; what the gateway was off for does not count.

    The state of the first day becomes the base when the second is over.
    """
    ticks, moved = BASE_NS // MAX_ADVANCE_NS, list[tuple[int, int]]()
    gateway.tick()
    for number in range(1, 3 * ticks + 1):
        gateway.now_ns += DAY_NS if number % 2 else -DAY_NS
        gateway.mono_ns += MAX_ADVANCE_NS - 10 * S
        gateway.tick()
        if number % 500 == 0:
            gateway.judge()
            gateway.mono_ns += DAY_NS
            gateway.watch.close()
            gateway.start()
        if number % ticks == 0:
            gateway.judge()
            moved.append((gateway.watch.pos, gateway.watch.base_pos))
    assert [base_pos for _, base_pos in moved] == [0, *(pos for pos, _ in moved[:2])]


@pytest.mark.parametrize("step_ns", [DAY_NS, -DAY_NS])
def test_nobody_waits_by_the_calendar(gateway: Gateway, step_ns: int) -> None:
    """For a gap nobody waits longer than an hour, whatever the gateway's calendar does meanwhile."""
    gateway.run(block(0, 26, 26, 26), block(2, 20, 20, 20))
    gateway.tick()
    gateway.now_ns += step_ns
    for _ in range(MAX_WAIT_NS // MAX_ADVANCE_NS - 1):
        gateway.mono_ns += MAX_ADVANCE_NS - 10 * S
        gateway.tick()
    gateway.judge()
    assert list(gateway.watch.judge.forks) == ["C"]
    gateway.mono_ns += MAX_ADVANCE_NS
    gateway.tick()
    gateway.judge()
    assert list(gateway.watch.judge.forks) == []


def test_a_boot_of_which_nothing_ever_came_puts_nothing_apart(gateway: Gateway) -> None:
    """It was born, and the base knows of it: what the next boot sends comes behind it."""
    births = [
        arrival("status", status(boot, next=0, held=[], t0=T0 + at_s * S)) for boot, at_s in ((7, -100), (3, -10))
    ]
    gateway.run(births[0])
    drop(gateway, move_base(gateway))
    gateway.run(births[1], block(0, 20, 26, 20, boot=3), block(2, 20, 20, 20, boot=3))
    gateway.run(arrival("env", env(1, 3, t0=T0 + 30 * S, values=[[26.0]] * 3), is_fill=True))
    gateway.settle()
    assert gateway.known() == known(ordered(gateway.folder)["alerts"])
    assert len(hot(gateway)) == 2
