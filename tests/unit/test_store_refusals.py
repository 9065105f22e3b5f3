"""What a store does not take: one bad point is found and noted, and stops nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from monitor.consumers.feed import MAX_BATCH_RECORDS
from monitor.journal import Usable
from monitor.model.batch import Points
from monitor.model.errors import DiskFull, SinkError
from monitor.sinks import RefusedLines
from monitor.wire import decode
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stores import Bench, Ledger, blocks, of, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty journal under RULES."""
    return Bench(tmp_path)


def test_a_full_disk_loses_no_refusal(bench: Bench) -> None:
    """Nothing is passed that could not be noted; with room again each stands there once."""
    bench.append(*blocks(40))
    sink = Ledger(lambda text: RefusedLines("write", "here", "no " * 200) if text.startswith("env,") else None)
    store = bench.store(sink)
    pages = store._book._connection.execute("PRAGMA page_count").fetchone()[0]
    store._book._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DiskFull, match=r"store: .*store\.db: database or disk is full"):
        run(store)
    before = len(bench.refused())
    with pytest.raises(DiskFull):
        run(store)
    assert (len(bench.refused()), store.pos) == (before, 0)
    store._book._connection.execute("PRAGMA max_page_count = 100000")
    run(store)
    assert store.is_caught_up
    assert len(bench.refused()) == 80


def bad(line: str) -> SinkError | None:
    return RefusedLines("write", "here", "field type conflict") if "=666" in line else None


def test_a_refused_point_is_found_and_everything_else_is_written(bench: Bench) -> None:
    """Bisected down to single rows, in two bodies in flight at once; table `refused` has them with the reason."""
    values = {(7, 1), (7, 0), (90, 1), (MAX_BATCH_RECORDS + 5, 0)}
    arrivals = [
        arrival("env", env(seq, values=[[666.0 if (seq, row) in values else 20.0] for row in (0, 1)]))
        for seq in range(2 * MAX_BATCH_RECORDS)
    ]
    bench.append(*arrivals)
    sink = Ledger(bad)
    store = bench.store(sink)
    run(store)
    assert store.is_caught_up
    expected = [("env", seq + 2, T0 + 1000 * S * seq + 10 * S * row) for seq, row in values]
    assert sorted(row[:3] for row in bench.refused() if row[0] == "env") == sorted(expected)
    assert {row[3] for row in bench.refused()} == {"field type conflict"}
    assert len(of("env", sink.kept)) == len(set(of("env", sink.kept))) == 4 * MAX_BATCH_RECORDS - 4


def test_a_body_that_is_too_large_goes_in_halves(bench: Bench) -> None:
    """Down to what the server takes, in order, nothing refused."""
    bench.append(*blocks(20))
    sink = Ledger(max_lines=6)
    store = bench.store(sink)
    run(store)
    assert store.is_caught_up
    assert bench.refused() == []
    assert [int(text.rpartition(" ")[2]) for text in sink.kept] == sorted(int(t.rpartition(" ")[2]) for t in sink.kept)
    assert len(sink.kept) == 40


def test_what_no_store_can_hold_is_refused_before_it_is_sent(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """An accelerometer's name with a line break would change the series: that event goes, its neighbours stay.

    Its spectrum alone are up to 26 points: of each measurement the log says it once.
    """
    bench.append(arrival("env", env(0)), arrival("shock", shock(1, acc="a\nb")), arrival("env", env(2)))
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    assert store.is_caught_up
    refused = {tuple(row[:2]) for row in bench.refused()}
    assert refused == {("alert", 1), ("alert", 2), ("shock", 3), ("srs", 3), ("shock_wave", 3)}
    assert len(of("env", sink.kept)) == 4
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    points = Counter(row[0] for row in bench.refused()) | Counter(shock_wave=3)
    assert sorted(said) == sorted(f"store refuses {count} points of {name}" for name, count in points.items())


def test_of_events_judged_together_only_the_refused_one_is_left_out(bench: Bench) -> None:
    """Their points stand in one table: a name that no store can hold takes no other with it."""
    bench.append(*(arrival("shock", shock(seq, acc=acc)) for seq, acc in enumerate(["a", "a\nb", "c"])))
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    assert store.is_caught_up
    assert [text.partition(" ")[0] for text in of("shock", sink.kept)] == [
        f"shock,container=C,logger=L,sensor={acc}" for acc in "ac"
    ]
    assert len(of("srs", sink.kept)) == 2 * sum(row[:2] == ("srs", 3) for row in bench.refused())


def test_what_can_be_sent_only_apart_is_refused_together(bench: Bench) -> None:
    """As of a record whose parts are too large for one chunk: they are noted, and the store goes on."""

    class Narrow(Ledger):
        def prepare(self, points: Sequence[Points]) -> bytes:
            if len(points) > 1:
                raise RefusedLines("build", "here", "more than one")
            return super().prepare(points)

    bench.append(*blocks(2))
    store = bench.store(Narrow())
    run(store)
    assert store.is_caught_up
    assert [row[:2] for row in bench.refused()] == [("env", 2), ("env", 3)]


def messages() -> Iterator[tuple[str, bytes]]:
    """Hostile but decodable messages of every kind."""
    big = 2**53 - 1
    huge = [100.0] * 3
    for kind, content in (
        ("env", env(0, t0=2**62, mono=2**62)),
        ("env", env(1, clk=0, mono=0, t0=0, values=[[math.inf], [-math.inf]])),
        ("env", env(2, dt=2**62 // 1000 - 1, values=[[26.0]])),
        ("env", env(3, dt=0, values=[[3.4e38], [-3.4e38]])),
        ("env", env(4, ch=["temperature.a\nb"], values=[[99.0]])),
        ("env", env(5, ch=["temperature.", "temperature.\\"], values=[[99.0, 99.0]])),
        ("env", env(6, ch=["\x00", " ,="], values=[[99.0, 99.0]])),
        ("env", env(7, sync_age_s=1e308, values=[[99.0]])),
        ("shock", shock(10, scale=huge)),
        ("shock", shock(11, scale=[0.0] * 3, fs=1e7)),
        ("shock", shock(12, fs=1e-9, acc="\\")),
        ("shock", shock(13, acc=" ", pre=3, level_g=-1e308, range_g=-1.0)),
        ("shock", shock(14, acc="", counts=[[1], [2], [3]], pre=0)),
        ("status", status(1, interval_us=big, next=big, held=[[big, 0, big - 1]], bat_pct=1e308)),
        ("status", status(2, interval_us=0, until=2**63 - 1, model="\n", accs={"": {}})),
        ("env", env(8, values=[[20.0]])),
    ):
        yield kind, arrival(kind, content).payload


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers near the end of float64 overflow, as they should
def test_no_message_that_decodes_stops_watch_or_store(bench: Bench) -> None:
    """Times, scales and names at their ends pass through both consumers, and the last good reading is written."""
    arrivals = [
        Usable(1000, f"tcm/v1/C/L/up/{kind}", payload, False, False, "C", "L", kind, decode(kind, payload))
        for kind, payload in messages()
    ]
    bench.append(*arrivals)
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    assert store.is_caught_up
    assert f"env,container=C,logger=L temperature_air_c=20.0 {T0 + 8000 * S}" in sink.kept
