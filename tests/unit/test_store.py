"""The store consumer on real journals: its cursors pass only what is confirmed, whatever becomes of a body."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monitor.consumers.feed import MAX_BATCH_RECORDS
from monitor.consumers.writes import BACKOFF_MAX_S, delay_s
from monitor.model.errors import SinkError
from monitor.sinks import EmbeddedSink, Unavailable
from tests.journals import arrival
from tests.messages import T0, S, env, shock
from tests.stores import DOWN, Bench, ByHand, Ledger, blocks, fine, of, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty journal under RULES."""
    return Bench(tmp_path)


def test_a_store_that_begins_anew_amid_what_waited_writes_it_whole(bench: Bench) -> None:
    """Its cursor stands before all of it until the last of it is confirmed."""
    count = 2 * MAX_BATCH_RECORDS
    bench.append(*(arrival("env", env(seq, clk=0, mono=seq * S), 1000 * S) for seq in range(count)))
    for at_s in (1000, 2000):
        bench.journal.append_tick(at_s * S, at_s * S, b"{}")
    bench.append()
    hands, sink = ByHand(), Ledger()
    store = bench.store(sink, hands)
    for _ in range(100):
        store.step()
        if of("env", sink.kept):
            break
        if hands.waiting:
            hands.waiting.pop(0)()
    store.step()
    assert len(of("env", sink.kept)) < 2 * count
    assert bench.saved()["journal"] == count + 2
    store.close()
    again = Ledger()
    run(bench.store(again))
    assert len(set(of("env", sink.kept + again.kept))) == 2 * count
    assert bench.saved()["journal"] == count + 3


def test_two_bodies_are_in_flight_and_the_cursor_waits_for_the_first(bench: Bench) -> None:
    """The second is confirmed first, the first fails: nothing is passed; after its second try everything is."""
    bench.append(*blocks(2 * MAX_BATCH_RECORDS))
    hands, sink = ByHand(), Ledger()
    store = bench.store(sink, hands)
    run(store)
    hands.waiting.pop(0)()  # the question whether the store is there
    run(store)
    first, second = hands.waiting
    hands.waiting.clear()
    second()
    run(store)
    assert (store.pos, bench.saved().get("journal", 0), hands.waiting) == (0, 0, [])
    sink.verdict = lambda _: DOWN
    first()
    run(store)
    assert (store.pos, store.problem) == (0, str(DOWN))
    sink.verdict = fine
    bench.clock.mono += round(BACKOFF_MAX_S * S)
    while not store.is_caught_up:
        store.step()
        while hands.waiting:
            hands.waiting.pop(0)()
    assert store.pos == 2 * MAX_BATCH_RECORDS + 1
    assert len(set(sink.kept)) == len(of("env", sink.kept)) == 4 * MAX_BATCH_RECORDS


def test_both_bodies_are_sent_again_to_the_byte(bench: Bench) -> None:
    """A server that was down gets the identical bodies, so that sending twice changes nothing."""
    bench.append(*blocks(2 * MAX_BATCH_RECORDS))
    sink = Ledger(lambda _: DOWN)
    store = bench.store(sink)
    for _ in range(4):
        run(store)
        bench.clock.mono += round(BACKOFF_MAX_S * S)
    assert store.pos == 0
    assert len(set(sink.tried)) <= 2 < len(sink.tried)
    sink.verdict = fine
    bench.clock.mono += round(BACKOFF_MAX_S * S)
    tried = set(sink.tried)
    run(store)
    assert store.is_caught_up
    assert tried <= set(sink.tried)
    assert len(sink.kept) == len(set(sink.kept)) == 4 * MAX_BATCH_RECORDS


def test_a_split_body_moves_the_cursor_only_when_all_its_parts_are_confirmed(bench: Bench) -> None:
    """The daemon dies with one half written: the next one sends the other half."""
    bench.append(*blocks(8))
    hands, sink = ByHand(), Ledger(max_lines=12)
    store = bench.store(sink, hands)
    for _ in range(20):
        if sink.kept:
            break
        store.step()
        hands.waiting.pop(0)()
    store.step()
    assert 0 < len(sink.kept) < 16
    assert bench.saved().get("journal", 0) == 0
    store.close()
    again = Ledger()
    run(bench.store(again))
    assert len(set(sink.kept + again.kept)) == 16


