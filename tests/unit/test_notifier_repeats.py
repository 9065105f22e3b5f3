"""What nobody acknowledges is told again, and escalated to others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from monitor.model.clock import rfc3339
from tests.notifiers import HOUR_S, Desk, ids, webhook


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
