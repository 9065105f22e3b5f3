"""The readings that an alert is about, from the journal: its own channel, and what that is computed of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from monitor.consumers.points import anchor_of, placed_ns
from monitor.consumers.reading import read
from monitor.detect.derive import derivations, derive
from monitor.examine.asked import Asked
from monitor.examine.series import Series, Times, Values
from monitor.journal import JournalReader
from monitor.journal.around import Sender, Stretch, first_seq, record_or_none, senders, stretch
from monitor.model.channel import covers, unit_of
from monitor.model.clock import rfc3339
from monitor.model.limit import Rule
from monitor.model.record import Env, Record, Shock

MAX_SERIES = 8  # beside the alert's own: loggers of a container, inputs of a margin

Key = tuple[str, str]  # logger, channel
NO_TIMES: Times = np.empty(0, np.int64)
NO_VALUES: Values = np.empty(0, np.float32)


class Span(NamedTuple):
    """A stretch of time in ns UTC, both ends included."""

    start_ns: int
    end_ns: int


class Found(NamedTuple):
    """The alert's own series, of no readings where there are none; what it is computed of; and what is missing."""

    own: Series
    inputs: list[Series]
    missing: list[str]


def find_readings(
    reader: JournalReader, owner: tuple[str, str], asked: Asked, rules: tuple[Rule, ...], span: Span, fired: Record
) -> Found:
    """The readings of (container, logger) in a span of time around the record that `fired`."""
    container, logger = owner
    gathering = _Gathering(reader, asked, rules, span)
    home = None if fired.seq is None else Sender(fired.logger or "", fired.boot or 0)
    known = senders(reader, container, None if asked.is_of_all else logger, span.start_ns)
    for sender in dict.fromkeys([home, *known] if home else known):
        gathering.take(sender, fired.seq if sender == home else None)
    made = gathering.series()
    own = made.pop((logger, asked.channel), no_readings(logger, asked.channel))
    if len(made) > MAX_SERIES:
        gathering.missing.append(f"{len(made) - MAX_SERIES} of {len(made)} series that it is computed of are left out")
    return Found(own._replace(limit=asked.limit), list(made.values())[:MAX_SERIES], gathering.missing)


def no_readings(logger: str, channel: str) -> Series:
    """A series of no readings."""
    return Series(logger, channel, unit_of(channel), NO_TIMES, NO_VALUES)


def bounds_ns(reader: JournalReader, record: Record) -> tuple[int, int]:
    """Times (ns UTC) of a record's first and last reading; of one without, when it was received."""
    message = read(record) if record.kind in ("env", "shock") else None
    if not isinstance(message, Env | Shock):
        return record.received_ns, record.received_ns
    start_ns = placed_ns(message, anchor_of(record, message.stamp, reader.anchor))
    offsets_ns = message.offsets_ns
    return start_ns, start_ns + (int(offsets_ns[-1]) if len(offsets_ns) else 0)


class _Gathering:
    """Columns of records, by logger and channel, as they are read."""

    def __init__(self, reader: JournalReader, asked: Asked, rules: tuple[Rule, ...], span: Span) -> None:
        self._reader, self._asked, self._rules, self._span = reader, asked, rules, span
        self._wanted = asked.inputs if asked.computed else (asked.channel, *asked.inputs)
        self._parts: dict[Key, list[tuple[Times, Values]]] = defaultdict(list)
        self.missing: list[str] = []

    def take(self, sender: Sender, fired: int | None) -> None:
        """Read a sender's records in the span; where the record that fired is its own, `fired` is the seq of that."""
        reader, span = self._reader, self._span
        first = first_seq(reader, sender, fired, lambda record: bounds_ns(reader, record)[1] < span.start_ns)
        last = first_seq(reader, sender, None, lambda record: bounds_ns(reader, record)[0] <= span.end_ns)
        found = stretch(reader, sender, first, last if fired is None else max(last, fired + 1))
        starts_ns = [self._read(sender, pos) for pos in found.positions]
        self.missing += _missing(sender, found, min(starts_ns, default=span.end_ns), span)

    def series(self) -> dict[Key, Series]:
        """What was gathered, by logger and channel."""
        return {key: _series(key, parts) for key, parts in sorted(self._parts.items())}

    def _read(self, sender: Sender, pos: int) -> int:
        """Take a record's columns; the time of its first reading, the end of the span where it cannot be read."""
        record = record_or_none(self._reader, pos)
        env = None if record is None or record.payload is None else read(record)
        if record is None or not isinstance(env, Env):
            return self._span.end_ns
        start_ns = placed_ns(env, anchor_of(record, env.stamp, self._reader.anchor))
        times_ns = env.offsets_ns + start_ns
        is_within = (times_ns >= self._span.start_ns) & (times_ns <= self._span.end_ns)
        for channel, values in self._columns(env):
            self._parts[sender.logger, channel].append((times_ns[is_within], values[is_within]))
        return start_ns

    def _columns(self, env: Env) -> Iterator[tuple[str, Values]]:
        """The channels of a block that are asked for, measured and computed."""
        for column, channel in enumerate(env.channels):
            if any(covers(glob, channel) for glob in self._wanted):
                yield channel, env.values[:, column]
        for each in derivations(env.channels, self._rules) if self._asked.computed else ():
            if each.channel == self._asked.computed:
                (values,) = derive(env.values, [each])
                yield self._asked.channel, np.where(np.isinf(values), np.float32(np.nan), values)  # a valve is open


def _series(key: Key, parts: Iterable[tuple[Times, Values]]) -> Series:
    """One series of its parts, in order of time."""
    logger, channel = key
    listed = list(parts)
    times_ns, values = np.concatenate([part[0] for part in listed]), np.concatenate([part[1] for part in listed])
    order = np.argsort(times_ns, kind="stable")
    return Series(logger, channel, unit_of(channel), times_ns[order], values[order])


def _missing(sender: Sender, found: Stretch, first_ns: int, span: Span) -> Iterator[str]:
    """What a sender's records of the span lack."""
    if found.is_dropped and first_ns > span.start_ns:
        yield f"readings of {sender.logger} before {rfc3339(first_ns)} were dropped by retention"
    if found.awaited:
        yield f"{found.awaited} records of {sender.logger} are awaited"
    if found.lost:
        yield f"{found.lost} records of {sender.logger} are lost"
    if found.step > 1:
        yield f"of {sender.logger} one of {found.step} records was read, as there are so many"
