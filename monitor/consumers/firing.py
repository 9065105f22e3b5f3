"""What fires in a container by its readings, apart from what depends on when records arrive."""

from __future__ import annotations

from typing import Any

from monitor.alerts.entering import is_by_arrival
from monitor.config import Rules
from monitor.model.batch import Finding
from monitor.model.limit import Profile

Exceedance = tuple[str, str, str, int]  # rule, logger, channel, start ns


def arrival_rules(profile: Profile) -> frozenset[str]:
    """The rules of a profile that are judged by when records arrive: these are never judged again in another order."""
    return frozenset(rule.id for rule in profile.rule if is_by_arrival(rule))


class Firing:
    """What fires at present by the readings, with its peak, by container: as many as lanes fire."""

    def __init__(self) -> None:
        self._peaks: dict[str, dict[Exceedance, float]] = {}

    def of(self, container: str) -> dict[Exceedance, float]:
        """Peak of each exceedance of a container that goes on."""
        return dict(self._peaks.get(container, {}))

    def put(self, container: str, peaks: dict[Exceedance, float]) -> None:
        """These go on, and no others."""
        self._peaks.pop(container, None)
        if peaks:
            self._peaks[container] = peaks

    def take(self, findings: list[Finding], rules: Rules) -> None:
        """Go on with findings in order."""
        passed_over: dict[str, frozenset[str]] = {}
        for finding in findings:
            container = finding.container
            if container not in passed_over:
                passed_over[container] = arrival_rules(rules.profile(container))
            if finding.rule in passed_over[container]:
                continue
            peaks = self._peaks.setdefault(container, {})
            exceedance = (finding.rule, finding.logger, finding.channel, finding.start_ns)
            if finding.change == "cleared":
                peaks.pop(exceedance, None)
            else:
                peaks[exceedance] = finding.peak
            if not peaks:
                del self._peaks[container]

    def snapshot(self, container: str | None = None) -> list[list[Any]]:
        """The state for `restore`, or that of a container."""
        return [
            [name, *exceedance, peak]
            for name, peaks in self._peaks.items()
            if container in (None, name)
            for exceedance, peak in peaks.items()
        ]

    def restore(self, rows: list[list[Any]]) -> None:
        """Take up the state of a snapshot."""
        self._peaks = {}
        for name, rule, logger, channel, start_ns, peak in rows:
            self._peaks.setdefault(name, {})[rule, logger, channel, start_ns] = peak
