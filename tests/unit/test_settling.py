"""Gaps and back-fill: whatever comes late, in the end there is one alert for each exceedance in official order."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers.watch_file import WatchReader
from monitor.journal import Usable
from monitor.model.clock import parse_rfc3339
from monitor.model.operator import OperatorRecord
from monitor.replaying import replay_source
from tests.disorder import (
    HOLD_OFFS,
    RULES,
    SEEDS,
    VALUES,
    WARM,
    Gateway,
    block,
    hot,
    known,
    ordered,
    play,
    seconds,
)
from tests.journals import arrival
from tests.messages import T0, S, env, status
from tests.stations import HOT, SLOW, rules


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """A gateway that heard nothing yet."""
    return Gateway(tmp_path)


def test_two_alerts_that_are_one_are_merged(gateway: Gateway) -> None:
    """The record between was hot throughout: one exceedance and one alert, revised; the world is told of both."""
    gateway.run(block(0, 26, 26, 26), block(2, 20, 26, 26), block(3, 27, 26, 20))
    assert hot(gateway) == [(0, 60, 26, "cleared", False), (70, 110, 27, "cleared", False)]
    gateway.append(block(1, 28, 27, 27, is_fill=True))
    gateway.tick()
    gateway.judge()
    settled_s = (gateway.now_ns - T0) / S
    assert hot(gateway) == [
        (0, 60, 28, "cleared", False), (30, settled_s, 28, "cleared", True), (70, 110, 27, "cleared", False),
    ]  # fmt: skip
    told = [body for _, _, body in gateway.watch.book.transitions(0, 99) if body["rule"] == "hot"][-2:]
    assert [(body["state"], bool(body["merged_into"])) for body in told] == [("cleared", False), ("cleared", True)]
    first, other = (body["id"] for body in told)
    assert told[1]["merged_into"] == first != other


def test_an_alert_that_goes_on_ends_where_the_late_record_says(gateway: Gateway) -> None:
    """A short spell within the gap cuts one exceedance in two; what then ends live is the second."""
    gateway.run(block(0, 26, 26, 26), block(2, 26, 26, 26))
    gateway.append(block(1, 26, 20, 26, is_fill=True))
    gateway.tick()
    gateway.judge()
    assert hot(gateway) == [
        (0, 40, 26, "cleared", False), (30, 40, 26, "cleared", True), (50, None, 26, "firing", False),
    ]  # fmt: skip
    gateway.run(block(3, 20, 20, 20))
    assert hot(gateway)[-1] == (50, 90, 26, "cleared", False)
    assert gateway.known() == known(ordered(gateway.folder)["alerts"])


def test_what_comes_apart_is_still_acknowledged(tmp_path: Path) -> None:
    """By the late record the first spell ended too early for the second to be the same alert; nobody is called anew."""
    gateway = Gateway(tmp_path, "25 s")
    gateway.run(block(0, 26, 26, 26), block(2, 20, 26, 26))
    (key,) = (alert["id"] for alert in gateway.alerts() if alert["rule"] == "hot")
    record = OperatorRecord("ack", "C", gateway.now_ns, gateway.now_ns, "eve", "on it", {"alert": key})
    gateway.journal.append_own("operator", gateway.now_ns, record.to_json(), "C")
    gateway.append(block(1, 20, 20, 20, is_fill=True))
    gateway.settle()
    assert hot(gateway) == [(0, 30, 26, "cleared", False), (70, None, 26, "acknowledged", False)]
    stands = {alert["id"]: alert for alert in gateway.alerts()}
    last = {body["id"]: body for _, _, body in gateway.watch.book.transitions(0, 99)}
    assert last == stands


def test_limits_that_change_are_said_once(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """Not again when a container is settled, after a restart, or in a replay."""
    gateway.run(block(0, 20, 20, 20))
    gateway.append(block(2, 20, 20, 20), rules(*(HOT | {"above": "30 degC"}, *RULES[1:])), block(3, 20, 20, 20))
    gateway.append(block(1, 20, 20, 20, is_fill=True))
    gateway.settle()
    gateway.start()
    gateway.judge()
    ordered(gateway.folder)
    replay_source(gateway.folder, None, lambda _done, _all: None)
    (said,) = [text for text in caplog.messages if "limits" in text]
    assert said == "limits hardware changed; rules that start anew: hot; all others go on with what they know"


def test_an_exceedance_that_nobody_reported_fires_when_all_is_known(gateway: Gateway) -> None:
    """Neither before nor behind the gap the dwell was over: it is told of at the tick."""
    gateway.append(arrival("status", status(interval_us=5_000_000)))
    single = [arrival("env", env(seq, t0=T0 + seq * 10 * S, values=[[24.6]]), is_fill=seq == 1) for seq in range(3)]
    gateway.run(single[0], single[2], single[1])
    assert gateway.alerts() == []
    gateway.settle()
    (alert,) = gateway.alerts()
    assert (alert["rule"], alert["state"], seconds(alert["occurred_at"])) == ("slow", "firing", 0)
    assert seconds(alert["reported_at"]) == 10_010
    assert [at_ns for _, at_ns, _ in gateway.watch.book.transitions(0, 9)] == [T0 + 10_010 * S]


def test_two_exceedances_with_one_start_are_two_alerts(gateway: Gateway) -> None:
    """A clock that was set back repeats a time; what ends is the one that goes on."""
    gateway.run(block(0, 26, 20), arrival("env", env(1, t0=T0, values=[[27.0]])))
    assert {alert[:4] for alert in hot(gateway)} == {(0, 10, 26, "cleared"), (0, None, 27, "firing")}
    gateway.run(arrival("env", env(2, t0=T0 + 10 * S, values=[[20.0]])))
    assert {alert[:4] for alert in hot(gateway)} == {(0, 10, 26, "cleared"), (0, 10, 27, "cleared")}


def test_while_something_may_come_nothing_is_settled(gateway: Gateway) -> None:
    """A gap is open: what is told is provisional, until the record comes or is declared lost."""
    gateway.run(block(0, 26, 26, 26), block(2, 20, 20, 20))
    gateway.settle()
    assert list(gateway.watch.judge.forks) == ["C"]
    gateway.run(block(3, 20, 20, 20, oldest=2))
    gateway.settle()
    assert list(gateway.watch.judge.forks) == []
    gateway.run(block(1, 26, 20, 26, is_fill=True))
    assert list(gateway.watch.judge.forks) == ["C"]
    gateway.settle()
    assert hot(gateway)[0][:2] == (0, 40)
    assert gateway.known() == known(ordered(gateway.folder)["alerts"])


def test_the_file_tells_who_is_provisional(gateway: Gateway) -> None:
    """As of the last snapshot: without a daemon `tcm status` asks it."""
    reader = WatchReader(gateway.folder)
    assert reader.provisional() == []
    gateway.run(block(0, 26, 26, 26), block(2, 20, 20, 20))
    gateway.watch.close()
    assert reader.provisional() == ["C"]
    reader.close()


def test_a_phase_entered_afterwards_is_obeyed_by_what_was_judged(gateway: Gateway) -> None:
    """An operator says what held before: the container is judged again under it, from the beginning."""
    gateway.run(rules(HOT | {"phases": ["road"]}), block(0, 26, 26, 26))
    assert hot(gateway) == []
    record = OperatorRecord("phase", "C", T0 + 10 * S, gateway.now_ns, "somebody", details={"phase": "road"})
    gateway.journal.append_own("operator", gateway.now_ns, record.to_json(), "C")
    gateway.settle()
    assert hot(gateway) == [(10, None, 26, "firing", False)]
    assert gateway.known() == known(ordered(gateway.folder)["alerts"])


def withdrawn(gateway: Gateway, rule: str) -> dict[str, Any]:
    """The rule's only alert, which is withdrawn; its message says so, and that is true whatever the cause."""
    (alert,) = (alert for alert in gateway.alerts() if alert["rule"] == rule)
    assert (alert["merged_into"], alert["state"]) == (alert["id"], "cleared")
    assert alert["message"].endswith("; withdrawn: judged again with everything that came later, it is no exceedance")
    return alert


