"""What the detector asks of a configuration, and when a rule counts as unchanged."""

from __future__ import annotations

import hashlib
from typing import Protocol

from monitor.model.errors import ConfigError
from monitor.model.leg import Container, Logger
from monitor.model.limit import Profile, Rule, RuleBase


class RulesView(Protocol):
    """The configuration as the detector needs it; profiles stay the same until `Engine.reconfigure`."""

    def profile(self, container_id: str) -> Profile:
        """The limits profile that the container is watched under; ConfigError when there is none."""

    def phase_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        """(start ns, phase), ascending: each holds until the next start; before the first it is storage."""

    def leg_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        """(start ns, id of the leg), ascending: each holds until the next; "" between legs, as before the first."""

    def logger(self, container_id: str, logger_id: str) -> Logger:
        """The logger as registered, or one with defaults."""

    def container(self, container_id: str) -> Container:
        """The container as registered, or one with defaults."""

    def accuracy(self, container_id: str, logger_id: str, channel: str) -> float | None:
        """U (k = 2) of a measured or derived channel in its unit, None when nobody can say; "-": of all loggers."""


def rules_of(view: RulesView, container_id: str) -> tuple[Rule, ...]:
    """The rules that a container is watched under, none when it has no limits.

    Anybody may publish under a container's name: that nobody set limits for it must not stop the detector.
    """
    try:
        return view.profile(container_id).rule
    except ConfigError:
        return ()


def rule_digest(rule: RuleBase) -> str:
    """Identity of a rule's content: 16 hex digits (64 bits) of SHA-256.

    Defaults are left out, so that a key which a later version adds does not make every rule a changed one.
    """
    return hashlib.sha256(rule.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:16]


def started_anew(before: Profile, after: Profile) -> list[str]:
    """The ids of rules in `after` that are not in `before` with the same content: what they judge starts anew."""
    known = {rule_digest(rule) for rule in before.rule}
    return [rule.id for rule in after.rule if rule_digest(rule) not in known]
