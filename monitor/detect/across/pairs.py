"""What is computed of the readings of several loggers: which columns each logger tells, and what they make together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.across.track import MAX_AGE_POINTS, Pace
from monitor.detect.derive import INSIDE, OUTSIDE, Work, coldest, has_differential, margin, surfaces_of
from monitor.model.channel import ALL_LOGGERS, COMPUTED_DIFFERENTIAL, covers, field_name
from monitor.model.clock import NS_PER_S
from monitor.model.limit import CondensationRule, Rule, StatisticRule

EVERY_S, MAX_AGE_S = 60.0, 600.0  # of the over-pressure, as no rule says them: the default of those that do

Samples = NDArray[np.float32]
Reader = Callable[[Samples], Samples]  # rows of a layout, float32 [n, C], as a pair's columns, float32 [n, columns]


class Part(NamedTuple):
    """A logger's part in a pair; one that does not open it matters only where another logger does."""

    pair: Pair
    read: Reader
    opens: bool


class Made(NamedTuple):
    """A computed channel at points [p], of a logger or of all: float32 [p], NaN where it is not known."""

    logger: str
    channel: str
    values: Samples


@dataclass(frozen=True, slots=True)
class Margin:
    """Coldest surface of all loggers less the highest dew point of all, below 0 degC the frost point."""

    channel: str
    air: str
    surfaces: tuple[str, ...]
    pace: Pace

    def reader(self, channels: tuple[str, ...]) -> Reader | None:
        """Coldest surface and log of the vapour pressure of a row; None when it has neither."""
        at = {channel: number for number, channel in reversed(list(enumerate(channels)))}
        surfaces = surfaces_of(at, self.surfaces)
        air = at.get(f"temperature.{self.air}"), at.get(f"humidity.{self.air}")
        if not surfaces and None in air:
            return None

        def read(values: Samples) -> Samples:
            work, columns = Work(values), _unknown(len(values), 2)
            if surfaces:
                columns[:, 0] = coldest([work.column(number) for number in surfaces])
            if air[0] is not None and air[1] is not None:
                columns[:, 1] = work.log_pressure(air[0], air[1])
            return columns

        return read

    def make(self, names: Sequence[str], samples: Samples) -> list[Made]:
        """The margin of the container, where a surface and air are known."""
        del names
        lowest, dampest = np.fmin.reduce(samples[:, :, 0], axis=1), np.fmax.reduce(samples[:, :, 1], axis=1)
        return [Made(ALL_LOGGERS, self.channel, margin(lowest, dampest))]


@dataclass(frozen=True, slots=True)
class Differential:
    """Over-pressure of each logger that knows the pressure inside only, against the median of those outside."""

    pace: Pace

    def reader(self, channels: tuple[str, ...]) -> Reader | None:
        """Pressure inside where the logger lacks the other side, and pressure outside; None when it has neither."""
        is_whole = OUTSIDE in channels or has_differential(channels)
        told = OUTSIDE if OUTSIDE in channels else INSIDE
        if told not in channels or (told == INSIDE and is_whole):
            return None
        number, column = channels.index(told), int(told == OUTSIDE)

        def read(values: Samples) -> Samples:
            columns = _unknown(len(values), 2)
            columns[:, column] = np.where(np.isfinite(values[:, number]), values[:, number], np.float32(np.nan))
            return columns

        return read

    def make(self, names: Sequence[str], samples: Samples) -> list[Made]:
        """The over-pressure of each logger that knows the pressure inside."""
        outside = _median(samples[:, :, 1])
        inside = samples[:, :, 0]
        known = np.flatnonzero(~np.isnan(inside).all(axis=0)).tolist()
        return [Made(names[number], COMPUTED_DIFFERENTIAL, inside[:, number] - outside) for number in known]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Largest less smallest reading of one channel that several loggers have; `name`: as it is judged."""

    name: str
    channel: str
    pace: Pace

    def reader(self, channels: tuple[str, ...]) -> Reader | None:
        """The channel; None when the logger lacks it."""
        if self.channel not in channels:
            return None
        number = channels.index(self.channel)
        return lambda values: np.where(np.isfinite(values[:, [number]]), values[:, [number]], np.float32(np.nan))

    def make(self, names: Sequence[str], samples: Samples) -> list[Made]:
        """The disagreement, where two are known."""
        del names
        column = samples[:, :, 0]
        range_ = np.fmax.reduce(column, axis=1) - np.fmin.reduce(column, axis=1)
        is_known = (~np.isnan(column)).sum(axis=1) >= 2
        return [Made(ALL_LOGGERS, self.name, np.where(is_known, range_, np.float32(np.nan)))]


Pair = Margin | Differential | Disagreement


class Pairs(NamedTuple):
    """What a profile asks of several loggers: `fixed`, and disagreements of each channel that a rule's glob covers."""

    fixed: tuple[Pair, ...]
    disagreements: tuple[tuple[StatisticRule, Pace], ...]

    def of(self, channels: tuple[str, ...]) -> tuple[Part, ...]:
        """The parts that a logger with these channels has."""
        of_rules = (
            Disagreement(rule.disagreement_of(channel), channel, pace)
            for channel in channels
            for rule, pace in self.disagreements
            if covers(rule.channel, channel) and field_name(channel) is not None
        )
        wanted = dict.fromkeys((*self.fixed, *of_rules))
        readers = ((pair, pair.reader(channels)) for pair in wanted)
        needs_outside = OUTSIDE not in channels
        return tuple(
            Part(pair, reader, needs_outside or not isinstance(pair, Differential))
            for pair, reader in readers
            if reader is not None
        )

    def asks(self, pair: Pair) -> bool:
        """Whether the profile asks for it."""
        if isinstance(pair, Disagreement):
            return any(rule.judges(pair.name) and pace == pair.pace for rule, pace in self.disagreements)
        return pair in self.fixed


