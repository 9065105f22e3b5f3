"""Whatever comes when, and whatever dies when: once the gaps have settled the alerts are those in official order.

Two containers of two loggers each send live, from memory, twice and late; boots come from memory alone, behind the next
one's, or wait at the broker while memory overtakes them; clocks are set or not. A third logger of one of them keeps to
no rule. Meanwhile watch is stopped, killed, set back to an older file as by a power loss, has no room on its disk, has
its base moved on and what lies before it dropped; the gateway's calendar steps.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers.watch import SNAPSHOT_NS
from monitor.journal import Usable
from monitor.journal.clock import WAIT_NS
from monitor.model.condition import GATEWAY, STORE_HELD
from monitor.model.errors import DiskFull
from tests.disorder import VALUES, Gateway, known, ordered
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status

CONTAINERS = "CD"
DAY_NS = 86_400 * S


class Line(NamedTuple):
    """How a boot is heard: not at all while it lasts, or later by what waits at the broker; its clock."""

    boot: int
    began_s: float
    is_cut: bool
    wait_s: float
    clk: int


class Fleet:
    """What the loggers of both containers made, and how it arrives: (seconds, message), in order."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.lost, self.late = rng.choice(
            [(0, 0), (0, 0.1), (0.1, 0.3)]
        )  # shares; without any all is settled in between
        self.items: list[tuple[float, Usable]] = []
        for container in CONTAINERS:
            for logger in "12":
                self._live(container, container + logger)
        if rng.random() < 0.5:
            self._live_without_rules("D", "D-hostile")
        self.items.sort(key=lambda item: item[0])

    def _live(self, container: str, logger: str) -> None:
        rng, at_s, ended = self.rng, 0.0, list[list[int]]()
        for boot in rng.sample(range(1, 1000), rng.randint(1, 4)):
            at_s += rng.choice([30, 100])
            made, began_s = rng.randint(1, 7), at_s
            line = Line(boot, began_s, rng.random() < 0.25, rng.choice([0, 0, 0, 600]), rng.choice([2, 2, 2, 0, 1]))
            named = ended if rng.random() < 0.7 else []
            held = [[number, 0, count - 1] for number, count in named]
            birth = status(boot, interval_us=10_000_000, next=0, held=held, t0=T0 + int(at_s * S), clk=line.clk)
            if not line.is_cut:
                birth |= {"boots": named} if named else {}
                self._put(at_s + line.wait_s, arrival("status", birth, self._received(at_s), logger), container)
            for seq in range(made):
                at_s += 30
                self._send(container, logger, line, seq, at_s)
            ended.append([boot, made])
        last = status(ended[-1][0], next=ended[-1][1], held=[], boots=ended[:-1], t0=T0 + 10**6 * S)
        self._put(1e6, arrival("status", last, self._received(1e6), logger), container)

    def _send(self, container: str, logger: str, line: Line, seq: int, at_s: float) -> None:
        rng, t0 = self.rng, T0 + int(at_s * S)
        clock: dict[str, int] = {"t0": t0, "mono": int((at_s - line.began_s) * S), "clk": line.clk}
        if rng.random() < 0.15:
            counts = [[0, rng.randint(-900, 900), 1], [0, 1, 0], [128] * 3]
            content = shock(seq, line.boot, counts=counts, **clock)
        else:
            values = [[rng.choice(VALUES)] for _ in range(rng.choice([1, 3, 3]))]
            content = env(seq, line.boot, values=values, **clock)
        kind, fate = "shock" if "fs" in content else "env", rng.random()
        if fate < self.lost:
            return
        is_fill = line.is_cut or fate < self.lost + self.late
        if is_fill:
            at_s += rng.choice([40.0, 200.0, 500.0, 2000.0]) + rng.random() * 100
        else:
            at_s += line.wait_s
        is_prompt = not is_fill and not line.wait_s
        item = arrival(kind, content, self._received(at_s), logger, is_fill=is_fill, is_prompt=is_prompt)
        self._put(at_s, item, container)
        if rng.random() < 0.1:
            self._put(at_s + 300, arrival(kind, content, T0, logger, is_fill=True), container)

    def _live_without_rules(self, container: str, logger: str) -> None:
        """Three boots in turn, any seq, any time; in the end it says that nothing is missing."""
        rng = self.rng
        boots = rng.sample(range(1, 1000), 3)
        for _ in range(rng.randint(3, 25)):
            boot, seq, at_s = rng.choice(boots), rng.choice([0, 1, 2, 3, 5, 8, 100, 1 << 40]), rng.random() * 3000
            stamp = {"t0": T0 + rng.randrange(10**6) * S, "mono": seq * 1000, "clk": rng.choice([0, 1, 2])}
            if rng.random() < 0.2:
                held = [[rng.choice(boots), 0, rng.choice([3, 1 << 41])]]
                content = status(boot, next=seq, held=held, **stamp)
                self._put(at_s, arrival("status", content, self._received(at_s), logger), container)
                continue
            content = env(seq, boot, values=[[rng.choice(VALUES)]], **stamp)
            is_fill, is_prompt = rng.random() < 0.4, rng.random() < 0.3
            made = arrival("env", content, self._received(at_s), logger, is_fill=is_fill, is_prompt=is_prompt)
            self._put(at_s, made, container)
        last = status(boots[0], next=1 << 42, held=[], boots=[[boot, 1 << 42] for boot in boots[1:]])
        self._put(1e6, arrival("status", last, self._received(1e6), logger), container)

    def _received(self, at_s: float) -> int:
        return T0 + int(at_s * S) + self.rng.choice([0, 0, 0, DAY_NS, -DAY_NS])

    def _put(self, at_s: float, item: Usable, container: str) -> None:
        self.items.append((at_s, replace(item, container=container, topic=item.topic.replace("/C/", f"/{container}/"))))


