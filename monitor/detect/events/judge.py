"""The family of shock rules: what one event exceeds by itself, and what the events of an accelerometer add up to.

event ──► signals ───► measured ───────────► hit? ──► fired and cleared at once       (no memory: it is whole)
          (its         (peak, velocity        └─────► tally ──► fired, peak, cleared  (`count`, `dose`: one for
          analysis,     change, damage                                                each accelerometer)
          as asked for) boundary, spectrum,
              │         drop height)
              ├──► health: clipped, invalid
              └──► summary: what is stored of it
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from monitor.detect.events.declared import Declared
from monitor.detect.events.health import CHECKS, Lapse
from monitor.detect.events.hits import Hit, hit
from monitor.detect.events.measured import measure
from monitor.detect.events.rules import Judged, ShockRules
from monitor.detect.events.signals import Signals, channel_of
from monitor.detect.events.summary import no_record, summarise
from monitor.detect.events.tallies import MAX_TALLIES, Tallies
from monitor.detect.lane import LaneKey
from monitor.detect.nearest import Approach, Limited, Nearest
from monitor.detect.rules import RulesView
from monitor.model.batch import Event, Finding, Heard, Tick, Totals
from monitor.model.event_summary import EventSummary
from monitor.model.limit import HealthRule, ShockRule

log = logging.getLogger(__name__)

Found = list[tuple[int, Finding]]


class _Analysed(NamedTuple):
    """All that an event's analysis says to the rules that watch, before any of it is told."""

    hits: list[tuple[Judged, Hit | None]]
    lapses: list[tuple[HealthRule, Lapse]]
    summary: EventSummary | None


class _Told(NamedTuple):
    """A tally after an event, for `field` of measurement `exposure`."""

    key: LaneKey
    event: Event
    field: str
    amount: float


class ShockJudge:
    """Judges events against the shock rules of their container's profile, and whether a sensor was at its rail."""

    def __init__(self, rules: RulesView, max_tallies: int = MAX_TALLIES, nearest: Nearest | None = None) -> None:
        """How near events and tallies come to their limits goes to `nearest`."""
        self._rules, self._nearest = ShockRules(rules), nearest
        self._tallies = Tallies(self._rules, max_tallies)
        self._declared = Declared()

    @property
    def refused(self) -> int:
        """Events that are not counted, as `max_tallies` other accelerometers and rules were there before."""
        return self._tallies.refused

    def step(
        self, events: Sequence[Event], heard: Sequence[Heard] = (), *, wants_events: bool = False
    ) -> tuple[Found, list[Totals], list[EventSummary]]:
        """Findings, each with its place in the record, running totals, a row for each event that has any, and events.

        Both `events` and `heard` ascend by `pos`: of a sensor that holds which its logger declared before the event.
        Late events have no totals to show. Summaries, whose spectra cost more than all rules, are made where somebody
        `wants_events`. Never raises over what an event is: a record that is none, or whose analysis fails, is told as
        invalid.
        """
        statuses = [each for each in heard if each.status is not None]
        if not events and not statuses:
            return [], [], []
        found: Found = []
        summaries: list[EventSummary] = []
        told: dict[str, list[_Told]] = {}
        with np.errstate(all="ignore"):  # an absurd scale is judged for what it says
            for event in self._after_statuses(events, statuses):
                analysed = self._analyse(event, wants_events=wants_events)
                found += self._tell(event, analysed.hits, told)
                for rule, lapse in analysed.lapses:
                    found += enumerate(_lapsed(event, rule, lapse))
                summaries += [analysed.summary] if analysed.summary else []
        return found, [_totals(rows) for rows in told.values()], summaries

    def tick(self, tick: Tick) -> list[Finding]:
        """Time has passed: counts come down as events leave their window."""
        return self._tallies.tick(tick)

    def snapshot(self, container: str | None = None) -> dict[str, Any]:
        """What is remembered of a container (None: of all), for `adopt`."""
        return self._tallies.snapshot(container) | {"declared": self._declared.snapshot(container)}

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with what is remembered; what fired under a rule that is not in force is `cleared`.

        KeyError, TypeError or ValueError when it is none.
        """
        self._declared.adopt(content.get("declared", []))  # earlier versions remembered none
        return self._tallies.adopt(content)

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's events."""
        self._tallies.forget(container)
        self._declared.forget(container)

    def _after_statuses(self, events: Iterable[Event], statuses: Iterable[Heard]) -> Iterator[Event]:
        """The events, each once the statuses before it are taken up."""
        items: Iterator[Event | Heard] = merge(events, statuses, key=attrgetter("pos"))
        for item in items:
            if isinstance(item, Event):
                yield item
            elif item.status is not None:
                self._declared.take(item.container, item.logger, item.status)

    def _analyse(self, event: Event, *, wants_events: bool) -> _Analysed:
        """What there is to say of an event, or why there is nothing."""
        try:
            signals = Signals(event, self._rules.view, self._declared.lowpass_hz(event))
        except ValueError as error:
            return self._no_record(event, str(error), wants_events=wants_events)
        try:
            self._observe(signals)
            return _Analysed(
                hits=list(self._hits(signals)),
                lapses=list(self._lapses(signals)),
                summary=self._summarise(signals) if wants_events else None,
            )
        except Exception as error:
            log.exception("analysis of event %s/%s/%d/%d", event.container, event.logger, event.boot, event.seq)
            return self._no_record(event, f"analysis failed: {error!r}", wants_events=wants_events)

    def _no_record(self, event: Event, reason: str, *, wants_events: bool) -> _Analysed:
        """Nothing but that it is not valid, and why."""
        rules = [rule for rule in self._rules.health(event.container) if rule.check == "invalid"]
        lapses = [(rule, Lapse(event.start_ns, reason)) for rule in rules if self._watches(event, rule)]
        return _Analysed([], lapses, no_record(event, reason) if wants_events else None)

    def _hits(self, signals: Signals) -> Iterator[tuple[Judged, Hit | None]]:
        """What the rules say that apply to the logger, None where the event is within or a rule does not watch."""
        for judged in self._rules.of(signals.event.container):
            if judged.rule.applies_to(signals.place):
                yield judged, hit(signals, judged.rule) if self._watches(signals.event, judged.rule) else None

    def _observe(self, signals: Signals) -> None:
        """Note how near an event comes to the limits that it is held against by itself."""
        event = signals.event
        if self._nearest is None or event.is_late:
            return
        for judged in self._rules.of(event.container):
            rule = judged.rule
            if judged.meter is not None or not rule.applies_to(signals.place) or not self._watches(event, rule):
                continue
            measured = measure(signals.analysis, rule)
            if measured is not None:
                margin = (measured.limit - abs(measured.value)) * rule.sign
                approach = Approach(rule, margin, measured.value, measured.limit, event.trigger_ns, event.pos)
                self._nearest.note(_limited(event, rule), approach)

    def _lapses(self, signals: Signals) -> Iterator[tuple[HealthRule, Lapse]]:
        for rule in self._rules.health(signals.event.container):
            lapse = CHECKS[rule.check](signals) if self._watches(signals.event, rule) else None
            if lapse is not None:
                yield rule, lapse

    def _summarise(self, signals: Signals) -> EventSummary:
        """What is stored of an event; the damage boundaries count in every phase."""
        rules = (judged.rule for judged in self._rules.of(signals.event.container))
        applying = (rule for rule in rules if rule.applies_to(signals.place))
        return summarise(signals.event, signals.analysis, applying)

    def _tell(
        self, event: Event, hits: list[tuple[Judged, Hit | None]], told: dict[str, list[_Told]]
    ) -> Iterator[tuple[int, Finding]]:
        """What is told of an event by itself, and what tallies tell that take it."""
        for judged, found in hits:
            if judged.meter is None:
                yield from enumerate(_exceeded(event, judged.rule, found))
                continue
            channel = channel_of(event)
            key = LaneKey(event.container, event.logger, event.is_late, channel, judged.digest, judged.rule.id)
            yield from enumerate(self._tallies.take(key, judged, judged.meter, event, found))
            amount = None if event.is_late else self._tallies.amount(key)
            if amount is not None and self._nearest is not None:
                limit = judged.meter.limit
                approach = Approach(judged.rule, limit - amount, amount, limit, event.trigger_ns, event.pos)
                self._nearest.note(_limited(event, judged.rule), approach)
            if amount is not None:
                told.setdefault(key.digest, []).append(_Told(key, event, judged.meter.name, amount))

    def _watches(self, event: Event, rule: ShockRule | HealthRule) -> bool:
        return self._rules.since(event.container, rule.phases, event.trigger_ns) is not None


