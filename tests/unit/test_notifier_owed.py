"""A notifier of several people, some of whom do not take what the others do; and one that meets the unforeseen."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from monitor.config.alerting import WebhookNotifier
from monitor.consumers.owed import MAX_OWED
from monitor.model.condition import NOTIFIER_FAILING, NOTIFIER_REFUSED
from monitor.notify import Notification, NotTaken, PartlyTaken, Refused
from tests.notifiers import HOUR_S, Clock, Desk, Receiver

OPS = WebhookNotifier.model_validate({"kind": "webhook", "name": "ops", "url": "http://127.0.0.1/", "window": "0 s"})
TOKEN = "S3CRET"


class People(Receiver):
    """Tells `who`, each but once of a notification; `faults` are what some of them answer instead."""

    def __init__(self, clock: Clock, *who: str) -> None:
        super().__init__(clock)
        self.got: dict[str, list[str]] = {name: [] for name in who}
        self.faults: dict[str, type[NotTaken] | type[Refused]] = {}

    def send(self, notification: Notification) -> None:
        wanted = [name for name, ids in self.got.items() if notification.id not in ids]
        self.tried.append(notification.id)
        for name in wanted:
            if name not in self.faults:
                self.got[name].append(notification.id)
        left = [name for name in wanted if name in self.faults]
        if left:
            kind = self.faults[left[0]] if left == wanted else PartlyTaken
            raise kind("send", "", f"{' '.join(left)} did not take it")


class Broken(Receiver):
    """A transport with a fault of its own, whose text shows a secret."""

    def send(self, notification: Notification) -> None:
        if not self.is_up:
            raise ValueError(f"Invalid header value: {TOKEN}")
        super().send(notification)


def desk_with(folder: Path, receiver: Receiver, *more: WebhookNotifier) -> Desk:
    """Notifier `ops` tells this receiver."""
    desk = Desk(folder, OPS, *more)
    receiver.clock = desk.clock
    desk.receivers["ops"] = receiver
    desk.kill()
    return desk


@pytest.mark.parametrize("fault", [NotTaken, Refused])
def test_one_who_does_not_take_it_holds_nobody_up(tmp_path: Path, fault: type[NotTaken] | type[Refused]) -> None:
    """The others are told at once, for as long as it lasts; one alarm says of whom, and ends with it."""
    people = People(Clock(), "anna", "ben")
    desk = desk_with(tmp_path, people)
    people.faults["ben"] = fault
    for _ in range(3):
        desk.fire()
        desk.work()
    (notifier,) = desk.notifiers
    assert (len(people.got["anna"]), notifier.is_caught_up, notifier.problem) == (3, True, "")
    assert "ben" in notifier.document(3)["problem"] and notifier.document(3)["failing_since"]
    desk.run(110)
    assert not notifier.conditions()
    desk.run(3 * HOUR_S, 10)
    desk.fire()
    desk.work()
    (condition,) = notifier.conditions()
    assert condition.rule == NOTIFIER_FAILING
    assert "does not tell everybody: send: ben did" in condition.text
    assert len(people.got["anna"]) == 4
    assert len(people.tried) < 60  # 12 an hour at the most, beside the first ones
    people.faults.clear()
    desk.fire()
    desk.run(600)
    assert (notifier.conditions(), notifier.document(5)["problem"]) == ([], "")
    missed = {NotTaken: 0, Refused: 3}[fault]  # the fourth was not refused a second time
    assert sorted(people.got["ben"]) == sorted(people.got["anna"][missed:])
    assert notifier.document(5)["told"] == 5


def test_what_is_owed_is_bounded(tmp_path: Path) -> None:
    """Who is away for long has the latest."""
    people = People(Clock(), "anna", "ben")
    desk = desk_with(tmp_path, people)
    people.faults["ben"] = NotTaken
    for _ in range(MAX_OWED + 5):
        desk.fire()
    desk.run(60)
    people.faults.clear()
    desk.run(600)
    assert people.got["ben"] == people.got["anna"][5:]


def test_while_nobody_takes_it_the_queue_waits(tmp_path: Path) -> None:
    """And nothing is lost: both are told of all, in order."""
    people = People(Clock(), "anna", "ben")
    desk = desk_with(tmp_path, people)
    people.faults = {"anna": NotTaken, "ben": NotTaken}
    for _ in range(3):
        desk.fire()
    desk.run(200)
    (condition,) = desk.notifiers[0].conditions()
    assert "tells nobody" in condition.text
    people.faults.clear()
    desk.run(300)
    assert len(people.got["anna"]) == 3 and people.got["anna"] == people.got["ben"]


def test_what_a_transport_did_not_foresee_stops_nobody_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It counts as not taken: its kind is told and once in the log where it came from, never its text."""
    alive = OPS.model_copy(update={"name": "alive"})
    desk = desk_with(tmp_path, Broken(Clock(), is_up=False), alive)
    with caplog.at_level(logging.WARNING):
        desk.fire()
        desk.run(200)
    broken = desk.notifiers[0]
    assert len(desk.receivers["alive"].told) == 1
    assert "ValueError" in broken.problem
    assert [condition.rule for condition in broken.conditions()] == [NOTIFIER_FAILING]
    assert caplog.text.count("in send") == 1
    assert TOKEN not in caplog.text + broken.problem + str(broken.conditions())
    desk.receivers["ops"].is_up = True
    desk.run(300)
    assert len(desk.receivers["ops"].told) == 1
    assert NOTIFIER_REFUSED not in [condition.rule for condition in broken.conditions()]
