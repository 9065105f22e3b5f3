"""Which rules judge the events of a container, and since when each of them watches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from monitor.detect.events.health import CHECKS
from monitor.detect.events.totals import Meter, meter_of
from monitor.detect.kernels.readings import NO_SPAN
from monitor.detect.lane import LaneKey
from monitor.detect.rules import RulesView, rule_digest, rules_of
from monitor.model.leg import DEFAULT_PHASE
from monitor.model.limit import HealthRule, Rule, ShockRule


class Judged(NamedTuple):
    """A shock rule; `meter` is None where it judges each event by itself."""

    rule: ShockRule
    meter: Meter | None
    digest: str


class ShockRules:
    """The rules for events by container; each profile is looked through once."""

    def __init__(self, view: RulesView) -> None:
        self.view = view
        self._known: dict[int, tuple[tuple[Rule, ...], list[Judged], list[HealthRule]]] = {}

    def of(self, container: str) -> list[Judged]:
        """The shock rules of a container, in its profile's order."""
        return self._of(container)[1]

    def health(self, container: str) -> list[HealthRule]:
        """The health rules of a container that judge events."""
        return self._of(container)[2]

    def find(self, key: LaneKey) -> Judged | None:
        """The rule of a tally, None when it is not in force with the same content or does not apply to the logger."""
        judged = next((each for each in self.of(key.container) if each.digest == key.digest), None)
        place = self.view.logger(key.container, key.logger).place
        return judged if judged is not None and judged.rule.applies_to(place) else None

    def since(self, container: str, phases: tuple[str, ...] | None, time_ns: int) -> int | None:
        """Since when a rule for `phases` (None: all) watches at a time, NO_SPAN for always; None when it does not."""
        return NO_SPAN if phases is None else _since(phases, self.view.phase_spans(container), time_ns)

    def _of(self, container: str) -> tuple[tuple[Rule, ...], list[Judged], list[HealthRule]]:
        profile = rules_of(self.view, container)
        known = self._known.get(id(profile))
        if known is None:  # what is known of a profile keeps it alive, and with it the id
            known = self._known[id(profile)] = (profile, list(_judged(profile)), list(_health(profile)))
        return known


def _judged(profile: tuple[Rule, ...]) -> Iterator[Judged]:
    for rule in profile:
        if isinstance(rule, ShockRule):
            yield Judged(rule, meter_of(rule), rule_digest(rule))


def _health(profile: tuple[Rule, ...]) -> Iterator[HealthRule]:
    for rule in profile:
        if isinstance(rule, HealthRule) and rule.check in CHECKS:
            yield rule


def _since(phases: tuple[str, ...], spans: tuple[tuple[int, str], ...], time_ns: int) -> int | None:
    """`spans` are (start ns, phase), ascending; phases watched one after the other are one stretch."""
    since_ns = NO_SPAN if DEFAULT_PHASE in phases else None
    for start_ns, phase in spans:
        if start_ns > time_ns:
            break
        if phase not in phases:
            since_ns = None
        elif since_ns is None:
            since_ns = start_ns
    return since_ns
