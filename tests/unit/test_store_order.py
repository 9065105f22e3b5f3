"""What the store writes before what: alerts before a backlog, and of two points of one time the later one last."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers.results import ResultBook
from monitor.consumers.store import LATE_NS
from monitor.consumers.writes import BACKOFF_MAX_S
from monitor.journal import Place
from monitor.model.batch import Table
from tests.journals import arrival
from tests.messages import T0, S, env, shock
from tests.stores import DOWN, Bench, ByHand, Ledger, blocks, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty journal under RULES."""
    return Bench(tmp_path)


class Answers(Ledger):
    """A server on which what is written last stands; it may lose a body, or its answer to one that it has written."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = "confirmed"
        self.held: dict[tuple[str, str], str] = {}

    def write(self, body: bytes) -> None:
        if self.outcome != "lost":
            self.held |= {(text.split(" ")[0], text.split(" ")[-1]): text for text in body.decode().splitlines()}
        if self.outcome != "confirmed":
            raise DOWN


def told_again(bench: Bench, at_s: int, value: float) -> None:
    """Watch tells a total anew in place of what it told of a time before."""
    tags = (("container", "C"), ("logger", "L"))
    zero = np.zeros(1, np.int64)
    table = Table("exposure", (tags,), zero, zero + 1, zero + at_s * S, {"count": np.array([value])})
    with closing(sqlite3.connect(bench.folder / "watch.db", isolation_level=None)) as connection:
        book = ResultBook(connection)
        book.enter([table], Place(bench.journal.pos), is_again=value > 1)
        book.finish(Place(bench.journal.pos))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["confirmed", "lost", "unanswered"])), max_size=40),
)
@settings(max_examples=60)
def test_the_later_of_two_points_of_one_time_stands(
    told: list[tuple[int, bool]], answers: list[tuple[int, str]]
) -> None:
    """Whichever body the server takes first, and whatever becomes of its answer."""
    with TemporaryDirectory() as folder, patch("monitor.consumers.feed.MAX_BATCH_RECORDS", 1):
        bench, expected = Bench(Path(folder)), {}
        for seq, (at_s, is_total) in enumerate(told):
            if is_total:
                told_again(bench, at_s, seq)
                expected["exposure", at_s] = seq
            else:
                bench.append(arrival("env", env(seq, t0=T0 + at_s * S, values=[[float(seq)]])))
                expected["env", at_s] = seq
        hands, sink = ByHand(), Answers()
        store = bench.store(sink, hands)
        for which, sink.outcome in [*answers, *[(0, "confirmed")] * 60]:
            store.step()
            bench.clock.mono += LATE_NS
            if hands.waiting:
                hands.waiting.pop(which % len(hands.waiting))()
        assert store.is_caught_up
        found = {
            (head.partition(",")[0], (int(time) - (T0 if head.startswith("env") else 0)) // S): float(
                text.split(" ")[1].partition("=")[2]
            )
            for (head, time), text in sink.held.items()
        }
        assert found == expected
        store.close()
        for part in (bench.reader, bench.results, bench.watch, bench.journal):
            part.close()


def test_what_takes_the_place_of_others_waits_for_what_may_come_late(bench: Bench) -> None:
    """The first try of a body may still lie with the server when its second is confirmed; alerts do not wait for it."""
    told_again(bench, 5, 1)
    told_again(bench, 5, 2)
    sink = Answers()
    sink.outcome = "unanswered"
    store = bench.store(sink)
    run(store)
    assert store.problem == str(DOWN)
    sink.outcome = "confirmed"
    bench.clock.mono += round(BACKOFF_MAX_S * S)
    run(store)
    assert [text.split(" ")[1] for text in sink.held.values()] == ["count=1.0"]
    assert not store.is_caught_up
    bench.clock.mono += LATE_NS
    run(store)
    assert [text.split(" ")[1] for text in sink.held.values()] == ["count=2.0"]
    assert store.is_caught_up


def test_alerts_are_written_before_a_backlog_of_readings(bench: Bench) -> None:
    """After an outage an operator sees what was raised at once, not behind hours of readings."""
    bench.append(*blocks(40), arrival("shock", shock(40)))
    sink = Ledger()
    run(bench.store(sink))
    measurements = [text.partition(",")[0] for text in sink.kept]
    assert measurements.index("alert") < measurements.index("env")
