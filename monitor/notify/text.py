"""A notification as people read it: plain text in lines, the most important first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from monitor.alerts.amounts import amount, amounts
from monitor.model.alert import ACKNOWLEDGED, CLEARED
from monitor.model.condition import GATEWAY
from monitor.notify.notification import Notification

MAX_IN_FULL = 20  # alerts; the others have a line each
MAX_SUBJECT = 110  # characters: what a list of mails shows
DIGEST_DIGITS = 12
_SECOND_DIGITS = len("2026-11-23T10:00:00")
SEVERAL = "several"
REASONS = {
    "firing": "firing",
    "cleared": "cleared",
    "acknowledged": "acknowledged",
    "changed": "changed",
    "group": "more",
    "late": "late",
    "flood": "flood",
    "repeat": "still firing",
    "escalation": "nobody acknowledged",
    "test": "test",
}


def subject(notification: Notification) -> str:
    """One short line that sorts by container and cause: `C-101 temperature ALARM firing (3 alerts, 2 go on)`."""
    if notification.reason == "test":
        return notification.title[:MAX_SUBJECT]
    container = "gateway" if notification.container == GATEWAY else notification.container
    where = f"{container or SEVERAL} {notification.cause or SEVERAL}"
    line = f"{where} {notification.severity.upper()} {REASONS[notification.reason]}{_how_many(notification)}"
    return " ".join(line.split())[:MAX_SUBJECT]


def _how_many(notification: Notification) -> str:
    """How many alerts of several go on; of one that fired whether it is over, which a shock always is."""
    if notification.count > 1:
        return f" ({notification.count} alerts, {notification.firing} go on)"
    is_over = notification.reason in ("firing", "group", "flood") and not notification.firing
    return ", over already" if is_over and any(each["kind"] != "shock" for each in notification.alerts) else ""


def text(notification: Notification, marking_of: Callable[[str], str], note: str = "") -> str:
    """The whole notification, and a note of who sends it.

    The markings of its containers, "" for none, stand in the first line and in the last.
    """
    told, listed = notification.alerts[:MAX_IN_FULL], notification.alerts[MAX_IN_FULL:]
    if notification.reason == "test":  # there is no such alert
        in_full = []
    elif notification.count == 1:  # its message is the title
        in_full = ["\n".join(facts(alert)) for alert in told]
    else:
        in_full = ["\n  ".join([headline(alert), *facts(alert)]) for alert in told]
    left_out = notification.count - len(notification.alerts)
    containers = dict.fromkeys(alert["container"] for alert in notification.alerts)
    marking = "; ".join(dict.fromkeys(filter(None, map(marking_of, containers))))
    blocks = [
        marking,
        notification.title,
        *in_full,
        "\n".join(headline(alert) for alert in listed),
        f"{left_out} more are left out here: tcm alerts list" if left_out else "",
        note,
        f"Notifier {notification.notifier}, notification {notification.id}.",
        marking,
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def headline(alert: dict[str, Any]) -> str:
    """An alert (its JSON) in one line."""
    return f"{alert['severity'].upper()} {alert['state']}: {alert['message']}"


def facts(alert: dict[str, Any]) -> list[str]:
    """What else is known of an alert (its JSON), a line for each question."""
    lines = [_what(alert), _how_much(alert), _when(alert), _whose(alert), *_said(alert)]
    return [*filter(None, lines), f"alert {alert['id']}: tcm alerts show {alert['id']}"]


def _what(alert: dict[str, Any]) -> str:
    names = {"rule": "rule", "container": "container", "logger": "logger", "place": "at", "serial": "serial number"}
    return _listed(alert, names | {"channel": "channel", "axis": "axis"})


def _how_much(alert: dict[str, Any]) -> str:
    unit = alert["unit"]
    if not unit:  # of a check of the sensor, which its message tells in words
        return ""
    value, limit = amounts(alert["value"], alert["limit"], unit)
    within = "" if alert["uncertainty"] is None else f" +- {amount(alert['uncertainty'], unit, 2)}"
    peak = amounts(alert["peak"], alert["limit"], unit)[0]
    return f"value {value}{within}, limit {limit}, most extreme {peak}: {alert['decision']}"


def _when(alert: dict[str, Any]) -> str:
    cleared = f", cleared {_second(alert['cleared_at'])}" if alert["state"] == CLEARED else ""
    return (
        f"{alert['state']}: occurred {_second(alert['occurred_at'])}, reported {_second(alert['reported_at'])}{cleared}"
    )


def _whose(alert: dict[str, Any]) -> str:
    digest = {"digest": alert["profile_digest"][:DIGEST_DIGITS]}
    return _listed(alert | digest, {"phase": "phase", "custodian": "custodian", "digest": "limits profile"})


def _said(alert: dict[str, Any]) -> Iterator[str]:
    """What people and the gateway made of it since."""
    acknowledged = alert.get("acknowledged")
    if acknowledged and alert["state"] in (ACKNOWLEDGED, CLEARED):
        remark = f": {acknowledged['remark']}" if acknowledged["remark"] else ""
        yield f"acknowledged by {acknowledged['by']}, {_second(acknowledged['at'])}{remark}"
    if alert["suspect"]:
        yield "suspect: the sensor itself is in doubt"
    if alert.get("escalates"):
        yield f"escalates alert {alert['escalates']}"
    if alert.get("escalated_to"):
        yield f"escalated to alert {alert['escalated_to']}"


def _second(moment: str) -> str:
    """An RFC 3339 time without its fraction, as nobody needs it here."""
    return f"{moment[:_SECOND_DIGITS]}Z"


def _listed(alert: dict[str, Any], names: dict[str, str]) -> str:
    """What is known of these keys, each under its name."""
    return ", ".join(f"{name} {alert[key]}" for key, name in names.items() if alert.get(key) not in (None, "", GATEWAY))
