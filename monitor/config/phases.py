"""The phases that there are: those of every journey, of the consignments' legs and of the rules."""

from __future__ import annotations

from monitor.config.rules import Rules
from monitor.model.leg import DEFAULT_PHASE

KNOWN_PHASES = ("road", "handling", "air", DEFAULT_PHASE, "open")


def planned_phases(rules: Rules) -> set[str]:
    """Phases that a container may come into: the known ones and those of legs."""
    return {*KNOWN_PHASES, *(leg.phase for consignment in rules.consignments.values() for leg in consignment.leg)}


def known_phases(rules: Rules) -> set[str]:
    """Those, and what any rule is bound to."""
    judged = {phase for profile in rules.profiles.values() for rule in profile.rule for phase in rule.phases or ()}
    return planned_phases(rules) | judged
