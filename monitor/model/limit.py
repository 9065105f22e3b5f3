"""Limits profiles: the rules that a container is watched under, as validated from TOML."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from monitor.model.rules import (
    CondensationRule,
    CyclesRule,
    ExposureRule,
    ForecastRule,
    HealthRule,
    LeakRule,
    RateRule,
    Rule,
    RuleBase,
    ShockRule,
    StatisticRule,
    ThresholdRule,
)
from monitor.model.strict import Identifier, Severity, Strict

__all__ = [
    "CondensationRule",
    "CyclesRule",
    "ExposureRule",
    "ForecastRule",
    "HealthRule",
    "Identifier",
    "LeakRule",
    "Profile",
    "RateRule",
    "Rule",
    "RuleBase",
    "Severity",
    "ShockRule",
    "StatisticRule",
    "Strict",
    "ThresholdRule",
]


class Profile(Strict):
    """A limits profile: a name and its rules, each with an id of its own."""

    name: Identifier
    title: str = ""
    rule: tuple[Rule, ...] = Field(min_length=1)

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        """Its rules by their ids."""
        return {rule.id: rule for rule in self.rule}

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        ids = [rule.id for rule in self.rule]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"rule: expected a different id for each rule, {', '.join(twice)} stands more than once")
        return self
