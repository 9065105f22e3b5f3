"""A panel's threshold rules as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.rules import rule_digest
from monitor.detect.streams import Panel
from monitor.model.clock import NS_PER_S
from monitor.model.limit import ThresholdRule

LONGEST_DWELL_S = 9e9  # 285 years; in ns just below 2**63, so that a dwell of any length fits an int64


class Levels(NamedTuple):
    """A panel's threshold rules as arrays [rules], mirrored so that beyond means above; limits as float32."""

    rules: tuple[ThresholdRule, ...]
    sign: NDArray[np.float32]
    limit: NDArray[np.float32]
    clear: NDArray[np.float32]
    dwell_ns: NDArray[np.int64]
    digests: tuple[str, ...]


def compile_levels(panel: Panel) -> Levels:
    """The panel's threshold rules, in the profile's order."""
    rules = tuple(rule for rule in panel.rules if isinstance(rule, ThresholdRule))
    sign = np.array([rule.sign for rule in rules], dtype=np.float32)
    return Levels(
        rules,
        sign,
        np.array([rule.limit for rule in rules], dtype=np.float32) * sign,
        np.array([rule.clear for rule in rules], dtype=np.float32) * sign,
        np.array([round(min(rule.for_s, LONGEST_DWELL_S) * NS_PER_S) for rule in rules], dtype=np.int64),
        tuple(rule_digest(rule) for rule in rules),
    )
