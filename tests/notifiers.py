"""Notifiers under a clock that a test sets: a book of alerts, receivers that may fail, and silences of operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.config.alerting import NotifierSettings, WebhookNotifier
from monitor.consumers.notifier import Notifier
from monitor.consumers.notify_file import NotifyFile
from monitor.consumers.silences import Silences
from monitor.journal import Journal, JournalReader
from monitor.model import clock as model
from monitor.model.alert import ACKNOWLEDGED, CLEARED, FIRING
from monitor.model.clock import NS_PER_S, rfc3339
from monitor.model.operator import OperatorRecord
from monitor.notify import Notification, NotTaken, Refused
from tests.receivers import AT_NS, alert

HOUR_S = 3600
Alert = dict[str, Any]


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Clock:
    """Time passes when the test says so; `origin_ns` is the calendar's, which a test may step.

    Each look at the calendar takes a microsecond, so that no two things happen at one.
    """

    s: float = 0.0
    origin_ns: int = AT_NS

    def now_ns(self) -> int:
        self.origin_ns += 1_000
        return self.origin_ns + self.mono_ns()

    def mono_ns(self) -> int:
        return round(self.s * NS_PER_S)


class Book:
    """What `watch.db` says of alerts: each change is a transition, and every alert stands as the last one left it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.identity = "1"
        self.book = self  # a reader of watch.db has one
        self._changes: list[tuple[int, int, Alert]] = []
        self._stand: dict[str, Alert] = {}

    def put(self, alert: Alert, at_ns: int | None = None) -> None:
        at_ns = self._clock.now_ns() if at_ns is None else at_ns
        self._changes.append((len(self._changes) + 1, at_ns, alert))
        self._stand[alert["id"]] = alert

    def transitions(self, after: int, limit: int) -> list[tuple[int, int, Alert]]:
        return self._changes[after : after + limit]

    def last_transition(self) -> int:
        return len(self._changes)

    def body(self, key: str) -> Alert | None:
        return self._stand.get(key)

    def open_page(self, after: str, limit: int) -> list[Alert]:
        found = sorted(key for key, alert in self._stand.items() if alert["state"] != CLEARED and key > after)
        return [self._stand[key] for key in found[:limit]]

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Receiver:
    """`taken` (s, notification) in order; `tried` are the ids of all that was sent, in vain or not.

    `ends` says of the next ones to be taken whether the process ends as soon as the receiver has it.
    """

    clock: model.Clock
    is_up: bool = True
    is_refusing: bool = False
    taken: list[tuple[float, Notification]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    ends: list[bool] = field(default_factory=list)
    on_taken: Callable[[], object] = int  # nothing

    def send(self, notification: Notification) -> None:
        self.tried.append(notification.id)
        if self.is_refusing:
            raise Refused("send", "", "status 400")
        if not self.is_up:
            raise NotTaken("send", "", "connection refused")
        self.taken.append((self.clock.mono_ns() / NS_PER_S, notification))
        self.on_taken()
        if self.ends and self.ends.pop(0):
            raise Killed

    def close(self) -> None:
        """There is no connection."""

    @property
    def told(self) -> list[Notification]:
        return [notification for _, notification in self.taken]

    @property
    def reasons(self) -> list[str]:
        return [notification.reason for notification in self.told]

    def since(self, count: int) -> list[Notification]:
        """What was taken behind the first `count`."""
        return self.told[count:]


class Desk:
    """A state directory with notifiers, which may be dropped as by a kill and opened anew."""

    def __init__(self, folder: Path, *settings: NotifierSettings) -> None:
        self.folder, self.settings = folder, settings
        self.clock = Clock()
        self.book = Book(self.clock)
        self.receivers = {each.name: Receiver(self.clock) for each in settings}
        self.journal = Journal(folder)
        self._number = 0
        self.open()
        self.work()

    def open(self) -> None:
        """A process begins."""
        self.file = NotifyFile(self.folder)
        silences = Silences(JournalReader(self.folder))
        self.notifiers = [
            Notifier(each, self.file, self.book, silences, self.receivers[each.name], self.clock)  # type: ignore[arg-type]  # as much of WatchReader as is used
            for each in self.settings
        ]

    def kill(self) -> None:
        """The process ends where it stands, and another begins."""
        self.file.connection.close()
        self.open()

    @property
    def told(self) -> list[Notification]:
        """By the first notifier."""
        return self.receivers[self.settings[0].name].told

    @property
    def reasons(self) -> list[str]:
        return [notification.reason for notification in self.told]

    def work(self) -> None:
        """Until nobody has anything to do now."""
        while sum(notifier.step() for notifier in self.notifiers):
            pass

    def run(self, for_s: float, step_s: float = 1.0) -> None:
        """Let time pass, and everybody work."""
        self.work()
        end_s = self.clock.s + for_s
        while self.clock.s < end_s:
            self.clock.s = min(self.clock.s + step_s, end_s)
            self.work()

    def fire(self, *, late_s: float = 0.0, **changes: Any) -> Alert:
        """An alert fires, whose evidence arrived `late_s` after it was measured."""
        self._number += 1
        now_ns = self.clock.now_ns()
        at_ns = now_ns - round(late_s * NS_PER_S)
        times = {"occurred_ns": at_ns, "reported_ns": now_ns}
        later = {
            key: changes.pop(key) for key in ("reopened", "flapping", "escalates", "escalated_to") if key in changes
        }
        body = alert(**({"id": f"{self._number:016x}"} | times | changes)) | later
        self.book.put(body, at_ns)
        return body

    def clear(self, body: Alert, ago_s: float = 0.0) -> Alert:
        return self.change(body, state=CLEARED, cleared_at=rfc3339(self.clock.now_ns() - round(ago_s * NS_PER_S)))

    def acknowledge(self, body: Alert) -> Alert:
        return self.change(body, state=ACKNOWLEDGED)

    def reopen(self, body: Alert) -> Alert:
        return self.change(body, state=FIRING, cleared_at=None, reopened=body["reopened"] + 1)

    def change(self, body: Alert, **changes: Any) -> Alert:
        """The alert as it stands after a transition."""
        after = body | changes
        self.book.put(after)
        return after

    def silence(self, for_s: float, **patterns: str) -> None:
        """An operator silences alerts of C-101."""
        now_ns = self.clock.now_ns()
        until = rfc3339(now_ns + round(for_s * NS_PER_S))
        content = {"type": "silence", "container": "C-101", "by": "ops", "until": until} | patterns
        record = OperatorRecord.enter(content, now_ns)
        self.journal.append_own("operator", now_ns, record.to_json(), "C-101")


def webhook(name: str = "ops", **keys: Any) -> WebhookNotifier:
    return WebhookNotifier.model_validate({"kind": "webhook", "name": name, "url": "http://127.0.0.1/"} | keys)


def programs(**keys: Any) -> WebhookNotifier:
    """One that is told of every change by itself."""
    return webhook(window="0 s", **keys)


def ids(notification: Notification) -> list[str]:
    return [alert["id"] for alert in notification.alerts]
