"""Notifiers under a simulated clock: who is told of what, when, how often, and what becomes of it on failure."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from monitor.config.alerting import AlertmanagerNotifier, NotifierSettings, WebhookNotifier
from monitor.model.alert import CLEARED
from monitor.model.clock import NS_PER_S, rfc3339
from monitor.model.condition import NOTIFIER_FAILING, NOTIFIER_REFUSED
from monitor.model.errors import DiskFull
from monitor.notify import Notification
from tests.chaos.disk import SmallDisk, fill_up, why_no_disk
from tests.notifiers import HOUR_S, Desk, Receiver, webhook
from tests.simulation.disk import Disk


def programs(**keys: Any) -> WebhookNotifier:
    """One that is told of every change by itself."""
    return webhook(window="0 s", **keys)


ALERTMANAGER = AlertmanagerNotifier.model_validate({"kind": "alertmanager", "name": "am", "url": "http://127.0.0.1"})


def ids(notification: Notification) -> list[str]:
    return [alert["id"] for alert in notification.alerts]


# Windows


def test_the_first_is_told_at_once_and_what_follows_together(tmp_path: Path) -> None:
    """One message that something is wrong, one of everything else: with a count, and how many go on."""
    desk = Desk(tmp_path, webhook())
    first = desk.fire()
    desk.work()
    assert [ids(each) for each in desk.told] == [[first["id"]]]
    others = []
    for _ in range(3):
        others.append(desk.fire())
        desk.run(10)
    desk.clear(others[0])
    desk.run(29)
    assert len(desk.told) == 1
    desk.run(2)
    group = desk.told[1]
    assert (group.reason, group.count, group.firing) == ("group", 3, 2)
    assert ids(group) == [other["id"] for other in others]
    assert group.title == "C-101: 3 alerts of temperature up to alarm; 2 of them go on"
    desk.run(HOUR_S)
    assert len(desk.told) == 2


def test_numbers_that_are_made_anew_are_told(tmp_path: Path) -> None:
    """A watch.db was put back that ends before what was told."""
    desk = Desk(tmp_path, webhook())
    with desk.file.writing() as connection:
        connection.execute("UPDATE notifiers SET pos = 5")
    desk.kill()
    desk.fire()
    desk.work()
    assert desk.reasons == ["firing"]


def test_a_power_cut_does_not_make_a_notifier_a_new_one(tmp_path: Path) -> None:
    """A new one is told of what is open alone: what fired and ended before, told or not, nobody would ever hear of."""
    disk = Disk(tmp_path, random.Random(0))
    desk = Desk(tmp_path, webhook())
    desk.clear(desk.fire())
    disk.die()
    desk.file.connection.close()
    disk.power_cut(random.Random(0), share=0.0)
    disk.revive()
    desk.open()
    desk.work()
    disk.close()
    assert [notification.alerts[0]["state"] for notification in desk.told] == [CLEARED]


def test_other_containers_and_causes_do_not_wait(tmp_path: Path) -> None:
    """Cause is the quantity, `logger` of the sensors' own faults, `monitor` of the gateway's."""
    desk = Desk(tmp_path, webhook())
    desk.fire()
    desk.fire(container="C-102")
    desk.fire(channel="humidity.air")
    desk.fire(kind="health", rule="stuck")
    desk.fire(container="-", rule="monitor.disk-low", kind="health", channel="condition")
    desk.work()
    told = {(each.container, each.cause) for each in desk.told}
    assert told == {
        *(("C-101", "temperature"), ("C-102", "temperature"), ("C-101", "humidity")),
        *(("C-101", "logger"), ("-", "monitor")),
    }


def test_a_graver_alert_does_not_wait(tmp_path: Path) -> None:
    """An alarm amid warnings is told at once, a second alarm with the others."""
    desk = Desk(tmp_path, webhook())
    desk.fire(severity="warning")
    desk.work()
    alarm = desk.fire()
    desk.work()
    assert ids(desk.told[1]) == [alarm["id"]]
    desk.fire()
    desk.fire(severity="warning")
    desk.work()
    assert len(desk.told) == 2
    desk.run(61)
    assert desk.told[2].count == 2


def test_the_first_word_of_several_is_firing(tmp_path: Path) -> None:
    """A fall hits all loggers of a container at once."""
    desk = Desk(tmp_path, webhook())
    desk.fire()
    desk.fire()
    desk.work()
    assert [(each.reason, each.count) for each in desk.told] == [("firing", 2)]


@pytest.mark.parametrize("change", ["clear", "acknowledge"])
def test_good_news_holds_no_new_alarm_back(tmp_path: Path, change: str) -> None:
    """An alert that is new is told at once amid what only ended; one that opens again waits for the window."""
    desk = Desk(tmp_path, webhook(window="30 min"))
    body = desk.fire()
    desk.run(2 * HOUR_S, 5.0)
    body = getattr(desk, change)(body)
    desk.run(10)
    count = len(desk.told)
    desk.reopen(body)
    desk.run(10)
    assert len(desk.told) == count
    new = desk.fire()
    desk.work()
    assert new["id"] in ids(desk.told[count])


def test_what_ended_and_what_opened_are_told_apart(tmp_path: Path) -> None:
    """An alarm's end amid a window makes no alarm of the warning that opened in it."""
    desk = Desk(tmp_path, webhook())
    alarm = desk.fire()
    desk.run(10)
    desk.clear(alarm)
    desk.fire(severity="warning")
    desk.run(60)
    assert desk.told[1].severity == "warning"
    assert "2 alerts (1 opened, 1 cleared) of temperature up to warning; 1 of them goes on" in desk.told[1].title


