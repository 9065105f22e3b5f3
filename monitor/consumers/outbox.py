"""What a notifier tells and nobody has taken yet: kept before it is sent, so that its id never changes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitor.model.clock import NS_PER_S, parse_rfc3339
from monitor.notify.notification import MAX_ALERTS, Notification

ID_DIGITS = 32
MAX_REFUSED = 1_000  # kept of a notifier, the latest
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 300.0


@dataclass(frozen=True, slots=True)
class Draft:
    """A notification that is to go out: `alerts` are all that it may show, the gravest first, `count` how many it is
    about, `firing` how many of these go on.
    """

    reason: str
    title: str
    container: str | None
    cause: str | None
    severity: str
    count: int
    firing: int
    alerts: Sequence[dict[str, Any]]


class Backoff:
    """When what failed is tried again: after 1 s, then after twice as long as before, up to 5 min."""

    def __init__(self) -> None:
        self.failures = 0
        self._due_ns = 0

    def fail(self, mono_ns: int) -> None:
        """It failed at a steady time."""
        wait_s = min(FIRST_RETRY_S * 2.0 ** min(self.failures, 10), LONGEST_RETRY_S)  # 2 ** 10 s are above the longest
        self.failures, self._due_ns = self.failures + 1, mono_ns + round(wait_s * NS_PER_S)

    def succeed(self) -> None:
        """It did not fail."""
        self.failures = 0

    def is_due(self, mono_ns: int) -> bool:
        """Whether it may be tried now."""
        return not self.failures or mono_ns >= self._due_ns


class Outbox:
    """The notifications of one notifier, first in, first out; writes inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, notifier: str) -> None:
        self._connection, self._notifier = connection, notifier

    def put(self, draft: Draft, at_ns: int) -> tuple[int, Notification]:
        """Keep a notification of a time (ns UTC), with the number that it has here."""
        shown = sorted(draft.alerts[:MAX_ALERTS], key=lambda alert: parse_rfc3339(alert["occurred_at"]))
        at_ns -= at_ns % 1_000  # as it is read back
        fields = (draft.reason, draft.title, draft.container, draft.cause, draft.severity)
        notification = Notification("", self._notifier, *fields, at_ns, draft.count, draft.firing, tuple(shown))
        digest = hashlib.sha256(json.dumps(notification.to_json()).encode())  # the time is in it: no two are equal
        notification = replace(notification, id=digest.hexdigest()[:ID_DIGITS])
        body = json.dumps(notification.to_json())
        statement = "INSERT INTO outbox(notifier, id, body) VALUES(?, ?, ?)"
        number = self._connection.execute(statement, (self._notifier, notification.id, body)).lastrowid
        assert number is not None
        return number, notification

    def first(self) -> tuple[int, Notification] | None:
        """What has to be taken next, with its number; None when nothing waits."""
        statement = "SELECT n, body FROM outbox WHERE notifier = ? ORDER BY n LIMIT 1"
        row = self._connection.execute(statement, (self._notifier,)).fetchone()
        return None if row is None else (row[0], Notification.from_json(json.loads(row[1])))

    def waiting(self) -> int:
        """How many wait."""
        statement = "SELECT count(*) FROM outbox WHERE notifier = ?"
        count: int = self._connection.execute(statement, (self._notifier,)).fetchone()[0]
        return count

    def taken(self, number: int) -> None:
        """The receiver has it."""
        self._connection.execute("DELETE FROM outbox WHERE n = ?", (number,))
        self._connection.execute("UPDATE notifiers SET taken = taken + 1 WHERE name = ?", (self._notifier,))

    def set_aside(self, number: int, at_ns: int, reason: str) -> None:
        """The receiver will never take it: it is kept apart, and what follows goes on."""
        self._connection.execute(
            "INSERT INTO refused(notifier, id, body, at_ns, reason) "
            "SELECT notifier, id, body, ?, ? FROM outbox WHERE n = ?",
            (at_ns, reason, number),
        )
        self._connection.execute(
            "DELETE FROM refused WHERE notifier = ?1 AND n NOT IN "
            "(SELECT n FROM refused WHERE notifier = ?1 ORDER BY n DESC LIMIT ?2)",
            (self._notifier, MAX_REFUSED),
        )
        self._connection.execute("DELETE FROM outbox WHERE n = ?", (number,))
        self._connection.execute("UPDATE notifiers SET refused = refused + 1 WHERE name = ?", (self._notifier,))
