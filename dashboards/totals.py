"""What the rules of the profile add up over a journey, a leg or a window."""

from __future__ import annotations

from typing import NamedTuple

from dashboards.limits import Limit, profile
from monitor.model.channel import unit_of
from monitor.model.limit import CyclesRule, ExposureRule, Rule, Severity, ShockRule

S_PER_H = 3600.0


class Total(NamedTuple):
    """What one rule adds up: field of measurement `exposure`, its unit, and the limit in that unit."""

    rule: str
    field: str
    unit: str
    limit: float
    severity: Severity
    about: str

    @property
    def grows(self) -> bool:
        """Whether it is a sum, of which each leg has its share; the others are values of a window."""
        return self.field not in ("mkt_c", "count")

    @property
    def as_limit(self) -> Limit:
        """The limit, to be drawn and told."""
        return Limit(self.rule, self.severity, self.limit, None, ())


def totals() -> list[Total]:
    """What the profile's rules add up, in its order."""
    return [total for rule in profile().rule if (total := _total(rule)) is not None]


def _total(rule: Rule) -> Total | None:
    if isinstance(rule, ExposureRule):
        return _exposure_total(rule)
    if isinstance(rule, CyclesRule) and rule.damage is not None:
        about = f"Miner's sum of the swings of {rule.channel}, counted by rainflow, over the {rule.per}."
        return Total(rule.id, "dose", "", rule.limit, rule.severity, about)
    if isinstance(rule, ShockRule) and not rule.is_of_events:
        field, about = (
            ("count", "Events in the rule's window.") if rule.dose is None else ("dose", "Dose of all events.")
        )
        return Total(rule.id, field, "", rule.limit, rule.severity, about)
    return None


def _exposure_total(rule: ExposureRule) -> Total:
    if rule.measure == "mkt":
        about = f"Mean kinetic temperature of {rule.channel} in the rule's window."
        return Total(rule.id, "mkt_c", "degC", rule.limit, rule.severity, about)
    beyond = f"{'below' if rule.base_sign < 0 else 'above'} {rule.base:g} {unit_of(rule.channel)} over the {rule.per}"
    if rule.measure == "time":
        about = f"Time that {rule.channel} was {beyond}."
        return Total(rule.id, "time_above_s", "s", rule.limit * S_PER_H, rule.severity, about)
    about = f"Integral of {rule.channel} {beyond}, in {rule.unit}."
    return Total(rule.id, "degree_hours", "", rule.limit, rule.severity, about)
