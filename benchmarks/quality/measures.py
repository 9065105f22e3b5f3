"""Kinds that have no limit in the truth, by measures of their own: health, statistic, forecast.

Health and statistic: which injected faults were told of, after how long, and what was told without one. Forecast: which
exceedances were announced, how long before, and how many announcements did not come true.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.quality.judged import series_of
from benchmarks.quality.limits import Limit
from benchmarks.quality.score import EXCLUDED, FALSE, FOUND, MISSED, OPEN, Alarm, Verdict
from benchmarks.quality.spans import spans_of
from benchmarks.quality.truth import LoggerTruth, time_ns

OFF = ("network", "refused", "brown-out")
# What may be told of by which check of `health`; of the first kinds it is asked that it is told of.
ASKED = {"stuck": ("stuck",), "nan": ("dropout",), "clock": ("clock-step",)}
ALLOWED = {
    "stuck": ("stuck", "clip", "dropout"),  # a sensor at its stop shows no change
    "nan": ("dropout",),
    "clock": ("clock-step", "brown-out", *OFF, "corrupted", "reordered", "clone"),
    "silent": OFF,
    "range": ("corrupted", "drift"),
    "battery": ("brown-out",),
    "memory": OFF,
}
STATIC = ("trigger", "clipped", "invalid", "calibration")  # properties of the scenario: listed, not scored
DRIFTING = ("drift", "stuck", "clip", "dropout")
SIGMAS = 1.4826  # standard deviations in a median absolute deviation of Gaussian values
EARLIEST = 1.5  # an announcement holds for this many times its horizon; the world changes its mind later


class Fault(NamedTuple):
    """An injected fault in s since the start."""

    kind: str
    channel: str | None
    begin_s: float
    end_s: float


def faults_of(logger: LoggerTruth) -> list[Fault]:
    """A logger's injected faults; one without an end is a moment."""
    return [
        Fault(
            fault["kind"],
            fault.get("channel"),
            logger.seconds(time_ns(fault["at"])),
            logger.seconds(time_ns(fault.get("until", fault["at"]))),
        )
        for fault in logger.faults
    ]


def score_health(logger: LoggerTruth, limits: Sequence[Limit], alarms: Sequence[Alarm]) -> Iterator[Verdict]:
    """Of each fault that a check is for, whether it was told of; of each alert, whether there was a fault."""
    faults = faults_of(logger)
    for rule in (rule for rule in limits if rule.kind == "health"):
        check, hold_s = rule.table["check"], rule.number("for", 0.0)
        mine = [alarm for alarm in alarms if alarm.rule == rule.id]
        for fault in faults:
            is_long = fault.end_s - fault.begin_s >= hold_s + 2 * logger.interval_s or fault.end_s == fault.begin_s
            if fault.kind in ASKED.get(check, ()) and is_long and _covers(rule, fault.channel):
                yield _on_fault(logger, rule, fault, mine, hold_s)
        for alarm in mine:
            yield from _on_alarm(logger, rule, alarm, faults, ALLOWED.get(check, ()), hold_s)


def score_statistics(logger: LoggerTruth, limits: Sequence[Limit], alarms: Sequence[Alarm]) -> Iterator[Verdict]:
    """As health: a departure that neither a sensor's fault nor a change of the truth itself explains is false."""
    faults = faults_of(logger)
    for rule in (rule for rule in limits if rule.kind == "statistic"):
        mine = [alarm for alarm in alarms if alarm.rule == rule.id]
        for fault in faults:
            if fault.kind == "drift" and _covers(rule, fault.channel):
                yield _on_fault(logger, rule, fault, mine, 0.0)
        for alarm in mine:
            if not _has_changed(logger, rule, alarm):
                yield from _on_alarm(logger, rule, alarm, faults, DRIFTING, rule.number("window", 0.0))


