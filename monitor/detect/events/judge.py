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

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from monitor.detect.events.health import CHECKS, Fault
from monitor.detect.events.hits import hit
from monitor.detect.events.rules import ShockRules
from monitor.detect.events.signals import Signals, channel_of
from monitor.detect.events.summary import damage_margin, no_record, summarise
from monitor.detect.events.tallies import MAX_TALLIES, Tallies
from monitor.detect.lane import LaneKey
from monitor.detect.rules import RulesView
from monitor.model.batch import Event, Finding, Tick, Totals
from monitor.model.event_summary import EventSummary
from monitor.model.limit import HealthRule, ShockRule

Found = list[tuple[int, Finding]]


class _Told(NamedTuple):
    """A tally after an event, for `field` of measurement `exposure`."""

    key: LaneKey
    event: Event
    field: str
    amount: float


class ShockJudge:
    """Judges events against the shock rules of their container's profile, and whether a sensor was at its rail."""

    def __init__(self, rules: RulesView, max_tallies: int = MAX_TALLIES) -> None:
        self._rules = ShockRules(rules)
        self._tallies = Tallies(self._rules, max_tallies)

    @property
    def refused(self) -> int:
        """Events that are not counted, as `max_tallies` other accelerometers and rules were there before."""
        return self._tallies.refused

    def step(
        self, events: Sequence[Event], *, wants_events: bool = False
    ) -> tuple[Found, list[Totals], list[EventSummary]]:
        """Findings, each with its place in the record, running totals, a row for each event that has any, and events.

        Late events have no totals to show. Summaries, whose spectra cost more than all rules, are made where somebody
        `wants_events`. Never raises over what an event is: a record that is none is told as invalid.
        """
        found: Found = []
        summaries: list[EventSummary] = []
        told: dict[str, list[_Told]] = {}
        with np.errstate(all="ignore"):  # an absurd scale is judged for what it says
            for event in events:
                try:
                    signals = Signals(event, self._rules.view)
                except ValueError as error:
                    found += self._refuse(event, str(error))
                    summaries += [no_record(event, str(error))] if wants_events else []
                    continue
                found += self._judge(signals, told)
                found += self._judge_health(signals)
                if wants_events:
                    summaries.append(self._summarise(signals))
        return found, [_totals(rows) for rows in told.values()], summaries

    def tick(self, tick: Tick) -> list[Finding]:
        """Time has passed: counts come down as events leave their window."""
        return self._tallies.tick(tick)

    def snapshot(self, container: str | None = None) -> dict[str, Any]:
        """What is remembered of a container (None: of all), for `adopt`."""
        return self._tallies.snapshot(container)

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with what is remembered; what fired under a rule that is not in force is `cleared`.

        KeyError, TypeError or ValueError when it is none.
        """
        return self._tallies.adopt(content)

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's events."""
        self._tallies.forget(container)

    def _judge(self, signals: Signals, told: dict[str, list[_Told]]) -> Iterator[tuple[int, Finding]]:
        event = signals.event
        for judged in self._rules.of(event.container):
            if not judged.rule.applies_to(signals.place):
                continue
            if judged.meter is None:
                if self._watches(event, judged.rule):
                    yield from enumerate(_exceeded(signals, judged.rule))
                continue
            key = LaneKey(event.container, event.logger, event.is_late, signals.channel, judged.digest, judged.rule.id)
            yield from enumerate(self._tallies.take(key, judged, judged.meter, signals))
            amount = None if event.is_late else self._tallies.amount(key)
            if amount is not None:
                told.setdefault(key.digest, []).append(_Told(key, event, judged.meter.name, amount))

    def _summarise(self, signals: Signals) -> EventSummary:
        """What is stored of an event; the damage boundaries count in every phase."""
        rules = [judged.rule for judged in self._rules.of(signals.event.container)]
        margin = damage_margin(signals.analysis, (rule for rule in rules if rule.applies_to(signals.place)))
        return summarise(signals.event, signals.analysis, margin)

    def _judge_health(self, signals: Signals) -> Iterator[tuple[int, Finding]]:
        for rule in self._rules.health(signals.event.container):
            if self._watches(signals.event, rule):
                fault = CHECKS[rule.check](signals)
                if fault is not None:
                    yield from enumerate(_faulty(signals.event, rule, fault))

    def _refuse(self, event: Event, reason: str) -> Iterator[tuple[int, Finding]]:
        """Tell of a record that is none."""
        for rule in self._rules.health(event.container):
            if rule.check == "invalid" and self._watches(event, rule):
                yield from enumerate(_faulty(event, rule, Fault(event.start_ns, reason)))

    def _watches(self, event: Event, rule: ShockRule | HealthRule) -> bool:
        return self._rules.since(event.container, rule.phases, event.trigger_ns) is not None


def _exceeded(signals: Signals, rule: ShockRule) -> Iterator[Finding]:
    """What an event is told to have exceeded by itself."""
    found = hit(signals, rule)
    if found is None:
        return
    fired, cleared = _during(signals.event, rule, found.start_ns, found.value)
    yield fired._replace(**found._asdict())
    yield cleared._replace(**found._asdict() | {"note": ""})


def _faulty(event: Event, rule: HealthRule, fault: Fault) -> Iterator[Finding]:
    """The value of a health check is 1 while it is not passed."""
    fired, cleared = _during(event, rule, fault.start_ns, 1.0)
    yield fired._replace(note=fault.note)
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
