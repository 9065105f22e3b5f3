"""How near each stream came to the limit of each rule, also where nothing was ever exceeded: for a back-test alone.

Whoever judges live observes nothing. Of late records nothing is noted while they are judged apart, only once they are
judged in their place. Rules for the health of sensors and loggers are left out: they limit nothing of a journey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.gather import Column
from monitor.detect.kernels.readings import Flags, Index, Series
from monitor.detect.streams import StreamKey
from monitor.model.channel import shown_channel
from monitor.model.limit import Rule

MAX_APPROACHES = 1 << 18  # about 400 bytes each; 12 loggers under 40 rules are 500


class Limited(NamedTuple):
    """A stream under a rule."""

    rule: str
    container: str
    logger: str
    channel: str


class Approach(NamedTuple):
    """The value nearest to a limit of a rule, or furthest beyond it, in the rule's unit.

    `margin` is what was left, below 0 where the value lay beyond; `time_ns` that of the reading or of the event's peak
    pulse, `pos` its record.
    """

    rule: Rule
    margin: float
    value: float
    limit: float
    time_ns: int
    pos: int


class Reached(NamedTuple):
    """Lanes and how far their points go towards the limits: `owners` of the lanes, `starts` and `counts` int64 [lanes].

    `reach` float32 [lanes, rules] and `limits` float32 [lanes or 1, rules] are mirrored, so that beyond is above. The
    points are those of `series`, whose readings are at `source` int64 [n] in their column, but for those `is_outside`.
    """

    owners: Sequence[StreamKey]
    starts: Index
    counts: Index
    reach: NDArray[np.float32]
    limits: NDArray[np.float32]
    series: Series
    source: Index
    is_outside: Flags | None


class Nearest:
    """The nearest approach of each stream to the limit of each rule; beyond MAX_APPROACHES of them none is noted."""

    def __init__(self) -> None:
        self.approaches: dict[Limited, Approach] = {}

    def is_nearer(self, key: Limited, margin: float) -> bool:
        """Whether a margin is less than all before."""
        known = self.approaches.get(key)
        return margin < known.margin if known is not None else len(self.approaches) < MAX_APPROACHES

    def note(self, key: Limited, approach: Approach) -> None:
        """Take an approach if it is the nearest."""
        if self.is_nearer(key, approach.margin):
            self.approaches[key] = approach

    def add(self, other: Nearest) -> None:
        """Take all approaches of another."""
        for key, approach in other.approaches.items():
            self.note(key, approach)

    def note_lanes(self, column: Column, rules: Sequence[Rule], lanes: Reached) -> None:
        """Note the reading of each lane that comes nearest to the limit of each rule."""
        channel = shown_channel(column.panel.channel)
        margins = np.subtract(lanes.limits, lanes.reach, dtype=np.float64)  # exact, as both are float32
        for lane, owner in enumerate(lanes.owners):
            for number, rule in enumerate(rules):
                key, margin = Limited(rule.id, owner.container, owner.logger, channel), float(margins[lane, number])
                if not owner.is_late and margin < np.inf and self.is_nearer(key, margin):
                    self.approaches[key] = _approach(column, rule, lanes, lane, number)


def _approach(column: Column, rule: Rule, lanes: Reached, lane: int, number: int) -> Approach:
    """The first point of a lane that goes as far as any towards the limit of a rule."""
    points = slice(int(lanes.starts[lane]), int(lanes.starts[lane] + lanes.counts[lane]))
    value = lanes.reach[lane, number] * np.float32(rule.sign)
    is_it = lanes.series.values[points] == value
    if lanes.is_outside is not None:
        is_it &= ~lanes.is_outside[points]
    source = int(lanes.source[lanes.series.at[points.start + int(np.argmax(is_it))]])
    segment = int(np.searchsorted(column.rows.starts, source, side="right")) - 1
    limit = lanes.limits[lane if len(lanes.limits) > 1 else 0, number]
    return Approach(
        rule, float(limit) - float(lanes.reach[lane, number]), float(value), float(limit) * rule.sign,
        int(column.rows.times_ns[source]), column.rows.blocks[segment].pos,
    )  # fmt: skip
