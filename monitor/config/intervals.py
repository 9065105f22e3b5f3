"""Times of rules against the loggers' intervals: what is too short for its readings never judges anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.config.reads import CHANNEL_CHECKS, reads
from monitor.model.channel import covers
from monitor.model.leg import Logger
from monitor.model.limit import ForecastRule, HealthRule, LeakRule, Rule, StatisticRule

Placed = tuple[str, Logger]  # file of the container, and one of its loggers

# Of the 60 buckets of a window, so many need a reading before the detector says anything of it.
TREND_READINGS = 30  # z-score, cusum and forecast
LEAK_READINGS = 45
WINDOWS = ("window_s", "over_s")
TIMED_CHECKS = ("stuck", "nan", "clock", "silent")


def interval_faults(rule: Rule, loggers: Sequence[Placed]) -> Iterator[tuple[str, str]]:
    """(key, message) of each time of the rule that is too short for one of the loggers that it concerns."""
    concerned = [(file, logger) for file, logger in loggers if _concerns(rule, logger)]
    for key, seconds, readings in _times(rule):
        slow = [
            (logger.interval_s, file, logger.id)
            for file, logger in concerned
            if logger.interval_s is not None and logger.interval_s * readings > seconds
        ]
        if not slow:
            continue
        interval_s, file, name = max(slow)
        least = "the interval" if readings == 1 else f"{readings} intervals ({interval_s * readings:g} s)"
        others = f" and {len(slow) - 1} more" if len(slow) > 1 else ""
        where = f"{interval_s:g} s of {name} in {file}{others}"
        yield key, f"expected at least {least} of the loggers, {where}, got {seconds:g} s"


def _concerns(rule: Rule, logger: Logger) -> bool:
    if isinstance(rule, HealthRule) and rule.check not in CHANNEL_CHECKS:
        return True
    return any(covers(glob, channel) for _, glob in reads(rule) for channel in logger.calibration)


def _times(rule: Rule) -> Iterator[tuple[str, float, int]]:
    """(key, s, readings that must fall into it) of the rule."""
    if isinstance(rule, HealthRule):
        if rule.check in TIMED_CHECKS and rule.for_s:  # 0: at once
            yield "for", rule.for_s, 1
        return
    keys = list(WINDOWS)
    if getattr(rule, "scope", "logger") == "container" or getattr(rule, "method", "") == "disagreement":
        keys.append("max_age_s")
    fields = type(rule).model_fields
    for key in keys:
        if key in fields and getattr(rule, key) is not None:
            yield fields[key].alias or key, getattr(rule, key), _readings(rule) if key == "window_s" else 1


def _readings(rule: Rule) -> int:
    if isinstance(rule, LeakRule):
        return LEAK_READINGS
    return TREND_READINGS if isinstance(rule, StatisticRule | ForecastRule) else 1
