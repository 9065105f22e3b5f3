"""Whenever the process ends and whatever the receiver does: nothing is lost, and no notification changes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.alerting import AlertmanagerNotifier, NotifierSettings, WebhookNotifier
from monitor.model.alert import ACKNOWLEDGED, CLEARED, FIRING
from monitor.notify import Notification
from tests.notifiers import HOUR_S, Alert, Desk, Killed

URL = {"name": "ops", "url": "http://127.0.0.1/"}
GROUPED = WebhookNotifier.model_validate(URL | {"kind": "webhook", "repeat": "10 min"})
DIRECT = WebhookNotifier.model_validate(URL | {"kind": "webhook", "window": "0 s"})
ALERTMANAGER = AlertmanagerNotifier.model_validate(URL | {"kind": "alertmanager"})
ORDER = (FIRING, ACKNOWLEDGED, CLEARED)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), st.integers(0, 2)),  # of which container
        st.tuples(st.just("late"), st.integers(0, 2)),
        st.tuples(st.sampled_from(["acknowledge", "clear", "reopen"]), st.integers(0, 20)),  # which alert
        st.tuples(st.just("pass"), st.sampled_from([1, 20, 61, 300])),  # seconds
        st.tuples(st.just("step"), st.integers(1, 4)),  # steps
        st.tuples(st.sampled_from(["down", "up", "kill", "end"]), st.just(0)),
    ),
    max_size=40,
)


class Run:
    """A desk driven by steps; a process that ends is followed by another at once."""

    def __init__(self, folder: Path, of: NotifierSettings) -> None:
        self.desk = Desk(folder, of)
        self.receiver = self.desk.receivers["ops"]
        self.alerts: list[Alert] = []
        self.kills = 0

    def go(self, steps: list[tuple[str, int]]) -> None:
        for name, number in steps:
            self._do(name, number)
        self.receiver.is_up, self.receiver.ends = True, []
        self._survive(lambda: self.desk.run(HOUR_S, 10.0))

    def _do(self, name: str, number: int) -> None:
        desk, receiver = self.desk, self.receiver
        if name in ("fire", "late"):
            late_s = 2 * HOUR_S if name == "late" else 0.0
            self.alerts.append(desk.fire(container=f"C-{number}", late_s=late_s))
        elif name in ("acknowledge", "clear", "reopen") and self.alerts:
            self._change(name, number % len(self.alerts))
        elif name == "pass":
            self._survive(lambda: desk.run(number, max(number / 10, 1.0)))
        elif name == "step":
            self._survive(lambda: [desk.notifiers[0].step() for _ in range(number)])
        elif name in ("down", "up"):
            receiver.is_up = name == "up"
        elif name == "end":
            receiver.ends = [True]
        elif name == "kill":
            self.kills += 1
            desk.kill()

    def _change(self, name: str, index: int) -> None:
        alert = self.alerts[index]
        is_possible = {
            "acknowledge": alert["state"] == FIRING,
            "clear": alert["state"] != CLEARED,
            "reopen": alert["state"] == CLEARED,
        }
        if is_possible[name]:
            self.alerts[index] = getattr(self.desk, name)(alert)

    def _survive(self, act: object) -> None:
        while True:
            try:
                act()  # type: ignore[operator]  # what it is given
            except Killed:
                self.kills += 1
                self.desk.kill()
            else:
                return


def first_times(told: list[Notification]) -> Iterator[Notification]:
    """Each notification once, where it was taken first."""
    seen: set[str] = set()
    for notification in told:
        if notification.id not in seen:
            seen.add(notification.id)
            yield notification


@pytest.mark.parametrize("of", [GROUPED, DIRECT, ALERTMANAGER], ids=["grouped", "direct", "alertmanager"])
@given(steps=STEPS)
@settings(max_examples=60)
def test_nothing_is_lost_and_nothing_changes(of: NotifierSettings, steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), of)
        run.go(steps)
    told = run.receiver.told
    bodies: dict[str, Notification] = {}
    for notification in told:
        assert bodies.setdefault(notification.id, notification) == notification
    assert len(told) - len(bodies) <= run.kills  # one at most is on its way
    history: dict[str, list[tuple[int, int]]] = {alert["id"]: [] for alert in run.alerts}
    for notification in first_times(told):
        for alert in notification.alerts:
            history[alert["id"]].append((alert["reopened"], ORDER.index(alert["state"])))
    for alert in run.alerts:
        assert history[alert["id"]], f"nobody was told of {alert['id']}"
        assert history[alert["id"]] == sorted(history[alert["id"]])
        assert history[alert["id"]][-1] == (alert["reopened"], ORDER.index(alert["state"]))


def test_the_same_is_sent_again_after_a_kill(tmp_path: Path) -> None:
    """The receiver had it, nobody noted it: the same again, with the key by which it is known."""
    run = Run(tmp_path, DIRECT)
    run.go([("fire", 0), ("end", 0), ("step", 3)])
    first, second = run.receiver.told
    assert first == second and run.kills == 1


def test_a_calendar_that_was_set_back_holds_nothing_up(tmp_path: Path) -> None:
    """Between two processes it may be years: windows and repeats still come to their end."""
    run = Run(tmp_path, GROUPED)
    run.go([("fire", 0), ("step", 2), ("fire", 0), ("step", 2)])
    desk = run.desk
    count = len(desk.told)
    desk.fire(container="C-0")
    desk.work()
    desk.clock.origin_ns -= 365 * 24 * HOUR_S * 10**9
    desk.kill()
    desk.run(1200)
    assert len(desk.told) > count + 1
