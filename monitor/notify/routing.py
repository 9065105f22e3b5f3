"""Routing: which alerts a notifier is told of, what several of them have in common, and when one is told again."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import orjson

from monitor.config.alerting import Routed
from monitor.model.channel import quantity_of
from monitor.model.clock import NS_PER_S, parse_rfc3339

SEVERITIES = ("info", "warning", "alarm")  # by rank
LATE_NS = 600 * NS_PER_S  # between a reading and its arrival: what comes later was kept through a break
GATEWAYS_OWN, OF_LOGGERS = "monitor", "logger"  # causes beside the quantities

Alert = dict[str, Any]  # its public JSON


class Key(NamedTuple):
    """What is told together: a container ("-": the gateway) and a cause, such as temperature or shock."""

    container: str
    cause: str


def key_of(alert: Alert) -> Key:
    """Whose and of what sort an alert is."""
    if alert["rule"].startswith("monitor."):
        cause = GATEWAYS_OWN
    elif alert["kind"] == "health":
        cause = OF_LOGGERS
    else:
        cause = quantity_of(alert["channel"])
    return Key(alert["container"], cause)


def rank_of(alert: Alert) -> int:
    """0 for info, 1 for a warning, 2 for an alarm."""
    return SEVERITIES.index(alert["severity"])


def is_routed(settings: Routed, alert: Alert) -> bool:
    """Whether a notifier is to be told of an alert at all; nobody's custody is matched by * alone."""
    return (
        alert["severity"] in settings.severities
        and _fits(alert["container"], settings.containers)
        and _fits(alert["rule"], settings.rules)
        and _fits(alert["custodian"] or "", settings.parties)
        and _fits(alert["phase"], settings.phases)
    )


def mark_of(alert: Alert) -> str:
    """What people are told again when it differs: the state, how often the alert opened again, and its severity."""
    return f"{alert['state']} {alert['reopened']} {alert['severity']}"


def whole_mark_of(alert: Alert) -> str:
    """What programs are told again when it differs: the mark, and whatever else is said of the alert."""
    return f"{mark_of(alert)} {zlib.crc32(orjson.dumps(alert)):08x}"


def is_same_to_people(mark: str, other: str) -> bool:
    """Whether two whole marks differ in nothing that people are told."""
    return mark.rpartition(" ")[0] == other.rpartition(" ")[0]


def is_late(alert: Alert, evidence_ns: int) -> bool:
    """Whether an alert tells of what is long past: evidence (ns UTC) that came late, or an end long before the report.

    A dwell of hours makes nothing late: its last reading came in time.
    """
    reported_ns = parse_rfc3339(alert["reported_at"])
    if reported_ns - evidence_ns > LATE_NS:
        return True
    return alert["cleared_at"] is not None and reported_ns - parse_rfc3339(alert["cleared_at"]) > LATE_NS


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
