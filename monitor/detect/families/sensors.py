"""Families of health rules that look at each channel: stuck, without values, outside the sensor's range.

Every channel of every logger has such rules, and hardly any of them ever has anything to tell. So each family looks at
a few numbers of a segment first and runs its kernel on the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.detect.families.family import Family
from monitor.detect.families.thresholds import Thresholds
from monitor.detect.gather import Column, Laid, Lanes, Rows
from monitor.detect.kernels.missing import MissingMemory, missing
from monitor.detect.kernels.reach import ReachParameters, outside
from monitor.detect.kernels.readings import Flags, Index, Readings, Series, Values
from monitor.detect.kernels.stuck import Segments, StuckMemory, StuckParameters, pass_over, stuck
from monitor.detect.machine import Placed
from monitor.detect.panels import LONGEST_DWELL_S, Compiled, Feature
from monitor.detect.phases import Phases, Scope
from monitor.detect.rules import RulesView
from monitor.detect.streams import Panel, Streams
from monitor.model.batch import Totals
from monitor.model.channel import PHYSICAL_RANGE, quantity_of
from monitor.model.clock import NS_PER_S
from monitor.model.limit import HealthRule, Rule


class Stuck(Family):
    """Channels that show no change for as long as the rule says; the value is 1 as long as that lasts."""

    memory_type = StuckMemory
    is_sparse = True
    has_margins = False

    def __init__(self, streams: Streams, rules: RulesView) -> None:
        super().__init__(streams, rules)
        self._rows: Rows | None = None  # those that `_is_steady` is of: columns of one layout share theirs
        self._is_steady = np.empty(0, dtype=np.bool_)

    def takes(self, rule: Rule) -> bool:
        """Whether it is a health rule that checks that."""
        return isinstance(rule, HealthRule) and rule.check == "stuck"

    def parameters(self, rule: HealthRule) -> tuple[Any, ...]:
        """What is no change, in the channel's unit, and for how long."""
        for_ns = round(min(rule.for_s, LONGEST_DWELL_S) * NS_PER_S)
        tolerance = float(np.float32(rule.tolerance or 0.0))
        return StuckParameters(tolerance, for_ns)  # type: ignore[arg-type]  # a number for each lane

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """1 when stuck, 0 at the end, with the seconds without change as detail."""
        series, after = stuck(readings, memory, parameters)
        return series._replace(values=(series.values > 0).astype(np.float32)), after

    def note(self, rule: Rule, detail: float) -> str:
        """For how long."""
        return f"unchanged for {detail:.0f} s"

    def step(self, column: Column, phases: Phases, totals: list[Totals]) -> list[Placed]:
        """Judge one column; streams that show a change every now and then cost a dozen readings."""
        compiled = self._compile(column.panel)
        if compiled is None:
            return []
        is_busy = ~self._pass_over(column, compiled)
        if not is_busy.any():
            return []
        busy = _of_streams(column, is_busy)
        return super().step(column if busy.size == len(column.streams) else column.take(busy), phases, totals)

    def _compile(self, panel: Panel) -> Compiled | None:
        """As the family's; the kernel counts the time, so the machine does not."""
        compiled = super()._compile(panel)
        return None if compiled is None else compiled._replace(dwell_ns=np.zeros_like(compiled.dwell_ns))

    def _pass_over(self, column: Column, compiled: Compiled) -> Flags:
        """The segments that are dealt with: of streams without NaN that are not stuck under any rule."""
        features, lanes = compiled.features, column.lanes
        if lanes is None or any(feature.scope.is_bound for feature in features) or not column.is_valid.all():
            return np.zeros(len(column.streams), dtype=np.bool_)
        laid = Segments(column.values, column.rows.times_ns, lanes.starts, lanes.counts)
        slots = self._memory.slots(lanes.streams, len(features))
        is_quiet, passed = self._steady(column.rows, lanes), []
        for number, feature in enumerate(features):
            p = StuckParameters(*(np.full(len(lanes.streams), value) for value in feature.parameters))
            before: Any = self._memory.take(slots[:, number])  # as memory_type says
            of_feature, after = pass_over(laid, before, p)
            is_quiet = is_quiet & of_feature
            passed.append(after)
        for number, after in enumerate(passed):
            self._put_quiet(slots[:, number], is_quiet, after)
        return np.isin(column.streams, lanes.streams[is_quiet])

    def _steady(self, rows: Rows, lanes: Lanes) -> Flags:
        """Whether the times of each lane rise without a gap, bool [lanes]."""
        if self._rows is not rows:
            spacing_ns = np.diff(rows.times_ns, prepend=0)
            is_next = (spacing_ns > 0) & (spacing_ns <= np.repeat(rows.gap_ns, rows.counts))
            is_next[lanes.starts] = True
            self._rows, self._is_steady = rows, np.logical_and.reduceat(is_next, lanes.starts)
        return self._is_steady


class Missing(Family):
    """Channels that give nothing but NaN, or too much of it: the share in % of the rows since the first NaN."""

    memory_type = MissingMemory
    has_margins = False

    def takes(self, rule: Rule) -> bool:
        """Whether it is a health rule that checks that."""
        return isinstance(rule, HealthRule) and rule.check == "nan"

    def parameters(self, rule: HealthRule) -> tuple[Any, ...]:
        """None: share and time are the machine's business."""
        del rule
        return ()

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """The share at each row, see `missing`."""
        del parameters
        return missing(readings, memory)

    def step(self, column: Column, phases: Phases, totals: list[Totals]) -> list[Placed]:
        """Judge one column: the rows of streams with a NaN now or among their last 60."""
        compiled = self._compile(column.panel)
        if compiled is None:
            return []
        slots = self._memory.slots(column.streams, len(compiled.features))
        is_wanted: Flags = np.any(self._memory.rows.is_used[slots], axis=1)  # features have phases of their own
        if not column.is_valid.all():
            is_wanted |= ~np.logical_and.reduceat(column.is_valid, column.rows.starts)
        if not is_wanted.any():
            return []
        marks = Column(column.panel, column.rows, column.streams, (~column.is_valid).astype(np.float32))
        return super().step(marks.take(_of_streams(column, is_wanted)), phases, totals)


class Reach(Thresholds):
    """Readings that no working sensor gives: the distance outside its range, in the channel's unit."""

    has_margins = False

    def takes(self, rule: Rule) -> bool:
        """Whether it is a health rule that checks that."""
        return isinstance(rule, HealthRule) and rule.check == "range"

    def feature(self, panel: Panel, rule: Any) -> Feature:
        """The range of the rule, else of any sensor of the quantity."""
        physical = PHYSICAL_RANGE.get(quantity_of(panel.channel), (-np.inf, np.inf))
        least = physical[0] if rule.least is None else rule.least
        most = physical[1] if rule.most is None else rule.most
        return Feature((float(np.float32(least)), float(np.float32(most))), Scope(rule.phases))

    def series(self, laid: Laid, feature: Feature) -> Series:
        """How far each reading lies outside, see `outside`."""
        least, most = (np.full(len(laid.streams), bound, dtype=np.float32) for bound in feature.parameters)
        return outside(laid.readings, ReachParameters(least, most))

    def is_beyond(self, column: Column, feature: Feature, low: Values, high: Values) -> Flags:
        """Segments with a reading outside the range."""
        del low, high
        least, most = feature.parameters
        beyond: Flags = (column.lows < least) | (column.highs > most)
        return beyond


def _of_streams(column: Column, is_wanted: Flags) -> Index:
    """All segments of the streams that any of the wanted segments belongs to."""
    return np.flatnonzero(np.isin(column.streams, column.streams[is_wanted]))
