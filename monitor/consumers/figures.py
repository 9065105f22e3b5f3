"""What an audit counts of a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.consumers.compare import Difference, Times


@dataclass(slots=True)
class Figures:
    """Points of one measurement: `found` are those of the `expected` ones that are there, with whatever value.

    `refused` are those that the store has refused for good, `past_retention` those that it has dropped by age: both
    are neither missing nor different.
    """

    expected: int = 0
    found: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    rewritten: int = 0
    refused: int = 0
    past_retention: int = 0

    def add(self, made: Difference, refused: Sequence[Times], oldest_ns: int) -> Times:
        """Count a series; the times of the points that are to be written again."""
        self.expected += len(made.expected)
        self.found += len(made.expected) - len(made.missing)
        self.extra += len(made.extra)
        wrong = np.union1d(made.missing, made.different)
        is_refused = np.isin(wrong, np.concatenate([made.refused, *refused]))
        is_past = ~is_refused & (wrong < oldest_ns)
        self.refused += int(is_refused.sum())
        self.past_retention += int(is_past.sum())
        wrong = wrong[~is_refused & ~is_past]
        is_missing = np.isin(wrong, made.missing)
        self.missing += int(is_missing.sum())
        self.different += int((~is_missing).sum())
        return wrong
