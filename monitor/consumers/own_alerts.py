"""What the alerts have in common that the gateway raises by itself, by no rule of a profile."""

from __future__ import annotations

from monitor.alerts.raising import NOT_ARMED
from monitor.config import Rules
from monitor.model.alert import FIRING, Alert, Evidence, alert_id

OWN_SEVERITY = "alarm"


def own_alert(
    rule: str,
    owner: tuple[str, str],
    channel: str,
    at_ns: int,
    rules: Rules,
    evidence: Evidence,
    message: str,
    *,
    number: int,
    value: float,
) -> Alert:
    """The alarm `rule` of `owner` (container, logger), begun at `at_ns` (ns UTC).

    `number` tells it from others on the same channel, `value` is what it shows; its severity is that of an alarm where
    the container is armed.
    """
    container, logger = owner
    registered = rules.logger(container, logger)
    return Alert(
        id=alert_id(rule, container, logger, channel, number),
        rule=rule,
        kind="health",
        container=container,
        logger=logger,
        serial=registered.serial,
        place=registered.place,
        channel=channel,
        axis=None,
        severity=OWN_SEVERITY if rules.is_armed(container, at_ns, logger) else NOT_ARMED,
        state=FIRING,
        occurred_ns=at_ns,
        reported_ns=at_ns,
        cleared_ns=None,
        value=value,
        peak=value,
        limit=0.0,
        unit="",
        uncertainty=None,
        decision="exceeded",
        clock_uncertainty_s=None,
        phase=rules.phase_at(container, at_ns),
        profile_digest=rules.profile_digest(container),
        evidence=evidence,
        message=message,
        custodian=rules.custodian_at(container, at_ns),
    )