def test_an_unexpected_error_of_the_sink_is_not_swallowed(bench: Bench) -> None:
    """A fault of the program ends the part, whose thread ends the daemon."""

    def fault(_line: str) -> SinkError | None:
        raise ZeroDivisionError

    bench.append(*blocks(1))
    store = bench.store(Ledger(fault))
    with pytest.raises(ZeroDivisionError):
        run(store)
    assert bench.saved().get("journal", 0) == 0


def test_the_back_off_doubles_to_a_bound_and_honours_the_server(bench: Bench) -> None:
    """Never longer than 30 s by itself, never shorter than the server asked for."""
    for attempts in range(1, 2000):
        waited_s = delay_s(attempts, DOWN)
        assert 0 <= waited_s <= min(BACKOFF_MAX_S, 0.5 * 2.0 ** min(attempts, 10))
    asked = Unavailable("write", "here", "overloaded", retry_after_s=77.0)
    assert delay_s(1, asked) == 77.0
    bench.append(*blocks(1))
    sink = Ledger(lambda _: asked)
    store = bench.store(sink)
    run(store)
    sink.verdict = fine
    bench.clock.mono += 77 * S - 1
    run(store)
    assert (len(sink.tried), sink.kept) == (1, [])
    bench.clock.mono += 1
    run(store)
    assert len(sink.kept) == 2


def test_a_restart_goes_on_at_the_cursor(bench: Bench) -> None:
    """What was confirmed is not sent again, of no source; what was not is."""
    bench.append(arrival("env", env(0, values=[[26.0]])), arrival("shock", shock(1)))
    first = Ledger()
    store = bench.store(first)
    run(store)
    store.close()
    assert first.closed
    assert bench.saved() == {"journal": 3, "judged": 3, "transitions": 3}
    bench.append(*blocks(1, first=2))
    second = Ledger()
    run(bench.store(second))
    assert len(of("env", second.kept)) == 2
    assert of("shock", second.kept) == of("shock_wave", second.kept) == []
    assert len(of("alert", second.kept)) == 1  # what the new reading cleared


def test_asking_whether_it_is_caught_up_takes_nothing_away(bench: Bench) -> None:
    """`drain` asks from another thread, at any moment."""
    bench.append(arrival("env", env(0, values=[[26.0]])), arrival("shock", shock(1)))
    sink = Ledger()
    store = bench.store(sink)
    for _ in range(20):
        is_caught_up = store.is_caught_up
        if not store.step():
            break
        assert not is_caught_up
    assert store.is_caught_up
    assert [len(of(name, sink.kept)) for name in ("env", "shock_wave", "shock", "alert")] == [1, 3, 1, 3]


def test_a_store_that_does_not_open_is_tried_again(bench: Bench) -> None:
    """The first thing sent is the question whether it is there."""

    class Closed(Ledger):
        is_up = False

        def open(self) -> None:
            if not self.is_up:
                raise DOWN

    bench.append(*blocks(1))
    sink = Closed()
    store = bench.store(sink)
    run(store)
    assert (store.problem, store.pos) == (str(DOWN), 0)
    sink.is_up = True
    bench.clock.mono += round(BACKOFF_MAX_S * S)
    run(store)
    assert (store.problem, len(sink.kept)) == ("", 2)


def test_the_embedded_store_through_real_threads(bench: Bench) -> None:
    """All readings come back from the file, and confirmations wake the store."""
    bench.append(*blocks(3 * MAX_BATCH_RECORDS), arrival("shock", shock(10_000)))
    woken = threading.Event()
    path = bench.folder / "series.db"
    with ThreadPoolExecutor(2) as pool:
        sink = EmbeddedSink(path)
        store = bench.store(sink, pool)
        store.on_confirmed = woken.set
        for _ in range(1000):
            if store.is_caught_up:
                break
            if not store.step():
                assert woken.wait(20)
                woken.clear()
    assert store.is_caught_up
    times_ns, values = sink.series("C", "L", "temperature_air_c", 0, 2**62)
    expected = [T0 + 1000 * S * seq + 10 * S * row for seq in range(3 * MAX_BATCH_RECORDS) for row in (0, 1)]
    assert times_ns.tolist() == expected
    assert values.tolist() == [20.0, 21.0] * (3 * MAX_BATCH_RECORDS)
    wave_ns, x_g = sink.series("C", "L", "x_g", 0, 2**62, "shock_wave")
    assert (len(wave_ns), x_g.tolist()) == (3, [0.0, 7.03125, 0.078125])
    store.close()
