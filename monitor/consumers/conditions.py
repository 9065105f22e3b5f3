"""Conditions of the gateway itself: each tick names those that stand, and as long as it does, an alert does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monitor.alerts import AlertBook
from monitor.alerts.entering import hold_ns, withheld
from monitor.alerts.entries import Terms
from monitor.config import Rules
from monitor.consumers.own_alerts import OWN_SEVERITY, own_alert
from monitor.model.alert import Evidence
from monitor.model.batch import Finding
from monitor.model.condition import Condition, told

CHANNEL = "condition"
Name = tuple[str, str, str]  # rule, container, logger


class Conditions:
    """Which conditions stand, and since when (ns UTC, of the tick that named them first).

    What a condition says may change while it stands: it is the same one.
    """

    def __init__(self) -> None:
        self._since_ns: dict[Name, int] = {}

    def take(self, pos: int, at_ns: int, named: Iterable[Condition]) -> list[Finding]:
        """What the tick at `pos` changes: `fired`, with the text as note, and `cleared`; in order of their names."""
        listed = list(named)
        if not listed and not self._since_ns:  # as in nearly all ticks
            return []
        standing = {condition[:3]: condition.text for condition in told(listed)}
        ended = sorted(self._since_ns.keys() - standing.keys())
        begun = sorted(standing.keys() - self._since_ns.keys())
        found = [_finding("cleared", name, self._since_ns.pop(name), at_ns, pos) for name in ended]
        for name in begun:
            self._since_ns[name] = at_ns
            found.append(_finding("fired", name, at_ns, at_ns, pos)._replace(note=standing[name]))
        return found

    def snapshot(self) -> list[list[Any]]:
        """Those that stand, for `restore`."""
        return [[*name, since_ns] for name, since_ns in sorted(self._since_ns.items())]

    def restore(self, rows: list[list[Any]]) -> None:
        """Take up the conditions of a snapshot."""
        self._since_ns = {(rule, container, logger): since_ns for rule, container, logger, since_ns in rows}


def tell_conditions(book: AlertBook, rules: Rules, found: Iterable[Finding]) -> None:
    """Enter an alarm for each condition that began, and the end of each that ended."""
    for finding in found:
        if finding.change == "fired":
            owner = (finding.container, finding.logger)
            evidence, at_ns = Evidence(finding.pos, 0, 0), finding.start_ns
            alert = own_alert(
                finding.rule, owner, CHANNEL, at_ns, rules, evidence, finding.note, number=at_ns, value=finding.value
            )
            terms = Terms(by_arrival=True, hold_ns=hold_ns(rules), withheld=withheld(alert, OWN_SEVERITY))
            book.report(alert, at_ns, terms)
        else:
            book.follow(finding)


def _finding(change: str, name: Name, since_ns: int, at_ns: int, pos: int) -> Finding:
    rule, container, logger = name
    return Finding(change, rule, container, logger, CHANNEL, None, since_ns, at_ns, 1.0, 1.0, pos, 0, 0)
