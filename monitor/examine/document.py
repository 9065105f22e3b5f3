"""What is said of an event as JSON: plain numbers, as many digits as a float32 has, keys in one order."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from monitor.detect.events.summary import figures
from monitor.examine.event import Examined
from monitor.examine.margins import Margin
from monitor.model.clock import rfc3339
from monitor.model.rules import ShockRule
from monitor.model.single import number
from monitor.shock.boundary import margin_db
from monitor.shock.report import report as analysis_report
from monitor.shock.waveform import AXES

OTHERS = ("kind", "faults", "axis_peak_g", "spectrum")  # of an event's figures those that are not plain numbers


def row(event: Examined) -> dict[str, Any]:
    """An event of `tcm shock list`: which it is, its figures as in measurement `shock`, and the rules it is not within.

    `lower_bound`: the peak is at least, the damage margin at most what it reads; `drop_at_least`: so is the drop. The
    spectrum is not sure above `reliable_hz`. `beyond` are the rules whose level the event exceeds, `not_known` those of
    which its record cannot say so: id, margin, and whether that is at most what it reads.
    """
    analysis, told = event.analysis, asdict(figures(event.analysis, event.rules))
    axes = zip(AXES, told["axis_peak_g"], strict=True)
    return {
        **title(event),
        "kind": told["kind"],
        "valid": analysis.validity.is_valid,
        "faults": told["faults"],
        "lower_bound": analysis.validity.is_lower_bound,
        "peak_axis": AXES[analysis.pulse().axis],
        **{name: value for name, value in told.items() if name not in OTHERS},
        **{f"peak_{axis}_g": peak_g for axis, peak_g in axes},
        "drop_at_least": not analysis.drop.is_whole,
        "reliable_hz": number(analysis.reliable_hz),
        "beyond": [_short(each, event.phase) for each in event.margins if each.verdict == "beyond"],
        "not_known": [
            _short(each, event.phase) for each in event.margins if each.verdict == "not known" and each.measured
        ],
    }


def title(event: Examined) -> dict[str, Any]:
    """Which event it is: `at` is null where nobody knows, `offset_s` counts from the beginning of a recording."""
    return {
        "event": event.name,
        "at": None if event.at_ns is None else rfc3339(event.at_ns),
        "offset_s": None if event.offset_s is None else round(event.offset_s, 6),
        "container": event.container,
        "logger": event.logger,
        "sensor": event.sensor,
    }


def report(event: Examined) -> dict[str, Any]:
    """The answer of `tcm shock show --json`; `unplaced` are rules left out as nobody says where the sensor sat."""
    return {
        **row(event),
        "place": event.place,
        "phase": event.phase,
        "analysis": analysis_report(event.analysis),
        "margins": [margin_row(margin, event.phase) for margin in event.margins],
        "unplaced": list(event.unplaced),
    }


def margin_row(margin: Margin, phase: str | None) -> dict[str, Any]:
    """How far an event is from a rule, as its alert says it; `in_phase`: the rule watched at the time of the event.

    `at_most`: so is the margin, and the value at least what it reads. Where `value` is null, `reason` says why.
    """
    rule, measured = margin.rule, margin.measured
    numbers = {
        "value": measured and measured.value,
        "limit": _level(rule) if measured is None else measured.limit,
        "margin": measured and measured.margin,
        "margin_db": measured and margin_db(measured.margin),
        "peak_g": measured and measured.peak_g,
        "delta_v_m_s": measured and measured.delta_v_m_s,
        "at_hz": measured and measured.at_hz,
        "above_s": margin.above_s,
    }
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "quantity": rule.quantity,
        "axis": rule.axis,
        **{name: number(value) for name, value in numbers.items()},
        "unjudged_hz": margin.unjudged_hz and [number(hz) for hz in margin.unjudged_hz],
        "verdict": margin.verdict,
        "at_most": margin.is_bound,
        "doubtful": margin.is_doubtful,
        "reason": margin.reason or None,
        "in_phase": _in_phase(rule, phase),
    }


def _short(margin: Margin, phase: str | None) -> dict[str, Any]:
    """A rule in a row of the list."""
    assert margin.measured is not None  # of a rule that the event is beyond, or may be
    return {
        "rule": margin.rule.id,
        "severity": margin.rule.severity,
        "margin": number(margin.measured.margin),
        "at_most": margin.is_bound,
        "in_phase": _in_phase(margin.rule, phase),
    }


def _in_phase(rule: ShockRule, phase: str | None) -> bool:
    return phase is None or rule.phases is None or phase in rule.phases


def _level(rule: ShockRule) -> float:
    """What the rule limits at its lowest, whatever the event."""
    return rule.level if rule.srs is None else min(level_g for _, level_g in rule.srs)
