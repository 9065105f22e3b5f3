"""A track: what loggers of one container tell at the points of a grid of time, until nobody is waited for any longer.

Point number k lies at k x `every`. A logger's *sample* there is its last reading at or before the point, not older than
`max_age`. A logger has *passed* a point when it told of a reading there or later; then its sample is known and waits in
its queue. A point is *done* when all have passed it, or when it is given up; what comes for it then comes too late.

A reading that lies more than `max_age` + `every` before the last one of its logger turns it back: its clock was ahead,
or is behind for a moment. From there it is waited for, and told anew; a smaller step back is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.gather import spread

MAX_PENDING = 4096  # points that wait, 2.8 d at a minute: two blocks of a logger that sends once a day, and some
MAX_MEMBERS = 64  # with 2 columns and full queues 4 MB a track
MAX_AGE_POINTS = 1000  # points that one reading may be the sample of; else a record would make millions of them
MAX_LAID = 1 << 14  # points of one record, 11 d at a minute; what lies before comes too late
LATEST_NS = 1 << 62  # the year 2116; sums of times and ages stay far below 2**63
_NEVER = -LATEST_NS

Times = NDArray[np.int64]
Samples = NDArray[np.float32]


class Pace(NamedTuple):
    """Spacing of the points and the age at which a reading no longer counts, ns; `columns` of a sample."""

    every_ns: int
    max_age_ns: int
    columns: int

    @property
    def reach_ns(self) -> int:
        """How far back a reading may step and not turn its logger back."""
        return self.max_age_ns + self.every_ns

    def point(self, time_ns: int) -> int:
        """Number of the last point at or before a time."""
        return time_ns // self.every_ns


@dataclass(slots=True)
class Member:
    """A logger in a track: the time of its last reading, of each column the last value that is one, and its queue.

    `held` float32 [columns] at `held_ns` int64 [columns]; `points` int64 [k], rising, and their `samples` float32
    [k, columns], NaN where it has none. One that `is_gone` tells of another time now: nobody waits for it.
    """

    held_ns: Times
    held: Samples
    points: Times
    samples: Samples
    last_ns: int = _NEVER
    is_gone: bool = False

    @classmethod
    def new(cls, columns: int) -> Member:
        """One that has told nothing yet."""
        nothing = np.full(columns, np.nan, dtype=np.float32)
        return cls(np.full(columns, _NEVER), nothing, np.empty(0, np.int64), np.empty((0, columns), np.float32))

    def take(self, times_ns: Times, values: Samples, pace: Pace, done: int) -> bool:
        """Go on with readings float32 [n, columns]; those that do not lie behind all before are left out.

        Whether any did not.
        """
        self._turn_back(int(times_ns[0]), pace)
        before = np.maximum.accumulate(np.concatenate(([self.last_ns], times_ns)))[:-1]
        kept = (times_ns > before) & (times_ns < LATEST_NS)
        if not kept.any():
            return False
        times_ns, values = times_ns[kept], values[kept]
        points, row = _passed(self.last_ns, times_ns, pace, max(done, pace.point(int(times_ns[-1])) - MAX_LAID))
        number = np.arange(1, len(times_ns) + 1)[:, None]  # 0 is what was held before
        latest = np.maximum.accumulate(np.vstack((np.zeros_like(self.held_ns), number * ~np.isnan(values))), axis=0)
        column = np.arange(pace.columns)
        value_ns = np.vstack((self.held_ns, np.broadcast_to(times_ns[:, None], values.shape)))[latest, column]
        value = np.vstack((self.held, values))[latest, column]
        age_ns = points[:, None] * pace.every_ns - value_ns[row]
        self._queue(points, np.where(age_ns <= pace.max_age_ns, value[row], np.float32(np.nan)))
        self.held_ns, self.held, self.last_ns = value_ns[-1], value[-1], int(times_ns[-1])
        return True

    def at(self, points: Times, pace: Pace) -> Samples:
        """Samples at rising points: from the queue; behind the last reading what is held, while it is young enough."""
        found = np.full((len(points), pace.columns), np.nan, dtype=np.float32)
        place = np.searchsorted(points, self.points)
        is_asked = place < len(points)
        is_asked[is_asked] = points[place[is_asked]] == self.points[is_asked]
        found[place[is_asked]] = self.samples[is_asked]
        latest = pace.point(self.last_ns)
        ahead = (points > latest) & (points <= pace.point(self.last_ns + pace.max_age_ns))
        age_ns = points[ahead, None] * pace.every_ns - self.held_ns
        found[ahead] = np.where(age_ns <= pace.max_age_ns, self.held, np.float32(np.nan))
        return found

    def known(self, until: int, pace: Pace) -> Times:
        """Points up to a number at which it may have a sample: of its queue, and those that what is held reaches."""
        reach = min(until, pace.point(int(self.held_ns.max()) + pace.max_age_ns))
        ahead = np.arange(pace.point(self.last_ns) + 1, reach + 1)
        return np.concatenate((self.points[: np.searchsorted(self.points, until, side="right")], ahead))

    def _turn_back(self, time_ns: int, pace: Pace) -> None:
        """Go back to a time that lies far before the last reading; what was told stays until it is told anew."""
        if time_ns >= self.last_ns - pace.reach_ns:
            return
        self.last_ns = _NEVER
        self.held_ns, self.held = np.full_like(self.held_ns, _NEVER), np.full_like(self.held, np.nan)

    def _queue(self, points: Times, samples: Samples) -> None:
        """Add samples at rising points, in place of what was told there before."""
        if self.points.size and points.size and points[0] <= self.points[-1]:
            kept = ~np.isin(self.points, points)
            points, samples = np.concatenate((self.points[kept], points)), np.vstack((self.samples[kept], samples))
            order = np.argsort(points)
            self.points, self.samples = points[order], samples[order]
            return
        self.points, self.samples = np.concatenate((self.points, points)), np.vstack((self.samples, samples))

    def drop(self, done: int) -> None:
        """Forget the samples of points that are done."""
        first = int(np.searchsorted(self.points, done, side="right"))
        self.points, self.samples = self.points[first:], self.samples[first:]


class Points(NamedTuple):
    """Points that are done: their times int64 [p], `names` [m] of the members, `samples` float32 [p, m, columns]."""

    times_ns: Times
    names: list[str]
    samples: Samples


@dataclass(slots=True)
class Track:
    """Members by name; points up to number `done` are done, `newest` is the last one that any of them passed."""

    pace: Pace
    done: int
    newest: int
    members: dict[str, Member] = field(default_factory=dict)

    def is_near(self, point: int) -> bool:
        """Whether a reading at a point belongs to this stretch of time."""
        return self.done - MAX_PENDING <= point <= self.newest + MAX_PENDING

    def take(self, name: str, times_ns: Times, values: Samples) -> None:
        """Go on with a member's readings; a member beyond `MAX_MEMBERS` is refused."""
        member = self.members.get(name)
        if member is None:
            if len(self.members) >= MAX_MEMBERS:
                return
            member = self.members[name] = Member.new(self.pace.columns)
        member.is_gone = False
        before_ns = member.last_ns
        if member.take(times_ns, values, self.pace, self.done):
            is_back = member.last_ns < before_ns
            others = [self.pace.point(each.last_ns) for each in self.members.values()] if is_back else [self.newest]
            self.newest = max(self.done, self.pace.point(member.last_ns), *others)

    def leave(self, name: str) -> None:
        """Wait for a member no longer, as it tells of another time now; what it told stays."""
        if name in self.members:
            self.members[name].is_gone = True

    def passed(self) -> int:
        """The last point that is done by what was told: all have passed it, or too many wait behind it."""
        awaited = [self.pace.point(member.last_ns) for member in self.members.values() if not member.is_gone]
        return max(min(awaited, default=self.newest), self.newest - MAX_PENDING)

    def finish(self, until: int) -> Points | None:
        """The points up to a number, which are done now; None when there is nothing to tell."""
        until = min(until, self.newest)
        if until <= self.done:
            return None
        names = sorted(self.members)
        members = [self.members[name] for name in names]
        points = np.unique(np.concatenate([np.empty(0, np.int64), *(each.known(until, self.pace) for each in members)]))
        points, self.done = points[points > self.done], until
        samples = [member.at(points, self.pace) for member in members]
        for name, member in zip(names, members, strict=True):
            member.drop(until)
            is_astray = self.pace.point(member.last_ns) < until - MAX_PENDING
            if is_astray or (member.is_gone and member.points.size == 0):
                del self.members[name]
        return Points(points * self.pace.every_ns, names, np.stack(samples, axis=1)) if points.size else None

    def written(self) -> dict[str, Any]:
        """The track as CBOR can carry it."""
        members = [
            [name, m.last_ns, m.is_gone, *(a.astype(f"<{a.dtype.str[1:]}").tobytes() for a in _arrays(m))]
            for name, m in sorted(self.members.items())
        ]
        return {"done": self.done, "newest": self.newest, "members": members}

    @classmethod
    def read(cls, content: dict[str, Any], pace: Pace) -> Track:
        """What `written` wrote; KeyError, TypeError or ValueError when it is not that."""
        track = cls(pace, int(content["done"]), int(content["newest"]))
        for name, last_ns, is_gone, *raw in content["members"]:
            held_ns, held, points, samples = (
                np.frombuffer(part, dtype) for part, dtype in zip(raw, ("<i8", "<f4", "<i8", "<f4"), strict=True)
            )
            if len(held_ns) != pace.columns or len(held) != pace.columns:
                raise ValueError(f"expected {pace.columns} columns of {name}")
            samples = samples.reshape(len(points), pace.columns)
            track.members[str(name)] = Member(held_ns, held, points, samples, int(last_ns), bool(is_gone))
        return track


def _arrays(member: Member) -> tuple[NDArray[Any], ...]:
    return member.held_ns, member.held, member.points, member.samples


def _passed(last_ns: int, times_ns: Times, pace: Pace, done: int) -> tuple[Times, Times]:
    """Points behind `done` that readings at rising times pass and that have a sample, and its row, 0 for what was held.

    A row's points lie from its time on to before the next row, while it is young enough; the last row's at its time.
    """
    rows_ns = np.concatenate(([last_ns], times_ns))
    first = -(-rows_ns // pace.every_ns)
    first[0] = pace.point(last_ns) + 1
    ends_ns = np.minimum(np.append(rows_ns[1:] - 1, rows_ns[-1]), rows_ns + pace.max_age_ns)
    first = np.maximum(first, done + 1)
    counts = np.maximum(ends_ns // pace.every_ns - first + 1, 0)
    return spread(first, counts), np.repeat(np.arange(len(rows_ns)), counts)
