"""From a finding to an alert: what a person needs to know to judge it."""

from __future__ import annotations

from typing import NamedTuple

from monitor.alerts.shock_wording import limit_of_value, margin_of_value, quantity_of_value
from monitor.alerts.wording import begun
from monitor.config import Rules
from monitor.model.alert import FIRING, Alert, Evidence, alert_id
from monitor.model.batch import Finding
from monitor.model.leg import Logger
from monitor.model.limit import Rule, ShockRule

NOT_ARMED = "info"  # the severity while a container is not armed
LATEST = " at the latest (clock not set, sent from memory)"


class Origin(NamedTuple):
    """What an alert says of the record that fired.

    When it was received (ns), how far its time may be wrong (s; None: nobody can say), and whether its time is but the
    latest possible one, since its logger's clock was not set and nothing of that boot came live.
    """

    received_ns: int
    clock_uncertainty_s: float | None
    is_latest: bool


class Circumstances(NamedTuple):
    """What holds for all that begins at a logger at a time."""

    logger: Logger
    is_armed: bool
    phase: str
    custodian: str | None


class Raiser:
    """Raises alerts under rules; what the alerts of a storm have in common it looks up once."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._circumstances: dict[tuple[str, str, int], Circumstances] = {}

    def alert(self, finding: Finding, origin: Origin) -> Alert:
        """The alert of a `fired` finding.

        Alerts of what began while its container was not armed are raised as `info`: bench handling wakes nobody.
        """
        container, start_ns = finding.container, finding.start_ns
        logger, is_armed, phase, custodian = self._at(container, finding.logger, start_ns)
        rule = self._rules.profile(container).by_id[finding.rule]
        judgement = decision(rule, finding)
        limit = limit_of_value(rule, finding)
        return Alert(
            id=alert_id(finding.rule, container, finding.logger, finding.channel, start_ns),
            rule=rule.id,
            kind=rule.kind,
            container=container,
            logger=finding.logger,
            serial=logger.serial,
            place=logger.place,
            channel=finding.channel,
            axis=finding.axis,
            severity=rule.severity if is_armed else NOT_ARMED,
            state=FIRING,
            occurred_ns=start_ns,
            reported_ns=origin.received_ns,
            cleared_ns=None,
            value=finding.value,
            peak=finding.peak,
            limit=limit,
            unit=rule.unit,
            uncertainty=finding.uncertainty,
            decision=judgement,
            clock_uncertainty_s=origin.clock_uncertainty_s,
            phase=phase,
            profile_digest=self._rules.profile_digest(container),
            evidence=Evidence(finding.pos, finding.boot, finding.seq),
            message=begun(rule, finding, logger, judgement) + (LATEST if origin.is_latest else ""),
            suspect=finding.is_doubtful,
            quantity=quantity_of_value(rule) if isinstance(rule, ShockRule) else None,
            margin=margin_of_value(rule, finding.value, limit) if isinstance(rule, ShockRule) else None,
            custodian=custodian,
        )

    def _at(self, container: str, logger: str, start_ns: int) -> Circumstances:
        key = container, logger, start_ns
        if key not in self._circumstances:
            rules = self._rules
            self._circumstances[key] = Circumstances(
                rules.logger(container, logger),
                rules.is_armed(container, start_ns, logger),
                rules.phase_at(container, start_ns),
                rules.custodian_at(container, start_ns),
            )
        return self._circumstances[key]


def decision(rule: Rule, finding: Finding) -> str:
    """What can be said of a value that fired: `exceeded` when it is beyond the limit even less U.

    `within` when it is not beyond the limit itself (a rule with a guard fires at the limit less U); else, and where
    nobody knows U or the value is not to be relied upon, `indeterminate`.
    """
    if finding.is_doubtful:
        return "indeterminate"
    size = abs(finding.value) if isinstance(rule, ShockRule) else finding.value
    beyond = (size - limit_of_value(rule, finding)) * rule.sign
    if finding.uncertainty is not None and beyond > finding.uncertainty:
        return "exceeded"
    return "within" if beyond <= 0 and rule.guard is not None else "indeterminate"
