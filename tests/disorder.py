"""Records that come late, twice or never, and a gateway that they come to."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from monitor.consumers.watch import SNAPSHOT_NS, WANTED_BASE_NS
from monitor.journal import Usable
from monitor.model.clock import parse_rfc3339
from monitor.replaying import replay_source
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stations import HOT, JOLT, SLOW, Station, rules

COLD = {"id": "cold", "kind": "threshold", "channel": "temperature.*", "below": "24 degC", "severity": "info"}
COLD |= {"clear": "24.5 degC", "for": "10 s"}
WARM = {"id": "warm", "kind": "exposure", "channel": "temperature.*", "measure": "time", "above": "25 degC"}
WARM |= {"limit": "0.02 h", "severity": "warning"}
RULES = (HOT, SLOW, COLD, JOLT, WARM)
HOLD_OFFS = st.sampled_from(["0 s", "25 s", "2 min"])
VALUES = [23.0, 23.5, 24.2, 24.5, 25.5, 25.5, 26.5, 28.0, float("nan")]
Known = set[tuple[str, str, str, str, str | None]]


class Gateway(Station):
    """A station whose ticks say what is open, as the intake's do."""

    def __init__(self, folder: Path, hold_off: str = "0 s") -> None:
        super().__init__(folder, rules(*RULES, hold_off=hold_off))
        self.now_ns, self.mono_ns = T0 + 10_000 * S, 0

    def tick(self) -> None:
        """10 s have passed."""
        self.now_ns += 10 * S
        self.mono_ns += 10 * S
        tick: dict[str, Any] = {
            "mono_ns": self.mono_ns,
            "connected": True,
            "queue": 0,
            "open": self.journal.open_containers(),
        }
        tick["conditions"] = self.conditions()
        self.journal.append_tick(self.now_ns, self.mono_ns, json.dumps(tick).encode())

    def conditions(self) -> list[list[str]]:
        """Those that the next tick names."""
        return []

    def judge(self) -> None:
        """Judge all there is."""
        while self.watch.step():
            pass

    def settle(self) -> None:
        """Ticks enough for everything to be settled."""
        for _ in range(3):
            self.tick()
        self.judge()

    def known(self) -> Known:
        return known(self.alerts())


def known(alerts: list[dict[str, Any]]) -> Known:
    """Rule, logger, channel and interval of the alerts that count."""
    keys = ("rule", "logger", "channel", "occurred_at", "cleared_at")
    rows = [tuple(alert[key] for key in keys) for alert in alerts if not alert["merged_into"]]
    assert len(rows) == len(set(rows))
    return set(rows)


def ordered(folder: Path) -> dict[str, Any]:
    return replay_source(folder, None, lambda _done, _all: None, is_ordered=True)


def hot(gateway: Gateway) -> list[tuple[Any, ...]]:
    """Start, end (s after T0), peak and state of the alerts of rule hot, those merged and withdrawn included."""
    return [
        (seconds(a["occurred_at"]), seconds(a["cleared_at"]), a["peak"], a["state"], bool(a["merged_into"]))
        for a in gateway.alerts()
        if a["rule"] == "hot"
    ]


def seconds(text: str | None) -> float | None:
    return None if text is None else (parse_rfc3339(text) - T0) / S


def block(seq: int, *values: float, logger: str = "L", boot: int = 1, is_fill: bool = False, oldest: int = 0) -> Usable:
    """Readings ten seconds apart, three to a record: seq times 30 s after T0."""
    content = env(seq, boot, t0=T0 + seq * 30 * S, values=[[value] for value in values], oldest=min(oldest, seq))
    return arrival("env", content, T0 + 10_000 * S, logger, is_fill=is_fill)


SEEDS = st.integers(0, 2**32)


class Plan:
    """What loggers made, and how it arrives: in part late, in part twice, in part never."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.items: list[tuple[float, int, Usable]] = []
        for logger in "LM"[: self.rng.randint(1, 2)]:
            self._live(logger)
        self.items.sort(key=lambda item: item[:2])

    def _live(self, logger: str) -> None:
        rng, at_s = self.rng, 0.0
        boots = rng.sample(range(1, 1000), rng.randint(1, 3))
        ended: list[list[int]] = []
        for boot in boots:
            at_s += rng.choice([30, 100])
            self._put(at_s, arrival("status", status(boot, interval_us=10_000_000, next=0, held=[]), logger=logger))
            made = rng.randint(1, 9)
            for seq in range(made):
                at_s += 30
                self._send(logger, boot, seq, at_s)
            ended.append([boot, made])
        content = status(boots[-1], next=ended[-1][1], held=[], boots=ended[:-1], mono=int(at_s * S))
        self._put(1e6, arrival("status", content | {"t0": T0 + int(1e6 * S)}, logger=logger))

    def _send(self, logger: str, boot: int, seq: int, at_s: float) -> None:
        rng = self.rng
        t0 = T0 + int(at_s * S)
        if rng.random() < 0.15:
            content = shock(seq, boot, counts=[[0, rng.randint(-900, 900), 1], [0, 1, 0], [128] * 3], t0=t0)
        else:
            values = [[rng.choice(VALUES)] for _ in range(rng.choice([1, 3, 3, 3]))]
            content = env(seq, boot, t0=t0, values=values, mono=seq * 30 * S)
        kind = "shock" if "fs" in content else "env"
        fate = rng.random()
        if fate < 0.1:
            return
        if fate < 0.35:
            at_s += rng.choice([40.0, 200.0, 500.0]) + rng.random() * 100
        self._put(at_s, arrival(kind, content, T0 + int(at_s * S), logger, is_fill=fate < 0.35))
        if rng.random() < 0.1:
            self._put(at_s + rng.choice([1.0, 300.0]), arrival(kind, content, T0, logger, is_fill=True))

    def _put(self, at_s: float, item: Usable) -> None:
        self.items.append((at_s, len(self.items), item))


def play(gateway: Gateway, seed: int) -> None:
    """Deliver a plan with ticks, in commits, with snapshots, crashes and restarts anywhere; settle it in the end."""
    rng, commit = random.Random(seed), list[Usable]()
    for _, _, item in Plan(seed).items:
        commit.append(item)
        if rng.random() < 0.3:
            gateway.append(*commit)
            commit = []
            event = rng.choice(["", "", "tick", "tick", "judge", "save", "crash", "stop"])
            if event == "tick":
                gateway.tick()
            elif event == "judge":
                gateway.judge()
            elif event:
                misfortune(gateway, event, rng)
    gateway.append(*commit)
    gateway.settle()


def misfortune(gateway: Gateway, event: str, rng: random.Random) -> None:
    """The state is saved; or the process ends, as it should or amid its work."""
    for _ in range(rng.randint(0, 3)):
        gateway.watch.step()
    if event == "save":
        gateway.clock.mono += SNAPSHOT_NS
        gateway.watch.step()
        return
    if event == "stop":
        gateway.watch.close()
    gateway.start(page_records=rng.randint(1, 5))


def move_base(gateway: Gateway) -> int:
    """The journal is short of room: the base moves on at the next record, and up to where payloads may go now."""
    gateway.mono_ns += WANTED_BASE_NS
    gateway.watch.is_base_wanted = True
    gateway.tick()
    gateway.judge()
    gateway.watch.is_base_wanted = False
    return gateway.watch.base_pos
