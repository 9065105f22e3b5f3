"""The signals of an event that rules judge, and where they exceed a level."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.rules import RulesView
from monitor.model.batch import Event
from monitor.model.limit import ShockRule
from monitor.shock.analysis import Analysis
from monitor.shock.duration import longest_s, stretches
from monitor.shock.peak import vector_length
from monitor.shock.waveform import AXES, waveform_of


class Hit(NamedTuple):
    """An event beyond a rule's level: its first sample beyond, and its signed peak, rounded to float32."""

    start_ns: int
    peak_g: float


class Signals:
    """One event on container axes, free of its static part: made when first asked for, filtered once for a corner."""

    def __init__(self, event: Event, rules: RulesView) -> None:
        self.event = event
        self.channel = f"shock.{event.shock.accelerometer}"
        self._rules = rules

    @cached_property
    def accuracy_g(self) -> float | None:
        """U (k = 2) of the accelerometer, None when nobody can say."""
        return self._rules.accuracy(self.event.container, self.event.logger, self.channel)

    def guard_g(self, rule: ShockRule) -> float:
        """What a peak may be larger by than it reads, for a rule that has to fire then already; else 0."""
        return (self.accuracy_g or 0.0) if rule.guard else 0.0

    def hit(self, rule: ShockRule) -> Hit | None:
        """Where the event exceeds the rule's level, None when it is within, or beyond for too short a time."""
        level_g, fs_hz = rule.peak_g - self.guard_g(rule), self.event.shock.fs_hz
        signal_g = self._signal(rule)
        size_g = np.abs(signal_g)
        runs = stretches(size_g, level_g)
        if len(runs) == 0 or longest_s(size_g, fs_hz, level_g) < rule.min_duration_s:
            return None
        return Hit(self._time_ns(runs[0, 0]), float(np.float32(signal_g[int(size_g.argmax())])))

    def clipped_ns(self) -> int | None:
        """Time of the first sample at a rail of the counts or at the declared full scale, None when there is none."""
        at_rail = self.analysis.waveform.is_at_rail.any(axis=0)
        return self._time_ns(at_rail.argmax()) if at_rail.any() else None

    def _signal(self, rule: ShockRule) -> NDArray[np.float64]:
        """The signal on the rule's axis, signed, or its resultant: float64 [n], g."""
        accel_g = self.analysis.lowpassed(rule.lowpass_hz)
        if rule.axis == "resultant":
            return vector_length(accel_g)
        return accel_g[AXES.index(rule.axis), :]

    @cached_property
    def analysis(self) -> Analysis:
        """The event's analysis on container axes."""
        logger = self._rules.logger(self.event.container, self.event.logger)
        return Analysis(waveform_of(self.event.shock, np.array(logger.rotation)))

    def _time_ns(self, sample: np.int64 | np.intp) -> int:
        return self.event.start_ns + self.analysis.waveform.offset_ns(float(sample))
