"""The grid: what several loggers of a container tell together, computed at points of data time as blocks of its own.

    blocks ─► pairs that a logger has a part in ─► track: samples at points ─► points that are done ─► computed blocks

A point is done when every logger that has a part has passed it, or when ticks say that `max_age` has run out. Its block
bears position, boot and seq of the record, or tick, by which it was done. So it is the same however the journal is cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from monitor.detect.across import pairs
from monitor.detect.across.pairs import Differential, Pair, Pairs, Part, pairs_of
from monitor.detect.across.track import LATEST_NS, MAX_PENDING, Pace, Points, Times, Track
from monitor.detect.rules import RulesView, rules_of
from monitor.model.batch import Block, Finding, Tick

MAX_TRACKS = 4  # stretches of time that loggers of a container tell of at once: the present, and clocks gone astray
MAX_GROUPS = 1 << 14  # 2 000 containers of 8 pairs; of invented ones no more is remembered
MAX_PIECES = 8  # of a block whose times leap; what follows is taken with the last
MAX_ROUTES = 1 << 14  # of a cache, emptied when full, as a sender may vary its channels for ever


@dataclass(slots=True)
class _Group:
    """One pair in one container: its tracks, the one used last at the end."""

    pair: Pair
    tracks: list[Track] = field(default_factory=list)


class Grid:
    """Evaluates rules over several loggers; containers without such rules cost nothing but a look."""

    def __init__(self, rules: RulesView) -> None:
        self._rules = rules
        self._pairs: dict[str, Pairs | None] = {}
        self._routes: dict[tuple[str, tuple[str, ...]], tuple[Part, ...]] = {}
        self._groups: dict[tuple[str, Pair], _Group] = {}
        self._with_outside: set[str] = set()  # containers where a logger was heard that measures the outside pressure

    def step(self, blocks: Iterable[Block]) -> list[Block]:
        """The blocks, each followed by those that it completes. Late ones have no part in it."""
        found: list[Block] = []
        for block in blocks:
            found.append(block)
            parts = self._routes.get((block.container, block.channels))
            parts = self._parts(block) if parts is None else parts
            if not parts or block.is_late or not len(block.times_ns):
                continue
            for part in parts:
                group = self._group(block.container, part)
                if group is not None:
                    found += _step(group, part, block)
        return found

    def tick(self, tick: Tick) -> list[Block]:
        """Give up waiting where `max_age` has run out, unless what is awaited may lie in a queue.

        `max_age` runs out at now >= point + max_age.
        """
        made: list[Block] = []
        if not (tick.is_connected and tick.is_drained):
            return made
        for (container, pair), group in self._groups.items():
            until = (tick.now_ns - pair.pace.max_age_ns) // pair.pace.every_ns
            for track in group.tracks:
                if track.done < min(until, track.newest):
                    origin = _Origin(tick.pos, container, 0, 0, tick.now_ns)
                    made += _blocks(pair, track.finish(until), origin)
        return sorted(made, key=lambda block: (block.container, block.logger, block.channels, int(block.times_ns[0])))

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """What is remembered of a container (None: of all), as CBOR can carry it."""
        groups = [
            [of, pairs.written(pair), [track.written() for track in group.tracks]]
            for (of, pair), group in self._groups.items()
            if container in (None, of)
        ]
        outside = sorted(of for of in self._with_outside if container in (None, of))
        return {"groups": sorted(groups, key=lambda group: repr(group[:2])), "outside": outside}

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with what is remembered, where the rules still ask for it; nothing ever fires here."""
        self._with_outside |= set(content["outside"])
        for container, written, tracks in content["groups"]:
            pair = pairs.read(written)
            asked = self._pairs_of(container)
            if asked is not None and asked.asks(pair):
                self._groups[container, pair] = _Group(pair, [Track.read(track, pair.pace) for track in tracks])
        return []

    def forget(self, container: str) -> None:
        """Remember nothing more of a container."""
        self._with_outside.discard(container)
        for key in [key for key in self._groups if key[0] == container]:
            del self._groups[key]

    def _pairs_of(self, container: str) -> Pairs | None:
        """What the container's profile asks of several loggers, None when it asks nothing."""
        if container not in self._pairs:
            if len(self._pairs) >= MAX_ROUTES:
                self._pairs.clear()
            found = pairs_of(rules_of(self._rules, container))
            self._pairs[container] = found if any(found) else None
        return self._pairs[container]

    def _parts(self, block: Block) -> tuple[Part, ...]:
        key = block.container, block.channels
        if key not in self._routes:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            asked = self._pairs_of(block.container)
            self._routes[key] = () if asked is None else asked.of(block.channels)
        return self._routes[key]

    def _group(self, container: str, part: Part) -> _Group | None:
        """The state of a pair, new where it must be; None when the part does not open it or there is no room."""
        group = self._groups.get((container, part.pair))
        if group is not None:
            return group
        if not part.opens:
            if len(self._with_outside) < MAX_GROUPS:
                self._with_outside.add(container)
            return None
        if isinstance(part.pair, Differential) and container not in self._with_outside:
            return None  # as most containers: nobody there measures the other side
        if len(self._groups) < MAX_GROUPS:
            group = self._groups[container, part.pair] = _Group(part.pair)
        return group


