"""Records without a set clock: when each is given out, and where it is placed, against a naive twin."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.ingest.intake import TICK_NS
from monitor.journal import Journal, JournalReader, Place, Usable
from monitor.journal.clock import WAIT_NS
from monitor.model.errors import JournalError
from monitor.model.record import CLOCK_DRIFT, LIVE_DELAY_S, Anchor, Record, Stamp
from tests.journals import arrival, rows
from tests.messages import S, env, shock, status
from tests.naive import NaivePlacing

NOW_NS = 1_000_000 * S
SMALL_BYTES = 1_000  # about six blocks


class Gateway:
    """A journal with its clock, and what readers make of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_ns, self.mono_ns = folder, NOW_NS, 1000 * S
        self.journal = self._open()

    def restart(self, *, is_boot: bool = False) -> None:
        """The daemon starts anew, and with it perhaps the machine and its steady time."""
        self.journal.close()
        self.journal = self._open()
        self.mono_ns = 0 if is_boot else self.mono_ns

    def _open(self) -> Journal:
        journal = Journal(self.folder)
        journal._connection.execute("PRAGMA synchronous=OFF")  # these tests end no process
        return journal

    def tick(self, after_s: float = 0, step_s: int = 0) -> None:
        """`after_s` later, the wall clock having stepped by `step_s` meanwhile."""
        self.mono_ns += round(after_s * S)
        self.now_ns += round((after_s + step_s) * S)
        self.journal.append_tick(self.now_ns, self.mono_ns, b"{}")

    def env(self, seq: int, mono_s: float, boot: int = 1, clk: int = 0, **how: Any) -> Usable:
        """A block made `mono_s` after the boot's start, received now."""
        content = env(seq, boot, clk=clk, mono=round(mono_s * S), t0=7)
        return arrival("env", content, self.now_ns, **how)

    def given(self, limit: int = 500) -> list[int]:
        return [record.pos for record in read_all(self.folder, limit)]

    def anchor(self, boot: int = 1) -> Anchor | None:
        reader = JournalReader(self.folder)
        anchor = reader.anchor("L", boot)
        reader.close()
        return anchor


def read_all(folder: Path, limit: int = 500, limit_bytes: int = 1 << 20) -> list[Record]:
    """What a consumer that begins now is given, in order."""
    reader, place, records = JournalReader(folder), Place(), []
    while (page := reader.read(place, limit, limit_bytes)).reached != place:
        assert len(page.records) <= limit
        records += page.records
        place = page.reached
    assert place == (reader.head()[0], 0)
    reader.close()
    return records


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path)
    yield made
    made.journal.close()


def test_what_waits_is_given_out_just_before_the_live_message(gateway: Gateway) -> None:
    """In the order of arrival; what has a clock of its own, and statuses, wait for nobody."""
    queued = [gateway.env(1, 10), gateway.env(0, 5), gateway.env(2, 20, clk=2), arrival("status", status(mono=0))]
    gateway.journal.append([*queued, arrival("shock", shock(3, clk=1), gateway.now_ns)])
    assert gateway.given() == [3, 4]
    assert gateway.anchor() is None
    gateway.now_ns += 30 * S
    gateway.journal.append([gateway.env(4, 50, is_prompt=True), gateway.env(5, 1)])
    assert gateway.anchor() == (gateway.now_ns - 50 * S, 50 * S)
    for limit in (1, 2, 3, 500):
        assert gateway.given(limit) == [3, 4, 1, 2, 5, 6, 7]
    assert [r.pos for r in read_all(gateway.folder) if r.has_waited] == [1, 2, 5]


def test_after_ten_minutes_the_smallest_difference_is_taken(gateway: Gateway) -> None:
    """Of all messages of the boot, at the last tick by which none has waited longer: one comes every ten seconds."""
    gateway.tick()
    gateway.journal.append([gateway.env(0, 5), arrival("status", status(mono=100 * S), gateway.now_ns)])
    gateway.now_ns += 300 * S
    gateway.journal.append([gateway.env(1, 450, is_fill=True), gateway.env(2, 440, is_fill=True)])
    gateway.tick(589.999)
    assert (gateway.given(), gateway.anchor()) == ([1, 3, 6], None)
    gateway.tick(0.001)
    assert gateway.given() == [1, 3, 6, 2, 4, 5, 7]
    assert gateway.anchor() == (NOW_NS + 300 * S - 450 * S, None)
    gateway.journal.append([gateway.env(3, 1, is_prompt=True)])
    assert gateway.anchor() == (NOW_NS - 150 * S, None)
    assert gateway.given()[-1] == 8


