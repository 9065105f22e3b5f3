"""Conditions of the gateway: what a tick names becomes an alert, which ends at the first tick that does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers import Board, WatchReader
from monitor.consumers.conditions import CHANNEL, Conditions
from monitor.consumers.points import alert_points
from monitor.model.clock import SystemClock, rfc3339
from monitor.model.condition import BOOT_FLOOD, DISK_LOW, GATEWAY, MAX_CONDITIONS, STORE_HELD, Condition
from monitor.replaying import replay_source
from tests.messages import T0, S
from tests.stations import HOT, Receipt, Station, readings, rules

HELD = Condition(STORE_HELD, GATEWAY, GATEWAY, "the store refuses the token: renew it")
FLOOD = Condition(BOOT_FLOOD, "C", "L", "too many boots")


def tick(station: Station, at_s: int, *conditions: Condition) -> None:
    """A tick, which counts the time by itself, is judged."""
    content = {"mono_ns": at_s * S, "conditions": [list(each) for each in sorted(conditions)]}
    station.journal.append_tick(T0 + at_s * S, at_s * S, json.dumps(content).encode())
    station.run()


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A gateway under one rule that nothing breaks."""
    return Station(tmp_path, rules(HOT))


def told(alerts: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What is compared of alerts."""
    keys = ("rule", "container", "logger", "state", "occurred_at", "cleared_at", "message")
    return [tuple(alert[key] for key in keys) for alert in alerts]


def test_a_condition_is_an_alert_while_ticks_name_it(station: Station) -> None:
    """It begins with the first tick that names it; what it says may change; it ends with the first that does not."""
    tick(station, 10, HELD)
    tick(station, 20, HELD._replace(text="something else"))
    (alert,) = station.alerts()
    assert (alert["kind"], alert["severity"], alert["state"], alert["phase"]) == (
        "health",
        "alarm",
        "firing",
        "storage",
    )
    assert (alert["evidence"], alert["channel"], alert["serial"]) == ({"pos": 2, "boot": 0, "seq": 0}, CHANNEL, None)
    tick(station, 30)
    begun, ended = rfc3339(T0 + 10 * S), rfc3339(T0 + 30 * S)
    assert told(station.alerts()) == [
        (STORE_HELD, "-", "-", "cleared", begun, ended, f"{HELD.text} until {ended}")
    ]  # fmt: skip


def test_the_same_again_is_another_alert(station: Station) -> None:
    """Also when the gateway's clock was set back to the very moment of the first."""
    for at_s, conditions in ((10, [HELD]), (20, []), (10, [HELD]), (20, [])):
        tick(station, at_s, *conditions)
    first, second = station.alerts()
    assert first["id"] != second["id"]
    assert first["state"] == second["state"] == "cleared"


def test_a_condition_of_one_logger_is_told_with_its_place(station: Station) -> None:
    """As of every alert; of a container that is not armed nobody is woken."""
    tick(station, 10, FLOOD)
    (alert,) = station.alerts()
    assert (alert["container"], alert["logger"], alert["place"], alert["severity"]) == ("C", "L", "base frame", "alarm")
    station.run(rules(HOT, armed=False))
    tick(station, 20)
    tick(station, 30, FLOOD)
    assert [alert["severity"] for alert in station.alerts()] == ["alarm", "info"]


def test_the_world_is_told(station: Station) -> None:
    """A topic under the container `-`, and a point."""
    tick(station, 10, HELD)
    sent: list[str] = []

    def publish(topic: str, _payload: bytes) -> Receipt:
        sent.append(topic)
        return Receipt(is_good=True)

    notify = Board(station.folder, WatchReader(station.folder), SystemClock(), publish)
    assert notify.step()
    (alert,) = station.alerts()
    assert sent == [f"tcm/v1/-/alerts/{alert['id']}"]
    ((number, at_ns, body),) = station.watch.book.transitions(0, 9)
    points = alert_points(number, at_ns, body)
    assert dict(points.tags) == {
        "container": "-", "logger": "-", "channel": "condition", "rule": STORE_HELD, "severity": "alarm",
    }  # fmt: skip


def test_too_many_conditions_are_cut_alike_by_every_reader() -> None:
    """The first in the order of their names."""
    named = [Condition(DISK_LOW, GATEWAY, f"L{number:03}", "") for number in range(MAX_CONDITIONS + 5)]
    found = Conditions().take(1, T0, reversed(named))
    assert [finding.logger for finding in found] == [each.logger for each in named[:MAX_CONDITIONS]]


NAMED = st.lists(st.sampled_from([HELD, FLOOD, HELD._replace(text="x")]), max_size=2, unique_by=lambda each: each.rule)


@settings(max_examples=20)
@given(st.lists(st.tuples(NAMED, st.sampled_from(["", "", "crash", "stop", "save"])), max_size=8))
def test_restarts_and_replays_tell_the_same(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[list[Condition], str]]
) -> None:
    """What was told before the last snapshot is not told again, what ended meanwhile ends; --ordered says the same."""
    station, whole = (Station(tmp_path_factory.mktemp(name), rules(HOT)) for name in ("live", "whole"))
    for number, (conditions, event) in enumerate(story):
        for each in (station, whole):
            each.append(readings(20.0, seq=number))
            tick(each, 10 * number, *conditions)
        if event == "stop":
            station.watch.close()
        elif event == "save":
            station.clock.mono += 10 * S
        if event in ("crash", "stop"):
            station.start(page_records=2)
    station.run()
    assert station.outcome() == whole.outcome()
    for is_ordered in (False, True):
        replayed = replay_source(station.folder, None, lambda _done, _all: None, is_ordered=is_ordered)
        assert told(replayed["alerts"]) == told(station.alerts())
    for each in (station, whole):
        each.watch.close()
        each.journal.close()
