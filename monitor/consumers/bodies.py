"""Bodies: from points to what is sent, and to smaller bodies where the server refuses one.

A field that has another type at the server is left out as a whole, at once also where it comes again; of anything else
halves are sent, down to the point that is refused. So many a minute: beyond that what is refused is given up as it is.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.consumers.store_book import Refusal
from monitor.consumers.writes import Write, halves
from monitor.model.batch import Points, Table
from monitor.model.clock import HOUR_NS, MINUTE_NS, NS_PER_S, Clock
from monitor.model.condition import GATEWAY, STORE_REFUSED, Condition
from monitor.model.errors import SinkError
from monitor.sinks.sink import RefusedLines, Sink

MAX_SINGLE = 100  # refusals a minute with a row of their own, and their log lines: of 15 tries each, 25 a second
TOLD_NS = 600 * NS_PER_S  # for so long a refusal is told after the last one
# InfluxDB keeps a field's type for each shard. Shards begin and end at whole hours: where a field was refused it is
# refused to the end of the hour, and tried again in the next.
MAX_HOURS = 10_000  # in which fields are known to be refused; beyond that all are tried again
MAX_KINDS = 1_000  # of refusals, by measurement and field
MAX_TOLD = 3  # of these in the condition's text
MAX_REASON = 500  # characters of the server's words that are kept
WHAT_TO_DO = "mend it there; then move store.db away and restart the daemon, and all is written again"
# InfluxDB dropped so many points and wrote the others: "partial write: points beyond retention policy dropped=5".
PAST_RETENTION = re.compile(r"beyond retention policy.*dropped=(\d+)")
# As JSON, with its backslashes, or as plain text: 'field type conflict: input field "f" on measurement "m" is type ...'
CONFLICT = re.compile(r'field type conflict: input field \\?"(?P<field>.+?)\\?" on measurement \\?"(?P<of>.+?)\\?" is ')

log = logging.getLogger(__name__)
Kind = tuple[str, str]  # measurement, field


@dataclass(slots=True)
class _Conflict:
    """Hours since 1970 in which a field is refused, and the server's last words."""

    hours: set[int] = field(default_factory=set)
    reason: str = ""


class _Told(NamedTuple):
    """How many points were refused up to `last_ns`, monotonic time, and why."""

    points: int
    last_ns: int
    reason: str


