"""The tallies of all accelerometers: one for each rule that counts events or adds up their dose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.detect.events.hits import Hit, guard
from monitor.detect.events.rules import Judged, ShockRules
from monitor.detect.events.totals import Meter, Moment, Tally
from monitor.detect.lane import LIMITS_CHANGED, LaneKey, read_keys
from monitor.model.batch import Event, Finding, Tick

# 1 000 loggers x 2 accelerometers x 4 rules x 2 lanes are 16 000; twice that at about 1.5 kB is 50 MB: what a sender
# who invents names can cost at most.
MAX_TALLIES = 1 << 15
Place = tuple[int, int, int]  # pos, boot, seq


class Tallies:
    """Late events have a tally of their own, so that they never disturb the present state."""

    def __init__(self, rules: ShockRules, max_tallies: int = MAX_TALLIES) -> None:
        self._rules = rules
        self._max_tallies = max_tallies
        self._tallies: dict[LaneKey, Tally] = {}
        self._firing: set[LaneKey] = set()
        self.refused = 0  # events for which there was no tally, as `max_tallies` others were there before

    def amount(self, key: LaneKey) -> float | None:
        """The count or dose so far, None before the first event that weighs."""
        tally = self._tallies.get(key)
        return None if tally is None else tally.amount

    def take(self, key: LaneKey, judged: Judged, meter: Meter, event: Event, found: Hit | None) -> Iterator[Finding]:
        """Take one event, which was `found` beyond: a stretch of time that ended and a window that went on first."""
        time_ns, place = event.trigger_ns, (event.pos, event.boot, event.seq)
        since_ns = self._rules.since(key.container, judged.rule.phases, time_ns)
        yield from self._end(key, judged, meter, since_ns, time_ns, place)
        if since_ns is None:
            return
        tally = self._tallies.get(key)
        if tally is None:
            if found is None or not self._has_room():
                return
            tally = self._tallies[key] = meter.begin(since_ns, time_ns)
        fall = meter.move(tally, time_ns)
        if fall is not None:
            yield self._clear(key, judged, fall, place)
        tally.last_ns, tally.tick_ns = time_ns, 0
        tally.pos, tally.boot, tally.seq = place
        if found is not None:
            meter.add(tally, time_ns, abs(found.value) + guard(judged.rule, found.uncertainty))
            yield from self._exceeded(key, judged, meter, found)

    def tick(self, tick: Tick) -> list[Finding]:
        """Clear what came down to its limit, or whose phase ended, since the last event.

        A stream's time goes on from its last event as the gateway's does from its first tick after that, so that a
        logger's clock may be wrong.
        """
        found: list[Finding] = []
        for key in sorted(self._firing):
            tally, judged = self._tallies[key], self._rules.find(key)
            assert judged is not None and judged.meter is not None  # a tally whose rule is gone is not adopted
            tally.tick_ns = tally.tick_ns or tick.now_ns
            now_ns = tally.last_ns + max(tick.now_ns - tally.tick_ns, 0)
            place = (tick.pos, tally.boot, tally.seq)
            since_ns = self._rules.since(key.container, judged.rule.phases, now_ns)
            found += self._end(key, judged, judged.meter, since_ns, now_ns, place)
            fall = judged.meter.move(tally, now_ns) if key in self._firing else None
            if fall is not None:
                found.append(self._clear(key, judged, fall, place))
        return found

    def snapshot(self, container: str | None = None) -> dict[str, Any]:
        """The tallies of a container (None: of all) and their keys, for `adopt`."""
        keys = sorted(key for key in self._tallies if container in (None, key.container))
        return {"keys": [list(key) for key in keys], "tallies": [self._tallies[key].to_list() for key in keys]}

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with tallies of a snapshot; those of rules that are not in force are dropped, `cleared` if they fired.

        KeyError, TypeError or ValueError when it is none.
        """
        found: list[Finding] = []
        for key, values in zip(read_keys(content), content["tallies"], strict=True):
            tally = Tally.from_list(values)
            if self._rules.find(key) is None:
                place = (tally.pos, tally.boot, tally.seq)
                last = Moment(max(tally.start_ns, tally.last_ns), tally.amount)
                ended = _finding("cleared", key, None, tally, last, place)._replace(note=LIMITS_CHANGED)
                found += [ended] if tally.is_firing else []
            elif key in self._tallies or self._has_room():
                self._tallies[key] = tally
                (self._firing.add if tally.is_firing else self._firing.discard)(key)
        return found

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's events."""
        self._tallies = {key: tally for key, tally in self._tallies.items() if key.container != container}
        self._firing.intersection_update(self._tallies)

    def _has_room(self) -> bool:
        if len(self._tallies) < self._max_tallies:
            return True
        self.refused += 1
        return False

    def _end(
        self, key: LaneKey, judged: Judged, meter: Meter, since_ns: int | None, time_ns: int, place: Place
    ) -> Iterator[Finding]:
        """Drop a tally of another stretch of time, or one that the time lies before, as a clock was set back."""
        tally = self._tallies.get(key)
        if tally is None:
            return
        is_over = tally.since_ns != since_ns
        if not is_over and not meter.is_before(tally, time_ns):
            return
        if tally.is_firing:
            yield self._clear(key, judged, Moment(time_ns if is_over else tally.last_ns, tally.amount), place)
        del self._tallies[key]

    def _exceeded(self, key: LaneKey, judged: Judged, meter: Meter, found: Hit) -> Iterator[Finding]:
        """`fired` when the event brought the tally beyond the limit, `peak` when further beyond than before."""
        tally = self._tallies[key]
        if tally.amount <= (tally.peak if tally.is_firing else meter.limit):
            return
        change = "peak" if tally.is_firing else "fired"
        if not tally.is_firing:
            tally.is_firing, tally.start_ns = True, found.start_ns
            self._firing.add(key)
        tally.peak = tally.amount
        moment = Moment(found.start_ns, tally.amount)
        told = _finding(change, key, judged, tally, moment, (tally.pos, tally.boot, tally.seq))
        yield told._replace(note=found.note, is_doubtful=True) if found.is_doubtful else told

    def _clear(self, key: LaneKey, judged: Judged, fall: Moment, place: Place) -> Finding:
        tally = self._tallies[key]
        tally.is_firing = False
        self._firing.discard(key)
        return _finding("cleared", key, judged, tally, fall, place)


def _finding(change: str, key: LaneKey, judged: Judged | None, tally: Tally, moment: Moment, place: Place) -> Finding:
    """What there is to tell of a tally; without its rule, which is gone, nobody knows the axis."""
    return Finding(
        change, key.rule, key.container, key.logger, key.channel, judged.rule.axis if judged else None,
        tally.start_ns, moment.time_ns, float(moment.amount), float(tally.peak), *place,
    )  # fmt: skip
