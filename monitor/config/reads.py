"""Which channels a rule lives on."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.model.channel import COMPUTED_DIFFERENTIAL, DERIVED, UNITS, covers, inputs_of, quantity_of
from monitor.model.limit import CondensationRule, HealthRule, LeakRule, Rule, ShockRule

CHANNEL_CHECKS = ("stuck", "range", "nan")  # of health; the others are of a logger


def reads(rule: Rule) -> tuple[tuple[str, str], ...]:
    """(key, glob of measured channels) of all that must be measured for the rule to judge anything."""
    match rule:
        case CondensationRule():
            air = (("air", f"temperature.{rule.air}"), ("air", f"humidity.{rule.air}"))
            return (*air, *(("surface", surface) for surface in rule.surfaces))
        case LeakRule():
            return ("pressure", rule.pressure), ("temperature", rule.temperature)
        case ShockRule():
            return ()
        case HealthRule() if rule.check not in CHANNEL_CHECKS:
            return ()
        case _ if quantity_of(rule.channel) in DERIVED or rule.channel == COMPUTED_DIFFERENTIAL:
            return tuple(("channel", channel) for channel in inputs_of(rule.channel))
    return (("channel", rule.channel),)


def unmeasured(rule: Rule, channels: Iterable[str]) -> list[tuple[str, str]]:
    """Of `reads`, what none of `channels` is; an over-pressure may be computed from the pressures on both sides."""
    measured = {channel for channel in channels if quantity_of(channel) in UNITS}
    if measured.issuperset(inputs_of(COMPUTED_DIFFERENTIAL)):
        measured.add(COMPUTED_DIFFERENTIAL)
    return [(key, glob) for key, glob in reads(rule) if not any(covers(glob, channel) for channel in measured)]