class Bodies:
    """Makes the bodies of writes; remembers what was refused until the daemon ends."""

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self._sink, self._clock = sink, clock
        self._conflicts: dict[Kind, _Conflict] = {}
        self._told: dict[Kind, _Told] = {}
        self._minute_ns, self._singles = clock.mono_ns(), 0

    def make(self, write: Write, points: Sequence[Points | Table]) -> None:
        """Give a write the body of `points`, made once: every try sends the same. Without any there is none.

        Points that no store can hold, and fields known to be refused, are added to its refusals.
        """
        write.points = [left for one in points for left in self._left(write, one)] if self._conflicts else points
        write.send = self._sending(write, write.points)

    def narrow(self, write: Write, error: SinkError) -> None:
        """Put what is to be sent in place of the refused piece of a write before its rest."""
        points = [one for one in write.points if len(one.times_ns)]
        count = sum(len(one.times_ns) for one in points)
        is_refused = isinstance(error, RefusedLines)
        if self._is_conflict(points, error):
            write.rest.append(points)
        elif count <= 1 or (is_refused and (count <= _dropped(error) or not self._has_room())):
            self._refuse(write, points, error.cause)
        else:
            write.rest += reversed(halves(points))

    def conditions(self) -> list[Condition]:
        """What the store refused in the last minutes; any thread may ask."""
        since_ns = self._clock.mono_ns() - TOLD_NS
        told = [(kind, each) for kind, each in self._told.copy().items() if each.last_ns > since_ns]
        if not told:
            return []
        texts = [f"{each.points} points of {_name(kind)}: {each.reason}" for kind, each in told[-MAX_TOLD:]]
        more = f"; {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else ""
        text = f"the store refuses {'; '.join(texts)}{more} ({WHAT_TO_DO})"
        return [Condition(STORE_REFUSED, GATEWAY, GATEWAY, text)]

    def _sending(self, write: Write, points: Sequence[Points | Table]) -> Callable[[], None] | None:
        if not points:
            return None
        try:
            return functools.partial(self._sink.write, self._sink.prepare(points))
        except RefusedLines as error:
            refused: dict[str, list[Points]] = {}
            left = [part for one in points for part in self._able(one, refused)]
            if not refused:  # each by itself could be sent
                self._refuse(write, points, error.cause)
                return None
            for cause, parts in refused.items():
                self._refuse(write, parts, cause)
            return self._sending(write, left)

    def _able(self, one: Points | Table, refused: dict[str, list[Points]]) -> Iterator[Points | Table]:
        """What a store can hold of `one`, as it is or in parts; the rest is added to what is refused, by its cause."""
        try:
            self._sink.prepare([one])
            yield one
        except RefusedLines as error:
            if isinstance(one, Table):
                yield from (left for part in one.split() for left in self._able(part, refused))
            else:
                refused.setdefault(error.cause, []).append(one)

    def _is_conflict(self, points: Sequence[Points | Table], error: SinkError) -> bool:
        """Whether a field of these points has another type at the server, which is remembered."""
        found = CONFLICT.search(str(error))
        kind = (found["of"], found["field"]) if found else ("", "")
        hours = [_hours(one) for one in points if one.measurement == kind[0] and kind[1] in one.fields]
        if not hours:
            return False
        if sum(len(each.hours) for each in self._conflicts.values()) > MAX_HOURS:
            self._conflicts.clear()
        conflict = self._conflicts.setdefault(kind, _Conflict())
        conflict.hours.update(*hours)
        conflict.reason = error.cause[:MAX_REASON]
        return True

    def _left(self, write: Write, one: Points | Table) -> Iterator[Points | Table]:
        """Points without the fields that are refused at all their times."""
        for (measurement, name), conflict in self._conflicts.items():
            if measurement == one.measurement and name in one.fields and _hours(one) <= conflict.hours:
                is_there = _is_there(one.fields[name])
                times_ns = one.times_ns[is_there]
                if times_ns.size:
                    first_ns, last_ns = int(times_ns.min()), int(times_ns.max())
                    row = (measurement, "", name, 0, first_ns, last_ns, int(times_ns.size), conflict.reason)
                    self._add(write, [Refusal(*row)])
                one = replace(one, fields={key: column for key, column in one.fields.items() if key != name})
        if one.fields:
            yield one

    def _refuse(self, write: Write, points: Sequence[Points | Table], cause: str) -> None:
        """Note points as refused: each record's of a series for itself while there is room, else those of a series."""
        refusals: dict[str, list[Refusal]] = {}
        for one in points:
            for part in one.split() if isinstance(one, Table) else (one,):
                first_ns, last_ns = int(part.times_ns.min()), int(part.times_ns.max())
                key = part.key if self._has_room() else 0
                row = (part.measurement, tags_text(part.tags), "", key, first_ns, last_ns, len(part.times_ns))
                refusals.setdefault(part.measurement, []).append(Refusal(*row, cause[:MAX_REASON]))
                self._singles += 1
        for each in refusals.values():
            self._add(write, each)

    def _add(self, write: Write, refusals: Sequence[Refusal]) -> None:
        """Note refusals of one measurement and field for one reason, and say so once."""
        write.refusals += refusals
        refusal, count = refusals[0], sum(each.points for each in refusals)
        kind, now_ns = (refusal.measurement, refusal.field), self._clock.mono_ns()
        before = self._told.pop(kind, None)
        is_new = before is None or before.last_ns <= now_ns - TOLD_NS
        points = count + (0 if before is None or is_new else before.points)
        if len(self._told) >= MAX_KINDS:
            del self._told[next(iter(self._told))]
        self._told[kind] = _Told(points, now_ns, refusal.reason)
        if is_new or refusal.key:
            log.error("store refuses %d points of %s: %s", count, _name(kind), refusal.reason)

    def _has_room(self) -> bool:
        """Whether another refusal may have a row of its own."""
        now_ns = self._clock.mono_ns()
        if now_ns - self._minute_ns >= MINUTE_NS:
            self._minute_ns, self._singles = now_ns, 0
        return self._singles < MAX_SINGLE


def tags_text(tags: tuple[tuple[str, str], ...]) -> str:
    """Tags as they stand in table `refused`: `container=C-101,logger=L-01`."""
    return ",".join(f"{name}={value}" for name, value in tags)


def _name(kind: Kind) -> str:
    return f"{kind[0]}, field {kind[1]}" if kind[1] else kind[0]


def _dropped(error: SinkError) -> int:
    """How many points the server dropped as past its retention; 0 where it refused them for another reason."""
    found = PAST_RETENTION.search(str(error))
    return int(found[1]) if found else 0


def _hours(points: Points | Table) -> set[int]:
    return set(np.unique(points.times_ns // HOUR_NS).tolist())


def _is_there(column: NDArray[np.float32] | NDArray[np.float64] | list[str] | list[bool]) -> NDArray[np.bool_]:
    """Which values of a field are written."""
    return np.isfinite(column) if isinstance(column, np.ndarray) else np.ones(len(column), dtype=np.bool_)
