"""The family of shock rules: what one event exceeds by itself, and what the events of an accelerometer add up to.

    event ──► signals ──► hit? ──► fired and cleared at once        (a rule on the peak: no memory, an event is whole)
              (static off,    └──► tally ──► fired, peak, cleared   (`count`, `dose`: one for each accelerometer)
               low-passed)

The velocity change, the damage boundary and the shock response spectrum judge a signal too: each will be a way to hit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from monitor.detect.events.rules import Judged, ShockRules
from monitor.detect.events.signals import Signals
from monitor.detect.events.summary import summarise
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

    def step(self, events: Sequence[Event]) -> tuple[Found, list[Totals], list[EventSummary]]:
        """Findings, each with its place in the record, running totals, a row for each event that has any, and events.

        Events without samples are passed over; late ones have no totals to show.
        """
        found: Found = []
        summaries: list[EventSummary] = []
        told: dict[str, list[_Told]] = {}
        with np.errstate(over="ignore", invalid="ignore"):  # an absurd scale is judged for what it says
            for event in events:
                if event.shock.samples > 0:
                    signals = Signals(event, self._rules.view)
                    found += self._judge(signals, told)
                    found += self._judge_health(signals)
                    summaries.append(summarise(event, signals.analysis, None))
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
            if judged.meter is None:
                if self._watches(event, judged.rule):
                    yield from enumerate(_exceeded(signals, judged))
                continue
            key = LaneKey(event.container, event.logger, event.is_late, signals.channel, judged.digest, judged.rule.id)
            yield from enumerate(self._tallies.take(key, judged, judged.meter, signals))
            amount = None if event.is_late else self._tallies.amount(key)
            if amount is not None:
                told.setdefault(key.digest, []).append(_Told(key, event, judged.meter.name, amount))

    def _judge_health(self, signals: Signals) -> Iterator[tuple[int, Finding]]:
        for rule in self._rules.clipped(signals.event.container):
            if self._watches(signals.event, rule):
                start_ns = signals.clipped_ns()
                if start_ns is not None:  # the value of such a check is 1 while it is so
                    yield from enumerate(_during(signals, rule, start_ns, 1.0))

    def _watches(self, event: Event, rule: ShockRule | HealthRule) -> bool:
        return self._rules.since(event.container, rule.phases, event.trigger_ns) is not None


def _exceeded(signals: Signals, judged: Judged) -> Iterator[Finding]:
    hit = signals.hit(judged.rule)
    if hit is not None:
        yield from _during(signals, judged.rule, hit.start_ns, hit.peak_g)


def _during(signals: Signals, rule: ShockRule | HealthRule, start_ns: int, value: float) -> Iterator[Finding]:
    """Fired at the first sample that is so, cleared by the event's end."""
    event = signals.event
    axis, accuracy_g = (rule.axis, signals.accuracy_g) if isinstance(rule, ShockRule) else (None, None)
    for change, time_ns in (("fired", start_ns), ("cleared", event.end_ns)):
        yield Finding(
            change, rule.id, event.container, event.logger, signals.channel, axis,
            start_ns, time_ns, value, value, event.pos, event.boot, event.seq, accuracy_g,
        )  # fmt: skip


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
