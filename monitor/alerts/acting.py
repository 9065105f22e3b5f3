"""What an alert means for others that are open: it casts doubt on them, or is what they grew to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from monitor.alerts.entries import SEPARATOR, Entry, source_of
from monitor.model.alert import stored_alert
from monitor.model.limit import HealthRule, Rule, StatisticRule
from monitor.model.rules.statistic import DISAGREEMENT

SUSPECT, ESCALATED, ARMED = "suspect", "escalated", "armed"  # kinds of transition beside the states of an alert
ALARM = "alarm"
SENSOR_CHECKS = frozenset({"stuck", "range", "nan"})  # of the channel itself, not of its logger
SENSOR_METHODS = frozenset({"cusum", "disagreement"})  # a drift, and the distance from those beside it
ALL_LOGGERS = "-"
OWN = "monitor."  # begins the rules of the gateway's own alerts, each of which is of something else


class Effect(NamedTuple):
    """What becomes of an open entry: the kind of transition, and the keys of its JSON that change."""

    number: int | None
    kind: str
    changes: dict[str, Any]


def casts_doubt(rule: Rule) -> bool:
    """Whether an alert of a rule says that the sensor of its channel is not to be trusted."""
    if isinstance(rule, HealthRule):
        return rule.check in SENSOR_CHECKS
    return isinstance(rule, StatisticRule) and rule.method in SENSOR_METHODS


def beside(container: str, logger: str, channel: str) -> tuple[str, str]:
    """The sources of which open entries matter to an alert: its own, and a disagreement about its channel.

    Of a disagreement itself `about` tells the others.
    """
    return source_of(container, logger, channel), source_of(container, ALL_LOGGERS, DISAGREEMENT + channel)


def about(body: dict[str, Any]) -> str | None:
    """How the sources end on which an alert of a whole container casts doubt, None of any other."""
    if body["logger"] != ALL_LOGGERS or not body["channel"].startswith(DISAGREEMENT):
        return None
    return SEPARATOR + str(body["channel"]).removeprefix(DISAGREEMENT)


def meet(body: dict[str, Any], key: str, others: Sequence[Entry], *, doubts: bool) -> list[Effect]:
    """What a new alert and the open entries `others` change in each other: in its JSON, and the answer in these.

    `key` is its public id; `doubts` as of an entry.
    """
    if not others:
        return []
    known = [(entry, stored_alert(entry.body)) for entry in others]
    if doubts:
        effects = [
            Effect(entry.number, SUSPECT, {"suspect": True})
            for entry, other in known
            if not entry.doubts and not other["suspect"]
        ]
    else:
        effects = []
        body["suspect"] = body["suspect"] or any(entry.doubts for entry in others)
    if body["rule"].startswith(OWN):
        return effects
    own = source_of(body["container"], body["logger"], body["channel"])
    alike = [(entry, other) for entry, other in known if entry.source == own and other["kind"] == body["kind"]]
    alarms = [entry.chain for entry, other in alike if other["severity"] == ALARM]
    if body["severity"] != ALARM:
        body["escalated_to"] = alarms[0] if alarms else None
        return effects
    lesser = [
        (entry, other) for entry, other in alike if other["severity"] != ALARM and other["escalated_to"] not in alarms
    ]
    if lesser:
        body["escalates"] = lesser[0][0].chain
    return effects + [Effect(entry.number, ESCALATED, {"escalated_to": key}) for entry, _ in lesser]