def test_the_end_is_told_of_what_was_told_and_of_nothing_else(tmp_path: Path) -> None:
    desk = Desk(tmp_path, webhook(severities=["alarm"]))
    alarm, warning = desk.fire(), desk.fire(severity="warning")
    desk.run(120)
    desk.clear(alarm)
    desk.clear(warning)
    desk.run(120)
    assert [(each.reason, ids(each)) for each in desk.told] == [("firing", [alarm["id"]]), ("cleared", [alarm["id"]])]


def test_acknowledgement_and_reopening_are_told(tmp_path: Path) -> None:
    """An alert that opens again is told again, as it has to be acknowledged anew."""
    desk = Desk(tmp_path, webhook())
    body = desk.fire()
    desk.run(120)
    body = desk.acknowledge(body)
    desk.run(120)
    body = desk.clear(body)
    desk.run(120)
    body = desk.reopen(body)
    desk.run(120)
    assert desk.reasons == ["firing", "acknowledged", "cleared", "firing"]
    assert {id_ for each in desk.told for id_ in ids(each)} == {body["id"]}


def test_an_event_is_told_once(tmp_path: Path) -> None:
    """A shock is over when it is known: fired and cleared in one breath it is one message."""
    desk = Desk(tmp_path, webhook())
    desk.clear(desk.fire(kind="shock", channel="shock.a"))
    desk.run(HOUR_S)
    assert [(each.reason, each.firing) for each in desk.told] == [("firing", 0)]


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


# Repeats, escalation, silences


def test_repeated_until_acknowledged(tmp_path: Path) -> None:
    """All alerts of a container and cause in one reminder; one that somebody has seen is none."""
    desk = Desk(tmp_path, webhook(repeat="30 min"))
    first = desk.fire()
    desk.run(300)
    second = desk.fire()
    desk.run(1490)
    assert desk.reasons == ["firing", "firing"]
    desk.run(20)
    assert desk.reasons[2:] == ["repeat"]
    assert ids(desk.told[2]) == [first["id"], second["id"]]
    assert desk.told[2].count == 2
    first = desk.acknowledge(first)
    desk.run(1800)
    assert [(each.reason, ids(each)) for each in desk.told[3:]] == [
        ("acknowledged", [first["id"]]),
        ("repeat", [second["id"]]),
    ]
    desk.clear(second)
    desk.run(4 * HOUR_S, 5.0)
    assert desk.reasons[5:] == ["cleared"]


