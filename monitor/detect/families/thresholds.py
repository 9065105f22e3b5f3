"""The family of rules that judge readings as they are: no kernel, and a look at each segment's extremes first."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np

from monitor.detect.families.family import compiled_rules
from monitor.detect.gather import Column, Laid
from monitor.detect.kernels.readings import Flags, Series, Values
from monitor.detect.machine import Machine, Made, Placed
from monitor.detect.nearest import Nearest
from monitor.detect.panels import Compiled, Feature
from monitor.detect.phases import Phases, Scope
from monitor.detect.rules import RulesView
from monitor.detect.streams import Panel, StreamKey, Streams
from monitor.model.batch import Finding, Totals
from monitor.model.limit import CondensationRule, Rule, StatisticRule, ThresholdRule


class Thresholds:
    """State of all lanes as of a `Family`, but streams that come near no limit cost a minimum and a maximum.

    Unless somebody wants to know how `nearest` they come.
    """

    has_margins: ClassVar[bool] = True
    nearest: Nearest | None = None

    def __init__(self, streams: Streams, rules: RulesView) -> None:
        self._streams = streams
        self._compiled: dict[int, Compiled | None] = {}
        self._machine = Machine(streams, rules, self._compiled_of)

    def takes(self, rule: Rule) -> bool:
        """Whether the rule judges the values of its channel, measured or derived, as they are."""
        is_difference = isinstance(rule, StatisticRule) and rule.method == "disagreement"
        return is_difference or isinstance(rule, ThresholdRule | CondensationRule)

    def feature(self, panel: Panel, rule: Rule) -> Feature:
        """What is computed of a stream of the panel: nothing."""
        del panel
        return Feature((), Scope(rule.phases))

    def series(self, laid: Laid, feature: Feature) -> Series:
        """What is judged of the readings: they themselves."""
        del feature
        return Series(laid.readings.values, np.arange(len(laid.readings.values)))

    def is_beyond(self, column: Column, feature: Feature, low: Values, high: Values) -> Flags:
        """Segments that leave `low` .. `high`, between which nothing happens, float32 [segments]; bool [segments]."""
        del feature
        beyond: Flags = (column.highs > high) | (column.lows < low)
        return beyond

    def step(self, column: Column, phases: Phases, totals: list[Totals]) -> list[Placed]:
        """Judge one column: findings with the row of their reading in its record."""
        del totals
        compiled = self._compile(column.panel)
        if compiled is None:
            return []
        found: list[Placed] = []
        for number, feature in enumerate(compiled.features):
            rules = compiled.rules_of(number)
            near = self._near(column, compiled, number, phases)
            if near is None:
                continue
            laid = near.laid
            is_outside = _outside(near, laid, feature.scope, phases)
            made = Made(laid, self.series(laid, feature), laid.readings.counts, laid.streams, is_outside)
            found += self._machine.judge(near, compiled, rules, made, _no_note, self.nearest)
        return found

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """The lanes of a container (None: of all) that are pending or firing, for `adopt`."""
        return {"lanes": self._machine.snapshot(container)}

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with remembered lanes; those whose rule is no longer in force are dropped, `cleared` if they fired."""
        return self._machine.adopt(content["lanes"])

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's streams."""
        self._machine.forget(container)

    def _near(self, column: Column, compiled: Compiled, number: int, phases: Phases) -> Column | None:
        """The streams that have to be looked at; None when there are none."""
        if self.nearest is not None:
            return column if column.laid.streams.size else None
        segments = np.flatnonzero(self._is_near(column, compiled, number, phases))
        return column.take(segments) if segments.size else None

    def _is_near(self, column: Column, compiled: Compiled, number: int, phases: Phases) -> Flags:
        """Which segments belong to streams that are active, or come beyond a limit in the batch, bool [segments]."""
        feature = compiled.features[number]
        low, high = self._machine.quiet_range(column.streams, compiled, compiled.rules_of(number))
        is_beyond = self.is_beyond(column, feature, low, high)
        if feature.scope.is_bound and is_beyond.any():
            beyond = np.flatnonzero(is_beyond)
            some = column.rows.take(beyond)
            is_watched, _ = phases.watched(some, feature.scope)
            is_beyond[beyond] = np.logical_or.reduceat(is_watched, some.starts)
        is_beyond |= np.isnan(high)
        if not is_beyond.any():
            return is_beyond
        near: Flags = np.isin(column.streams, column.streams[is_beyond])
        return near

    def _compile(self, panel: Panel) -> Compiled | None:
        if panel.number not in self._compiled:
            self._compiled[panel.number] = compiled_rules(panel, self.takes, partial(self.feature, panel))
        return self._compiled[panel.number]

    def _compiled_of(self, key: StreamKey) -> Compiled | None:
        panel = self._streams.panel_of(key)
        return None if panel is None else self._compile(panel)


def _outside(near: Column, laid: Laid, scope: Scope, phases: Phases) -> Flags | None:
    """The readings at which the rules do not watch; None when they always do."""
    if not scope.is_bound:
        return None
    is_watched, _ = phases.watched(near.rows, scope)
    outside: Flags = ~is_watched[laid.source]
    return outside if outside.any() else None


def _no_note(_rule: Rule, _detail: float) -> str:
    return ""
