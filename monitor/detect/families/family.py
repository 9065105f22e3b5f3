"""A family of rules: a kernel makes a series of each stream's readings, the threshold machine judges it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from monitor.detect.gather import Column, Laid, offsets
from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import Flags, Index, Readings, Series, Values
from monitor.detect.machine import Machine, Made, Placed
from monitor.detect.memory import Memory
from monitor.detect.nearest import Nearest
from monitor.detect.panels import Compiled, Feature, compile_rules
from monitor.detect.phases import Phases, Scope
from monitor.detect.rules import RulesView
from monitor.detect.streams import Panel, StreamKey, Streams
from monitor.model.batch import Finding, Totals
from monitor.model.clock import MINUTE_NS
from monitor.model.limit import Rule

QuietRange = Callable[[], tuple[Values, Values]]


class Family:
    """Base of the families. Subclasses say which rules they take, what their kernel needs, and the kernel.

    Of each stream two things are remembered: what the kernel needs, once for each feature (a kernel's parameters and
    the time in which it watches), and the state of the machine, once for each rule. So rules that differ only in their
    limits share a feature, and a total outlives a change of its limit.
    """

    memory_type: ClassVar[type[Columns]]  # with a column `last_ns` where `has_totals`
    is_sparse: ClassVar[bool] = False  # its points are rarer than readings
    has_totals: ClassVar[bool] = False
    has_margins: ClassVar[bool] = True  # whether what it judges is limited, and not the health of sensors
    nearest: Nearest | None = None  # who wants to know how near streams come to their limits

    def __init__(self, streams: Streams, rules: RulesView) -> None:
        self._streams = streams
        self._compiled: dict[int, Compiled | None] = {}
        self._machine = Machine(streams, rules, self._compiled_of)
        self._memory = Memory(streams, self.memory_type, self._compiled_of)

    def takes(self, rule: Rule) -> bool:
        """Whether the rule is of this family."""
        raise NotImplementedError

    def parameters(self, rule: Any) -> tuple[Any, ...]:
        """The kernel's parameters, a NamedTuple of numbers; the kernel is given an array of each with a row a lane."""
        raise NotImplementedError

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """Series and memory after, see `readings`."""
        raise NotImplementedError

    def fields(
        self, readings: Readings, series: Series, memory: Any, parameters: Any, index: Index
    ) -> dict[str, NDArray[np.float64]]:
        """Running totals at some readings, float64, by field of measurement `exposure`; `memory` is that before."""
        raise NotImplementedError

    def pass_over(self, readings: Readings, slots: Index, parameters: Any, quiet: QuietRange) -> Flags | None:
        """Deal with lanes that need no series, their memory included: bool [lanes], which they are; None for none.

        `quiet()` tells between which values nothing happens, float32 [lanes] low and high; of active lanes NaN. Not
        asked where somebody wants to know how `nearest` they come.
        """
        del readings, slots, parameters, quiet
        return None

    def note(self, rule: Rule, detail: float) -> str:
        """What the message of an alert says besides; `detail` is the series' own of the point that fired."""
        del rule, detail
        return ""

    def step(self, column: Column, phases: Phases, totals: list[Totals]) -> list[Placed]:
        """Judge one column: findings with the row of their reading in its record; running totals are appended."""
        compiled = self._compile(column.panel)
        if compiled is None:
            return []
        found: list[Placed] = []
        for number in range(len(compiled.features)):
            made = self._make(column, compiled, number, phases, totals)
            if made is not None:
                found += self._machine.judge(column, compiled, compiled.rules_of(number), made, self.note, self.nearest)
        return found

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """What is remembered of a container's streams (None: of all), for `adopt`."""
        return {"lanes": self._machine.snapshot(container), "features": self._memory.snapshot(container)}

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with what is remembered; lanes of rules that are not in force are dropped, `cleared` if they fired."""
        self._memory.adopt(content["features"])
        return self._machine.adopt(content["lanes"])

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's streams."""
        self._memory.forget(container)
        self._machine.forget(container)

    def _make(
        self, column: Column, compiled: Compiled, number: int, phases: Phases, totals: list[Totals]
    ) -> Made | None:
        """Run the kernel over all readings of the column that the feature watches; None when there are none at all."""
        feature, everything = compiled.features[number], column.laid
        if everything.streams.size == 0:
            return None
        laid, is_outside = watched(column, everything, feature.scope, phases)
        if laid.streams.size == 0:
            return _with_outside(None, everything, is_outside, self.is_sparse)
        slots = self._memory.slots(laid.streams, len(compiled.features))[:, number]
        rows = _rows(feature, len(slots))
        if is_outside is None and self.nearest is None:
            quiet = partial(self._machine.quiet_range, laid.streams, compiled, compiled.rules_of(number))
            is_passed = self.pass_over(laid.readings, slots, rows, quiet)
            if is_passed is not None and is_passed.any():
                busy = np.flatnonzero(~is_passed)
                if busy.size == 0:
                    return None
                laid, slots, rows = laid.take(busy), slots[busy], _rows(feature, len(busy))
        before: Any = self._memory.take(slots)  # as memory_type and the kernel have it
        series, after = self.kernel(laid.readings, before, rows)
        self._memory.put(slots, after)
        if self.has_totals:
            totals += self._totals(column, compiled, number, laid, series, before, rows)
        counts = np.bincount(laid.readings.lane[series.at], minlength=len(slots))
        made = Made(laid, series, counts, laid.streams, is_sparse=self.is_sparse)
        return made if is_outside is None else _with_outside(made, everything, is_outside, self.is_sparse)

    def _put_quiet(self, slots: Index, is_quiet: Flags, after: Columns) -> None:
        """Keep the memory after of lanes that are passed over."""
        quiet = np.flatnonzero(is_quiet)
        self._memory.put(slots[quiet], after if quiet.size == len(slots) else after.take(quiet))

    def _totals(
        self, column: Column, compiled: Compiled, number: int, laid: Laid, series: Series, before: Any, rows: Any
    ) -> list[Totals]:
        """The totals at the first reading of each minute of data time, for each rule of the feature."""
        readings, keys = laid.readings, [self._streams.keys[stream] for stream in laid.streams.tolist()]
        minute = readings.times_ns // MINUTE_NS
        is_told = np.ones(len(minute), dtype=np.bool_)
        is_told[1:] = minute[1:] != minute[:-1]
        is_told[readings.starts] = ~before.is_used | (minute[readings.starts] != before.last_ns // MINUTE_NS)
        is_told &= np.repeat(np.array([not key.is_late for key in keys]), readings.counts)
        index = np.flatnonzero(is_told)
        segments = np.searchsorted(column.rows.starts, laid.source[index], side="right") - 1
        pos = np.array([block.pos for block in column.rows.blocks], dtype=np.int64)[segments]
        owners = [(key.container, key.logger, key.channel) for key in keys]
        told = self.fields(laid.readings, series, before, rows, index)
        rules = [compiled.rules[rule] for rule in compiled.rules_of(number).tolist()]
        return [Totals(rule.id, owners, readings.lane[index], pos, readings.times_ns[index], told) for rule in rules]

    def _compile(self, panel: Panel) -> Compiled | None:
        """The panel's rules of this family, None when it has none."""
        if panel.number not in self._compiled:
            self._compiled[panel.number] = compiled_rules(panel, self.takes, self._feature)
        return self._compiled[panel.number]

    def _compiled_of(self, key: StreamKey) -> Compiled | None:
        panel = self._streams.panel_of(key)
        return None if panel is None else self._compile(panel)

    def _feature(self, rule: Rule) -> Feature:
        return Feature(self.parameters(rule), Scope(rule.phases, getattr(rule, "per", "") == "leg"))


def compiled_rules(
    panel: Panel, takes: Callable[[Rule], bool], feature_of: Callable[[Rule], Feature]
) -> Compiled | None:
    """The rules of a panel that a family takes; None when there are none."""
    rules = tuple(rule for rule in panel.rules if takes(rule))
    return compile_rules(rules, [feature_of(rule) for rule in rules])


def _rows(feature: Feature, lanes: int) -> Any:
    """The parameters with a row for each lane."""
    return type(feature.parameters)(*(np.full(lanes, value) for value in feature.parameters))


def watched(column: Column, laid: Laid, scope: Scope, phases: Phases) -> tuple[Laid, Flags | None]:
    """The readings at which a feature watches, and of the laid ones which are not among them; None when all are."""
    if not scope.is_bound:
        return laid, None
    is_watched, since_ns = phases.watched(column.rows, scope)
    inside, span = is_watched[laid.source], since_ns[laid.source]
    readings = laid.readings._replace(span=span)
    if inside.all():
        return laid._replace(readings=readings), None
    counts = np.add.reduceat(inside, readings.starts, dtype=np.int64)
    is_lane = counts > 0
    kept = Readings(
        readings.values[inside], readings.times_ns[inside], readings.gap_ns[inside], span[inside],
        offsets(counts[is_lane]), counts[is_lane],
    )  # fmt: skip
    return Laid(kept, laid.streams[is_lane], laid.source[inside]), ~inside


def _with_outside(made: Made | None, everything: Laid, is_outside: Flags | None, is_sparse: bool) -> Made | None:
    """The points and, among them, one for each reading at which the rule does not watch; all refer to `everything`."""
    if is_outside is None:
        return made
    outside, inside = np.flatnonzero(is_outside), np.flatnonzero(~is_outside)
    at = outside if made is None else np.concatenate((inside[made.series.at], outside))
    order = np.argsort(at, kind="stable")
    values, detail, since_ns = np.zeros(len(at), dtype=np.float32), None, None
    if made is not None:
        values[: len(made.series.values)] = made.series.values
        if made.series.detail is not None:
            detail = np.concatenate((made.series.detail, np.full(len(outside), np.nan)))[order]
        if made.series.since_ns is not None:
            since_ns = np.concatenate((made.series.since_ns, everything.readings.times_ns[outside]))[order]
    marks = np.ones(len(at), dtype=np.bool_)
    marks[: len(at) - len(outside)] = False
    counts = np.bincount(everything.readings.lane[at], minlength=len(everything.streams))
    series = Series(values[order], at[order], detail, since_ns=since_ns)
    return Made(everything, series, counts, everything.streams, marks[order], is_sparse)
