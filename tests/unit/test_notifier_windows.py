"""The windows of a notifier: what is told at once, what together, and what of the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notifiers import HOUR_S, Desk, ids, webhook


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
