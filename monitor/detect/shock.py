"""The family of shock rules: stateless, as an event is whole in one record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.detect.phases import Phases
from monitor.detect.rules import RulesView, rules_of
from monitor.model.batch import Event, Finding
from monitor.model.limit import ShockRule
from monitor.shock.duration import longest_s, stretches
from monitor.shock.filter import lowpass
from monitor.shock.peak import Motion, motion, vector_length

AXES = ("x", "y", "z")


class ShockJudge:
    """Judges events against the shock rules of their container's profile."""

    def __init__(self, rules: RulesView) -> None:
        self._rules = rules

    def step(self, event: Event, phases: Phases) -> list[tuple[int, Finding]]:
        """Findings of one event, a `fired` and a `cleared` for each rule exceeded, with their place in the record."""
        rules = [rule for rule in rules_of(self._rules, event.container) if isinstance(rule, ShockRule)]
        phase = phases.at(event.container, event.trigger_ns) if rules and event.shock.samples else ""
        rules = [rule for rule in rules if phase and (rule.phases is None or phase in rule.phases)]
        if not rules:
            return []
        rotation = np.array(self._rules.logger(event.container, event.logger).rotation)
        signals = _Signals(motion(event.shock, rotation), event.shock.fs_hz)
        found: list[tuple[int, Finding]] = []
        for rule in rules:
            found += _judge(event, rule, signals.of(rule))
        return found


class _Signals:
    """The signals that rules judge, filtered once for each corner frequency."""

    def __init__(self, moved: Motion, fs_hz: float) -> None:
        self._fs_hz = fs_hz
        self._by_corner: dict[float | None, NDArray[np.float64]] = {None: moved.dynamic_g}

    def of(self, rule: ShockRule) -> NDArray[np.float64]:
        """The static-free signal on the rule's axis, signed, or its resultant: float64 [n], g, container axes."""
        corner_hz = rule.lowpass_hz
        if corner_hz not in self._by_corner and corner_hz is not None:
            self._by_corner[corner_hz] = lowpass(self._by_corner[None], self._fs_hz, corner_hz)
        accel_g = self._by_corner[corner_hz]
        if rule.axis == "resultant":
            return vector_length(accel_g)
        return accel_g[AXES.index(rule.axis), :]


def _judge(event: Event, rule: ShockRule, signal_g: NDArray[np.float64]) -> list[tuple[int, Finding]]:
    """Fired at the first sample beyond the level, cleared by the event's end; nothing when within or too short."""
    size_g = np.abs(signal_g)
    runs = stretches(size_g, rule.peak_g)
    fs_hz = event.shock.fs_hz
    if len(runs) == 0 or longest_s(size_g, fs_hz, rule.peak_g) < rule.min_duration_s:
        return []
    start_ns = event.start_ns + int(event.shock.offsets_ns[runs[0, 0]])
    peak_g = float(np.float32(signal_g[int(size_g.argmax())]))
    axis, channel = rule.axis, f"shock.{event.shock.accelerometer}"
    return [
        (row, Finding(
            change, rule.id, event.container, event.logger, channel, axis,
            start_ns, time_ns, peak_g, peak_g, event.pos, event.boot, event.seq,
        ))
        for row, (change, time_ns) in enumerate((("fired", start_ns), ("cleared", event.end_ns)))
    ]  # fmt: skip