def test_escalated_to_who_is_told_only_of_what_nobody_acknowledges(tmp_path: Path) -> None:
    desk = Desk(tmp_path, webhook(escalate_after="15 min"))
    acknowledged, cleared, neglected = (desk.fire(container=f"C-{number}") for number in range(3))
    desk.run(600)
    desk.acknowledge(acknowledged)
    desk.clear(cleared)
    desk.run(290)
    assert not desk.told
    desk.run(20)
    assert [(each.reason, ids(each)) for each in desk.told] == [("escalation", [neglected["id"]])]
    desk.run(120)
    desk.clear(neglected)
    desk.run(HOUR_S)
    assert desk.reasons == ["escalation", "cleared"]


@pytest.mark.parametrize("settings", [webhook(repeat="30 min"), programs(repeat="30 min")])
def test_a_silenced_alert_is_told_when_the_silence_ends_if_it_still_fires(
    tmp_path: Path, settings: NotifierSettings
) -> None:
    desk = Desk(tmp_path, settings)
    desk.silence(2 * HOUR_S, rule="hot")
    over, fires, other = desk.fire(), desk.fire(), desk.fire(rule="cold", channel="humidity.air")
    desk.run(HOUR_S, 5.0)
    desk.clear(over)
    desk.acknowledge(other)
    assert {id_ for each in desk.told for id_ in ids(each)} == {other["id"]}
    desk.run(HOUR_S - 10, 5.0)
    count = len(desk.told)
    desk.run(12)
    assert [ids(each) for each in desk.told[count:]] == [[fires["id"]]]


def test_a_silence_amid_a_window_and_the_end_of_what_was_told_before(tmp_path: Path) -> None:
    """What goes on waits; what ended before it was told is told unless found in the silence; an end is good news."""
    desk = Desk(tmp_path, webhook(repeat="30 min"))
    told = desk.fire()
    desk.work()
    fires = desk.fire()
    before = desk.clear(desk.fire())
    desk.run(30)
    desk.silence(HOUR_S)
    desk.run(5)
    desk.clear(desk.fire())
    desk.run(HOUR_S - 60, 5.0)
    assert [ids(each) for each in desk.told] == [[told["id"]], [before["id"]]]  # neither the group nor a repeat
    desk.clear(told)
    desk.run(20)
    assert desk.reasons[2:] == ["cleared"]
    desk.run(120)
    assert [ids(each) for each in desk.told[3:]] == [[fires["id"]]]


def test_however_many_are_silenced_each_is_looked_at(tmp_path: Path) -> None:
    """Thousands that stay silent do not hide one whose silence ends."""
    desk = Desk(tmp_path, webhook())
    desk.silence(8 * HOUR_S, rule="hot")
    desk.silence(60, rule="cold")
    for _ in range(2500):
        desk.fire()
    desk.fire(rule="cold", severity="warning")
    desk.run(70)
    assert [[alert["rule"] for alert in each.alerts] for each in desk.told] == [["cold"]]


def test_patience_begins_anew_when_an_acknowledged_alert_opens_again(tmp_path: Path) -> None:
    """It is to be acknowledged anew, and whoever has to do so has as long again from when it was."""
    desk = Desk(tmp_path, webhook(escalate_after="15 min"))
    body = desk.fire()
    desk.run(600)
    acknowledged = {"by": "anna", "at": rfc3339(desk.clock.now_ns()), "remark": ""}
    body = desk.clear(desk.acknowledge(body | {"acknowledged": acknowledged}))
    desk.run(60)
    desk.reopen(body)
    desk.run(820)
    assert not desk.told
    desk.run(30)
    assert desk.reasons == ["escalation"]


def test_a_flapping_alarm_that_nobody_acknowledges_is_escalated(tmp_path: Path) -> None:
    """It is the same alert: a minute in between ends nobody's duty to look."""
    desk = Desk(tmp_path, webhook(escalate_after="15 min"))
    body = desk.fire()
    desk.run(540)
    body = desk.clear(body)
    desk.run(60)
    desk.reopen(body | {"reported_at": rfc3339(desk.clock.now_ns())})
    desk.run(290)
    assert not desk.told
    desk.run(20)
    assert desk.reasons == ["escalation"]


