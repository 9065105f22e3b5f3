"""What was left of each limit over a journey."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monitor.detect.nearest import Approach, Limited, Nearest
from monitor.model.alert import in_json
from monitor.model.clock import rfc3339
from monitor.model.limit import HealthRule, Profile


def margins(nearest: Nearest) -> list[dict[str, Any]]:
    """The nearest approach of each stream to the limit of each rule, as JSON: in order of rule, container and stream.

    `margin` is in the rule's unit, below 0 beyond the limit; `ratio` is the margin as a part of the limit's size, null
    where the limit is 0.
    """
    return [_margin(key, approach) for key, approach in sorted(nearest.approaches.items(), key=lambda item: item[0])]


def unjudged(nearest: Nearest, profiles: Iterable[Profile]) -> list[str]:
    """The ids of rules that met nothing to judge, by name; rules for health say nothing of a journey."""
    limits = {rule.id for profile in profiles for rule in profile.rule if not isinstance(rule, HealthRule)}
    return sorted(limits - {key.rule for key in nearest.approaches})


def _margin(key: Limited, approach: Approach) -> dict[str, Any]:
    rule = approach.rule
    return {
        "rule": rule.id,
        "kind": rule.kind,
        "severity": rule.severity,
        "container": key.container,
        "logger": key.logger,
        "channel": key.channel,
        "axis": getattr(rule, "axis", None),
        "value": in_json(approach.value),
        "limit": in_json(approach.limit),
        "unit": rule.unit,
        "margin": in_json(approach.margin),
        "ratio": in_json(approach.margin / abs(approach.limit)) if approach.limit else None,
        "at": rfc3339(approach.time_ns),
        "pos": approach.pos,
    }
