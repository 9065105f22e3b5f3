"""Which series each rule of a limits file judges at a logger."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import bounds
from benchmarks.quality.arrays import F64, Mask, Pair, runs_of, trailing
from benchmarks.quality.limits import Limit
from benchmarks.quality.spans import Series
from benchmarks.quality.truth import LoggerTruth


def series_of(logger: LoggerTruth, rule: Limit) -> Iterator[Series]:
    """The series that a rule judges at a logger; none where it has no such channel or the kind has no truth."""
    makers = {
        "threshold": _thresholds,
        "rate": _rates,
        "exposure": _exposures,
        "cycles": _cycles,
        "condensation": _condensation,
        "leak": _leaks,
    }
    if rule.kind in makers and logger.columns and logger.points:
        yield from makers[rule.kind](logger, rule)


def _thresholds(logger: LoggerTruth, rule: Limit) -> Iterator[Series]:
    for channel in _channels(logger, rule):
        low, high = bounds.felt(logger, channel)
        yield _series(logger, rule, channel, (low, high), [channel])


def _rates(logger: LoggerTruth, rule: Limit) -> Iterator[Series]:
    over_s = rule.number("over")
    for channel in _channels(logger, rule):
        yield _series(logger, rule, channel, bounds.rate(logger, channel, over_s), [channel], window_s=over_s)


def _condensation(logger: LoggerTruth, rule: Limit) -> Iterator[Series]:
    air = rule.table.get("air", "air")
    surfaces = rule.table.get("surface", ["temperature.hardware"])
    present = [channel for channel in surfaces if channel in logger.columns]
    sources = [f"temperature.{air}", f"humidity.{air}", *present]
    if rule.table.get("scope", "logger") == "logger" and present and set(sources) <= set(logger.columns):
        yield _series(logger, rule, f"dew_margin.{air}", bounds.dew_margin(logger, air, present), sources)


def _leaks(logger: LoggerTruth, rule: Limit) -> Iterator[Series]:
    pressure = rule.table.get("pressure", "pressure.inside")
    temperature = rule.table.get("temperature", "temperature.air")
    window_s = rule.number("window", 86_400.0)
    if "m3" in str(rule.table["above"]) or not {pressure, temperature} <= set(logger.columns):
        return
    channel = f"leak.{pressure.partition('.')[2]}"
    pair = bounds.leak(logger, pressure, temperature, window_s)
    found = _series(logger, rule, channel, pair, [pressure, temperature], window_s=window_s, hold_s=window_s / 60)
    differential = rule.table.get("differential", "differential.inside")
    if "cracking" in rule.table and differential in logger.columns:
        _, over_pa = trailing(bounds.felt(logger, differential)[1], round(window_s / logger.step_s))
        found.is_known[over_pa > rule.number("cracking")] = False
    yield found


def _exposures(logger: LoggerTruth, rule: Limit) -> Iterator[Series]:
    for channel in _channels(logger, rule):
        if rule.table["measure"] == "mkt":
            window_s = rule.number("window")
            pair = bounds.kinetic_mean_c(logger, channel, window_s)
            extra_s = window_s / bounds.BUCKETS
            yield _series(logger, rule, channel, pair, [channel], window_s=window_s, hold_s=extra_s, is_total=True)
        else:
            yield _exposure(logger, rule, channel)


def _exposure(logger: LoggerTruth, rule: Limit, channel: str) -> Series:
    """Hours or unit-hours beyond the base; what came late counts at most, what a faulty sensor told at most."""
    low, high = bounds.felt(logger, channel)
    low, high = (low, high) if rule.sign > 0 else (-high, -low)
    base = rule.sign * rule.level
    faulty, known = _faulty(logger, [channel]), (logger.stretch > 0) & _watched(logger, rule)
    sure, possible = logger.is_live & known & ~faulty, _widened(known | faulty, logger)
    if rule.table["measure"] == "time":
        least, most = (low > base).astype(np.float64), _widened((high > base) | faulty, logger).astype(np.float64)
    else:
        least, most = np.maximum(low - base, 0.0), np.maximum(high - base, 0.0)
    hours = logger.step_s / 3600.0
    pair = (_total(least * sure, logger, rule) * hours, _total(most * possible, logger, rule) * hours)
    found = _series(logger, rule, channel, pair, [channel], is_total=True)
    lasting = logger.is_disturbed if rule.table["measure"] == "time" else faulty  # a wrong time may begin another leg
    found.is_excluded[:] = np.maximum.accumulate(lasting)
    return found


def _cycles(logger: LoggerTruth, rule: Limit) -> Iterator[Series]:
    """The largest range of a rainflow count, residue and all, is greatest minus least so far: both are its corners."""
    if "range" not in rule.table:
        return
    for channel in _channels(logger, rule):
        low, high = bounds.felt(logger, channel, has_bias=False)
        known = logger.stretch > 0
        sure = known & logger.is_live
        between = round(logger.interval_s / logger.step_s)  # a summit may lie between two readings
        top, bottom = trailing(low, between)[0], trailing(high, between)[1]
        least = _so_far(np.where(sure, top, -np.inf), np.maximum, rule, logger)
        least = least - _so_far(np.where(sure, bottom, np.inf), np.minimum, rule, logger)
        most = _so_far(np.where(known, high, -np.inf), np.maximum, rule, logger)
        most = most - _so_far(np.where(known, low, np.inf), np.minimum, rule, logger)
        found = _series(logger, rule, channel, (least, most), [channel], is_total=True)
        found.is_excluded[:] = np.maximum.accumulate(_faulty(logger, [channel]))
        yield found


def _series(
    logger: LoggerTruth,
    rule: Limit,
    channel: str,
    pair: Pair,
    sources: list[str],
    window_s: float = 0.0,
    hold_s: float = 0.0,
    *,
    is_total: bool = False,
) -> Series:
    """Mirror, and mark what is known: with a window only what the window is full of."""
    sign = 1 if is_total or rule.kind == "cycles" else rule.sign
    level_key = "range" if rule.kind == "cycles" else "limit" if is_total else "below" if sign < 0 else "above"
    level = rule.number(level_key)
    if is_total and rule.table.get("measure") == "time":
        level /= 3600.0
    low, high = pair if sign > 0 else (-pair[1], -pair[0])
    watched, faulty = _watched(logger, rule), _faulty(logger, sources)
    leg = (
        logger.leg_of() if rule.phases is not None or rule.table.get("per") == "leg" else np.zeros_like(logger.stretch)
    )
    known = logger.stretch > 0
    if window_s > 0:
        reach = round((window_s * (1 + 1 / bounds.BUCKETS) + 2 * logger.interval_s) / logger.step_s)
        known &= _age(known & watched & ~faulty, logger.stretch, leg) > reach
        faulty = trailing(faulty.astype(np.float64), reach)[1] > 0
    if logger.is_cloned and rule.kind != "threshold":
        faulty = np.ones_like(faulty)  # two sensors take turns: no difference between readings means anything
    return Series(
        rule=rule,
        channel=channel,
        low=low,
        high=high,
        level=sign * level,
        clear=sign * rule.number("clear", level) if not is_total else level,
        hold_s=hold_s + rule.number("for", 0.0),
        is_known=known,
        is_excluded=faulty,
        is_watched=watched,
        key=leg,
    )


def _channels(logger: LoggerTruth, rule: Limit) -> list[str]:
    """Those it measures, and the over-pressure where that is not measured but can be computed."""
    channels = list(logger.columns)
    if "differential.inside" not in channels and {"pressure.inside", "pressure.outside"} <= set(channels):
        channels.append("differential.computed")
    return [channel for channel in channels if rule.judges(channel)]


def _watched(logger: LoggerTruth, rule: Limit) -> Mask:
    """Points in the rule's phases; `storage` is the phase behind the last leg."""
    holds = np.array([*(rule.watches(leg.phase) for leg in logger.legs), rule.watches("storage")])
    return np.asarray(holds[logger.leg_of()])


