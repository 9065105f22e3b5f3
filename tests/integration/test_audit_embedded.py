"""An audit of the embedded store: what it has in whatever order records came, mended by whole records."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers import Store, WatchReader
from monitor.consumers.audit import Audit
from monitor.journal import JournalReader
from monitor.sinks import EmbeddedSink
from tests.audits import ALL, ROWS, audited, fill, rules, wrong
from tests.disorder import Gateway, block, move_base
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stores import AtOnce, Bench
from tests.stores import run as run_store


def tick(bench: Bench, now_ns: int) -> None:
    """Time has passed, and nothing is awaited."""
    content = {"mono_ns": now_ns, "connected": True, "queue": 0, "open": [], "quarantined": 0}
    bench.journal.append_own("tick", now_ns, json.dumps(content).encode())
    bench.append()


ORDERS = st.permutations([(logger, seq) for logger in ("L-1", "L-2") for seq in range(6)])


@given(ORDERS, st.lists(st.integers(0, 12), max_size=3))
@settings(max_examples=10)
def test_in_whatever_order_records_came(order: list[tuple[str, int]], ticks: list[int]) -> None:
    """Judged live, again in official order, or both: the embedded store has what the audit expects.

    Every third record is an event, which is told but once.
    """
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.journal.append_own("config", 1, rules())
        sink = EmbeddedSink(bench.folder / "series.db")
        store = bench.store(sink)
        for number, (logger, seq) in enumerate(order):
            values = [[20.0 + seq + row / 8, 40.0] for row in range(12)]
            content = shock(seq) if seq % 3 == 2 else env(seq, dt=10_000_000, values=values)
            kind = "shock" if seq % 3 == 2 else "env"
            bench.append(arrival(kind, content, T0 + number * S, logger=logger))
            for _ in range(ticks.count(number)):
                tick(bench, T0 + number * S)
        tick(bench, T0 + 100 * S)
        tick(bench, T0 + 110 * S)
        run_store(store)
        told = audited(bench, sink)
        assert (told["ok"], wrong(told)) == (True, {})
        assert told["measurements"]["exposure"]["expected"] > 0
        assert told["measurements"]["shock"]["expected"] == 4
        for part in (store, bench.reader, bench.results, bench.watch, bench.journal):
            part.close()


def test_the_embedded_store_is_mended_by_whole_records(tmp_path: Path) -> None:
    """A chunk that is gone, or that holds another record's values, is put back; its neighbours stay."""
    bench = Bench(tmp_path)
    fill(bench, records=4)
    sink = EmbeddedSink(tmp_path / "series.db")
    store = bench.store(sink)
    run_store(store)
    with closing(sqlite3.connect(tmp_path / "series.db")) as other:
        before = other.execute("SELECT * FROM chunks ORDER BY series, key").fetchall()
        (env_series, *_) = [row[0] for row in other.execute("SELECT id FROM series WHERE measurement = 'env'")]
        keys = [row[1] for row in before if row[0] == env_series]
        other.execute("DELETE FROM chunks WHERE series = ? AND key = ?", (env_series, keys[0]))
        other.execute(
            "UPDATE chunks SET body = (SELECT body FROM chunks WHERE series = ?1 AND key = ?2) "
            "WHERE series = ?1 AND key = ?3",
            (env_series, keys[1], keys[2]),
        )
        other.execute("DELETE FROM chunks WHERE series IN (SELECT id FROM series WHERE measurement = 'exposure')")
        other.commit()
        assert not audited(bench, sink, is_dry_run=True)["ok"]
        told = audited(bench, sink)
        assert told["ok"]
        assert told["measurements"]["env"]["missing"] == 2 * ROWS
        assert other.execute("SELECT * FROM chunks ORDER BY series, key").fetchall() == before
    assert wrong(audited(bench, sink)) == {}
    store.close()


def test_totals_of_records_from_before_the_base_are_not_expected(tmp_path: Path) -> None:
    """A record too late for the base is put apart: a store without totals of it has all, and loses nothing else."""
    gateway, sink = Gateway(tmp_path), EmbeddedSink(tmp_path / "series.db")
    gateway.append(arrival("status", status(5, interval_us=10_000_000)))
    gateway.run(*(block(seq, 20, 20, 26, boot=5, oldest=3) for seq in range(3, 11)))
    move_base(gateway)
    gateway.run(*(block(seq, 26, 26, 26, boot=5, oldest=3) for seq in range(11, 16)))
    gateway.run(block(2, 26, 26, 26, boot=5, is_fill=True))
    gateway.settle()
    gateway.run(block(16, 20, 20, 20, boot=5), arrival("shock", shock(17, boot=5)))
    gateway.settle()
    store = Store(tmp_path, JournalReader(tmp_path), WatchReader(tmp_path), sink, AtOnce(), gateway.clock)
    run_store(store)
    assert store.is_caught_up
    audit = Audit(tmp_path, sink, ALL, T0, lambda *_: None)
    told = audit.run(is_dry_run=True)
    assert (told["ok"], wrong(told)) == (True, {})
    assert told["measurements"]["exposure"]["expected"] > 0
    assert told["measurements"]["shock"]["expected"] == 1
    assert [name for name, each in told["measurements"].items() if each["extra"] is None] == ["exposure"]
    store.close()