def pairs_of(rules: tuple[Rule, ...]) -> Pairs:
    """What rules over several loggers need."""
    fixed: dict[Pair, None] = {}
    disagreements: list[tuple[StatisticRule, Pace]] = []
    for rule in rules:
        if isinstance(rule, CondensationRule) and rule.scope == "container":
            fixed[Margin(rule.channel, rule.air, rule.surfaces, _pace(rule.every_s, rule.max_age_s, 2))] = None
        elif isinstance(rule, StatisticRule) and rule.method == "disagreement":
            disagreements.append((rule, _pace(rule.every_s, rule.max_age_s, 1)))
    if any(rule.judges(COMPUTED_DIFFERENTIAL) for rule in rules):
        fixed[Differential(_pace(EVERY_S, MAX_AGE_S, 2))] = None
    return Pairs(tuple(fixed), tuple(disagreements))


def written(pair: Pair) -> list[Any]:
    """A pair as CBOR can carry it."""
    own = [list(value) if isinstance(value, tuple) else value for value in _own(pair)]
    return [type(pair).__name__, own, list(pair.pace)]


def read(content: list[Any]) -> Pair:
    """What `written` wrote; TypeError or ValueError when it is not that."""
    kind, own, pace = content
    kinds: dict[str, Callable[..., Pair]] = {each.__name__: each for each in (Margin, Differential, Disagreement)}
    if kind not in kinds:
        raise ValueError(f"expected one of {', '.join(kinds)}, got {kind!r}")
    return kinds[kind](*(tuple(value) if isinstance(value, list) else value for value in own), Pace(*map(int, pace)))


def _own(pair: Pair) -> tuple[Any, ...]:
    match pair:
        case Margin():
            return pair.channel, pair.air, pair.surfaces
        case Disagreement():
            return pair.name, pair.channel
    return ()


def _pace(every_s: float, max_age_s: float, columns: int) -> Pace:
    """A pace of at least 1 ns; a reading counts at no more than 1000 points, so that no record makes millions."""
    every_ns = max(1, round(every_s * NS_PER_S))
    return Pace(every_ns, min(round(max_age_s * NS_PER_S), MAX_AGE_POINTS * every_ns), columns)


def _unknown(rows: int, columns: int) -> Samples:
    return np.full((rows, columns), np.nan, dtype=np.float32)


def _median(samples: Samples) -> Samples:
    """Median of the known values of each row, float32 [p]; NaN where there is none."""
    ordered = np.sort(samples, axis=1)  # NaN last
    count = (~np.isnan(samples)).sum(axis=1)
    row = np.arange(len(samples))
    median: Samples = (ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, count // 2]) / np.float32(2)
    return median