def test_an_exceedance_that_a_late_record_breaks_is_withdrawn(gateway: Gateway) -> None:
    """A cool reading between: what was beyond the limit never lasted for the dwell."""
    gateway.append(arrival("status", status(interval_us=10_000_000)))
    first, late, last = (env(seq, t0=T0 + seq * 10 * S, values=[[20.0 if seq == 1 else 24.6]]) for seq in range(3))
    gateway.run(arrival("env", first), arrival("env", last))
    assert [alert["rule"] for alert in gateway.alerts()] == ["slow"]
    gateway.run(arrival("env", late, is_fill=True))
    gateway.settle()
    withdrawn(gateway, "slow")


def test_an_exceedance_in_hours_that_a_phase_takes_out_is_withdrawn(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit was not kept, but the rule does not watch there; the log says when settling begins and ends."""
    gateway.run(rules(HOT | {"phases": ["storage"]}), block(0, 26, 26, 26))
    assert hot(gateway)[0][3] == "firing"
    record = OperatorRecord("phase", "C", T0 - S, gateway.now_ns, "somebody", details={"phase": "road"})
    gateway.journal.append_own("operator", gateway.now_ns, record.to_json(), "C")
    with caplog.at_level(logging.INFO, "monitor.consumers.runs"):
        gateway.settle()
    withdrawn(gateway, "hot")
    began, ended = (record.message for record in caplog.records if record.name.endswith("runs"))
    assert began == "C is judged again in official order: 4 records"
    assert ended.startswith("C is settled at record ")


def test_the_end_by_other_limits_is_said_after_settling_too(gateway: Gateway) -> None:
    """Settling goes back to before the fork: what ended there by other limits still says so, once."""
    gateway.run(block(0, 26, 26, 26), block(2, 26, 26, 26), rules(HOT | {"above": "26.5 degC"}), block(3, 20, 20, 20))
    gateway.run(block(1, 26, 26, 26, is_fill=True))
    gateway.settle()
    (alert,) = (alert for alert in gateway.alerts() if alert["rule"] == "hot")
    assert alert["state"] == "cleared"
    assert alert["message"].endswith("peak 26 degC, ended because the limits were changed")
    assert alert["message"].count(" until ") == 1
    assert known(ordered(gateway.folder)["alerts"]) == gateway.known()


CLOCKS_AND_LIMITS = st.lists(
    st.tuples(st.integers(-20, 20), st.sampled_from(VALUES), st.sampled_from(["", "", "limits", "tick"])), max_size=7
)


@settings(max_examples=15)
@given(CLOCKS_AND_LIMITS, HOLD_OFFS)
def test_no_alert_ends_before_it_begins(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[int, float, str]], hold_off: str
) -> None:
    """Clocks that are set back or ahead, limits that change, late records: cleared_at is never before occurred_at."""
    gateway = Gateway(tmp_path_factory.mktemp("clocks"), hold_off)
    for number, (minutes, value, event) in enumerate(story):
        content = env(number, t0=T0 + minutes * 600 * S, values=[[value]])
        gateway.append(arrival("env", content, is_fill=bool(number % 4 == 3)))
        if event == "limits":
            gateway.append(rules(HOT | {"above": f"{25 + number % 2} degC"}, SLOW, WARM, hold_off=hold_off))
        elif event == "tick":
            gateway.tick()
    gateway.settle()
    told = [*gateway.alerts(), *(body for _, _, body in gateway.watch.book.transitions(0, 10**6))]
    for alert in told:
        ended = alert["cleared_at"]
        assert ended is None or parse_rfc3339(ended) >= parse_rfc3339(alert["occurred_at"]), alert
    gateway.watch.close()
    gateway.journal.close()


def boot_block(
    boot: int, seq: int, at_s: float, *values: float, clk: int = 2, received_s: float = 0, is_fill: bool = False
) -> Usable:
    """Readings ten seconds apart from a time on; without a clock that is told by the count since the boot's start."""
    content = env(seq, boot, t0=T0 + int(at_s * S), values=[[value] for value in values])
    content |= {"clk": clk, "mono": seq * 30 * S}
    return arrival("env", content, T0 + int(received_s * S), is_fill=is_fill, is_prompt=clk != 2)


def assert_settled(gateway: Gateway) -> None:
    """Nothing is provisional, and the alerts are those in official order."""
    gateway.settle()
    assert list(gateway.watch.judge.forks) == []
    assert gateway.known() == known(ordered(gateway.folder)["alerts"])


def test_a_calendar_set_back_does_not_turn_boots_round(gateway: Gateway) -> None:
    """The second boot has no clock, and the gateway's says that it began an hour before the first: it is the second."""
    gateway.append(arrival("status", status(1, interval_us=10_000_000)))
    gateway.run(boot_block(1, 0, 0, 26, 26, 20), boot_block(1, 1, 30, 26, 26, 26))
    gateway.run(boot_block(2, 0, 0, 26, 26, 26, clk=0, received_s=-3600))
    assert_settled(gateway)
    for seq in (1, 2, 4, 3):
        gateway.run(boot_block(2, seq, 0, 26, 20, 26, clk=0, received_s=seq * 30 - 3600, is_fill=seq == 3))
        gateway.tick()
        gateway.judge()
    assert_settled(gateway)
    assert gateway.watch.judge.forks.snapshot()["number"] == 2  # the second boot, and the gap


def test_a_lower_seq_of_a_boot_changes_nothing_about_its_place(gateway: Gateway) -> None:
    """Its time is before all that the first boot made, or so it says; the boot goes on behind it all the same."""
    gateway.run(boot_block(1, 0, 5000, 26, 26, 26), boot_block(2, 1, 6000, 26, 20, 26))
    gateway.run(boot_block(2, 0, 100, 26, 26, 26, is_fill=True))
    assert_settled(gateway)
    gateway.run(boot_block(2, 2, 6030, 26, 26, 20))
    assert_settled(gateway)
    gateway.run(boot_block(1, 1, 7000, 26, 20, 20))
    assert_settled(gateway)


def test_what_waited_at_the_broker_belongs_before_the_next_boot(gateway: Gateway) -> None:
    """The session of memory was faster: first the next boot's records came, then the last of the one before."""
    gateway.append(arrival("status", status(1, interval_us=10_000_000)))
    gateway.run(*(boot_block(1, seq, seq * 30, 26, 26, 26) for seq in range(3)))
    gateway.run(*(boot_block(2, seq, 500 + seq * 30, 26, 26, 26, is_fill=True) for seq in range(2)))
    gateway.settle()
    assert list(gateway.watch.judge.forks) == []
    gateway.run(boot_block(1, 3, 90, 26, 20, 20), boot_block(1, 4, 120, 20, 26, 26))
    gateway.settle()
    birth = status(2, t0=T0 + 490 * S, next=3, held=[[1, 3, 4], [2, 0, 2]], boots=[[1, 5]])
    gateway.run(arrival("status", birth), boot_block(2, 2, 560, 26, 26, 20))
    assert_settled(gateway)
    told = {alert[:2] for alert in hot(gateway) if not alert[4]}
    assert told == {(0, 100), (130, 580)}


@settings(max_examples=25)
@given(SEEDS, HOLD_OFFS)
def test_in_the_end_the_alerts_are_those_in_official_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, hold_off: str
) -> None:
    """Loggers, boots, losses, late parts, duplicates, cuts and crashes: the live alerts equal those of the replay.

    Numbers and all are the same in a file that is made again in one piece.
    """
    gateway = Gateway(tmp_path_factory.mktemp("live"), hold_off)
    play(gateway, seed)
    official = ordered(gateway.folder)
    assert list(gateway.watch.judge.forks) == []
    assert gateway.known() == known(official["alerts"])
    replayed = replay_source(gateway.folder, None, lambda _done, _all: None)
    assert json.loads(json.dumps(replayed["alerts"])) == gateway.alerts()
    before = gateway.outcome()
    gateway.watch.close()
    for path in gateway.folder.glob("watch.db*"):
        path.unlink()
    gateway.start()
    gateway.judge()
    assert gateway.outcome() == before
    gateway.watch.close()
    gateway.journal.close()


def test_the_plans_are_not_empty_ones(tmp_path: Path) -> None:
    """They merge, revise and fire alerts at ticks."""
    seen: Counter[str] = Counter()
    for seed in range(12):
        gateway = Gateway(tmp_path / str(seed))
        play(gateway, seed)
        seen.update(state for (state,) in gateway.rows("SELECT state FROM transitions"))
    assert all(seen[kind] for kind in ("firing", "cleared", "revised", "merged")), seen
