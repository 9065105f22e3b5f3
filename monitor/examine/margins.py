"""How far one event is from the levels of rules, within or beyond, with or without an alert."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from monitor.detect.events.measured import Measured, measure, signal_g
from monitor.model.rules import ShockRule
from monitor.shock.analysis import Analysis
from monitor.shock.duration import longest_s
from monitor.shock.envelope import unjudged_hz


class Margin(NamedTuple):
    """An event against the level of one rule; `measured` is None where the event does not say.

    `is_beyond` as the value reads, whatever its uncertainty and the phase. `above_s` is how long a peak was above its
    level at a stretch, None of other quantities. `unjudged_hz` is the part of an envelope that the sampling rate cannot
    show, None where there is none.
    """

    rule: ShockRule
    measured: Measured | None
    is_beyond: bool
    above_s: float | None = None
    unjudged_hz: tuple[float, float] | None = None


def margins_of(analysis: Analysis, rules: Iterable[ShockRule]) -> list[Margin]:
    """The margin to the level of each rule in turn; those of a dose have none for a single event."""
    return [_margin(analysis, rule) for rule in rules if rule.dose is None]


def _margin(analysis: Analysis, rule: ShockRule) -> Margin:
    measured = measure(analysis, rule)
    unjudged = None if rule.srs is None else unjudged_hz(rule.srs, analysis.waveform.fs_hz)
    if measured is None:
        return Margin(rule, None, is_beyond=False, unjudged_hz=unjudged)
    value, limit = np.float32(abs(measured.value)), np.float32(measured.limit)
    is_beyond = bool(value < limit if rule.quantity == "damage_boundary" else value > limit)
    if rule.quantity != "peak":
        return Margin(rule, measured, is_beyond, unjudged_hz=unjudged)
    above_s = longest_s(np.abs(signal_g(analysis, rule)), analysis.waveform.fs_hz, measured.limit)
    return Margin(rule, measured, is_beyond and above_s >= rule.min_duration_s, above_s)
