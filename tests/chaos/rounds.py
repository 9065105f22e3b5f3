"""One round: load, faults, recovery, then the evidence."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.chaos.evidence import Evidence, examine
from tests.chaos.faults import Act, Fault
from tests.chaos.world import World, world

WARM_S = 20.0  # until the first records are acknowledged, at most
RUN_UP_S = 1.5  # of normal load before the first fault
SPREAD_S = 1.0  # within which the faults of a round begin
RECOVER_S = 75.0  # past this the round is called stuck
SETTLE_S = 30.0
SILENCING = {"loggers", "network", "broker"}  # while nothing comes from there, nothing is stuck before InfluxDB
POWER_SHARE = 0.3  # of the rounds: the power of one logger fails too


@dataclass
class Outcome:
    """What a round showed; `recovery_s` from the end of its last fault, or of the daemon, to an empty backlog."""

    seed: int
    faults: list[str]
    recovery_s: float
    evidence: Evidence
    problems: list[str] = field(default_factory=list)

    @property
    def main(self) -> str:
        """The fault that gave the round its place."""
        return self.faults[0]

    def __str__(self) -> str:
        said = "; ".join(self.problems) or "nothing wrong"
        return f"seed {self.seed}: {' + '.join(self.faults)}: recovered in {self.recovery_s:.1f} s; {said}"


def play(seed: int, faults: Sequence[Fault], hold_s: float) -> Outcome:
    """A round with these faults, each held for a random time up to `hold_s` (a stop: for all of it)."""
    random = np.random.default_rng([seed, len(faults)])
    lines = tuple(line for fault in faults for line in fault.broker_lines)
    power_s = RUN_UP_S + random.uniform(0, SPREAD_S + hold_s) if random.random() < POWER_SHARE else None
    with world(seed, *lines, is_disk_small=any(f.needs_disk for f in faults), power_fails_after_s=power_s) as one:
        if not one.wait(lambda: one.fleet.acknowledged() > 0, WARM_S):
            raise TimeoutError(f"no record was acknowledged within {WARM_S:g} s: {one.state()}")
        one.wait(lambda: False, RUN_UP_S)
        ended_s = _suffer(one, faults, random, hold_s)
        is_recovered = one.wait(lambda: one.is_recovered(max(ended_s, one.died_s)), RECOVER_S)
        recovery_s = time.monotonic() - max(ended_s, one.died_s)
        one.fleet.quieten()
        is_settled = is_recovered and one.wait(one.is_settled, SETTLE_S)
        stuck = [] if is_settled else [f"not {'settled' if is_recovered else 'recovered'}: {one.state()}"]
        listed = one.get("/api/alerts")[1] or []
        problems = [*stuck, *one.problems, *one.finish()]
        evidence = examine(one.state_dir(), one.fleet.notes.all(), one.influx, listed)
        return Outcome(seed, [fault.name for fault in faults], recovery_s, evidence, problems + evidence.problems)


def _suffer(one: World, faults: Sequence[Fault], random: np.random.Generator, hold_s: float) -> float:
    """Let the faults begin and end; monotonic time at which the last one ended, before its part is up again."""
    began_s = ended_s = time.monotonic()
    others_silence = not SILENCING.isdisjoint(fault.target for fault in faults)
    moments: list[tuple[float, Fault, Act, bool]] = []
    for fault in faults:
        at_s = random.uniform(0, SPREAD_S)
        moments.append((at_s, fault, fault.begin, True))
        if fault.end is not None:
            moments.append((at_s + fault.held_s(hold_s, random), fault, fault.end, False))
    for at_s, fault, act, is_beginning in sorted(moments, key=lambda moment: moment[0]):
        one.wait(lambda: False, began_s + at_s - time.monotonic())
        ended_s = time.monotonic()
        if is_beginning and (fault.target != "influxd" or not others_silence):
            one.begin(fault.name, fault.red_after_s)
        if not is_beginning:
            one.end(fault.name)
        act(one)
    return ended_s
