"""The family of leak rules: their kernel, and a loss of pressure as a flow of gas out of the container's volume."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.detect.families.family import Family, QuietRange
from monitor.detect.gather import Column
from monitor.detect.kernels.buckets import width_ns
from monitor.detect.kernels.leak import DAY_S, LeakMemory, LeakParameters, leak
from monitor.detect.kernels.means import add_to_open
from monitor.detect.kernels.readings import Flags, Index, Readings, Series
from monitor.detect.machine import Made
from monitor.detect.panels import Compiled
from monitor.detect.phases import Phases
from monitor.detect.rules import RulesView
from monitor.detect.streams import Streams
from monitor.model.batch import Totals
from monitor.model.limit import LeakRule, Rule


class Leaks(Family):
    """Judges the loss of gas of each container whenever a window closes."""

    memory_type = LeakMemory
    is_sparse = True

    def __init__(self, streams: Streams, rules: RulesView) -> None:
        super().__init__(streams, rules)
        self._rules = rules

    def takes(self, rule: Rule) -> bool:
        """Whether it is a leak rule."""
        return isinstance(rule, LeakRule)

    def parameters(self, rule: LeakRule) -> LeakParameters:
        """The window's buckets, and whether the loss is told as a flow."""
        return LeakParameters(width_ns(rule.window_s), rule.is_flow)  # type: ignore[arg-type]  # a number for each lane

    def kernel(self, readings: Readings, memory: Any, parameters: Any) -> tuple[Series, Any]:
        """Loss in Pa/d, see `leak`."""
        return leak(readings, memory, parameters)

    def pass_over(self, readings: Readings, slots: Index, parameters: Any, quiet: QuietRange) -> Flags:
        """Lanes in which no bucket closes and the valve was shut."""
        rows: Any = self._memory.rows  # as memory_type says
        return add_to_open(readings, rows, slots, parameters.width_ns)

    def _make(
        self, column: Column, compiled: Compiled, number: int, phases: Phases, totals: list[Totals]
    ) -> Made | None:
        made = super()._make(column, compiled, number, phases, totals)
        parameters: Any = compiled.features[number].parameters  # as made above
        if made is None or not parameters.is_flow:
            return made
        factor = np.repeat([self._m3_d_per_s(stream) for stream in made.streams.tolist()], made.counts)
        values = (made.series.values * factor).astype(np.float32)
        return made._replace(series=made.series._replace(values=values))

    def _m3_d_per_s(self, stream: int) -> float:
        """What makes a flow in Pa m3/s of a loss in Pa/d: Q = V d(p Tref / T)/dt; 0 where the volume is not known.

        So a container whose volume nobody wrote down is never beyond a limit on the flow.
        """
        volume_m3 = self._rules.container(self._streams.keys[stream].container).free_gas_volume_m3
        return 0.0 if volume_m3 is None else volume_m3 / DAY_S
