"""Which readings an alert is about, by its channel and its rule."""

from __future__ import annotations

from typing import Any, NamedTuple

from monitor.alerts.amounts import amount
from monitor.model.channel import (
    ALL_LOGGERS,
    COMPUTED_DIFFERENTIAL,
    QUANTITIES,
    UNITS,
    inputs_of,
    place_of,
    quantity_of,
)
from monitor.model.limit import CondensationRule, LeakRule, Rule, StatisticRule
from monitor.model.rules.statistic import DISAGREEMENT

LIMITED = {
    # kind of rules whose limit is not of the readings themselves: what it is of
    "rate": "their rate of change",
    "exposure": "what adds up of them",
    "cycles": "their swings",
    "leak": "the gas lost",
    "statistic": "how far they are from what is usual",
}
OF_ALL = "it is computed of several loggers at a time; their readings are shown, not it"


class Asked(NamedTuple):
    """Which readings are wanted.

    `channel` is the one that is shown, "" for none; `computed` its internal name where it is derived of a row, "" where
    it is measured or cannot be had of one logger. `inputs` are globs of what it is computed of: of all loggers of the
    container where it `is_of_all`. `limit` is the level to hold them against, None where the limit is of something
    else; `notes` say what.
    """

    channel: str
    computed: str = ""
    inputs: tuple[str, ...] = ()
    is_of_all: bool = False
    limit: float | None = None
    notes: tuple[str, ...] = ()


def asked_of(alert: dict[str, Any], rule: Rule | None) -> Asked:
    """The readings of an alert (its JSON); `rule` is as it stood, None where nobody knows it any more."""
    channel, kind = alert["channel"], alert["kind"]
    if isinstance(rule, StatisticRule) and channel.startswith(DISAGREEMENT):
        return Asked(channel, inputs=(channel.removeprefix(DISAGREEMENT),), is_of_all=True, notes=(OF_ALL,))
    if isinstance(rule, LeakRule):
        shown, inputs = f"pressure_norm.{place_of(rule.pressure)}", (rule.pressure, rule.temperature)
        return Asked(shown, rule.channel, inputs, notes=(f"shown is the gas at 20 degC; {_limit_of(alert)}",))
    if quantity_of(channel) not in QUANTITIES:
        return Asked("", notes=(f"{channel} is told by messages of the logger: there are no readings of it",))
    if kind == "health":
        return Asked(channel, notes=("it is about the sensor: no level of the readings is its limit",))
    limit, notes = (None, (_limit_of(alert),)) if kind in LIMITED else (alert["limit"], ())
    if isinstance(rule, CondensationRule):
        air = (f"temperature.{rule.air}", f"humidity.{rule.air}")
        return _computed(Asked(channel, rule.channel, (*air, *rule.surfaces), limit=limit, notes=notes), alert)
    if quantity_of(channel) in UNITS and channel != COMPUTED_DIFFERENTIAL:
        return Asked(channel, limit=limit, notes=notes)
    return _computed(Asked(channel, channel, inputs_of(channel), limit=limit, notes=notes), alert)


def _computed(asked: Asked, alert: dict[str, Any]) -> Asked:
    """A derived channel: of one logger's rows, or of all loggers together."""
    if alert["logger"] == ALL_LOGGERS:
        return asked._replace(computed="", is_of_all=True, notes=(*asked.notes, OF_ALL))
    return asked._replace(is_of_all=asked.channel == COMPUTED_DIFFERENTIAL)  # pressure outside is often another's


def _limit_of(alert: dict[str, Any]) -> str:
    return (
        f"the limit of {amount(alert['limit'], alert['unit'])} is not of the readings but of {LIMITED[alert['kind']]}"
    )
