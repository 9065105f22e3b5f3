"""What a notifier withholds: an alert that is silenced, and one for which another stands, as long as that is so."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config.alerting import NotifierSettings
from monitor.model.alert import CLEARED
from tests.notifiers import HOUR_S, Desk, ids, programs, webhook


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