@dataclass(frozen=True, slots=True)
class _Origin:
    """The record or tick by which points are done."""

    pos: int
    container: str
    boot: int
    seq: int
    received_ns: int


def _step(group: _Group, part: Part, block: Block) -> list[Block]:
    """Take one block into the tracks of its times; what that completes, there and where its logger was before."""
    origin = _Origin(block.pos, block.container, block.boot, block.seq, block.received_ns)
    made: list[Block] = []
    with np.errstate(all="ignore"):  # absurd readings, which end as NaN
        values = part.read(block.values)
    for piece in _pieces(block.times_ns, group.pair.pace):
        times_ns = block.times_ns[piece]
        track, given_up = _track_at(group, block.logger, group.pair.pace.point(int(times_ns[0])))
        made += _blocks(group.pair, given_up, origin)
        track.take(block.logger, times_ns, values[piece])
        for each in group.tracks:
            if each is not track:
                each.leave(block.logger)
            made += _blocks(group.pair, each.finish(each.passed()), origin)
    return made


def _pieces(times_ns: Times, pace: Pace) -> list[Times]:
    """The rows of a block in pieces, cut where its logger's clock leaps: far back, or to another stretch of time."""
    rows = np.flatnonzero((times_ns > -LATEST_NS) & (times_ns < LATEST_NS))
    if rows.size == 0:
        return []
    step_ns = np.diff(times_ns[rows])
    cuts = np.flatnonzero((step_ns < -pace.reach_ns) | (step_ns // pace.every_ns > MAX_PENDING)) + 1
    return np.split(rows, cuts[: MAX_PIECES - 1])


def _track_at(group: _Group, logger: str, point: int) -> tuple[Track, Points | None]:
    """The track that a logger's reading belongs to, and what is given up to make room for a new one.

    That in which the logger is, else the one used last, of those near in time. A clock that is set wrong by days takes
    its logger to a track of its own and leaves the others in peace.
    """
    near = [track for track in reversed(group.tracks) if track.is_near(point)]
    near.sort(key=lambda track: logger not in track.members or track.members[logger].is_gone)
    given_up = None
    if near:
        track = near[0]
        group.tracks.remove(track)
    else:
        track = Track(group.pair.pace, point - 1, point - 1)
        if len(group.tracks) >= MAX_TRACKS:
            oldest = group.tracks.pop(0)
            given_up = oldest.finish(oldest.newest)
    group.tracks.append(track)
    return track, given_up


def _blocks(pair: Pair, done: Points | None, origin: _Origin) -> list[Block]:
    """Computed blocks of the points that are done; without those at which nothing is known."""
    if done is None:
        return []
    with np.errstate(all="ignore"):
        made = pair.make(done.names, done.samples)
    blocks = []
    for logger, channel, values in made:
        known = np.flatnonzero(~np.isnan(values))
        if known.size:
            block = Block(
                origin.pos, origin.container, logger, origin.boot, origin.seq, False, (channel,),
                done.times_ns[known], values[known, None], pair.pace.every_ns,
                received_ns=origin.received_ns, is_computed=True,
            )  # fmt: skip
            blocks.append(block)
    return blocks
