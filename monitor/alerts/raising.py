"""From a finding to an alert: what a person needs to know to judge it."""

from __future__ import annotations

from typing import NamedTuple

from monitor.config import Rules
from monitor.model.alert import FIRING, Alert, Evidence, alert_id
from monitor.model.batch import Finding
from monitor.model.channel import unit_of
from monitor.model.clock import rfc3339
from monitor.model.leg import Logger
from monitor.model.limit import Rule, ShockRule

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
    calibration = logger.calibration.get(finding.channel)
    uncertainty = calibration.accuracy if calibration else None
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
        unit=unit_of(finding.channel),
        uncertainty=uncertainty,
        decision=_decision(rule, finding.value, uncertainty),
        clock_uncertainty_s=origin.clock_uncertainty_s,
        phase=rules.phase_at(finding.container, finding.start_ns),
        profile_digest=rules.profile_digest(finding.container),
        evidence=Evidence(finding.pos, finding.boot, finding.seq),
        message=_message(rule, finding, logger) + (LATEST if origin.is_latest else ""),
    )


def _beyond(rule: Rule, value: float) -> float:
    """How far a value lies beyond the limit, in its unit."""
    if isinstance(rule, ShockRule):
        return abs(value) - rule.limit
    return (value - rule.limit) * rule.sign


def _decision(rule: Rule, value: float, uncertainty: float | None) -> str:
    """`exceeded` when the value less U is beyond the limit; without a calibration record nobody can say so."""
    if uncertainty is not None and _beyond(rule, value) > uncertainty:
        return "exceeded"
    return "indeterminate"


def _message(rule: Rule, finding: Finding, logger: Logger) -> str:
    side = "above" if isinstance(rule, ShockRule) or rule.sign > 0 else "below"
    what = f"{finding.channel} {finding.axis}" if finding.axis else finding.channel
    where = f"{finding.container} {logger.place or finding.logger}"
    unit = unit_of(finding.channel)
    since = rfc3339(finding.start_ns // 10**9 * 10**9)
    return f"{where}: {what} {finding.value:.4g} {unit}, {side} {rule.limit:.4g} {unit} since {since}"