def _faulty(logger: LoggerTruth, sources: list[str]) -> Mask:
    if sources == ["differential.computed"]:
        sources = ["pressure.inside", "pressure.outside"]
    return np.asarray(np.any([logger.is_faulty(channel) for channel in sources], axis=0))


def _age(mask: Mask, *keys: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many points of the run lie before each point of it, -1 outside of runs."""
    age = np.full(len(mask), -1, dtype=np.int64)
    for first, last in runs_of(mask, *keys).tolist():
        age[first : last + 1] = np.arange(last - first + 1)
    return age


def _widened(mask: Mask, logger: LoggerTruth) -> Mask:
    """The mask and an interval on either side."""
    points = round(logger.interval_s / logger.step_s)
    after = trailing(mask.astype(np.float64), points)[1]
    return np.asarray(trailing(after[::-1], points)[1][::-1] > 0)


def _total(share: F64, logger: LoggerTruth, rule: Limit) -> F64:
    """Sum so far, of the journey or of the leg."""
    total = np.cumsum(share)
    if rule.table.get("per", "journey") == "leg":
        leg = logger.leg_of()
        for first, last in runs_of(np.ones(len(leg), dtype=np.bool_), leg).tolist()[1:][::-1]:
            total[first : last + 1] -= total[first - 1]
    return total


def _so_far(x: F64, extreme: np.ufunc, rule: Limit, logger: LoggerTruth) -> F64:
    """Extreme so far, of the journey or of the leg."""
    if rule.table.get("per", "journey") == "journey":
        return np.asarray(extreme.accumulate(x))
    leg, found = logger.leg_of(), np.empty_like(x)
    for first, last in runs_of(np.ones(len(leg), dtype=np.bool_), leg).tolist():
        found[first : last + 1] = extreme.accumulate(x[first : last + 1])
    return found
