"""From the detector's findings to entries of the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.alerts.acting import casts_doubt
from monitor.alerts.book import AlertBook
from monitor.alerts.entries import Terms
from monitor.alerts.raising import Origin, Raiser
from monitor.config import Rules
from monitor.detect.arrivals.judge import ARRIVAL_CHECKS
from monitor.model.alert import Alert
from monitor.model.batch import Finding
from monitor.model.clock import NS_PER_S
from monitor.model.limit import HealthRule, Rule

OF_SENSORS = ("health", "statistic")  # kinds of rules that may judge sensors rather than what these measure


MAX_AT_ONCE = 1_000  # findings that are entered together, some 5 MB


def enter(book: AlertBook, findings: Sequence[Finding], rules: Rules, origins: Mapping[int, Origin]) -> list[Finding]:
    """Enter findings in order; those that tell the peak or the end of what the book does not know as open.

    `origins` has by position those of the records that fired.
    """
    unknown: list[Finding] = []
    for start in range(0, len(findings), MAX_AT_ONCE):
        piece = findings[start : start + MAX_AT_ONCE]
        raiser = Raiser(rules)
        with book.at_once(piece):
            for finding in piece:
                if finding.change == "fired":
                    _report(book, raiser.alert(finding, origins[finding.pos]), finding, rules)
                elif not book.follow(finding):
                    unknown.append(finding)
    return unknown


def _report(book: AlertBook, alert: Alert, finding: Finding, rules: Rules) -> None:
    rule = rules.profile(finding.container).by_id[finding.rule]
    hold = None if rule.kind == "shock" else hold_ns(rules)  # each event is one of its own
    is_of_sensors = rule.kind in OF_SENSORS
    by_arrival, doubts = is_of_sensors and is_by_arrival(rule), is_of_sensors and casts_doubt(rule)
    book.report(alert, finding.time_ns, Terms(by_arrival, hold, withheld(alert, rule.severity), doubts))


def is_by_arrival(rule: Rule) -> bool:
    """Whether a rule is judged by when records arrive: what it found is never judged again in another order."""
    return isinstance(rule, HealthRule) and rule.check in ARRIVAL_CHECKS


def hold_ns(rules: Rules) -> int | None:
    """The hold-off within which an exceedance is the same alert as the one before; None: none ever is."""
    return round(rules.alerts.hold_off_s * NS_PER_S) or None


def withheld(alert: Alert, severity: str) -> str | None:
    """The severity that an alert would have if its container were armed, None when it has that."""
    return None if alert.severity == severity else severity
