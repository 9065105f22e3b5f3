"""Alerts against the truth: what was found, missed, false, and what nobody can say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from benchmarks.quality.judged import series_of
from benchmarks.quality.limits import Limit
from benchmarks.quality.spans import Series, Spans, spans_of
from benchmarks.quality.truth import NS_PER_S, LoggerTruth, time_ns

FOUND, MISSED, FALSE, OPEN, EXCLUDED, ILL_TIMED = "found", "missed", "false", "indeterminate", "excluded", "ill-timed"
FOUND_BY_ORDER = "found late"  # its first readings came behind later ones; by what came in order the start is right
WHOLE_CONTAINER = "-"  # the logger of an alert that compares several
DWELLING = ("threshold", "rate", "condensation")  # alerts of these start at the first reading beyond, not when judged


class Alarm(NamedTuple):
    """An alert in true time, s since the start; `end_s` is infinite while it lasts. `is_foreign`: its record is of no
    logger's making."""

    rule: str
    kind: str
    logger: str
    channel: str
    begin_s: float
    end_s: float
    reported_s: float
    boot: int
    seq: int
    is_foreign: bool
    message: str


@dataclass(frozen=True)
class Verdict:
    """One thing that is counted: where it was (s since the scenario's start), and how the monitor did."""

    kind: str
    verdict: str
    rule: str
    logger: str
    channel: str
    begin_s: float
    end_s: float
    note: str = ""

    def to_json(self, scenario: str, seed: int) -> dict[str, Any]:
        """For whoever has to look into it."""
        row = {"scenario": scenario, "seed": seed} | asdict(self)
        end_s = None if math.isinf(self.end_s) else round(self.end_s, 1)
        return row | {"begin_s": round(self.begin_s, 1), "end_s": end_s}


def alarms_of(logger: LoggerTruth, alerts: Iterable[Mapping[str, Any]], *, speaks_for_all: bool = False) -> list[Alarm]:
    """A logger's alerts, and those of its container as a whole if it speaks for that.

    The record that fired says by how much its clock was wrong.
    """
    found = []
    names = (logger.name, WHOLE_CONTAINER) if speaks_for_all else (logger.name,)
    for alert in alerts:
        if alert["container"] != logger.container or alert["logger"] not in names:
            continue
        key = (alert["evidence"]["boot"], alert["evidence"]["seq"])
        made = logger.by_key.get(key)
        error_s = made.error_ns / NS_PER_S if made else 0.0
        begin_s = logger.seconds(time_ns(alert["occurred_at"])) - error_s
        cleared = alert["cleared_at"]
        end_s = math.inf if cleared is None else _end_s(logger, time_ns(cleared), error_s)
        found.append(
            Alarm(
                rule=alert["rule"],
                kind=alert["kind"],
                logger=logger.name,
                channel=alert["channel"],
                begin_s=begin_s,
                end_s=max(begin_s, end_s),  # a record of a wrong time may have ended it
                reported_s=logger.seconds(time_ns(alert["reported_at"])),
                boot=key[0],
                seq=key[1],
                is_foreign=key in logger.foreign,
                message=alert["message"],
            )
        )
    return found


def _end_s(logger: LoggerTruth, told_ns: int, error_s: float) -> float:
    """The last true time that a logger told as this one: one whose clock stepped back told some times twice."""
    length_ns = round(logger.block_s * NS_PER_S)
    errors_s = [
        made.error_ns / NS_PER_S
        for made in logger.made
        if made.kind == "env" and 0 <= told_ns - made.t0_ns - made.error_ns < length_ns
    ]
    return logger.seconds(told_ns) - min(errors_s, default=error_s)


def score(logger: LoggerTruth, limits: Sequence[Limit], alarms: Sequence[Alarm]) -> Iterator[Verdict]:
    """Verdicts on all limits of the kinds that judge readings, at one logger."""
    for rule in limits:
        for series in series_of(logger, rule):
            mine = [alarm for alarm in alarms if alarm.rule == rule.id and alarm.channel == series.channel]
            yield from compare(logger, series, mine)


