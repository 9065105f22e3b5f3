"""From a finding to an alert: what a person needs to know to judge it."""

from __future__ import annotations

from typing import NamedTuple

from monitor.config import Rules
from monitor.model.alert import FIRING, Alert, Evidence, alert_id
from monitor.model.batch import Finding
from monitor.model.clock import NS_PER_S, rfc3339
from monitor.model.leg import Logger
from monitor.model.limit import HealthRule, Rule, ShockRule, ThresholdRule

HEALTH = {
    "stuck": "does not change",
    "range": "is outside what a sensor can measure",
    "nan": "gives no values",
    "clock": "clock stepped, stands still or is not set",
    "clipped": "event reached the sensor's rails: its peak is a lower bound",
    "battery": "battery is low",
    "memory": "memory is nearly full",
    "trigger": "trigger level or range does not fit the limits",
    "calibration": "calibration is out of date",
    "silent": "is silent",
}
LATEST = " at the latest (clock not set, sent from memory)"


class Origin(NamedTuple):
    """What an alert says of the record that fired.

    When it was received (ns), how far its time may be wrong (s; None: nobody can say), and whether its time is but the
    latest possible one, since its logger's clock was not set and nothing of that boot came live.
    """

    received_ns: int
    clock_uncertainty_s: float | None
    is_latest: bool


def raise_alert(finding: Finding, rules: Rules, origin: Origin) -> Alert:
    """The alert of a `fired` finding.

    Alerts of a container that is not armed are raised as `info`: bench handling wakes nobody.
    """
    container = rules.container(finding.container)
    logger = rules.logger(finding.container, finding.logger)
    rule = next(rule for rule in rules.profile(finding.container).rule if rule.id == finding.rule)
    return Alert(
        id=alert_id(finding.rule, finding.container, finding.logger, finding.channel, finding.start_ns),
        rule=rule.id,
        kind=rule.kind,
        container=finding.container,
        logger=finding.logger,
        serial=logger.serial,
        place=logger.place,
        channel=finding.channel,
        axis=finding.axis,
        severity=rule.severity if container.armed else "info",
        state=FIRING,
        occurred_ns=finding.start_ns,
        reported_ns=origin.received_ns,
        cleared_ns=None,
        value=finding.value,
        peak=finding.peak,
        limit=rule.limit,
        unit=rule.unit,
        uncertainty=finding.uncertainty,
        decision=decision(rule, finding.value, finding.uncertainty),
        clock_uncertainty_s=origin.clock_uncertainty_s,
        phase=rules.phase_at(finding.container, finding.start_ns),
        profile_digest=rules.profile_digest(finding.container),
        evidence=Evidence(finding.pos, finding.boot, finding.seq),
        message=_message(rule, finding, logger) + (LATEST if origin.is_latest else ""),
    )


def decision(rule: Rule, value: float, uncertainty: float | None) -> str:
    """What can be said of a value that fired: `exceeded` when it is beyond the limit even less U.

    `within` when it is not beyond the limit itself (a rule with a guard fires at the limit less U); else, and where
    nobody knows U, `indeterminate`.
    """
    beyond = abs(value) - rule.limit if isinstance(rule, ShockRule) else (value - rule.limit) * rule.sign
    if uncertainty is not None and beyond > uncertainty:
        return "exceeded"
    return "within" if beyond <= 0 and rule.guard is not None else "indeterminate"


def _message(rule: Rule, finding: Finding, logger: Logger) -> str:
    what = f"{finding.channel} {finding.axis}" if finding.axis else finding.channel
    where = f"{finding.container} {logger.place or finding.logger}"
    since = rfc3339(finding.start_ns // NS_PER_S * NS_PER_S)
    note = f", {finding.note}" if finding.note else ""
    if isinstance(rule, HealthRule):
        return f"{where}: {what} {HEALTH[rule.check]} since {since}{note}"
    side = "above" if isinstance(rule, ShockRule) or rule.sign > 0 else "below"
    kind = "" if isinstance(rule, ThresholdRule | ShockRule) else f" {rule.kind}"
    unit = f" {rule.unit}" if rule.unit else ""
    return f"{where}: {what}{kind} {finding.value:.4g}{unit}, {side} {rule.limit:.4g}{unit} since {since}{note}"