class Ordeal(Gateway):
    """A gateway to which things happen."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder / "state")
        self.rng, self.copy, self.met = rng, folder / "copy", Counter[str]()

    def tick(self) -> None:
        self.now_ns += self.rng.choice([0, 0, 0, DAY_NS, -DAY_NS])
        super().tick()

    def conditions(self) -> list[list[str]]:
        return [[STORE_HELD, GATEWAY, GATEWAY, "refused"]] if self.rng.random() < 0.3 else []

    def meet(self, what: str) -> None:
        """One thing happens."""
        self.met[what] += 1
        if what == "tick":
            self.tick()
        elif what == "judge":
            self.judge()
        elif what == "save":
            self.clock.mono += SNAPSHOT_NS
            self.watch.step()
        elif what == "copy":
            self._keep_copy()
        elif what == "base":
            self._move_base()
        elif what == "full":
            self._fill_disk()
        else:
            self._die(what)

    def _die(self, how: str) -> None:
        for _ in range(self.rng.randint(0, 3)):
            self.watch.step()
        if how == "stop":
            self.watch.close()
        elif how == "power":
            self._lose_power()
        self.start(page_records=self.rng.randint(1, 5))

    def _keep_copy(self) -> None:
        """The file as of the last commit: a power loss may set it back to that, as long as no base was made since."""
        self.copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.copy)) as target:
            self.watch.book._connection.backup(target)

    def _lose_power(self) -> None:
        if not self.copy.exists():
            return
        self.watch.book._connection.close()
        for path in self.folder.glob("watch.db*"):
            path.unlink()
        shutil.copy(self.copy, self.folder / "watch.db")

    def _move_base(self) -> None:
        """The journal is short of room: a base is made at the next step, and what lies before it is dropped."""
        before, self.watch.is_base_wanted = self.watch.base_pos, True
        self.tick()
        self.judge()
        self.watch.is_base_wanted = False
        if self.watch.base_pos == before:
            return
        self.met["moved"] += 1
        self.copy.unlink(missing_ok=True)
        if self.rng.random() < 0.7:
            self._drop(self.watch.base_pos)

    def _drop(self, upto: int) -> None:
        with self.journal.transaction("drop") as connection:
            connection.execute(
                "UPDATE records SET payload = NULL WHERE kind IN ('env', 'shock', 'tick') AND pos <= ?", (upto,)
            )
            connection.execute("INSERT OR REPLACE INTO dropped VALUES(1, ?, 0)", (upto,))

    def _fill_disk(self) -> None:
        connection = self.watch.book._connection
        connection.execute("PRAGMA max_page_count=1")
        try:
            for _ in range(3):
                self.watch.step()
        except DiskFull:
            self.met["refused"] += 1
        if self.rng.random() < 0.7:
            connection.execute("PRAGMA max_page_count=1000000")
        else:
            self.start()


EVENTS = ["tick", "tick", "tick", "judge", "judge", "save", "copy", "base", "full", "kill", "stop", "power"]


def suffer(folder: Path, seed: int, events: list[str]) -> Ordeal:
    """Deliver what a fleet made while things happen, then settle it."""
    rng = random.Random(seed)
    ordeal = Ordeal(folder, rng)
    commit = list[Usable]()
    for _, item in Fleet(rng).items:
        commit.append(item)
        if rng.random() < 0.4:
            ordeal.append(*commit)
            commit = []
            for _ in range(rng.randint(0, 2)):
                ordeal.meet(rng.choice(events))
    ordeal.append(*commit)
    ordeal.tick()
    ordeal.mono_ns += WAIT_NS  # what waits for its boot's clock does so no longer
    ordeal.settle()
    ordeal.settle()
    return ordeal


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.booleans())
def test_the_alerts_are_those_in_official_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, is_dropped: bool
) -> None:
    """I3; and without a base a replay as it came tells the very same, reports and all."""
    events = EVENTS if is_dropped else [event for event in EVENTS if event != "base"]
    ordeal = suffer(tmp_path_factory.mktemp("ordeal"), seed, events)
    assert list(ordeal.watch.judge.forks) == []
    assert ordeal.known() == known(ordered(ordeal.folder)["alerts"])
    if not is_dropped:
        ordeal_outcome = ordeal.outcome()
        ordeal.watch.close()
        for path in ordeal.folder.glob("watch.db*"):
            path.unlink()
        ordeal.start()
        ordeal.judge()
        assert ordeal.outcome() == ordeal_outcome
    ordeal.watch.close()
    ordeal.journal.close()


def test_the_ordeals_are_no_picnics(tmp_path: Path) -> None:
    """Everything that can happen does, and is felt."""
    met: Counter[str] = Counter()
    for seed in range(12):
        ordeal = suffer(tmp_path / str(seed), seed, EVENTS)
        met += ordeal.met
        met.update(state for (state,) in ordeal.rows("SELECT state FROM transitions"))
    assert all(met[what] for what in {*EVENTS, "moved", "refused", "firing", "cleared", "revised", "merged"}), met
