"""What differs between two limits profiles, rule by rule and key by key."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from monitor.config.rules import canonical_json
from monitor.model.limit import Profile

Content = dict[str, Any]  # a rule or profile as its file has it, defaults written out


class Change(NamedTuple):
    """A key and what stands under it, None for nothing."""

    key: str
    before: Any
    after: Any


class Difference(NamedTuple):
    """Rules that one profile has alone, and by id those that differ; `about` is what else differs."""

    removed: list[Content]
    added: list[Content]
    changed: dict[str, list[Change]]
    same: int
    about: list[Change]


def difference(before: Profile | None, after: Profile | None) -> Difference:
    """What makes `after` of `before`; None is a profile without rules."""
    old_rules, new_rules, old, new = _rules(before), _rules(after), _about(before), _about(after)
    changes = {key: _changes(old_rules[key], rule) for key, rule in new_rules.items() if key in old_rules}
    return Difference(
        removed=[rule for key, rule in old_rules.items() if key not in new_rules],
        added=[rule for key, rule in new_rules.items() if key not in old_rules],
        changed={key: found for key, found in changes.items() if found},
        same=sum(not found for found in changes.values()),
        about=_changes(old, new) if old and new else [],
    )


def _rules(profile: Profile | None) -> dict[str, Content]:
    return {} if profile is None else {rule.id: json.loads(canonical_json(rule)) for rule in profile.rule}


def _about(profile: Profile | None) -> Content:
    return {} if profile is None else {"name": profile.name, "title": profile.title}


def _changes(before: Content, after: Content) -> list[Change]:
    keys = dict.fromkeys([*before, *after])
    return [Change(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]
