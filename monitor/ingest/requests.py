"""Requests: which loggers are asked for missing records, and when asking was in vain.

A request is an acknowledgement with `want`. It was in vain when, REQUEST_NS later, the ranges are still missing though

1. neither our connections nor the logger's was broken since (a status `online` or `offline` may mean a new one);
2. something else of that logger came since: it is there, and heard;
3. no missing record came from its memory since: a logger at work on its backlog comes to everything in time. Of what
   was here already it sends the oldest first, so it has passed over what is missing below, but not what is above, nor
   other boots;
4. no missing record came from any logger's memory for a moment: so none of it waits, here or at the broker. If it came
   later it would be kept all the same, but a logger must not free what may still be lost on its way. Others may hold
   it up for MAX_OTHERS_NS.

Everything here is forgotten at a restart: then counting starts anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

from monitor.journal import Asked, BootId, Commit, Owner, Range
from monitor.model.clock import MINUTE_NS, NS_PER_S

REQUEST_NS = MINUTE_NS  # between two requests that count; a logger sends again after as long
REPEAT_NS = 3 * NS_PER_S  # until it is repeated, uncounted: a logger passes over what it sent within the last 2 s
LOOK_NS = NS_PER_S  # between looks for what is to be asked once more
MAX_REQUESTS = 3  # in vain, then it is lost
MAX_OTHERS_NS = 600 * NS_PER_S  # then what was sent by then is here: no broker holds so much
MAX_TICK_LOGGERS = 1_000  # that are looked at in a tick, 10 ms; each has its turn
MAX_ASKED_BOOTS = 4_096  # that are remembered, of 64 ranges at most; then the one asked longest ago starts anew
MAX_TALKERS = 20_000  # loggers that are remembered, 300 bytes each; then the one silent for longest goes
MAX_TICK_BOOTS = 256  # that are asked at a tick
MAX_TICK_LOGGER_BOOTS = 4  # of one logger: at one acknowledgement a second the other six are for what it sends


@dataclass(slots=True)
class Talker:
    """A logger that is heard, and how often what matters to requests came of it."""

    container: str
    heard: int = 0
    connected: int = 0
    filled: int = 0
    repeated: int = 0
    asked_at: int = 0  # `heard`, when it was asked last


@dataclass(slots=True)
class _Request:
    """The last request for a boot: when, when to name it once more, how often each was in vain; and since when one
    stands, with what was known then.
    """

    at_ns: int = -REQUEST_NS
    since_ns: int = -REQUEST_NS
    again_ns: int = 0
    connections: tuple[int, int] = (0, 0)
    heard: int = 0
    filled: int = 0
    repeated: int = 0
    passed: int = -1  # the highest seq of this boot that was here already and came again
    is_standing: bool = False
    ranges: dict[Range, int] = field(default_factory=dict)


class Requests:
    """`generation` below is that of our own connections: another one after each break, None while one is broken."""

    def __init__(self) -> None:
        self._talkers: OrderedDict[str, Talker] = OrderedDict()  # by logger
        self._requests: OrderedDict[BootId, _Request] = OrderedDict()
        self._looked_ns = -LOOK_NS
        self._unreported: dict[BootId, list[Range]] = {}
        self.quiet_ns = -REQUEST_NS  # when nothing from memory waited last

    def hear(self, commit: Commit) -> None:
        """Take note of what came."""
        for (container, logger), traffic in commit.traffic.items():
            talker = self._talkers.setdefault(logger, Talker(container))
            self._talkers.move_to_end(logger)
            talker.container = container
            talker.heard += traffic.is_heard
            talker.connected += traffic.is_connecting
            talker.filled += traffic.is_filling
            talker.repeated += bool(traffic.repeated)
            for boot, seq in traffic.repeated.items():
                request = self._requests.get((logger, boot))
                if request is not None:
                    request.passed = max(request.passed, seq)
        while len(self._talkers) > MAX_TALKERS:
            self._talkers.popitem(last=False)

    def ask(
        self, key: BootId, awaited: Sequence[Range], now_ns: int, generation: int | None, *, is_birth: bool = False
    ) -> Sequence[Range]:
        """What an acknowledgement of a boot asks for, of the ranges that are awaited; nothing when it is too soon."""
        talker = self._talkers.get(key[0])
        if not awaited:
            self._requests.pop(key, None)
        if not awaited or talker is None or generation is None:
            return ()
        request = self._requests.setdefault(key, _Request())
        if not is_birth and now_ns - request.at_ns < REQUEST_NS:
            if now_ns < request.again_ns:
                return ()
            request.again_ns = now_ns + 2 * (now_ns - request.at_ns)  # 3, 9, 27 s: what is slow is not made slower
            return self._name(key, request, awaited)
        self._count(request, talker, now_ns, generation)
        request.ranges = {missing: _in_vain(request.ranges, missing) for missing in awaited}
        request.at_ns, request.again_ns = now_ns, now_ns + REPEAT_NS
        if not request.is_standing or now_ns < request.since_ns + REQUEST_NS:  # else only others hold it up
            request.since_ns, request.is_standing, request.heard = now_ns, True, talker.heard
            request.connections, request.filled = (generation, talker.connected), talker.filled
            request.repeated, request.passed = talker.repeated, -1
        talker.asked_at = talker.heard
        self._requests.move_to_end(key)
        while len(self._requests) > MAX_ASKED_BOOTS:
            self._requests.popitem(last=False)
        return self._name(key, request, awaited)

    def report(self, now_ns: int, generation: int | None) -> Asked:
        """What a tick has to say; the same again until `reported`."""
        in_vain = {}
        for key, request in self._requests.items():
            talker = self._talkers.get(key[0])
            if talker is not None:
                self._count(request, talker, now_ns, generation)
            ranges = [missing for missing, count in request.ranges.items() if count >= MAX_REQUESTS]
            if ranges:
                in_vain[key] = ranges
        return Asked(self._unreported, in_vain)

    def reported(self, asked: Asked) -> None:
        """The report is in the journal."""
        for key, ranges in asked.in_vain.items():
            for missing in ranges:
                del self._requests[key].ranges[missing]
        self._unreported = {}

    def owner(self, logger: str) -> Owner | None:
        """Under which names a logger listens now; None when nothing was heard of it."""
        talker = self._talkers.get(logger)
        return None if talker is None else (talker.container, logger)

    def due(self, open_boots: Mapping[str, Sequence[int]], now_ns: int) -> list[tuple[Owner, int]]:
        """The boots to be asked for at a tick, of loggers that were heard since they were asked last."""
        found = []
        for logger, boots in open_boots.items():
            talker = self._talkers.get(logger)
            if talker is None or talker.heard == talker.asked_at:
                continue
            asked = ((self._asked_ns((logger, boot)), talker.container, logger, boot) for boot in boots)
            waiting = (one for one in asked if now_ns - one[0] >= REQUEST_NS)
            found += nsmallest(MAX_TICK_LOGGER_BOOTS, waiting)
        return [((container, logger), boot) for _, container, logger, boot in nsmallest(MAX_TICK_BOOTS, found)]

    def again(self, now_ns: int) -> list[tuple[Owner, int]]:
        """The boots to be asked for once more within a request, of loggers that were heard since."""
        if now_ns - self._looked_ns < LOOK_NS:
            return []
        self._looked_ns = now_ns
        found = []
        for (logger, boot), request in self._requests.items():
            talker = self._talkers.get(logger)
            if request.again_ns <= now_ns < request.at_ns + REQUEST_NS and talker and talker.heard > request.heard:
                found.append(((talker.container, logger), boot))
        return found

    def _name(self, key: BootId, request: _Request, awaited: Sequence[Range]) -> Sequence[Range]:
        asked = [missing for missing in awaited if request.ranges.get(missing, 0) < MAX_REQUESTS]
        self._unreported[key] = asked
        return asked

    def _asked_ns(self, key: BootId) -> int:
        request = self._requests.get(key)
        return -REQUEST_NS if request is None else request.at_ns

    def _count(self, request: _Request, talker: Talker, now_ns: int, generation: int | None) -> None:
        """Count a standing request when it was in vain; it stands no more once it can no longer be."""
        if request.filled != talker.filled:
            request.filled, request.is_standing = talker.filled, False
            request.ranges = {missing: min(count, MAX_REQUESTS - 1) for missing, count in request.ranges.items()}
        due_ns = request.since_ns + REQUEST_NS
        if not request.is_standing or now_ns < due_ns:
            return
        if request.connections != (generation, talker.connected):
            request.is_standing = False
        elif talker.heard > request.heard and (self.quiet_ns >= due_ns or now_ns >= due_ns + MAX_OTHERS_NS):
            request.is_standing = False
            is_idle = request.repeated == talker.repeated
            for missing in request.ranges:
                request.ranges[missing] += is_idle or missing[1] < request.passed


def _in_vain(before: Mapping[Range, int], missing: Range) -> int:
    """How often a range was asked for in vain: as part of another as often as that one."""
    first, last = missing
    return next((count for (low, high), count in before.items() if low <= first and last <= high), 0)
