"""What came late is told in one summary, and so is what is open to a notifier that begins."""

from __future__ import annotations

import random
from pathlib import Path

from monitor.model.alert import CLEARED
from monitor.model.clock import NS_PER_S
from tests.notifiers import HOUR_S, Desk, Receiver, ids, programs, webhook
from tests.simulation.disk import Disk


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
