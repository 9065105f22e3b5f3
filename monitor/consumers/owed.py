"""Owed: what some of a receiver's people have been told and others not yet."""

from __future__ import annotations

from collections import deque

from monitor.consumers.outbox import Backoff
from monitor.model.errors import TcmError
from monitor.notify.notification import Notification, Refused

MAX_OWED = 20  # notifications, the latest; a mail with its picture has some 100 kB


class Owed:
    """Notifications that are sent again, beside the queue, to those who did not take them.

    The first of them after 1 s, then ever later up to every 5 min. In memory alone: a restart forgets them.
    """

    def __init__(self) -> None:
        self._waiting = deque[Notification](maxlen=MAX_OWED)
        self._backoff = Backoff()
        self.since_ns: int | None = None  # steady time; None when everybody was told
        self.problem = ""

    def add(self, notification: Notification, problem: str, mono_ns: int) -> None:
        """Somebody has it, somebody else not, as `problem` says."""
        if not self._waiting:
            self._backoff.fail(mono_ns)
        self._waiting.append(notification)
        self.since_ns = mono_ns if self.since_ns is None else self.since_ns
        self.problem = problem

    def due(self, mono_ns: int) -> Notification | None:
        """What is to be sent again now."""
        return self._waiting[0] if self._waiting and self._backoff.is_due(mono_ns) else None

    def sent(self, error: TcmError | None, mono_ns: int) -> None:
        """What was due is taken by all now, or not; who refuses it for good is not tried again."""
        if error is not None:
            self.problem = str(error)
            self._backoff.fail(mono_ns)
        if error is None or isinstance(error, Refused):
            self._waiting.popleft()
        if error is None:
            self.all_told()

    def all_told(self) -> None:
        """Everybody took what was sent last: what waits is tried at once."""
        self._backoff.succeed()
        if not self._waiting:
            self.since_ns, self.problem = None, ""
