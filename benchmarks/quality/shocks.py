"""Alerts of shock rules against the events of the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.quality.limits import Limit
from benchmarks.quality.pulses import Event, Span, judge, part_of, show
from benchmarks.quality.score import EXCLUDED, FALSE, FOUND, ILL_TIMED, MISSED, OPEN, Alarm, Verdict
from benchmarks.quality.truth import LoggerTruth, time_ns


def score_shocks(
    logger: LoggerTruth, limits: Sequence[Limit], alarms: Sequence[Alarm], vibration: Sequence[Mapping[str, Any]]
) -> Iterator[Verdict]:
    """Verdicts on all peak rules at one logger; `vibration` is that of scenario.json."""
    rules = [rule for rule in limits if rule.kind == "shock" and "peak" in rule.table and "count" not in rule.table]
    here = {(alarm.boot, alarm.seq, alarm.channel, alarm.rule): alarm for alarm in alarms if alarm.kind == "shock"}
    known = {(one.boot, one.seq) for one in logger.arrivals if not one.is_foreign}
    judged = set()
    shaking = _shaking(logger, vibration)
    for event in events_of(logger):
        shown, is_turned = show(logger, event, shaking), part_of(logger, event.acc)["rotation"] != _registered(logger)
        for rule in rules:
            if not rule.watches(_phase(logger, event.t0_s)):
                continue
            has_axis = rule.table.get("axis", "resultant") != "resultant"
            is_sure, is_possible = judge(shown, rule, is_turned=is_turned and has_axis)
            key = (event.boot, event.seq, f"shock.{event.acc}", rule.id)
            place = ("shock", rule.id, logger.name, key[2], event.t0_s, event.t0_s)
            if event.reason or key[:2] not in known:
                if is_sure:
                    yield Verdict(place[0], EXCLUDED, *place[1:], note=event.reason or "lost on the logger")
                continue
            judged.add(key)
            yield from _match(logger, event, here.get(key), place, is_sure=is_sure, is_possible=is_possible)
    peak_rules = {rule.id for rule in rules}
    for key, alarm in here.items():
        if key not in judged and alarm.rule in peak_rules:
            verdict = EXCLUDED if alarm.is_foreign else FALSE
            yield Verdict("shock", verdict, alarm.rule, logger.name, alarm.channel, alarm.begin_s, alarm.begin_s)


def _match(
    logger: LoggerTruth,
    event: Event,
    alarm: Alarm | None,
    place: tuple[str, str, str, str, float, float],
    *,
    is_sure: bool,
    is_possible: bool,
) -> Iterator[Verdict]:
    if is_sure:
        verdict = FOUND if alarm else MISSED
        if alarm and not event.t0_s - 0.01 <= alarm.begin_s <= event.t0_s + part_of(logger, event.acc)["record"] + 0.01:
            verdict = ILL_TIMED
        yield Verdict(place[0], verdict, *place[1:], note=_told(event))
    elif is_possible:
        yield Verdict(place[0], OPEN, *place[1:], note="" if alarm else "no alert")
    elif alarm:
        yield Verdict(place[0], FALSE, *place[1:], note=f"{alarm.message}; {_told(event)}")


def events_of(logger: LoggerTruth) -> list[Event]:
    """Records with what is in them, and each shock that is in none."""
    records: dict[tuple[str, int, int], list[Mapping[str, Any]]] = defaultdict(list)
    found = []
    for line in logger.shocks:
        if "instance" in line:
            continue
        if line["triggered"]:
            records[line["acc"], line["boot"], line["seq"]].append(line)
        else:
            begin_s = logger.seconds(time_ns(line["at"])) - part_of(logger, line["acc"])["pre"]
            found.append(Event(line["acc"], begin_s, -1, -1, [line], 0.0, line["reason"]))
    for (acc, boot, seq), lines in records.items():
        t0_s = logger.seconds(logger.by_key[boot, seq].t0_ns)
        shaken_g = max((line["peak_g"] for line in lines if line["cause"] == "vibration"), default=0.0)
        impacts = [line for line in lines if line["cause"] != "vibration"]
        found.append(Event(acc, t0_s, boot, seq, impacts, shaken_g, ""))
    return found


def _shaking(logger: LoggerTruth, vibration: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The spans of vibration at a logger, behind its isolation."""
    return [
        Span(
            logger.seconds(time_ns(span["begin"])),
            logger.seconds(time_ns(span["end"])),
            span["grms"] * float(logger.told["isolation"]),
        )
        for span in vibration
        if span["container"] == logger.container
    ]


def _registered(logger: LoggerTruth) -> Any:
    """The rotation that the container's file has for the logger: its first accelerometer's."""
    return next(iter(logger.told["accelerometers"].values()))["rotation"]


def _phase(logger: LoggerTruth, at_s: float) -> str:
    return next((leg.phase for leg in logger.legs if leg.begin_s <= at_s < leg.end_s), "storage")


def _told(event: Event) -> str:
    impacts = [f"{impact['peak_g']:g} g {impact['duration_ms']:g} ms" for impact in event.impacts]
    return ", ".join(impacts) or f"vibration {event.vibration_g:g} g"