def compare(logger: LoggerTruth, series: Series, alarms: Sequence[Alarm]) -> Iterator[Verdict]:
    """Match the alerts of one rule at one channel with what had to and what may have been found."""
    spans = spans_of(logger, series)
    place = (series.rule.id, logger.name, series.channel)
    for may in spans.may:
        musts = [must for must in spans.must if _touches(may, must)]
        if musts:
            yield _on_exceedance(logger, series, may, musts, alarms)
        elif not any(_touches((alarm.begin_s, alarm.end_s), may) for alarm in alarms):
            yield Verdict(series.rule.kind, OPEN, *place, *may, note="no alert")
    for alarm in alarms:
        if not any(_touches((alarm.begin_s, alarm.end_s), must) for must in spans.must):
            verdict = _on_alarm(logger, series, spans, alarm)
            yield Verdict(series.rule.kind, verdict, *place, alarm.begin_s, alarm.end_s, note=alarm.message)


def _on_exceedance(
    logger: LoggerTruth,
    series: Series,
    may: tuple[float, float],
    musts: Sequence[tuple[float, float]],
    alarms: Sequence[Alarm],
) -> Verdict:
    """Found when every part of it that had to be found was, and its start lies where it may.

    That is from where the truth may have passed the limit to an interval behind where it had for sure.
    """
    place = (series.rule.id, logger.name, series.channel)
    ordered = replace(series, key=logger.live_stretch, is_known=series.is_known & logger.is_live)
    live = [must for must in spans_of(logger, ordered).must if _touches(must, may)]
    for must in musts:
        if not any(_touches((alarm.begin_s, alarm.end_s), must) for alarm in alarms):
            by_order = "" if any(_touches(must, one) for one in live) else "; in what came in order it is too short"
            return Verdict(series.rule.kind, MISSED, *place, *must, note=_circumstances(logger, must) + by_order)
    first = musts[0]
    begin_s = min(alarm.begin_s for alarm in alarms if _touches((alarm.begin_s, alarm.end_s), first))
    slack_s = logger.interval_s + logger.step_s + (series.hold_s if series.rule.kind not in DWELLING else 0.0)
    earliest_s, latest_s = may[0] - logger.step_s, first[0] + slack_s
    if earliest_s <= begin_s <= latest_s:
        return Verdict(series.rule.kind, FOUND, *place, *first)
    note = f"starts at {begin_s:.0f} s, expected {earliest_s:.0f} to {latest_s:.0f} s; {_circumstances(logger, first)}"
    ordered_s = min((begin for begin, _ in live if begin >= may[0]), default=math.inf)
    verdict = FOUND_BY_ORDER if earliest_s <= begin_s <= ordered_s + slack_s else ILL_TIMED
    return Verdict(series.rule.kind, verdict, *place, *first, note=note)


def _on_alarm(logger: LoggerTruth, series: Series, spans: Spans, alarm: Alarm) -> str:
    """An alert that found nothing that had to be found."""
    interval_s = logger.interval_s
    if any(_touches((alarm.begin_s, alarm.end_s), (begin - interval_s, end + interval_s)) for begin, end in spans.may):
        return OPEN
    first = max(int((alarm.begin_s - interval_s) / logger.step_s), 0)
    last = min(alarm.end_s + interval_s, logger.points * logger.step_s) / logger.step_s
    is_doubtful = alarm.is_foreign or bool(series.is_excluded[first : int(last) + 1].any())
    return EXCLUDED if is_doubtful else FALSE


def _circumstances(logger: LoggerTruth, span: tuple[float, float]) -> str:
    """What else was going on: how much of the span came live, and which faults there were."""
    part = slice(int(span[0] / logger.step_s), int(span[1] / logger.step_s) + 1)
    live = float(logger.is_live[part].mean()) if logger.is_live[part].size else 0.0
    faults = sorted(
        {
            fault["kind"]
            for fault in logger.faults
            if _touches(span, tuple(logger.seconds(time_ns(fault.get(key, fault["at"]))) for key in ("at", "until")))
        }
    )
    return f"{live:.0%} live" + (f", {', '.join(faults)}" if faults else "")


def _touches(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
