"""What alerts say: one line, for a person who has not seen the rule."""

from __future__ import annotations

from typing import Any

from monitor.alerts.amounts import amount, amounts, duration
from monitor.alerts.shock_wording import excess, unsure
from monitor.model.batch import Finding
from monitor.model.channel import quantity_of, unit_of
from monitor.model.clock import NS_PER_S, rfc3339
from monitor.model.leg import Logger
from monitor.model.limit import (
    CyclesRule,
    ExposureRule,
    ForecastRule,
    HealthRule,
    RateRule,
    Rule,
    ShockRule,
    StatisticRule,
)
from monitor.model.rules.shock import FIELDS

HEALTH = {
    "stuck": "does not change",
    "range": "is outside what a sensor can measure",
    "nan": "lacks values",
    "clock": "stepped, stands still or is not set",
    "clipped": "event reached the sensor's rails: its peak is a lower bound",
    "invalid": "event is not valid",
    "battery": "is low",
    "memory": "is nearly full",
    "trigger": "level, range or sampling rate does not fit the limits",
    "calibration": "calibration is out of date",
    "silent": "is silent",
}
NOTED = {  # checks whose note says more exactly what the text above says
    "clock": "{what}: {note}",
    "trigger": "{what}: {note}",
    "invalid": "{what} event is not valid: {note}",
}
RESULTANT = "resultant"
ALL_LOGGERS = "-"  # of what concerns a container as a whole
WITHIN_DIGITS = 3  # of a value no further from its limit than U: what follows is noise
UNCERTAINTY_DIGITS = 2
NS_PER_MS = NS_PER_S // 1000
OF_ONE_EVENT = frozenset(FIELDS) - {"peak"}  # nothing that grows and has a peak
UNTIL = " until "  # begins what is added to the message of an alert that ended
BEYOND = ", beyond the limit of "


def begun(rule: Rule, finding: Finding, logger: Logger, decision: str) -> str:
    """The message of an exceedance that fires."""
    where = f"{finding.container} {logger.place or finding.logger}"
    if finding.logger == ALL_LOGGERS:
        where = f"all loggers of {finding.container}"
    what = finding.channel if _is_plain(rule, finding.axis) else f"{finding.channel} {finding.axis}"
    notes = [finding.note, unsure(rule, finding, decision) if isinstance(rule, ShockRule) else ""]
    if isinstance(rule, HealthRule) and rule.check in NOTED and finding.note:
        fact, notes = NOTED[rule.check].format(what=what, note=finding.note), []
    elif isinstance(rule, HealthRule):
        fact = f"{what} {_fault(rule, finding)}"
    else:
        fact = f"{what} {_excess(rule, finding, decision)}"
    return ", ".join(filter(None, [f"{where}: {fact} since {_moment(finding.channel, finding.start_ns)}", *notes]))


def ended(body: dict[str, Any], cleared_ns: int, note: str) -> str:
    """What is added to the message of an alert (its JSON) that ended at a time (ns UTC), `note` saying why."""
    peak = amounts(body["peak"], body["limit"], body["unit"])[0]
    tells_nothing = body["kind"] == "health" and body["unit"] in ("", "s")  # that it was so, and for how long
    tells_nothing |= body.get("quantity") in OF_ONE_EVENT
    parts = [_moment(body["channel"], cleared_ns), "" if tells_nothing else f"peak {peak}", note]
    return UNTIL + ", ".join(part for part in parts if part)


def _is_plain(rule: Rule, axis: str | None) -> bool:
    """Whether there is no axis to tell: only of a peak it is said that the vector's length is meant."""
    return axis is None or (axis == RESULTANT and isinstance(rule, ShockRule) and rule.quantity != "peak")


def _moment(channel: str, time_ns: int) -> str:
    """A time in whole seconds, of events in milliseconds."""
    unit_ns = NS_PER_MS if quantity_of(channel) == "shock" else NS_PER_S
    return rfc3339(time_ns // unit_ns * unit_ns)


def _fault(rule: HealthRule, finding: Finding) -> str:
    if rule.unit != "%":
        return HEALTH[rule.check]
    value, limit = amounts(finding.value, rule.limit, rule.unit)
    return f"{HEALTH[rule.check]}: {value}, {_side(rule.sign)} {limit}"


def _excess(rule: Rule, finding: Finding, decision: str) -> str:
    """The value and its limit; of one that may yet be within it, how far from it that is to say."""
    if isinstance(rule, ShockRule):
        return excess(rule, finding, decision)
    if decision == "within" and finding.uncertainty is not None:
        value, limit = amounts(finding.value, rule.limit, rule.unit, WITHIN_DIGITS)
        within = amount(finding.uncertainty, rule.unit, UNCERTAINTY_DIGITS)
        return f"{_measured(rule, value)[0]}, within {within} of the limit of {limit}"
    value, limit = amounts(finding.value, rule.limit, rule.unit)
    measured, relation = _measured(rule, value)
    return f"{measured}{relation}{limit}"


def _measured(rule: Rule, value: str) -> tuple[str, str]:
    """What was measured, and what stands before the limit."""
    if isinstance(rule, ExposureRule):
        return _accumulated(rule, value)
    name = ""
    if isinstance(rule, RateRule | ForecastRule):
        name = f"{rule.kind} "
    elif isinstance(rule, StatisticRule):
        name = f"{rule.method} "
    elif isinstance(rule, CyclesRule):
        name = "damage " if rule.range_limit is None else "range "
    return name + value, f", {_side(rule.sign)} "


def _accumulated(rule: ExposureRule, value: str) -> tuple[str, str]:
    if rule.window_s is not None:
        return f"mean kinetic temperature over {duration(rule.window_s)} {value}", ", above "
    base = f"{_side(rule.base_sign)} {amount(rule.base, unit_of(rule.channel))}"
    return (f"time {base}: {value}" if rule.measure == "time" else f"{value} {base}"), BEYOND


def _side(sign: int) -> str:
    return "above" if sign > 0 else "below"
