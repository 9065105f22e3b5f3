"""Notifiers under a simulated clock: who is told of what, and what becomes of it on failure."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from monitor.config.alerting import AlertmanagerNotifier, NotifierSettings
from monitor.model.alert import CLEARED
from monitor.model.condition import NOTIFIER_FAILING, NOTIFIER_REFUSED
from monitor.model.errors import DiskFull
from tests.chaos.disk import SmallDisk, fill_up, why_no_disk
from tests.notifiers import HOUR_S, Desk, ids, programs, webhook

ALERTMANAGER = AlertmanagerNotifier.model_validate({"kind": "alertmanager", "name": "am", "url": "http://127.0.0.1"})


# Routing


@pytest.mark.parametrize(
    ("keys", "is_told"),
    [
        ({}, True),
        ({"severities": ["warning"]}, False),
        ({"containers": ["C-1*"]}, True),
        ({"containers": ["C-2*", "D"]}, False),
        ({"rules": ["hot"]}, True),
        ({"rules": ["monitor.*"]}, False),
        ({"phases": ["road", "air"]}, True),
        ({"phases": ["storage"]}, False),
        ({"parties": ["carrier-?"]}, True),
        ({"parties": ["owner"]}, False),
    ],
)
def test_routing(tmp_path: Path, keys: dict[str, Any], is_told: bool) -> None:
    """By severity, container, rule, phase, and by who has the container."""
    desk = Desk(tmp_path, webhook(**keys))
    desk.fire(custodian="carrier-a")
    desk.work()
    assert bool(desk.told) == is_told


def test_what_nobody_has_goes_to_those_who_name_no_party(tmp_path: Path) -> None:
    desk = Desk(tmp_path, webhook("all"), webhook("carrier", parties=["carrier-*"]))
    desk.fire(custodian=None)
    desk.work()
    assert [len(desk.receivers[name].told) for name in ("all", "carrier")] == [1, 0]


def test_severity_given_back_is_told(tmp_path: Path) -> None:
    """What began as info while the container was disarmed is told once it is an alarm."""
    desk = Desk(tmp_path, webhook())
    body = desk.fire(severity="info")
    desk.run(60)
    assert not desk.told
    desk.change(body, severity="alarm")
    desk.work()
    assert desk.reasons == ["firing"]


# Failure


@pytest.mark.parametrize("settings", [programs(), webhook()])
def test_a_receiver_that_fails_for_an_hour_gets_everything_once_and_in_order(
    tmp_path: Path, settings: NotifierSettings
) -> None:
    """Every retry has the same id; what was not taken is told before what came later."""
    desk = Desk(tmp_path, settings)
    receiver = desk.receivers["ops"]
    receiver.is_up = False
    bodies = []
    for minute in range(60):
        body = desk.fire(container=f"C-{minute % 4}")
        bodies.append(body)
        desk.run(30)
        if minute % 2:
            desk.clear(body)
        desk.run(30)
    assert not receiver.taken
    assert len(set(receiver.tried)) == 1
    assert 12 < len(receiver.tried) < 25  # 1 + 2 + 4 ... 256 s, then every 300 s
    assert desk.notifiers[0].document(desk.book.last_transition())["backlog"] > 80
    receiver.is_up = True
    desk.run(600)
    assert all(count == 1 for count in Counter(each.id for each in desk.told).values())
    order = [id_ for each in desk.told for id_ in ids(each)]
    for body in bodies:
        states = [alert["state"] for each in desk.told for alert in each.alerts if alert["id"] == body["id"]]
        assert states[-1] == desk.book.body(body["id"])["state"]  # type: ignore[index]  # it is there
        assert sorted(states, reverse=True) == states  # firing before cleared
    assert set(order) == {body["id"] for body in bodies}
    if settings.window_s == 0:  # type: ignore[union-attr]  # of a webhook
        assert order == [change["id"] for _, _, change in desk.book.transitions(0, 1000)]


def test_one_that_fails_is_a_condition_after_two_minutes(tmp_path: Path) -> None:
    """A receiver that is restarted is no news; who hears of the other one is whoever still can."""
    desk = Desk(tmp_path, webhook("dead"), webhook("alive"))
    desk.receivers["dead"].is_up = False
    desk.fire()
    desk.run(110)
    dead = desk.notifiers[0]
    assert dead.problem and not dead.conditions()
    desk.run(20)
    (condition,) = dead.conditions()
    assert (condition.rule, condition.logger) == (NOTIFIER_FAILING, "dead")
    assert "connection refused" in condition.text
    assert dead.document(1)["failing_since"] == "2026-11-23T09:00:00Z"
    assert not desk.notifiers[1].conditions()
    assert len(desk.receivers["alive"].told) == 1
    desk.receivers["dead"].is_up = True
    desk.run(300)
    assert (dead.conditions(), dead.problem, dead.document(1)["failing_since"]) == ([], "", None)
    assert len(desk.receivers["dead"].told) == 1


def test_what_is_refused_for_good_is_set_aside(tmp_path: Path) -> None:
    """After five times; what follows is told, somebody hears of it, and the notification is kept."""
    desk = Desk(tmp_path, webhook())
    receiver = desk.receivers["ops"]
    receiver.is_refusing = True
    desk.fire()
    desk.run(14)
    assert len(receiver.tried) == 4
    desk.run(16)
    assert len(receiver.tried) == 5 and len(set(receiver.tried)) == 1
    receiver.is_refusing = False
    second = desk.fire(container="C-102")
    desk.work()
    assert [ids(each) for each in desk.told] == [[second["id"]]]
    (condition,) = desk.notifiers[0].conditions()
    assert condition.rule == NOTIFIER_REFUSED and "status 400" in condition.text
    document = desk.notifiers[0].document(2)
    assert (document["told"], document["refused"]) == (1, 1)
    (row,) = desk.file.connection.execute("SELECT id, body FROM refused").fetchall()
    assert row[0] == receiver.tried[0] == json.loads(row[1])["id"]
    desk.run(HOUR_S)
    assert not desk.notifiers[0].conditions()


@pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk())
def test_a_full_disk_sends_nothing_twice(tmp_path: Path) -> None:
    """On a real one: what the receiver has is not sent again while there is no room to note it."""
    with SmallDisk(tmp_path / "disk") as disk:
        program = "import sys, pathlib, tests.unit.test_notifier as t; t.tell_on_a_full_disk(pathlib.Path(sys.argv[1]))"
        command = [*disk.prefix, sys.executable, "-c", program, str(tmp_path / "disk")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def tell_on_a_full_disk(folder: Path) -> None:
    """Body of a process that sees the small disk at `folder`; it is full from the moment the receiver is told."""
    desk, ballast = Desk(folder, programs()), folder / "ballast"
    (notifier,) = desk.notifiers
    receiver = desk.receivers["ops"]
    receiver.on_taken = lambda: fill_up(ballast)
    desk.fire()
    for _ in range(3):
        with pytest.raises(DiskFull, match=r"tell alerts: .*notify\.db"):
            notifier.step()
    assert len(receiver.told) == 1
    desk.fire()  # planned, as far as there is room, once the first is noted
    receiver.on_taken = int
    ballast.unlink()
    desk.work()
    assert [ids(each) for each in receiver.told] == [[f"{number:016x}"] for number in (1, 2)]
    assert notifier.document(2)["told"] == 2


# Alertmanager


def test_alertmanager_is_told_of_every_change_and_each_minute_of_all_that_is_open(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ALERTMANAGER)
    bodies = [desk.fire() for _ in range(450)]
    cleared = desk.clear(bodies[0])
    desk.work()
    states = [(alert["id"], alert["state"]) for each in desk.told for alert in each.alerts]
    assert len(states) >= 451
    assert states.index((cleared["id"], "firing")) < states.index((cleared["id"], CLEARED))
    assert max(each.count for each in desk.told) <= 200
    count = len(desk.told)
    desk.run(60)
    again = [id_ for each in desk.told[count:] for id_ in ids(each)]
    assert sorted(again) == sorted(body["id"] for body in bodies[1:])


def test_alertmanager_keeps_an_event_for_a_while(tmp_path: Path) -> None:
    """The end of what is over at once would hide it from everybody."""
    desk = Desk(tmp_path, ALERTMANAGER)
    desk.clear(desk.fire(kind="shock", channel="shock.a"))
    desk.run(300)
    assert [[alert["state"] for alert in each.alerts] for each in desk.told] == [["firing"]]
