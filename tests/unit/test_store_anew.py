"""What the cursors count in: another watch.db, another store, and a server that hangs while nothing is sent."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.consumers import Board, Watch, WatchReader
from monitor.consumers.store import SILENT_NS
from monitor.consumers.writes import BACKOFF_MAX_S
from monitor.sinks import Unavailable
from monitor.sinks.influx import InfluxSink
from tests.journals import arrival
from tests.messages import S, env
from tests.stores import Bench, Ledger, blocks, of, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty journal."""
    return Bench(tmp_path)


def hot(*seqs: int) -> list[Any]:
    return [arrival("env", env(seq, values=[[30.0, 40.0], [20.0, 40.0]])) for seq in seqs]


def lose_watch(bench: Bench) -> None:
    """watch.db is deleted; the daemon starts anew, and judges nothing yet."""
    bench.watch.close()
    bench.results.close()
    for path in bench.folder.glob("watch.db*"):
        path.unlink()
    bench.watch = Watch(bench.folder, bench.reader, bench.clock)
    bench.results = WatchReader(bench.folder)


def test_cursors_of_a_lost_watch_db_count_no_more(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """What is judged again is sent again, and nothing of it is dropped before; readings are not."""
    bench.append(*hot(0, 1, 2))
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    store.close()
    results = set(of("derived", sink.kept)) | set(of("alert", sink.kept))
    lose_watch(bench)
    again = Ledger()
    store = bench.store(again)
    assert store.confirmed == {"journal": 4, "judged": 0, "transitions": 0}
    assert bench.saved() == {"journal": 4}
    assert "watch.db is another than before" in caplog.text
    bench.append()
    run(store)
    assert store.is_caught_up
    assert set(again.kept) == results
    store.close()
    last = Ledger()
    run(bench.store(last))
    assert last.kept == []


def test_where_watch_fell_back_further_the_store_begins_there(bench: Bench) -> None:
    """A power loss may take more of watch.db than of store.db."""
    bench.append(*hot(0))
    bench.watch.close()
    before = {path.name: path.read_bytes() for path in bench.folder.glob("watch.db*")}
    bench.watch = Watch(bench.folder, bench.reader, bench.clock)
    bench.append(*hot(1, 2))
    store = bench.store(Ledger())
    run(store)
    assert store.confirmed["judged"] == 4
    store.close()
    bench.watch.close()
    bench.results.close()
    for path in bench.folder.glob("watch.db*"):
        path.unlink()
    for name, content in before.items():
        (bench.folder / name).write_bytes(content)
    bench.watch, bench.results = Watch(bench.folder, bench.reader, bench.clock), WatchReader(bench.folder)
    sink = Ledger()
    store = bench.store(sink)
    assert (store.confirmed["judged"], store.confirmed["transitions"]) == (2, 2)
    bench.append()
    run(store)
    assert len(of("derived", sink.kept)) == 2  # one a record
    assert store.is_caught_up


class Receipt:
    def wait_for_publish(self, timeout: float | None = None) -> None:
        """It is there."""

    def is_published(self) -> bool:
        return True


def test_alerts_of_a_lost_watch_db_are_told_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Their numbers begin anew: else those told would be others, and the next ones none."""
    told: list[str] = []

    def notify() -> Board:
        def publish(topic: str, _data: bytes) -> Receipt:
            told.append(topic)
            return Receipt()

        return Board(bench.folder, bench.results, bench.clock, publish)

    def tell() -> list[str]:
        told.clear()
        one = notify()
        while one.step():
            pass
        one.close()
        return told.copy()

    bench.append(*hot(0))
    first = tell()
    assert (bool(first), tell()) == (True, [])
    lose_watch(bench)
    bench.append()
    assert tell() == first
    assert "watch.db is another than before" in caplog.text


class Elsewhere(Ledger):
    """Another store."""

    target = "elsewhere"


def test_another_store_gets_all_that_the_journal_holds(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Said in the log; what the one before refused says nothing of it."""
    bench.append(*hot(0, 1))
    first = Ledger()
    store = bench.store(first)
    run(store)
    store.close()
    with closing(sqlite3.connect(bench.folder / "store.db")) as connection:
        connection.execute("INSERT INTO refused VALUES(NULL, 'env', '', '', 1, 1, 1, 1, 'no')")
        connection.commit()
    second = Elsewhere()
    with caplog.at_level(logging.WARNING):
        store = bench.store(second)
    assert "the store is another than before: all that the journal holds is written to elsewhere" in caplog.text
    run(store)
    assert sorted(second.kept) == sorted(first.kept)
    assert bench.refused() == []


def test_which_store_it_is_says_nothing_secret() -> None:
    """Kind, server, organisation and bucket."""
    with closing(InfluxSink("http://me:word@127.0.0.1:8086/", "v2", "tcm", org="o", token="secret")) as sink:
        assert sink.target == "influxdb http://127.0.0.1:8086 o tcm"


def test_a_server_that_hangs_is_noticed_while_nothing_is_sent(bench: Bench) -> None:
    """After ten seconds it is asked; it is the problem until it answers."""

    class Pinged(Ledger):
        is_up, pings = True, 0

        def ping(self) -> None:
            self.pings += 1
            if not self.is_up:
                raise Unavailable("ping", "here", "no answer")

    bench.append(*blocks(1))
    sink = Pinged()
    store = bench.store(sink)
    run(store)
    bench.clock.mono += SILENT_NS - 1
    run(store)
    assert sink.pings == 0
    sink.is_up = False
    bench.clock.mono += 1
    run(store)
    assert (sink.pings, "no answer" in store.problem) == (1, True)
    bench.append(*blocks(2, first=1))
    run(store)
    assert store.is_caught_up
    assert store.problem
    sink.is_up = True
    bench.clock.mono += round(BACKOFF_MAX_S * S)
    run(store)
    assert (sink.pings, store.problem) == (2, "")