def _has_changed(logger: LoggerTruth, rule: Limit, alarm: Alarm) -> bool:
    """Whether the truth itself left the median of the window by half of what the rule asks for, or more."""
    window_s = rule.number("window", 0.0)
    if window_s == 0 or alarm.channel not in logger.columns:
        return False
    first, last = (max(int(at_s / logger.step_s), 0) for at_s in (alarm.begin_s - window_s, alarm.begin_s))
    truth = logger.of(alarm.channel)[first : last + 1]
    if truth.size == 0:
        return False
    middle = float(np.median(truth))
    spread = SIGMAS * float(np.median(np.abs(truth - middle))) + logger.told["sensors"][alarm.channel]["noise"]
    asked = rule.level if rule.table["method"] == "z-score" else rule.number("slack", 0.5)
    return bool(abs(float(truth[-1]) - middle) > asked / 2 * spread)


def score_forecasts(logger: LoggerTruth, limits: Sequence[Limit], alarms: Sequence[Alarm]) -> Iterator[Verdict]:
    """Of each exceedance that came out of the safe, whether it was announced; of each announcement, whether it came."""
    for rule in (rule for rule in limits if rule.kind == "forecast"):
        plain = Limit(rule.id, "threshold", rule.phases, {**rule.table, "for": "0 s"})
        within_s = rule.number("within")
        for series in series_of(logger, plain):
            mine = [alarm for alarm in alarms if alarm.rule == rule.id and alarm.channel == series.channel]
            spans = spans_of(logger, series)
            place = ("forecast", rule.id, logger.name, series.channel)
            for may in spans.may:
                musts = [must for must in spans.must if may[0] <= must[0] <= may[1]]
                is_sudden = may[0] < within_s or any(0 < may[0] - other[1] < within_s for other in spans.may)
                if musts and not is_sudden:
                    ahead = [may[0] - alarm.begin_s for alarm in mine if 0 <= may[0] - alarm.begin_s <= 2 * within_s]
                    verdict = FOUND if ahead else MISSED
                    yield Verdict(place[0], verdict, *place[1:], *may, note=f"{max(ahead, default=0.0):.0f} s ahead")
            for alarm in mine:
                horizon = (alarm.begin_s, alarm.begin_s + EARLIEST * within_s)
                if not alarm.is_foreign:
                    is_come = any(begin <= horizon[1] and horizon[0] <= end for begin, end in spans.may)
                    verdict = OPEN if is_come else FALSE
                    yield Verdict(place[0], verdict, *place[1:], alarm.begin_s, alarm.end_s, note=alarm.message)


def _on_fault(logger: LoggerTruth, rule: Limit, fault: Fault, alarms: Sequence[Alarm], hold_s: float) -> Verdict:
    channel = fault.channel or "-"
    late_s = fault.end_s + hold_s + 3 * logger.block_s
    told = [alarm for alarm in alarms if alarm.begin_s <= late_s and alarm.end_s >= fault.begin_s]
    told = [alarm for alarm in told if _is_of(alarm, fault)]
    delay_s = min((alarm.reported_s for alarm in told), default=0.0) - fault.begin_s
    note = f"{delay_s:.0f} s after" if told else f"no alert on {fault.kind}"
    verdict = FOUND if told else MISSED
    return Verdict(rule.kind, verdict, rule.id, logger.name, channel, fault.begin_s, fault.end_s, note=note)


def _on_alarm(
    logger: LoggerTruth, rule: Limit, alarm: Alarm, faults: Sequence[Fault], allowed: Sequence[str], hold_s: float
) -> Iterator[Verdict]:
    slack_s = hold_s + 3 * logger.block_s
    is_static = rule.table.get("check") in STATIC
    is_meant = any(
        fault.kind in allowed
        and _is_of(alarm, fault)
        and alarm.begin_s <= fault.end_s + slack_s
        and alarm.end_s >= fault.begin_s - slack_s
        for fault in faults
    )
    if not is_meant:
        verdict = EXCLUDED if is_static or alarm.is_foreign else FALSE
        yield Verdict(
            rule.kind, verdict, rule.id, logger.name, alarm.channel, alarm.begin_s, alarm.end_s, note=alarm.message
        )


def _is_of(alarm: Alarm, fault: Fault) -> bool:
    """Whether an alert is of the fault's channel, or of a value made of it such as disagreement.<channel>."""
    return fault.channel is None or alarm.channel == fault.channel or alarm.channel.endswith(f".{fault.channel}")


def _covers(rule: Limit, channel: str | None) -> bool:
    if channel is None or rule.table.get("channel", "*") == "*":
        return True
    return rule.judges(channel)
