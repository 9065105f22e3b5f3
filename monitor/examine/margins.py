"""How far one event is from the levels of rules, within or beyond, with or without an alert."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from monitor.detect.events.measured import Measured, is_beyond, measure, signal_g
from monitor.model.rules import ShockRule
from monitor.shock.analysis import Analysis
from monitor.shock.drop import fallen_m
from monitor.shock.duration import longest_s
from monitor.shock.envelope import unjudged_hz
from monitor.shock.fall import MIN_FALL_S
from monitor.shock.static import REST_G

Verdict = Literal["beyond", "within", "not known"]


class Margin(NamedTuple):
    """An event against the level of one rule; `measured` is None where the event does not say, `reason` then why.

    `verdict` as the value reads, whatever its uncertainty and the phase; "not known" where it reads as within, but
    what the hardware felt may have been more. With `is_bound` that is so of the value: it is at least, and the margin
    at most, what it reads. `is_doubtful`: the event is not valid and the value no bound either. `above_s` is how long a
    peak was above its level at a stretch, None of other quantities. `unjudged_hz` is the part of an envelope that the
    sampling rate cannot show, None where there is none.
    """

    rule: ShockRule
    measured: Measured | None
    verdict: Verdict
    is_bound: bool = False
    is_doubtful: bool = False
    reason: str = ""
    above_s: float | None = None
    unjudged_hz: tuple[float, float] | None = None


def margins_of(analysis: Analysis, rules: Iterable[ShockRule]) -> list[Margin]:
    """The margin to the level of each rule in turn; those of a dose have none for a single event."""
    return [_margin(analysis, rule) for rule in rules if rule.dose is None]


def _margin(analysis: Analysis, rule: ShockRule) -> Margin:
    measured = measure(analysis, rule)
    unjudged = None if rule.srs is None else unjudged_hz(rule.srs, analysis.waveform.fs_hz)
    if measured is None:
        return Margin(rule, None, "not known", reason=_why_not(analysis, rule), unjudged_hz=unjudged)
    above_s = _above_s(analysis, rule, measured)
    is_enough = above_s is None or above_s >= rule.min_duration_s
    is_bound = _is_bound(analysis, rule)
    is_doubtful = not (analysis.validity.is_valid or is_bound or _is_timed(analysis, rule))
    verdict: Verdict = "within"
    if is_enough and is_beyond(measured, rule):
        verdict = "beyond"
    elif is_doubtful or _may_be_beyond(measured, is_bound):
        verdict = "not known"
    return Margin(rule, measured, verdict, is_bound, is_doubtful, above_s=above_s, unjudged_hz=unjudged)


def _above_s(analysis: Analysis, rule: ShockRule, measured: Measured) -> float | None:
    if rule.quantity != "peak":
        return None
    return longest_s(np.abs(signal_g(analysis, rule)), analysis.waveform.fs_hz, measured.limit)


def _is_bound(analysis: Analysis, rule: ShockRule) -> bool:
    """Neither is a spectrum nor what a low-pass lets through: what is missing of a record may lower it or raise it."""
    if rule.quantity == "drop_height":
        is_reliable = analysis.validity.is_valid or analysis.validity.is_lower_bound
        return is_reliable and not analysis.drop.is_whole
    return analysis.validity.is_lower_bound and rule.quantity != "srs" and rule.lowpass_hz is None


def _is_timed(analysis: Analysis, rule: ShockRule) -> bool:
    """Whether it is the height by the time of a fall, which a stronger impact does not change."""
    return rule.quantity == "drop_height" and analysis.drop.is_whole and analysis.validity.is_lower_bound


def _may_be_beyond(measured: Measured, is_bound: bool) -> bool:
    return is_bound if measured.range_m is None else measured.range_m[1] > measured.limit


def _why_not(analysis: Analysis, rule: ShockRule) -> str:
    """Why an event does not say what a rule limits."""
    if rule.quantity == "srs":
        return "the sampling rate, or what is missing of the record, shows nothing of it"
    if rule.quantity != "drop_height":
        return "no sample has a value"
    if analysis.kind in ("impact", "rattle"):
        return f"no fall seen, and below {1e3 * fallen_m(MIN_FALL_S):.0f} mm by the impact"
    rest_g = float(np.linalg.norm(analysis.static.vector_g))
    if rest_g < REST_G[0]:
        return f"no fall seen: this sensor shows none, at rest it reads {rest_g:.2g} g"
    return "no fall seen"
