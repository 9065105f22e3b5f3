"""What alerts say of a shock event: how hard it was by the quantity of the rule, and the limit."""

from __future__ import annotations

from collections.abc import Callable

from monitor.alerts.amounts import WRITTEN_DIGITS, amount, amounts, duration
from monitor.model.batch import Finding
from monitor.model.limit import Rule, ShockRule
from monitor.shock.boundary import margin, margin_db

VALUE_DIGITS = 3  # of what is worked out of an event: more than anybody knows of it
LIMIT_DIGITS = 4  # of a limit on a spectrum between two of its points
UNCERTAINTY_DIGITS = 2
COUNT, DOSE = "count", "dose"
LIMITED = ", limit "


def quantity_of_value(rule: ShockRule) -> str:
    """What the value of an alert is of: the rule's quantity, or the count or dose of such events."""
    if rule.dose is not None:
        return DOSE
    return rule.quantity if rule.count is None else COUNT


def limit_of_value(rule: Rule, finding: Finding) -> float:
    """What the value was held against."""
    return rule.limit if finding.limit is None else finding.limit


def margin_of_value(rule: ShockRule, value: float, limit: float) -> float:
    """How many times stronger it could be before it came to the limit, below 1 beyond."""
    return value if rule.sign < 0 else margin(limit, value)


def unsure(rule: ShockRule, finding: Finding, decision: str) -> str:
    """Why nobody can say whether an event is beyond, "" where its U is known, or its note says why."""
    is_open = rule.is_of_events and decision == "indeterminate" and not finding.is_doubtful
    return "accuracy not known" if is_open and finding.uncertainty is None else ""


def excess(rule: ShockRule, finding: Finding, decision: str) -> str:
    """The quantity, its value and its limit; of one that may yet be within it, how far from it that is to say."""
    return _TEXTS[quantity_of_value(rule)](rule, finding, decision == "within")


def _peak(rule: ShockRule, finding: Finding, is_within: bool) -> str:
    if is_within:
        return _limited(rule, finding, rule.limit, is_within)
    value, limit = amounts(finding.value, rule.limit, rule.unit)
    return f"{value}, {'above' if finding.value >= 0 else 'beyond'} {limit}"  # against the axis its size is above


def _velocity_change(rule: ShockRule, finding: Finding, is_within: bool) -> str:
    return "velocity change " + _limited(rule, finding, rule.limit, is_within)


def _damage_boundary(rule: ShockRule, finding: Finding, is_within: bool) -> str:
    value = amounts(finding.value, rule.limit, rule.unit, VALUE_DIGITS)[0]
    how_near = ""
    if is_within and finding.uncertainty is not None:
        how_near = f", within {amount(finding.uncertainty, '', UNCERTAINTY_DIGITS)} of the boundary"
    return f"damage boundary: {finding.detail}, margin {value}{how_near} (critical {_critical(rule)})"


def _srs(rule: ShockRule, finding: Finding, is_within: bool) -> str:
    return "SRS " + _limited(rule, finding, limit_of_value(rule, finding), is_within)


def _drop_height(rule: ShockRule, finding: Finding, is_within: bool) -> str:
    """With a guard its range decides, which may reach further above than U."""
    value, limit = amounts(finding.value, rule.limit, rule.unit, VALUE_DIGITS)
    return f"dropped from {value} ({finding.detail}), {'perhaps above the ' if is_within else ''}limit {limit}"


def _count(rule: ShockRule, finding: Finding, is_within: bool) -> str:
    assert rule.within_s is not None  # as the rule's own check requires with `count`
    value, limit = amounts(finding.value, rule.limit, rule.unit)
    return f"{value} {_EVENTS[rule.quantity](rule)} within {duration(rule.within_s)}{LIMITED}{limit}"


def _dose(rule: ShockRule, finding: Finding, is_within: bool) -> str:
    value, limit = amounts(finding.value, rule.limit, rule.unit)
    return f"dose {value}{LIMITED}{limit}"


_TEXTS: dict[str, Callable[[ShockRule, Finding, bool], str]] = {
    "peak": _peak,
    "velocity_change": _velocity_change,
    "damage_boundary": _damage_boundary,
    "srs": _srs,
    "drop_height": _drop_height,
    COUNT: _count,
    DOSE: _dose,
}
_EVENTS: dict[str, Callable[[ShockRule], str]] = {
    "peak": lambda rule: f"events above {amount(rule.level, 'g')}",
    "velocity_change": lambda rule: f"events with a velocity change above {amount(rule.level, 'm/s')}",
    "damage_boundary": lambda rule: f"events beyond the damage boundary ({_critical(rule)})",
    "srs": lambda rule: "events with an SRS above its limit",
    "drop_height": lambda rule: f"drops from above {amount(rule.level, 'm')}",
}


def _limited(rule: ShockRule, finding: Finding, limit: float, is_within: bool) -> str:
    """Value, what was measured beside it, and limit."""
    limit_digits = WRITTEN_DIGITS if finding.limit is None else LIMIT_DIGITS
    value_text, limit_text = amounts(finding.value, limit, rule.unit, VALUE_DIGITS, limit_digits)
    measured = f"{value_text} {finding.detail}".rstrip()
    if is_within and finding.uncertainty is not None:
        within = amount(finding.uncertainty, rule.unit, UNCERTAINTY_DIGITS)
        return f"{measured}, within {within} of the limit of {limit_text}"
    margin_text = f" (margin {margin_db(margin(limit, finding.value)):.1f} dB)" if rule.quantity != "peak" else ""
    return f"{measured}{LIMITED}{limit_text}{margin_text}"


def _critical(rule: ShockRule) -> str:
    assert rule.damage_boundary is not None  # as its quantity says
    return (
        f"{amount(rule.damage_boundary.acceleration_g, 'g')}, {amount(rule.damage_boundary.velocity_change_m_s, 'm/s')}"
    )
