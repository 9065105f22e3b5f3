"""Lets a scenario happen, in process and at virtual time: the truth and the journal of one seed in one folder.

What came in a slot of SLOT_S is journalled and judged at once, which makes a run many times cheaper; then come the
ticks of that time, one a minute instead of six. So an acknowledgement comes up to a slot later than it would, and a
logger counts as silent for up to a slot more: with 15 min from one record to the next that stays below the shortest
silence that is judged, 30 min. Times of receipt are exact all the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.quality.gateway import Gateway, Key, content_of, rules_for
from benchmarks.quality.link import Exchange, ExchangeLine
from firmware_sim import recorder, scenario
from firmware_sim.clock import NS_PER_S, parse_time_ns
from firmware_sim.device import Record
from firmware_sim.plan import LoggerPlan, Made
from firmware_sim.recorder.truth import Truth
from firmware_sim.runner import Fleet
from firmware_sim.unit import Unit

SLOT_S = 600
SPEED = SLOT_S  # by which the simulator reckons what an acknowledgement takes: records are sent again after 2 slots
START = "2026-11-23T06:00:00Z"  # of a scenario that says none
LENGTH_S = {"quiet": 2 * 86_400.0}  # of those that go on for ever
DRAIN_SLOTS = 12


class Witness(Truth):
    """The truth, and beside it what each record told when it was made, by logger, boot and seq."""

    def __init__(self, folder: Path, watched: frozenset[str]) -> None:
        super().__init__(folder)
        self.told: dict[Key, set[bytes]] = {}
        self.watched = watched

    def recorded(self, plan: LoggerPlan, made: Made, record: Record, clk: int) -> None:
        """Keep what the record tells if its logger is watched: messages of the others arrive as they were sent."""
        super().recorded(plan, made, record, clk)
        logger = plan.identity.logger
        content = content_of(record.kind, record.payload) if logger in self.watched else None
        if content is not None:
            self.told.setdefault((logger, record.boot, record.seq), set()).add(content)


def drive(name: str, seed: int, folder: Path, limits: Sequence[Path]) -> Witness:
    """Let the scenario happen to its end; then all that can be settled is. The folder must be there and empty."""
    loaded = scenario.load(name).model_copy(update={"seed": seed})
    length_s = loaded.duration or LENGTH_S[name]
    loaded = loaded.model_copy(update={"duration": length_s})
    start_ns = loaded.start_ns() or parse_time_ns(START)
    end_ns = start_ns + round(length_s * NS_PER_S)
    corrupted = frozenset(
        logger.id
        for container, logger in loaded.loggers()
        if any(fault.kind in ("corrupted", "clone") for fault in loaded.faults_of(container, logger))
    )
    with Witness(folder, corrupted) as truth:
        plans = recorder.plan(loaded, start_ns, SPEED, None, truth)
        run = _Run(plans, start_ns, truth, folder, limits)
        run.fleet.end_at(end_ns)
        at_ns = start_ns
        while at_ns < end_ns:
            at_ns = min(at_ns + SLOT_S * NS_PER_S, end_ns)
            run.step(at_ns)
        for _ in range(DRAIN_SLOTS):
            if run.fleet.waits_in_vain(at_ns + DRAIN_SLOTS * SLOT_S * NS_PER_S):
                break
            at_ns += SLOT_S * NS_PER_S
            run.step(at_ns)
        run.close(at_ns)
    return truth


class _Run:
    """The loggers, their lines and the gateway, stepped together."""

    def __init__(
        self, plans: Sequence[LoggerPlan], start_ns: int, truth: Witness, folder: Path, limits: Sequence[Path]
    ) -> None:
        self.fleet = Fleet()
        self._exchange = Exchange(start_ns)
        for number, plan in enumerate(plans):
            line = ExchangeLine(self._exchange, plan.identity.topic, number)
            self.fleet.add(Unit(plan, line, truth, lambda: self._exchange.now_ns, SPEED))
        self._answers: list[tuple[str, bytes]] = []
        rules = rules_for(json.loads((folder / "scenario.json").read_text(encoding="utf-8")), limits)
        self._gateway = Gateway(folder, rules, start_ns, lambda topic, payload: self._answers.append((topic, payload)))

    def step(self, now_ns: int) -> None:
        """Let happen what is due by now_ns, journal what came of it, and hand back the answers."""
        self._exchange.now_ns = now_ns
        self.fleet.advance(now_ns)
        self._gateway.step(now_ns, self._exchange.take())
        answers, self._answers = self._answers, []
        numbers = {number for answer in answers for number in self._exchange.answer(*answer)}
        for number in sorted(numbers):
            self.fleet.ring(number, now_ns)

    def close(self, now_ns: int) -> None:
        """Say farewell for all loggers, and tell the truth of what they still hold."""
        for lines in self._exchange.lines.values():
            for line in lines:
                line.close()
        self._gateway.step(now_ns, self._exchange.take())
        self._gateway.close()
        for unit in self.fleet.units:
            unit.still_held()