def _limited(event: Event, rule: ShockRule) -> Limited:
    return Limited(rule.id, event.container, event.logger, channel_of(event))


def _exceeded(event: Event, rule: ShockRule, found: Hit | None) -> Iterator[Finding]:
    """What an event is told to have exceeded by itself."""
    if found is None:
        return
    fired, cleared = _during(event, rule, found.start_ns, found.value)
    yield fired._replace(**found._asdict())
    yield cleared._replace(**found._asdict() | {"note": ""})


def _lapsed(event: Event, rule: HealthRule, lapse: Lapse) -> Iterator[Finding]:
    """The value of a health check is 1 while it is not passed."""
    fired, cleared = _during(event, rule, lapse.start_ns, 1.0)
    yield fired._replace(note=lapse.note)
    yield cleared


def _during(event: Event, rule: ShockRule | HealthRule, start_ns: int, value: float) -> tuple[Finding, Finding]:
    """Fired at the first sample that is so, cleared by the event's end."""
    axis = rule.axis if isinstance(rule, ShockRule) else None
    fired = Finding(
        "fired", rule.id, event.container, event.logger, channel_of(event), axis,
        start_ns, start_ns, value, value, event.pos, event.boot, event.seq,
    )  # fmt: skip
    return fired, fired._replace(change="cleared", time_ns=event.end_ns)


def _totals(rows: list[_Told]) -> Totals:
    """The rows of one rule, as its tallies stood after each event."""
    owners = [(row.key.container, row.key.logger, row.key.channel) for row in rows]
    lanes = {owner: lane for lane, owner in enumerate(dict.fromkeys(owners))}
    return Totals(
        rows[0].key.rule,
        list(lanes),
        np.array([lanes[owner] for owner in owners], dtype=np.int64),
        np.array([row.event.pos for row in rows], dtype=np.int64),
        np.array([row.event.trigger_ns for row in rows], dtype=np.int64),
        {rows[0].field: np.array([row.amount for row in rows], dtype=np.float64)},
    )
