"""From the detector's findings to entries of the book."""

from __future__ import annotations

from monitor.alerts.acting import casts_doubt
from monitor.alerts.book import AlertBook
from monitor.alerts.entries import Terms
from monitor.alerts.raising import Origin, raise_alert
from monitor.config import Rules
from monitor.detect.arrivals.judge import ARRIVAL_CHECKS
from monitor.model.alert import Alert
from monitor.model.batch import Finding
from monitor.model.clock import NS_PER_S
from monitor.model.limit import HealthRule, Rule

OF_SENSORS = ("health", "statistic")  # kinds of rules that may judge sensors rather than what these measure


def enter(book: AlertBook, finding: Finding, rules: Rules, origin: Origin | None) -> bool:
    """Enter a finding; False for a peak or an end of what the book does not know as open.

    `origin` is that of the record that fired, None of other findings.
    """
    if finding.change != "fired":
        return book.follow(finding)
    assert origin is not None  # as the judge tells it of each record that fires
    rule = rules.profile(finding.container).by_id[finding.rule]
    alert = raise_alert(finding, rules, origin)
    hold = None if rule.kind == "shock" else hold_ns(rules)  # each event is one of its own
    is_of_sensors = rule.kind in OF_SENSORS
    by_arrival, doubts = is_of_sensors and is_by_arrival(rule), is_of_sensors and casts_doubt(rule)
    book.report(alert, finding.time_ns, Terms(by_arrival, hold, withheld(alert, rule.severity), doubts))
    return True


def is_by_arrival(rule: Rule) -> bool:
    """Whether a rule is judged by when records arrive: what it found is never judged again in another order."""
    return isinstance(rule, HealthRule) and rule.check in ARRIVAL_CHECKS


def hold_ns(rules: Rules) -> int | None:
    """The hold-off within which an exceedance is the same alert as the one before; None: none ever is."""
    return round(rules.alerts.hold_off_s * NS_PER_S) or None


def withheld(alert: Alert, severity: str) -> str | None:
    """The severity that an alert would have if its container were armed, None when it has that."""
    return None if alert.severity == severity else severity
