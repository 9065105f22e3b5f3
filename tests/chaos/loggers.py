"""Simulated loggers under a steady load, and a note of each record that they made."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from firmware_sim.clock import VirtualClock
from firmware_sim.codec import Env, Shock
from firmware_sim.device import Fate, Identity, Record
from firmware_sim.plan import Action, Happening, LoggerPlan, Made
from firmware_sim.publish.broker import Broker
from firmware_sim.recorder.truth import Truth
from firmware_sim.runner import Run
from tests.processes import HOST

CONTAINERS, LOGGERS = 3, 4  # of each container
INTERVAL_US, ROWS = 50_000, 5  # a block each 0.25 s, so 48 records and 240 readings a second in all
INTERVAL_NS = INTERVAL_US * 1000
BLOCK_NS = ROWS * INTERVAL_NS
RECORDS_PER_S = CONTAINERS * LOGGERS * 1_000_000 / (INTERVAL_US * ROWS)
KNOCK_EVERY = 12  # blocks: every 3 s
KNOCK_SAMPLES, KNOCK_PRE, FS_HZ, SCALE_G = 300, 180, 1000.0, 0.01
OFF_NS = 1_500_000_000  # how long the power of a logger fails
JOIN_S = 20.0
CHANNELS = ("temperature.hardware", "humidity.air")


@dataclass(slots=True)
class Note:
    """A record that was made, and what became of it as far as its logger knows."""

    logger: str
    container: str
    record: Record
    content: Env | Shock
    made_s: float  # monotonic
    fate: Fate = Fate.HELD


class Notes(Truth):
    """Keeps in memory what the simulator tells of each record."""

    def __init__(self) -> None:
        super().__init__(None)
        self.by_identity: dict[tuple[str, int, int], Note] = {}

    def recorded(self, plan: LoggerPlan, made: Made, record: Record, clk: int) -> None:
        """A record was made."""
        key = (plan.identity.logger, record.boot, record.seq)
        self.by_identity[key] = Note(
            plan.identity.logger, plan.identity.container, record, made.content, time.monotonic()
        )

    def unrecorded(self, plan: LoggerPlan, made: Made) -> None:
        """A record was in the RAM when the power failed: it never was one."""

    def fate(self, plan: LoggerPlan, record: Record, fate: Fate) -> None:
        """A record left the memory, or is held at the end."""
        self.by_identity[plan.identity.logger, record.boot, record.seq].fate = fate

    def all(self) -> list[Note]:
        """The notes so far, oldest first."""
        return list(self.by_identity.values())


@dataclass
class Fleet:
    """All loggers of a round, in a thread of their own from entering the context to its end."""

    port: int
    seed: int
    power_fails_after_s: float | None = None  # of one logger
    notes: Notes = field(default_factory=Notes)

    def __enter__(self) -> Self:
        self._stop, self._quiet = threading.Event(), threading.Event()
        start_ns = time.time_ns()
        self._clock = VirtualClock(start_ns, 1.0, start_ns / 1e9)
        plans = [self._plan(number, start_ns) for number in range(CONTAINERS * LOGGERS)]
        self._run = Run(plans, Broker(HOST, self.port), self._clock, self.notes, self._stop)
        self._thread = threading.Thread(target=self._live, name="loggers", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(JOIN_S)
        self._run.close()

    def quieten(self) -> None:
        """Let nothing more be recorded; what is held is still sent."""
        self._quiet.set()

    def oldest_held_s(self) -> float:
        """Age of the oldest record that is not settled, 0 when all are."""
        made = [note.made_s for note in self.notes.all() if note.fate is Fate.HELD]
        return time.monotonic() - min(made) if made else 0.0

    def is_settled_past(self, moment_s: float) -> bool:
        """Whether of each logger all records made before `moment_s` are settled, and one made after it."""
        settled = {n.logger for n in self.notes.all() if n.fate is Fate.ACKNOWLEDGED and n.made_s > moment_s}
        held = any(note.fate is Fate.HELD and note.made_s <= moment_s for note in self.notes.all())
        return not held and len(settled) == CONTAINERS * LOGGERS

    def acknowledged(self) -> int:
        """Records that were settled so far."""
        return sum(note.fate is Fate.ACKNOWLEDGED for note in self.notes.all())

    def _live(self) -> None:
        self._run.go(None, lambda _: self._quiet.is_set())
        self._run.fleet.end_at(self._clock.now_ns())
        self._run.go(None, lambda _: False)

    def _plan(self, number: int, start_ns: int) -> LoggerPlan:
        identity = Identity(
            container=f"C-{number // LOGGERS + 1}",
            logger=f"L-{number + 1:02}",
            serial=f"SN-{number + 1}",
            model="TL-3",
            interval_us=INTERVAL_US,
            seed=self.seed,
            sync="never",
        )
        boot_ns = start_ns + number * BLOCK_NS // (CONTAINERS * LOGGERS)
        random = np.random.default_rng([self.seed, number])
        off_s = self.power_fails_after_s if number == 0 else None
        off_ns = None if off_s is None else boot_ns + round(off_s * 1e9)
        return LoggerPlan(identity, boot_ns, _happenings(boot_ns, random, off_ns))


def _happenings(boot_ns: int, random: np.random.Generator, off_ns: int | None) -> Iterator[Happening]:
    """Warm spells of every length and knocks, for ever; the power fails once, in the midst of two records."""
    yield Action(boot_ns, "synchronise")
    temperatures, t0_ns, block = _spells(random), boot_ns, int(random.integers(KNOCK_EVERY))
    while True:
        at_ns = t0_ns + BLOCK_NS
        if off_ns is not None and at_ns >= off_ns:
            yield Action(off_ns, "power-off", int(random.integers(3)))
            yield Action(off_ns + OFF_NS, "power-on")
            yield Action(off_ns + OFF_NS, "synchronise")
            t0_ns, off_ns = off_ns + OFF_NS, None
            continue
        values = np.array([[next(temperatures), 50.0] for _ in range(ROWS)], dtype=np.float32)
        yield Made(at_ns, t0_ns, Env(CHANNELS, INTERVAL_US, values))
        block += 1
        if block % KNOCK_EVERY == 0:
            yield Made(at_ns, t0_ns, _knock(random))  # 300 ms that end after the block: no matter to anybody
        t0_ns = at_ns


def _spells(random: np.random.Generator) -> Iterator[float]:
    while True:
        level = random.choice([20.0, 24.5, 26.0, 28.0])
        length = random.choice([4, 20, 21, 22, 50])  # 21 readings are just as long as the dwell
        yield from level + random.normal(0, 0.3, length)


def _knock(random: np.random.Generator) -> Shock:
    counts = np.zeros((3, KNOCK_SAMPLES), dtype=np.int16)
    counts[2] = 100  # 1 g of gravity, which is no knock
    pulse = random.uniform(50, 400) * np.sin(np.linspace(0, np.pi, 12))
    counts[:2, 200:212] += np.round(pulse).astype(np.int16)
    return Shock(FS_HZ, KNOCK_PRE, (SCALE_G, SCALE_G, SCALE_G), 16.0, counts, "a", 2.0)
