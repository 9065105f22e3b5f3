"""Alerts as lines of text: the list, one alert with all there is of it, and a line for each change."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from monitor.alerts.amounts import amount, amounts, duration
from monitor.cli.drawing import Point, Style, draw
from monitor.model.alert import state_after
from monitor.model.clock import parse_rfc3339

HEADER = f"{'severity':<10}{'state':<14}{'id':<18}rule"
INDENT = " " * 10
NAME = 13  # characters of a fact's name
MAX_DRAWN = 4  # series of one alert: a margin has three inputs
DIGEST_DIGITS = 12
FEW_TRANSITIONS = 20


def list_lines(rows: list[dict[str, Any]], width: int) -> Iterator[str]:
    """Two lines or more of each alert that counts; another says how many were merged."""
    counting = [row for row in rows if row["merged_into"] is None]
    if not counting:
        yield "no alerts"
    else:
        yield HEADER
    for row in counting:
        yield from _wrapped(f"{row['severity']:<10}{row['state']:<14}{row['id']:<18}{row['rule']}", width)
        yield from _wrapped(f"{INDENT}{row['message']}", width)
        remarks = "; ".join(remarks_of(row))
        if remarks:
            yield from _wrapped(f"{INDENT}{remarks}", width)
    if len(counting) < len(rows):
        yield f"{len(rows) - len(counting)} merged into others or withdrawn are left out; --json has all"


def remarks_of(alert: dict[str, Any]) -> Iterator[str]:
    """What is to be said of an alert beside its message."""
    if alert["decision"] != "exceeded":
        yield f"decision: {alert['decision']}"
    if alert["suspect"]:
        yield "suspect: the sensor itself is in doubt"
    said = alert["acknowledged"]
    if said is not None:
        yield f"acknowledged by {said['by']} at {said['at']}" + (f": {said['remark']}" if said["remark"] else "")
    for key, what in (("escalated_to", "escalated to alarm"), ("escalates", "escalates"), ("merged_into", "part of")):
        if alert[key] is not None:
            yield f"{what} {alert[key]}"


def change_line(at: str, change: str, alert: dict[str, Any], width: int) -> str:
    """A change of an alert, over as many lines as it takes."""
    head = f"{at} {alert['severity']} {state_after(alert, change)} {alert['id']} {alert['rule']}"
    flags = ", ".join(remarks_of(alert))
    lines = [*_wrapped(head, width), *_wrapped(f"{INDENT}{alert['message']}", width)]
    return "\n".join([*lines, *(_wrapped(f"{INDENT}{flags}", width) if flags else ())])


def alert_lines(evidence: dict[str, Any], width: int, style: Style) -> Iterator[str]:
    """Everything about an alert, a drawing of its readings last."""
    alert = evidence["alert"]
    for name, text in _facts(evidence, alert):
        if text:
            yield from textwrap.wrap(f"{name:<{NAME}}{text}", width, subsequent_indent=" " * NAME)
    for row in evidence["transitions"][-FEW_TRANSITIONS:]:
        by = f" by {row['acknowledged']['by']}" if row["change"] == "acknowledged" and row["acknowledged"] else ""
        yield from textwrap.wrap(f"{'':<{NAME}}{row['at']} {row['change']}{by}", width, subsequent_indent=" " * NAME)
    yield from _drawings(evidence, width, style)


def _facts(evidence: dict[str, Any], alert: dict[str, Any]) -> Iterator[tuple[str, str]]:
    value, limit = amounts(alert["value"], alert["limit"], alert["unit"])
    peak, _ = amounts(alert["peak"], alert["limit"], alert["unit"])
    known = alert["uncertainty"]
    unsure = "" if known is None else f", uncertainty {amount(known, alert['unit'], 2)}"
    yield "alert", f"{alert['id']}: {alert['severity']}, {alert['state']}"
    yield "what", alert["message"]
    yield "remarks", "; ".join(remarks_of(alert))
    yield "logger", " ".join(filter(None, [alert["container"], alert["logger"], alert["serial"], _at(alert["place"])]))
    yield "occurred", f"{alert['occurred_at']}, reported {alert['reported_at']}"
    yield "cleared", alert["cleared_at"] or ""
    yield "value", f"{value}, peak {peak}, limit {limit}{unsure}"
    yield "phase", alert["phase"] + (f", custodian {alert['custodian']}" if alert["custodian"] else "")
    yield "rule", _rule(evidence["rule"]) or alert["rule"]
    digest = alert["profile_digest"][:DIGEST_DIGITS]
    yield "limits", f"{evidence['profile']}, digest {digest}..." if evidence["profile"] else f"digest {digest}..."
    yield "evidence", f"journal position {evidence['pos']}, boot {evidence['boot']}, seq {evidence['seq']}"
    event = evidence["event"]
    if event is not None:
        yield "event", f"{event['event']}, {event['kind']}: tcm shock show {alert['id']}"
    yield "missing", "; ".join(evidence["missing"])
    yield "history", "what became of it:" if evidence["transitions"] else ""


def _at(place: str | None) -> str:
    return f"at {place}" if place else ""


def _rule(rule: dict[str, Any] | None) -> str:
    """A rule's keys in one line, name and kind first."""
    if rule is None:
        return ""
    keys = [f"{key} {shown(value)}" for key, value in rule.items() if key not in ("id", "kind")]
    return ", ".join([rule["id"], rule["kind"], *keys])


def shown(value: Any) -> str:
    """A value of a rule's canonical JSON as people write it: "600.0 s" is 10 min."""
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(each)}" for key, each in value.items())
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    number, _, unit = value.partition(" ")
    try:
        size = float(number)
    except ValueError:
        return value
    return duration(size) if unit == "s" else amount(size, unit)


def _drawings(evidence: dict[str, Any], width: int, style: Style) -> Iterator[str]:
    """The alert's own readings with its limit, then what they are computed of."""
    series = [each for each in (evidence["readings"], *evidence["inputs"]) if each["times"]]
    for each in series[:MAX_DRAWN]:
        points = list(_points(each))
        lines = draw(points, each["limit"], width, style)
        if lines:
            limit = "" if each["limit"] is None else f"; {style.limit * 3} limit {each['limit']:.5g}"
            yield ""
            yield from textwrap.wrap(f"{each['channel']} of {each['logger']} in {each['unit']}{limit}", width)
            yield from lines
    if len(series) > MAX_DRAWN:
        yield f"{len(series) - MAX_DRAWN} more series are left out; --json has them"


def _points(series: dict[str, Any]) -> Iterator[Point]:
    for at, value in zip(series["times"], series["values"], strict=True):
        yield parse_rfc3339(at), float("nan") if value is None else value


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=INDENT, break_on_hyphens=False)