def shock(desk: Desk) -> dict[str, Any]:
    return desk.clear(desk.fire(kind="shock", channel="shock.a"))


@pytest.mark.parametrize("window", ["60 s", "0 s"])
def test_a_shock_is_repeated_until_it_is_acknowledged(tmp_path: Path, window: str) -> None:
    """It is over when it is known, which is no reason to forget it; for a day, as it stands nowhere as open."""
    desk = Desk(tmp_path, webhook(repeat="60 min", window=window))
    told, forgotten = shock(desk), shock(desk)
    desk.run(2 * HOUR_S + 200, 10.0)
    assert Counter(id_ for each in desk.told if each.reason == "repeat" for id_ in ids(each)) == {
        told["id"]: 2,
        forgotten["id"]: 2,
    }
    desk.change(told, acknowledged={"by": "anna", "at": rfc3339(desk.clock.now_ns()), "remark": ""})
    count = len(desk.told)
    desk.run(24 * HOUR_S, 60.0)
    repeats = [ids(each) for each in desk.told[count:] if each.reason == "repeat"]
    assert repeats == [[forgotten["id"]]] * 21
    assert desk.file.connection.execute("SELECT count(*) FROM followed").fetchone() == (0,)


def test_a_shock_that_nobody_acknowledges_is_escalated(tmp_path: Path) -> None:
    desk = Desk(tmp_path, webhook(escalate_after="15 min"))
    seen, neglected = shock(desk), shock(desk)
    desk.run(600)
    desk.change(seen, acknowledged={"by": "anna", "at": rfc3339(desk.clock.now_ns()), "remark": ""})
    desk.run(400)
    assert [(each.reason, ids(each), each.firing) for each in desk.told] == [("escalation", [neglected["id"]], 0)]


@pytest.mark.parametrize("settings", [webhook(), programs()])
def test_a_told_alert_that_goes_on_as_another_is_told_when_that_ends(
    tmp_path: Path, settings: NotifierSettings
) -> None:
    """Records between two exceedances make them one: people are not told an end that is none, programs of both."""
    desk = Desk(tmp_path, settings)
    first = desk.clear(desk.fire())
    desk.run(120)
    second = desk.acknowledge(desk.fire())
    desk.run(120)
    count = len(desk.told)
    goes_on = desk.change(first, state="acknowledged", cleared_at=None, reopened=1)
    desk.change(second, state=CLEARED, cleared_at=first["cleared_at"], merged_into=first["id"])
    desk.run(120)
    merged = [(each.reason, ids(each)) for each in desk.told[count:]]
    is_told = [("cleared", [second["id"]]), ("acknowledged", [first["id"]])]
    assert merged == (is_told if settings.window_s == 0 else [])  # type: ignore[union-attr]  # of a webhook
    desk.clear(goes_on)
    desk.run(120)
    assert (desk.told[-1].reason, ids(desk.told[-1])) == ("cleared", [first["id"]])


def test_an_alarm_that_is_silenced_stands_for_no_warning(tmp_path: Path) -> None:
    desk = Desk(tmp_path, webhook())
    desk.silence(HOUR_S, rule="hot")
    warning = desk.fire(severity="warning", rule="warm")
    desk.fire(escalates=warning["id"])
    desk.run(10)
    assert [ids(each) for each in desk.told] == [[warning["id"]]]


def test_a_warning_for_which_an_alarm_stands_is_not_told_by_itself(tmp_path: Path) -> None:
    """While the alarm is open; if the warning goes on behind it and was never told, it is told then."""
    desk = Desk(tmp_path, webhook(repeat="30 min"))
    warning = desk.fire(severity="warning")
    alarm = desk.fire(escalates=warning["id"])
    warning = desk.change(warning, escalated_to=alarm["id"])
    desk.run(120)
    assert [ids(each) for each in desk.told] == [[alarm["id"]]]
    desk.acknowledge(alarm)
    desk.run(HOUR_S, 5.0)
    assert desk.reasons == ["firing", "acknowledged"]  # no repeat of what is covered
    desk.clear(alarm)
    desk.run(120)
    assert {id_ for each in desk.told[2:] for id_ in ids(each)} == {alarm["id"], warning["id"]}


