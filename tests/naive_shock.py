"""Twin of the shock rules: every event is kept, all is reckoned anew each time; what one event does is `naive_event`.

For events whose static part is zero, on sensor axes that are the container's, without low-pass and least duration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from monitor.model.batch import Event, Finding, Tick
from monitor.model.leg import DEFAULT_PHASE
from monitor.model.limit import ShockRule
from tests.naive_event import guard, naive_hit

Lane = tuple[str, str, bool, str]
Spans = tuple[tuple[int, str], ...]


class NaiveRule:
    """One rule that judges each event by itself; `places` says where loggers are."""

    def __init__(
        self, rule: ShockRule, spans: Spans = (), accuracy_g: float | None = None, places: Mapping[str, str | None] = {}
    ) -> None:
        self.rule, self.spans, self.accuracy_g, self.places = rule, spans, accuracy_g, places

    def feed(self, items: Iterable[Event | Tick]) -> list[Finding]:
        """What is told of events."""
        found = []
        for event in items:
            if isinstance(event, Tick) or not is_judged(self.rule, self.places.get(event.logger)):
                continue
            if stretch(self.rule, self.spans, event.trigger_ns) is None:
                continue
            hit = naive_hit(self.rule, event, self.accuracy_g)
            if hit is not None:
                start_ns = event.start_ns + round(hit.start * 1e9 / event.shock.fs_hz)
                channel = f"shock.{event.shock.accelerometer}"
                fired = Finding(
                    "fired", self.rule.id, event.container, event.logger, channel, self.rule.axis, start_ns, start_ns,
                    hit.value, hit.value, event.pos, event.boot, event.seq, hit.uncertainty, limit=hit.limit,
                    is_doubtful=hit.is_doubtful,
                )  # fmt: skip
                found += [fired, fired._replace(change="cleared", time_ns=event.end_ns)]
        return found


def is_judged(rule: ShockRule, place: str | None) -> bool:
    """Whether a logger at a place is."""
    return rule.place is None or fnmatchcase(place or "", rule.place)


def stretch(rule: ShockRule, spans: Spans, time_ns: int) -> int | None:
    """Number of the stretch of watched phases that a time lies in, None outside."""
    number, was_watched, found = 0, False, None
    for start_ns, phase in ((None, DEFAULT_PHASE), *spans):
        if start_ns is not None and start_ns > time_ns:
            break
        is_watched = rule.phases is None or phase in rule.phases
        number += is_watched and not was_watched
        was_watched, found = is_watched, number if is_watched else None
    return found


class NaiveTally:
    """One rule for all accelerometers."""

    def __init__(
        self, rule: ShockRule, spans: Spans = (), accuracy_g: float | None = None, places: Mapping[str, str | None] = {}
    ) -> None:
        self.rule, self.spans, self.accuracy_g, self.places = rule, spans, accuracy_g, places
        self.lanes: dict[Lane, _Lane] = {}
        self.findings: list[Finding] = []

    def feed(self, items: Iterable[Event | Tick]) -> list[Finding]:
        """Judge events and ticks one by one; the findings so far."""
        for item in items:
            if isinstance(item, Tick):
                for key in sorted(self.lanes):
                    self._tick(key, item)
            elif is_judged(self.rule, self.places.get(item.logger)):
                channel = f"shock.{item.shock.accelerometer}"
                self._event((item.container, item.logger, item.is_late, channel), item)
        return self.findings

    def _event(self, key: Lane, event: Event) -> None:
        rule, time_ns, place = self.rule, event.trigger_ns, (event.pos, event.boot, event.seq)
        lane = self.lanes.get(key)
        if lane is not None and lane.stretch != self._stretch(time_ns):
            self._end(key, lane, time_ns, place)
        elif lane is not None and rule.count is not None and self._bucket(time_ns) <= lane.end - 60:
            self._end(key, lane, lane.last_ns, place)
        if self._stretch(time_ns) is None:
            return
        hit = naive_hit(rule, event, self.accuracy_g)
        lane = self.lanes.get(key)
        if lane is None:
            if hit is None:
                return
            lane = self.lanes[key] = _Lane(self._stretch(time_ns), self._bucket(time_ns))
        self._move(key, lane, self._bucket(time_ns), place)
        lane.last_ns, lane.place, lane.tick_ns = time_ns, place, None
        if hit is None:
            return
        lane.events.append((self._bucket(time_ns), abs(hit.value) + guard(rule, hit.uncertainty)))
        amount = self._amount(lane, lane.end)
        start_ns = event.start_ns + round(hit.start * 1e9 / event.shock.fs_hz)
        if lane.start_ns is None and amount > rule.limit:
            lane.start_ns, lane.peak = start_ns, amount
            self._tell("fired", key, lane, start_ns, amount, place, is_doubtful=hit.is_doubtful)
        elif lane.start_ns is not None and amount > lane.peak:
            lane.peak = amount
            self._tell("peak", key, lane, start_ns, amount, place, is_doubtful=hit.is_doubtful)

    def _tick(self, key: Lane, tick: Tick) -> None:
        lane = self.lanes[key]
        if lane.start_ns is None:
            return
        if lane.tick_ns is None:
            lane.tick_ns = tick.now_ns
        now_ns = lane.last_ns + max(tick.now_ns - lane.tick_ns, 0)
        place = (tick.pos, *lane.place[1:])
        if lane.stretch != self._stretch(now_ns):
            self._end(key, lane, now_ns, place)
            return
        self._move(key, lane, self._bucket(now_ns), place)

    def _move(self, key: Lane, lane: _Lane, bucket: int, place: tuple[int, int, int]) -> None:
        """Let the window's end go on bucket by bucket, as far as anything can be left in it."""
        for end in range(lane.end + 1, min(bucket, lane.end + 60) + 1):
            if lane.start_ns is not None and self._amount(lane, end) <= self.rule.limit:
                assert self.rule.within_s is not None
                fallen_ns = end * round(self.rule.within_s * 1e9 / 60)
                self._tell("cleared", key, lane, fallen_ns, self._amount(lane, end), place)
                lane.start_ns = None
        lane.end = max(lane.end, bucket)

    def _amount(self, lane: _Lane, end: int) -> float:
        if self.rule.count is not None:
            return sum(1.0 for bucket, _ in lane.events if bucket > end - 60)
        assert self.rule.ref_g is not None and self.rule.exponent is not None
        dose = 0.0
        for _, size_g in lane.events:
            dose += (size_g / self.rule.ref_g) ** self.rule.exponent
        return dose

    def _end(self, key: Lane, lane: _Lane, time_ns: int, place: tuple[int, int, int]) -> None:
        if lane.start_ns is not None:
            self._tell("cleared", key, lane, time_ns, self._amount(lane, lane.end), place)
        del self.lanes[key]

    def _bucket(self, time_ns: int) -> int:
        return 0 if self.rule.within_s is None else time_ns // round(self.rule.within_s * 1e9 / 60)

    def _stretch(self, time_ns: int) -> int | None:
        return stretch(self.rule, self.spans, time_ns)

    def _tell(
        self,
        change: str,
        key: Lane,
        lane: _Lane,
        time_ns: int,
        value: float,
        place: tuple[int, int, int],
        *,
        is_doubtful: bool = False,
    ) -> None:
        assert lane.start_ns is not None
        container, logger, _, channel = key
        self.findings.append(
            Finding(change, self.rule.id, container, logger, channel, self.rule.axis, lane.start_ns, time_ns,
                    value, lane.peak, *place, is_doubtful=is_doubtful)
        )  # fmt: skip


class _Lane:
    def __init__(self, stretch: int | None, end: int) -> None:
        self.stretch, self.end = stretch, end
        self.events: list[tuple[int, float]] = []
        self.start_ns: int | None = None
        self.peak = 0.0
        self.last_ns, self.place = 0, (0, 0, 0)
        self.tick_ns: int | None = None
