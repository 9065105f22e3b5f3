"""What the server refuses: a field as a whole, a bounded number of points one by one; alerts wait for none of it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.consumers.bodies import MAX_SINGLE, TOLD_NS
from monitor.consumers.feed import MAX_BATCH_RECORDS
from monitor.model.clock import HOUR_NS, MINUTE_NS
from monitor.model.condition import GATEWAY, STORE_REFUSED
from monitor.model.errors import SinkError
from monitor.sinks import RefusedLines
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.stores import Bench, ByHand, Ledger, blocks, of, run

WORDS = {
    "1": r'status 400: {"error":"partial write: field type conflict: input field \"%s\" on measurement \"env\" is type '
    r'float, already exists as type string dropped=2"}',
    "2": 'status 422: failure writing points to database: partial write: field type conflict: input field "%s" on '
    'measurement "env" is type float, already exists as type string dropped=2',
}


class Typed(Ledger):
    """A server on which some fields of measurement env have another type, at times before `until_ns`."""

    def __init__(self, *fields: str, words: str = "1", until_ns: int = 1 << 62) -> None:
        super().__init__(self._refuse)
        self.fields, self.words, self.until_ns = fields, WORDS[words], until_ns

    def _refuse(self, line: str) -> SinkError | None:
        is_concerned = line.startswith("env,") and int(line.rpartition(" ")[2]) < self.until_ns
        wrong = [name for name in self.fields if is_concerned and f"{name}=" in line]
        return RefusedLines("write", "here", self.words % wrong[0]) if wrong else None


def refused(bench: Bench) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(bench.folder / "store.db")) as connection:
        statement = "SELECT measurement, tags, field, key, time_ns, last_ns, points FROM refused ORDER BY n"
        return connection.execute(statement).fetchall()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty journal."""
    return Bench(tmp_path)


def climate(count: int, first: int = 0, **changes: Any) -> list[Any]:
    values = [[20.0, 40.0], [21.0, 41.0]]
    return [arrival("env", env(seq, t0=T0 + seq * 20 * S, values=values, **changes)) for seq in range(first, count)]


@pytest.mark.parametrize("words", ["1", "2"])
def test_a_field_of_another_type_is_left_out_as_a_whole(bench: Bench, words: str) -> None:
    """One more try in the hour, one row with the number, and all else is written."""
    count = 2 * MAX_BATCH_RECORDS // 5  # about half an hour
    bench.append(*climate(count))
    sink = Typed("temperature_air_c", words=words)
    store = bench.store(sink)
    run(store)
    bench.append(*climate(count + 5, count))
    run(store)
    assert store.is_caught_up
    last_ns = T0 + (count + 4) * 20 * S + 10 * S
    row = ("env", "", "temperature_air_c", 0, T0, last_ns, 2 * (count + 5))
    assert refused(bench) == [row]
    assert len(of("env", sink.kept)) == 2 * (count + 5)
    assert all("humidity_air_pct=" in line for line in of("env", sink.kept))
    hours = last_ns // HOUR_NS - T0 // HOUR_NS + 1
    bodies = [body for body in sink.tried if b"temperature_air_c" in body]
    assert len(bodies) <= hours


def test_two_fields_of_another_type_need_two_tries(bench: Bench) -> None:
    """The server names one at a time; a point that has nothing else is not sent."""
    bench.append(*climate(20))
    sink = Typed("temperature_air_c", "humidity_air_pct")
    store = bench.store(sink)
    run(store)
    assert store.is_caught_up
    assert [row[2] for row in refused(bench)] == ["temperature_air_c", "humidity_air_pct"]
    assert of("env", sink.kept) == []
    assert len(sink.tried) <= 4  # with that of derived channels


def test_in_another_hour_the_field_is_tried_again(bench: Bench) -> None:
    """A server keeps a field's type for a stretch of time: what lies behind it is written whole."""
    border_ns = (T0 // HOUR_NS + 2) * HOUR_NS
    before, after = ([arrival("env", env(n, t0=border_ns + (at + n) * S))] for n, at in ((0, -60), (1, 60)))
    sink = Typed("temperature_air_c", until_ns=border_ns)
    store = bench.store(sink)
    for each in (before, after):
        bench.append(*each)
        run(store)
    assert store.is_caught_up
    assert [row[2:] for row in refused(bench)] == [("temperature_air_c", 0, border_ns - 60 * S, border_ns - 50 * S, 2)]
    assert len(of("env", sink.kept)) == 2


def test_a_refusal_is_told_while_it_lasts(bench: Bench) -> None:
    """A condition names measurement, field, number and what to do; ten minutes after the last it is gone."""
    bench.append(*climate(5))
    store = bench.store(Typed("temperature_air_c"))
    run(store)
    (condition,) = store.conditions()
    assert condition[:3] == (STORE_REFUSED, GATEWAY, GATEWAY)
    assert re.search("10 points of env, field temperature_air_c: .*field type conflict.*move store.db", condition.text)
    bench.clock.mono += TOLD_NS
    assert store.conditions() == []


def test_a_restart_tries_the_field_again(bench: Bench) -> None:
    """Once somebody has mended it nothing is left out any more."""
    bench.append(*climate(5))
    store = bench.store(Typed("temperature_air_c"))
    run(store)
    store.close()
    bench.append(*climate(10, 5))
    sink = Ledger()
    run(bench.store(sink))
    assert len([line for line in of("env", sink.kept) if "temperature_air_c" in line]) == 10


def test_what_is_refused_point_by_point_is_bounded(bench: Bench) -> None:
    """So many a minute one by one; then whole pieces, each series in one row, and nothing is uncounted."""
    count = 4 * MAX_BATCH_RECORDS
    bench.append(*blocks(count))
    sink = Ledger(lambda line: RefusedLines("write", "here", "no") if line.startswith("env,") else None)
    store = bench.store(sink)
    run(store)
    assert store.is_caught_up
    rows = refused(bench)
    assert len(rows) == MAX_SINGLE + 1
    assert [row for row in rows if not row[3]] == [("env", "container=C,logger=L", "", 0, *rows[-1][4:])]
    assert sum(row[-1] for row in rows) == 2 * count
    assert len(sink.tried) < 3 * MAX_SINGLE
    assert len(store._flying) == 0
    bench.clock.mono += MINUTE_NS
    bench.append(*blocks(1, count))
    run(store)
    assert len(refused(bench)) == MAX_SINGLE + 3  # each point by itself again


def test_alerts_do_not_wait_for_bodies_that_are_split(bench: Bench) -> None:
    """They have a place of their own, and their cursor passes by itself."""
    bench.append(*blocks(2 * MAX_BATCH_RECORDS))
    hands = ByHand()
    sink = Ledger(lambda line: RefusedLines("write", "here", "no") if line.startswith("env,") else None)
    store = bench.store(sink, hands)
    store.step()
    hands.waiting.pop(0)()
    for _ in range(20):  # two bodies amid their splitting
        run(store)
        hands.waiting.pop(0)()
    run(store)
    assert len(hands.waiting) == 2
    bench.append(arrival("env", env(2 * MAX_BATCH_RECORDS, values=[[30.0]])))
    run(store)
    assert len(hands.waiting) == 3
    hands.waiting.pop()()
    run(store)
    assert len(of("alert", sink.kept)) == store.confirmed["transitions"] > 0
    assert store.pos == 0
