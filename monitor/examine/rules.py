"""Which rules an event is held against."""

from __future__ import annotations

from monitor.model.limit import Profile, ShockRule


def rules_at(profile: Profile, place: str | None) -> tuple[ShockRule, ...]:
    """The rules of a profile for shocks of a logger at a place."""
    return tuple(rule for rule in _shock_rules(profile) if rule.applies_to(place))


def unplaced(profile: Profile, place: str | None) -> tuple[str, ...]:
    """The ids of the rules for shocks of which nobody can say whether they apply, as the place is not known (None)."""
    return tuple(rule.id for rule in _shock_rules(profile) if place is None and not rule.applies_to(None))


def _shock_rules(profile: Profile) -> tuple[ShockRule, ...]:
    return tuple(rule for rule in profile.rule if isinstance(rule, ShockRule))