@pytest.mark.parametrize("step_s", [-1, -86_400, 1000, 86_400 * 365])
def test_a_wall_clock_that_steps_neither_ends_a_wait_nor_draws_it_out(gateway: Gateway, step_s: int) -> None:
    """Ten minutes are ten minutes: they are counted in steady time."""
    gateway.tick()
    gateway.journal.append([gateway.env(0, 5)])
    gateway.tick(580, step_s)
    assert gateway.given() == [1, 3]
    gateway.tick(10)
    assert gateway.given() == [1, 3, 2, 4]
    assert WAIT_NS + TICK_NS == 600 * S


def test_a_machine_that_starts_anew_has_its_boots_wait_anew(gateway: Gateway) -> None:
    """Its steady time says nothing of the time before; a daemon that starts anew on it goes on counting."""
    gateway.journal.append([gateway.env(0, 5)])
    gateway.tick()
    gateway.tick(500)
    gateway.restart(is_boot=True)
    gateway.tick(200)
    gateway.tick(580)
    assert gateway.given() == [2, 3, 4, 5]
    gateway.restart()
    gateway.tick(10)
    assert gateway.given() == [2, 3, 4, 5, 1, 6]


def test_more_than_the_flash_of_one_logger_does_not_wait(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record beyond the bound ends the wait of all, itself in turn; another boot's goes on."""
    monkeypatch.setattr("monitor.journal.clock.MAX_WAITING_BYTES", 3 * len(gateway.env(4, 4).payload))
    gateway.journal.append([gateway.env(0, 9, boot=2), *(gateway.env(seq, seq) for seq in range(5))])
    assert gateway.given() == [2, 3, 4, 5, 6]
    assert gateway.anchor() == (gateway.now_ns - 3 * S, None)


def test_boots_whose_wait_ends_at_one_tick_keep_the_order_of_arrival(gateway: Gateway) -> None:
    """Across boots and loggers, on pages of any size."""
    gateway.tick()
    gateway.journal.append([gateway.env(seq, seq, boot=boot) for seq in range(5) for boot in (3, 1, 2)])
    gateway.tick(600)
    for limit in (1, 4, 15, 16, 17):
        assert gateway.given(limit) == list(range(1, 18))
    assert len(read_all(gateway.folder, limit_bytes=1)) == 17


def test_status_shows_who_waits(gateway: Gateway) -> None:
    """The clock of the last message, and how many records cannot be placed yet."""
    gateway.journal.append([gateway.env(0, 5), gateway.env(1, 6), gateway.env(0, 7, clk=1, logger="M")])
    reader = JournalReader(gateway.folder)
    assert [(row["logger"], row["clk"], row["waiting"]) for row in reader.loggers()] == [("L", 0, 2), ("M", 1, 1)]
    gateway.journal.append([gateway.env(2, 7, clk=2, is_prompt=True)])
    assert [(row["logger"], row["clk"], row["waiting"]) for row in reader.loggers()] == [("L", 2, 0), ("M", 1, 1)]
    reader.close()


@pytest.mark.parametrize("opener", [JournalReader, Journal])
def test_a_file_of_the_version_before_is_brought_up_to_date_by_the_daemon(
    tmp_path: Path, opener: type[Journal | JournalReader]
) -> None:
    """Its boots keep their anchors; a reader alone may change nothing and says what to do."""
    Journal(tmp_path).close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.executescript(
            """DROP TABLE waiting; DROP TABLE boots; PRAGMA user_version=1; CREATE TABLE boots(
            logger TEXT NOT NULL, boot INTEGER NOT NULL, container TEXT NOT NULL, upto INTEGER NOT NULL,
            oldest INTEGER NOT NULL, next INTEGER NOT NULL, anchor_ns INTEGER, seen_ns INTEGER NOT NULL,
            PRIMARY KEY(logger, boot)) WITHOUT ROWID;
            INSERT INTO boots VALUES('L', 1, 'C', 4, 0, 5, 77, 88);"""
        )
    if opener is JournalReader:
        with pytest.raises(JournalError, match=r"version 1, expected 3 \(start the daemon on it once"):
            opener(tmp_path)
        return
    for _ in range(2):
        journal = Journal(tmp_path)
        journal.append([arrival("env", env(5, clk=0))])
        journal.close()
    assert [record.pos for record in read_all(tmp_path)] == [1]
    assert rows(tmp_path, "SELECT next, anchor_ns, anchor_mono_ns, is_known FROM boots") == [(6, 77, None, 1)]


def test_the_uncertainty_says_what_the_time_was_placed_by() -> None:
    """Drift since the clock was known; with an anchor the way of its message too; unknown where nothing came live."""
    day_ns = 86_400 * S
    live, late = Anchor(0, 2 * day_ns), Anchor(0, None)
    assert Stamp(1, 0, 0, 2, 864_000.0).clock_uncertainty_s(None) == pytest.approx(17.28)
    assert Stamp(1, 0, 0, 2).clock_uncertainty_s(None) is None
    for mono_ns in (day_ns, 3 * day_ns):
        expected = 86_400 * CLOCK_DRIFT + LIVE_DELAY_S
        assert Stamp(1, 0, mono_ns, 1, 5.0).clock_uncertainty_s(live) == pytest.approx(expected)
    assert Stamp(1, 0, 0, 0).clock_uncertainty_s(late) is None


MESSAGE = st.tuples(
    st.sampled_from(["env", "env", "env", "status", "will", "again"]),
    st.sampled_from("LLM"),
    st.integers(1, 2),
    st.sampled_from([0, 0, 1, 2]),
    st.integers(0, 900),
    st.sampled_from(["queued", "queued", "fill", "prompt", "retained"]),
)
EVENT = st.one_of(
    MESSAGE,
    MESSAGE,
    MESSAGE,
    st.sampled_from([0, 10, 200, 400, 600]),
    st.sampled_from(["restart", "reboot", "step", ""]),
)


class Scene:
    """Generated messages and ticks, to a journal and to the naive twin alike."""

    def __init__(self, folder: Path) -> None:
        self.gateway, self.twin = Gateway(folder), NaivePlacing(WAIT_NS, SMALL_BYTES)
        self.first: dict[tuple[str, int], Usable] = {}
        self.seqs: Counter[tuple[str, int]] = Counter()
        self.commit: list[Usable] = []
        self.number = 0

    def take(self, event: tuple[str, str, int, int, int, str]) -> None:
        """Put a message to those that the next commit takes."""
        what, logger, boot, clk, mono_s, way = event
        how: dict[str, Any] = {"logger": logger, "is_prompt": way == "prompt", "is_retained": way == "retained"}
        self.number += 1
        if what == "again":  # a copy of the boot's first record says nothing, however live it comes
            copy = self.first.get((logger, boot))
            if copy is not None:
                self.commit.append(replace(copy, received_ns=self.gateway.now_ns, is_prompt=True))
            return
        if what == "env":
            content = env(self.seqs[logger, boot], boot, clk=clk, mono=mono_s * S)
            made = arrival("env", content, self.gateway.now_ns, is_fill=way == "fill", **how)
            self.seqs[logger, boot] += 1
            self.first.setdefault((logger, boot), made)
        else:
            state = "offline" if what == "will" else "sleeping"
            content = status(boot, clk=clk, mono=mono_s * S, state=state, until=self.number)
            made = arrival("status", content, self.gateway.now_ns, **how)
        self.commit.append(made)
        self.twin.take(made)

    def settle(self, event: int | str) -> None:
        """Commit what waits, then let time pass by these seconds, or begin anew."""
        self.gateway.journal.append(self.commit)
        self.commit.clear()
        if isinstance(event, int):
            self.gateway.tick(event)
            self.twin.tick(self.gateway.mono_ns)
        elif event == "step":
            self.gateway.now_ns -= 3600 * S
        elif event in ("restart", "reboot"):
            self.gateway.restart(is_boot=event == "reboot")
            self.twin.restart()


@settings(max_examples=60)
@given(st.lists(EVENT, max_size=40), st.data())
def test_the_order_and_the_anchors_are_those_of_the_naive_twin(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any], data: st.DataObject
) -> None:
    """Whatever comes in whatever order and cuts: read along the way or at the end, on pages of any size.

    Each record is given out once, those with a clock in their turn, and no anchor ever changes.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitor.journal.clock.MAX_WAITING_BYTES", SMALL_BYTES)
        scene = Scene(tmp_path_factory.mktemp("state"))
        reader, place, live = JournalReader(scene.gateway.folder), Place(), list[int]()
        anchors: dict[tuple[str, int], Anchor | None] = {}
        for event in [*events, "end"]:
            if isinstance(event, tuple):
                scene.take(event)
                continue
            scene.settle(event)
            limit = data.draw(st.integers(1, 5))
            while (page := reader.read(place, limit)).reached != place:
                live += [record.pos for record in page.records]
                place = page.reached
            assert anchors.items() <= {key: reader.anchor(*key) for key in anchors}.items()
            anchors = {key: anchor for key in scene.twin.starts if (anchor := reader.anchor(*key))}
        assert live == scene.twin.given == scene.gateway.given(data.draw(st.integers(1, 9)))
        assert sorted(live + scene.twin.unplaced) == list(range(1, scene.gateway.journal.pos + 1))
        assert anchors == scene.twin.anchors
        reader.close()
        scene.gateway.journal.close()
