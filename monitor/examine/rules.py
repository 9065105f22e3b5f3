"""Which rules an event is held against."""

from __future__ import annotations

from monitor.model.limit import Profile, ShockRule


def rules_at(profile: Profile, place: str | None) -> tuple[ShockRule, ...]:
    """The rules of a profile for shocks of a logger at a place."""
    return tuple(rule for rule in profile.rule if isinstance(rule, ShockRule) and rule.applies_to(place))
