"""A panel's rules of one family as arrays, and the features that they judge."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.phases import Scope
from monitor.detect.rules import rule_digest
from monitor.model.clock import NS_PER_S
from monitor.model.limit import Rule

LONGEST_DWELL_S = 9e9  # 285 years; in ns just below 2**63, so that a dwell of any length fits an int64


class Feature(NamedTuple):
    """What is computed of a stream: a kernel's parameters, and when. Rules that differ in their limits share it."""

    parameters: tuple[Any, ...]
    scope: Scope

    @property
    def digest(self) -> str:
        """Identity of the feature's content: 16 hex digits (64 bits) of SHA-256; floats are written exactly."""
        text = f"{type(self.parameters).__name__}{tuple(self.parameters)!r}{tuple(self.scope)!r}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Compiled(NamedTuple):
    """Rules of a panel [rules], mirrored so that beyond means above, and the feature that each judges.

    `limit` and `clear` float32 in the rule's unit times `sign`.
    """

    rules: tuple[Rule, ...]
    digests: tuple[str, ...]
    features: tuple[Feature, ...]
    feature_digests: tuple[str, ...]
    feature_of: NDArray[np.int64]
    sign: NDArray[np.float32]
    limit: NDArray[np.float32]
    clear: NDArray[np.float32]
    dwell_ns: NDArray[np.int64]
    is_guarded: NDArray[np.bool_]

    def rules_of(self, number: int) -> NDArray[np.int64]:
        """The rules that judge a feature, by number, int64 [k]."""
        return np.flatnonzero(self.feature_of == number)


def compile_rules(rules: tuple[Rule, ...], features: list[Feature]) -> Compiled | None:
    """The rules and the feature of each, in the profile's order; None when there are none."""
    if not rules:
        return None
    distinct = tuple(dict.fromkeys(features))
    sign = np.array([rule.sign for rule in rules], dtype=np.float32)
    return Compiled(
        rules,
        tuple(rule_digest(rule) for rule in rules),
        distinct,
        tuple(feature.digest for feature in distinct),
        np.array([distinct.index(feature) for feature in features], dtype=np.int64),
        sign,
        np.array([rule.limit for rule in rules], dtype=np.float32) * sign,
        np.array([rule.clear for rule in rules], dtype=np.float32) * sign,
        np.array([round(min(rule.for_s, LONGEST_DWELL_S) * NS_PER_S) for rule in rules], dtype=np.int64),
        np.array([rule.guard is not None for rule in rules]),
    )