# What came late, and who begins


def test_a_night_that_comes_late_is_one_summary(tmp_path: Path) -> None:
    """Of all containers; what happens now is told at once meanwhile."""
    desk = Desk(tmp_path, webhook())
    for number in range(40):
        body = desk.fire(late_s=8 * HOUR_S, container=f"C-{number % 3}")
        desk.clear(body, ago_s=7 * HOUR_S)
        desk.run(2)
    now = desk.fire(container="C-1")
    desk.work()
    assert [(each.reason, ids(each)) for each in desk.told] == [("firing", [now["id"]])]
    desk.run(40)
    late = desk.told[1]
    assert (late.reason, late.count, late.firing, late.container) == ("late", 40, 0, None)
    assert late.title.startswith("C-0, C-1, C-2: 40 alerts of temperature up to alarm, told only now")
    desk.run(HOUR_S)
    assert len(desk.told) == 2


def test_a_long_dwell_is_not_late(tmp_path: Path) -> None:
    """It began hours ago and was judged when its last reading came: that is now."""
    desk = Desk(tmp_path, webhook())
    desk.fire(occurred_ns=desk.clock.now_ns() - 12 * HOUR_S * NS_PER_S)
    desk.work()
    assert desk.reasons == ["firing"]


def test_late_ones_without_end_are_told_after_ten_minutes(tmp_path: Path) -> None:
    desk = Desk(tmp_path, webhook())
    for _ in range(35):
        desk.fire(late_s=HOUR_S, severity="warning")
        desk.run(20)
    assert desk.reasons == ["late"]
    assert desk.told[0].count == 30


def test_a_late_alarm_that_goes_on_does_not_wait_for_what_others_sent_late(tmp_path: Path) -> None:
    """Two minutes, as it may end with the next records."""
    desk = Desk(tmp_path, webhook())
    alarm = desk.fire(late_s=HOUR_S)
    for _ in range(7):
        desk.fire(late_s=HOUR_S, severity="warning", container="C-102")
        desk.run(20)
    assert alarm["id"] in ids(desk.told[0])


def test_who_is_told_of_more_than_before_is_told_of_what_is_open(tmp_path: Path) -> None:
    """And once only; what was told before is not told again."""
    desk = Desk(tmp_path, webhook(severities=["alarm"]))
    alarm, warning = desk.fire(), desk.fire(severity="warning")
    desk.run(60)
    for settings in (webhook(), webhook(severities=["alarm"]), webhook()):
        desk.settings = (settings,)
        desk.kill()
        desk.run(120)
    assert [(each.reason, ids(each)) for each in desk.told] == [("firing", [alarm["id"]]), ("late", [warning["id"]])]


def test_what_was_collected_is_told_though_nothing_is_any_more(tmp_path: Path) -> None:
    """The window became 0 s while the summary waited."""
    desk = Desk(tmp_path, webhook())
    late = desk.fire(late_s=HOUR_S)
    desk.run(5)
    desk.settings = (programs(),)
    desk.kill()
    desk.run(5)
    assert [ids(each) for each in desk.told] == [[late["id"]]]


def test_who_is_new_is_told_of_what_is_open(tmp_path: Path) -> None:
    """In one summary, and not of what is over; of another watch.db the same."""
    desk = Desk(tmp_path, webhook())
    bodies = [desk.fire(container=f"C-{number % 7}") for number in range(700)]
    for body in bodies[:100]:
        desk.clear(body)
    desk.acknowledge(bodies[100])
    desk.run(1)
    desk.settings = (webhook("new"),)
    desk.receivers["new"] = Receiver(desk.clock)
    desk.kill()
    desk.run(60)
    (summary,) = desk.told
    assert (summary.reason, summary.count, len(summary.alerts)) == ("late", 599, 200)
    desk.book.identity = "2"
    desk.kill()
    desk.run(60)
    assert [each.count for each in desk.told] == [599, 599]
    assert desk.notifiers[0].is_caught_up


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
