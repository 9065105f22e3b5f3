"""Storms: however many alerts there are, few notifications tell of all of them, and nothing else waits for it."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.alerting import WebhookNotifier
from monitor.model.clock import NS_PER_S
from monitor.notify.grouping import (
    KEPT_FOR_ALARMS,
    MAX_BEGUN,
    MAX_ENDED,
    Budget,
    Tally,
    Telling,
    Window,
    firsts,
    following_window,
    lasts,
    total,
)
from monitor.notify.notification import MAX_ALERTS
from monitor.notify.routing import Key
from monitor.notify.titles import MAX_TITLE, title_of
from tests.notifiers import HOUR_S, Desk
from tests.receivers import alert

BASE_NS = 60 * NS_PER_S
KEYS = st.builds(Key, st.sampled_from([f"C-{number}" for number in range(30)]), st.sampled_from(["shock", "humidity"]))
TALLIES = st.builds(Tally, st.integers(0, 2), st.just(1), st.integers(1, 50))
WIDTHS = st.sampled_from([BASE_NS, 2 * BASE_NS, 30 * BASE_NS])


def webhook(**keys: Any) -> WebhookNotifier:
    content = {"kind": "webhook", "name": "ops", "url": "http://127.0.0.1/"} | keys
    return WebhookNotifier.model_validate(content)


@pytest.mark.parametrize("containers", [1, 300])
def test_ten_thousand_alerts_in_a_second(tmp_path: Path, containers: int) -> None:
    """At most 20 notifications, in which each of the alerts is counted once; and few for their end."""
    desk = Desk(tmp_path, webhook())
    rng = random.Random(1)
    bodies = []
    for _ in range(10):
        for _ in range(1000):
            severity = rng.choice(["warning", "alarm"])
            bodies.append(desk.fire(container=f"C-{rng.randrange(containers)}", severity=severity))
        desk.run(0.1, 0.1)
    desk.run(200, 5.0)
    assert len(desk.told) <= MAX_BEGUN + MAX_ENDED
    assert sum(each.count for each in desk.told) == 10_000
    assert max(len(each.alerts) for each in desk.told) <= MAX_ALERTS
    told = len(desk.told)
    for body in bodies:
        desk.clear(body)
    desk.run(HOUR_S, 10.0)
    assert sum(each.count for each in desk.told[told:]) == 10_000
    assert len(desk.told) - told <= MAX_BEGUN + MAX_ENDED
    assert desk.file.connection.execute("SELECT count(*) FROM followed").fetchone() == (0,)
    assert desk.file.connection.execute("SELECT count(*) FROM windows").fetchone() == (0,)


def test_a_storm_that_goes_on(tmp_path: Path) -> None:
    """Every other second one of 30 containers: never more than so many within a window, and each alert is told."""
    desk = Desk(tmp_path, webhook())
    rng = random.Random(1)
    fired = 0
    for _ in range(600):
        if rng.random() < 0.5:
            desk.fire(container=f"C-{rng.randrange(30)}")
            fired += 1
        desk.run(1)
    desk.run(HOUR_S, 10.0)
    times_s = [s for s, _ in desk.receivers["ops"].taken]
    for first_s, later_s in zip(times_s, times_s[MAX_BEGUN + MAX_ENDED :], strict=False):
        assert later_s - first_s >= 60
    assert sum(each.count for each in desk.told) == fired


def test_an_alert_of_another_container_is_told_at_once_amid_a_flood(tmp_path: Path) -> None:
    desk = Desk(tmp_path, webhook())
    for _ in range(3000):
        desk.fire()
    other = desk.fire(container="C-102")
    began_s = desk.clock.s
    desk.work()
    assert [s for s, each in desk.receivers["ops"].taken if each.container == other["container"]] == [began_s]


def test_a_flood_doubles_its_window_and_its_end_gives_it_back(tmp_path: Path) -> None:
    """Up to 30 min; the record of it is whole, and the notification says that more will come, and when."""
    desk = Desk(tmp_path, webhook())
    fired = 0
    for _ in range(4 * 360):
        desk.clear(desk.fire())
        fired += 1
        desk.run(10, 10.0)
    taken = desk.receivers["ops"].taken
    gaps_min = [round((after - before) / 60) for (before, _), (after, _) in pairwise(taken)]
    assert gaps_min[:8] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert desk.reasons[0] == "firing" and "flood" in desk.reasons
    floods = [each for each in desk.told if each.reason == "flood"]
    assert all("; too many: what follows is told in " in flood.title for flood in floods)
    desk.run(HOUR_S, 10.0)
    assert sum(each.count for each in desk.told) == fired
    desk.fire()
    desk.work()
    assert desk.reasons[-1] == "firing"


@pytest.mark.parametrize("late_s", [0, HOUR_S])
def test_one_alarm_amid_a_storm_of_others_is_shown(tmp_path: Path, late_s: int) -> None:
    """A notification of several containers has alerts of each in full, and names them."""
    desk = Desk(tmp_path, webhook())
    for number in range(2 if late_s else 24):
        for _ in range(300):
            desk.fire(container=f"storm-{number}", late_s=late_s)
    one = desk.fire(container="C-1", late_s=late_s)
    desk.run(130)
    (shown,) = [each for each in desk.told if one["id"] in {alert["id"] for alert in each.alerts}]
    assert "C-1" in shown.title
    assert len(shown.alerts) == MAX_ALERTS
    assert len({alert["container"] for alert in shown.alerts}) > 2  # two storms have some each


def test_an_alarm_is_told_at_once_though_many_warnings_began(tmp_path: Path) -> None:
    desk = Desk(tmp_path, webhook())
    for number in range(20):
        desk.fire(container=f"C-{number}", severity="warning")
    desk.work()
    assert len(desk.told) == MAX_BEGUN - KEPT_FOR_ALARMS
    desk.fire(container="C-19")
    desk.work()
    assert desk.told[-1].severity == "alarm"


def test_a_flapping_alert_is_told_ever_more_seldom(tmp_path: Path) -> None:
    """One alert that opens and ends all the time; each time it is told, it says so."""
    desk = Desk(tmp_path, webhook())
    body = desk.fire()
    for opened in range(1, 360):
        desk.run(20, 10.0)
        body = desk.clear(body)
        desk.run(20, 10.0)
        body = desk.reopen(body | {"flapping": opened >= 5})
    assert len(desk.told) < 15
    assert desk.told[-1].alerts[0]["flapping"]


def test_an_alarm_amid_a_flood_of_warnings_does_not_wait_for_its_end(tmp_path: Path) -> None:
    """And the flood stays one."""
    desk = Desk(tmp_path, webhook())
    for _ in range(330):
        desk.clear(desk.fire(severity="warning"))
        desk.run(10, 10.0)
    count = len(desk.told)
    desk.fire()
    desk.work()
    assert [each.severity for each in desk.told[count:]] == ["alarm"]
    desk.clear(desk.fire(severity="warning"))
    desk.run(60, 10.0)
    assert len(desk.told) == count + 1


@given(
    st.dictionaries(KEYS, TALLIES),
    st.dictionaries(KEYS, st.builds(Window, st.integers(0, 3), WIDTHS, st.integers(0, 2))),
    st.integers(0, MAX_ENDED),
    st.integers(0, MAX_BEGUN),
)
def test_never_more_than_are_left_and_nothing_due_is_forgotten(
    waiting: dict[Key, Tally], windows: dict[Key, Window], ended_left: int, begun_left: int
) -> None:
    """What is not told has a window that goes on, or waits for the next notification that may go out."""
    begun, overflow = firsts(waiting, windows, begun_left)
    assert len(begun) <= begun_left
    assert {key for key in waiting if key not in windows} <= {telling.keys[0] for telling in begun} | set(overflow)
    ended = lasts(waiting, windows, ended_left, 1, BASE_NS)
    assert len(ended) <= ended_left
    keys = [key for telling in ended for key in telling.keys]
    assert len(keys) == len(set(keys))
    due = {key for key in waiting if key in windows and windows[key].due_ns <= 1}
    assert not ended_left or due <= set(keys)
    held_back = {key for key, window in windows.items() if window.width_ns > BASE_NS and window.due_ns > 1}
    assert not held_back & set(keys)


@given(st.lists(st.integers(0, 200), max_size=100))
def test_a_budget_is_never_exceeded_within_its_width(steps_s: list[int]) -> None:
    """Whatever the times at which somebody asks."""
    budget, now_ns, spent = Budget(3, BASE_NS), 0, []
    for step_s in steps_s:
        now_ns += step_s * NS_PER_S // 10
        if budget.left(now_ns):
            budget.spend(now_ns)
            spent.append(now_ns)
    for first, fourth in zip(spent, spent[3:], strict=False):
        assert fourth - first >= BASE_NS


@given(WIDTHS, TALLIES)
def test_a_window_is_the_configured_one_or_twice_the_one_before(width_ns: int, tally: Tally) -> None:
    """Twice where more opened; where things only ended or were acknowledged it is the configured one."""
    before = Window(0, width_ns, 0)
    after = following_window(before, Telling((), is_first=False), tally, BASE_NS, 7)
    assert after == (7 + after.width_ns, min(2 * width_ns, 30 * BASE_NS), tally.rank)
    ended = following_window(before, Telling((), is_first=False), tally._replace(opened=0, cleared=1), BASE_NS, 7)
    assert ended.width_ns == BASE_NS
    graver = following_window(before, Telling((), is_first=True), tally, BASE_NS, 7)
    assert graver == before._replace(rank=tally.rank)


def test_a_flood_of_one_alert_says_when_more_is_told() -> None:
    """However long the alert's message is."""
    told = alert(message="x" * 400)
    title = title_of("flood", [Key("C-101", "temperature")], Tally(2, 1, 1), [told], 240)
    assert title.endswith("; too many: what follows is told in 4 min")
    assert len(title) == MAX_TITLE


def test_sums() -> None:
    """The severity is that of what opened."""
    assert total([Tally(1, 2, 3, 4, 5, 6, 7), Tally(2, 1, 1, 1, 1, 1, 1)]) == Tally(2, 3, 4, 5, 6, 7, 8)
    assert total([Tally(1, opened=1), Tally(2, cleared=1)]).rank == 1
    assert total([Tally(2, cleared=1)]).rank == 2
    assert Tally(2, 3, 4, 5, 6, 7).alerts == 22
