"""What a notifier tells, and what every way of telling it has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

from monitor.model.clock import parse_rfc3339, rfc3339
from monitor.model.errors import TcmError

MAX_ALERTS = 200  # that one notification holds in full; the others are counted
REASONS = ("firing", "cleared", "acknowledged", "changed", "group", "late", "flood", "repeat", "escalation", "test")


class NotTaken(TcmError):  # noqa: N818 - named for what it is; TcmError is the base
    """The receiver did not take it now: the same is sent again later."""


class PartlyTaken(NotTaken):
    """Some of those whom the receiver tells have it: sent again, it goes to the others only."""


class Refused(TcmError):  # noqa: N818 - named for what it is; TcmError is the base
    """The receiver will never take this notification, whatever is tried."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message of a notifier about alerts of one container and cause, or of several where there are too many.

    `id` is the idempotency key: the same however often it is sent. `alerts` are the public JSON of at most MAX_ALERTS
    of them, each as it stood at `at_ns` (ns UTC, whole microseconds), in order of occurrence; `count` is how many there
    are in all, `firing` how many of these go on. `container` and `cause` are None where there are several.
    """

    id: str
    notifier: str
    reason: str
    title: str
    container: str | None
    cause: str | None
    severity: str
    at_ns: int
    count: int
    firing: int
    alerts: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """The notification as other programs read it."""
        return {
            "version": 1,
            "id": self.id,
            "notifier": self.notifier,
            "reason": self.reason,
            "title": self.title,
            "container": self.container,
            "cause": self.cause,
            "severity": self.severity,
            "at": rfc3339(self.at_ns),
            "count": self.count,
            "firing": self.firing,
            "left_out": self.count - len(self.alerts),
            "alerts": list(self.alerts),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The notification that `to_json` wrote."""
        same = {key: content[key] for key in _SAME_IN_JSON}
        return cls(**same, at_ns=parse_rfc3339(content["at"]), alerts=tuple(content["alerts"]))


_SAME_IN_JSON = ("id", "notifier", "reason", "title", "container", "cause", "severity", "count", "firing")


class Transport(Protocol):
    """One way to a receiver. It may block for some seconds, never for ever; a thread of its own calls it."""

    def send(self, notification: Notification) -> None:
        """Return once the receiver has taken it; NotTaken or Refused else."""

    def close(self) -> None:
        """Give connections back."""
