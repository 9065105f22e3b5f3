"""The store consumer on real journals: cursors pass only what is confirmed, and one bad point stops nothing."""

from __future__ import annotations

import math
import sqlite3
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers.feed import MAX_BATCH_RECORDS
from monitor.consumers.results import ResultBook
from monitor.consumers.store import LATE_NS
from monitor.consumers.writes import BACKOFF_MAX_S, delay_s
from monitor.journal import Place, Usable
from monitor.journal.statuses import is_stale_will, last_status
from monitor.model.batch import Points, Table
from monitor.model.clock import rfc3339
from monitor.model.errors import DiskFull, SinkError
from monitor.model.record import Status
from monitor.sinks import EmbeddedSink, RefusedLines, Unavailable
from monitor.telemetry import StateReader
from monitor.wire import decode
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stores import DOWN, RULES, Bench, ByHand, Ledger, blocks, fine, of, run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty journal under RULES."""
    return Bench(tmp_path)


def test_every_reading_becomes_one_line(bench: Bench) -> None:
    """Field names of the schema, the fewest digits of a float32, ns of the logger."""
    bench.append(arrival("env", env(0, values=[[20.3, 40.0], [math.nan, 41.0]])))
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    assert sorted(line for line in sink.kept if line.startswith("env,")) == [
        f"env,container=C,logger=L humidity_air_pct=41.0 {T0 + 10 * S}",
        f"env,container=C,logger=L temperature_air_c=20.3,humidity_air_pct=40.0 {T0}",
    ]
    assert (store.pos, store.is_caught_up, store.problem) == (2, True, "")


def test_a_block_of_nan_and_unknown_channels_stop_nothing(bench: Bench) -> None:
    """They give no line, the cursor passes them, and known neighbours are written."""
    bench.append(
        arrival("env", env(0, values=[[math.nan]])),
        arrival("env", env(1, ch=["mystery"], values=[[1.0]])),
        arrival("env", env(2, values=[[20.0, 40.0, 7.0]])),
        arrival("env", env(3, ch=["no dot", "temperature.", "Temperature.air"], values=[[1.0, 2.0, 3.0]])),
    )
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    derived = (
        f"derived,container=C,logger=L dew_point_air_c=5.98042,absolute_humidity_air_g_m3=6.896464 {T0 + 2000 * S}"
    )
    readings = f"env,container=C,logger=L temperature_air_c=20.0,humidity_air_pct=40.0 {T0 + 2000 * S}"
    assert sink.kept == [derived, readings]
    assert store.is_caught_up
    assert bench.refused() == []


def test_a_status_becomes_a_point_of_measurement_logger(bench: Bench) -> None:
    """At its receipt; what it leaves out is left out."""
    bench.append(
        arrival("status", status(armed=True, bat_pct=87.5, mem_pct=3.0), 1000),
        arrival("status", status(state="offline", clk=0), 2000),
    )
    sink = Ledger()
    run(bench.store(sink))
    assert of("logger", sink.kept) == [
        "logger,container=C,logger=L online=true,armed=true,battery_pct=87.5,memory_pct=3.0,clock=2.0 1000",
        "logger,container=C,logger=L online=false,clock=0.0 2000",
    ]


def fields_of(text: str) -> dict[str, str]:
    """The fields of a line without blanks in them."""
    return dict(pair.split("=") for pair in text.split(" ")[1].split(","))


def test_an_event_becomes_its_wave_and_one_analysed_point(bench: Bench) -> None:
    """`shock_wave` has each sample on sensor axes, `shock` and `srs` what they say at the trigger sample."""
    bench.append(arrival("shock", shock(3, boot=2**53 - 1)))
    sink = Ledger()
    run(bench.store(sink))
    start_ns = T0 + 3000 * S
    tags = "container=C,logger=L,sensor=a"
    assert of("shock_wave", sink.kept) == [
        f"shock_wave,{tags} x_g={x},y_g={y},z_g=1.0 {start_ns + n * S // 100}"
        for n, (x, y) in enumerate([("0.0", "0.0"), ("7.03125", "-0.0703125"), ("0.078125", "0.0")])
    ]
    (point,) = of("shock", sink.kept)
    assert point.startswith(f"shock,{tags} ")
    assert point.endswith(f" {start_ns + S // 100}")
    fields = fields_of(point)
    wanted = {
        "peak_g",
        "peak_raw_g",
        "peak_x_g",
        "peak_y_g",
        "peak_z_g",
        "resultant_g",
        "duration_ms",
        "delta_v_m_s",
        "srs_peak_g",
        "srs_peak_hz",
        "valid",
        "kind",
        "boot",
        "seq",
    }
    assert wanted <= set(fields)
    assert (fields["boot"], fields["seq"], fields["peak_g"]) == ('"9007199254740991"', '"3"', "7.03125")
    assert fields["valid"] in ("true", "false")
    frequencies_hz = ["5", "6.3", "7.937", "10", "12.6", "15.87", "20", "25.2", "31.75", "40"]
    for spectrum_point, hz in zip(of("srs", sink.kept), frequencies_hz, strict=True):
        assert spectrum_point.startswith(f"srs,{tags},freq_hz={hz} accel_g=")
        assert spectrum_point.endswith(f" {start_ns + S // 100}")


def test_each_change_of_an_alert_is_a_point_at_its_time(bench: Bench) -> None:
    """Firing at the reading that fired, cleared at the one that cleared."""
    bench.append(arrival("env", env(0, values=[[20.0], [25.5], [24.0]])))
    sink = Ledger()
    run(bench.store(sink))
    (alert,) = bench.results.book.alerts()
    firing, cleared = of("alert", sink.kept)
    head = "alert,container=C,logger=L,channel=temperature.air,rule=hot,severity=alarm "
    for text, state, after_s in ((firing, "firing", 10), (cleared, "cleared", 20)):
        assert text.startswith(f'{head}state="{state}",value=25.5,limit=25.0,alert_id="{alert["id"]}",message="C L: ')
        assert text.endswith(f" {T0 + after_s * S}")
    assert rfc3339(T0 + 20 * S) == alert["cleared_at"]


def said(boot: int, state: str) -> Usable:
    return arrival("status", status(boot, state=state), boot * S)


@pytest.mark.parametrize(
    ("told", "present", "written"),
    [
        (((1, "online"), (1, "offline")), (1, "offline"), (1, 1)),
        (((1, "offline"),), (1, "offline"), (1,)),
        (((1, "online"), (2, "online"), (1, "offline")), (2, "online"), (1, 2)),
        (((1, "online"), (2, "online"), (1, "offline"), (1, "offline")), (2, "online"), (1, 2)),
        (((1, "online"), (2, "sleeping"), (1, "offline"), (2, "offline")), (2, "offline"), (1, 2, 2)),
        (((1, "online"), (2, "online"), (2, "offline"), (1, "offline")), (2, "offline"), (1, 2, 2)),
        (((2, "offline"), (1, "online"), (2, "offline"), (2, "online"), (2, "offline")), (2, "offline"), (2, 1, 2, 2)),
    ],
)
def test_a_stale_will_says_nothing(
    bench: Bench, told: tuple[tuple[int, str], ...], present: tuple[int, str], written: tuple[int, ...]
) -> None:
    """The broker notices a dead connection long after its logger has begun anew: neither store nor status follows."""
    bench.append(*(said(boot, state) for boot, state in told))
    sink = Ledger()
    run(bench.store(sink))
    assert [int(text.rpartition(" ")[2]) // S for text in of("logger", sink.kept)] == list(written)
    last = last_status(bench.reader, "L")
    assert last is not None
    assert (last.stamp.boot, last.state) == present
    state = StateReader(bench.folder)
    assert [row["state"] for row in state.document(RULES, 0)["loggers"]] == [present[1]]
    state.close()


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["online", "sleeping", *["offline"] * 18])), max_size=60))
@settings(max_examples=60)
def test_store_and_status_agree_on_every_will(told: list[tuple[int, str]]) -> None:
    """The present state is that of the last status that is no stale will, also behind more wills than anyone counts."""
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        expected = None
        for boot, state in told:
            arrived = said(boot, state)
            bench.append(arrived)
            assert isinstance(arrived.message, Status)
            if not is_stale_will(bench.reader, bench.journal.pos, "L", arrived.message):
                expected = arrived.message
            assert last_status(bench.reader, "L") == expected
        for part in (bench.reader, bench.results, bench.watch, bench.journal):
            part.close()


def test_without_a_synchronised_clock_points_stand_at_the_anchor(bench: Bench) -> None:
    """`mono` plus the anchor and less than a microsecond, by which two boots never meet; marked, and not before."""
    bench.append(arrival("env", env(0, clk=0, mono=5 * S, t0=0), 1000 * S))
    bench.append(arrival("shock", shock(1, clk=1, mono=7 * S, t0=0), 1001 * S), arrival("env", env(2)))
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    assert len(sink.kept) == 2
    assert [text.split(" ")[2] for text in sink.kept] == [str(T0 + 2000 * S), str(T0 + 2010 * S)]
    bench.append(arrival("env", env(3, mono=15 * S), 1009 * S, is_prompt=True))
    run(store)
    start_ns, event_ns = (
        at_s * S + zlib.crc32(struct.pack(">QQ", 1, seq)) % 1000 for at_s, seq in ((999, 0), (1001, 1))
    )
    assert of("logger", sink.kept) == [
        f"logger,container=C,logger=L clock=0.0 {start_ns}",
        f"logger,container=C,logger=L clock=1.0 {event_ns}",
    ]
    assert [text for text in of("env", sink.kept) if text.endswith(str(start_ns + 10 * S))]
    assert of("shock_wave", sink.kept)[1].endswith(str(event_ns + S // 100))
    assert of("shock", sink.kept)[0].endswith(str(event_ns + S // 100))


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


def test_alerts_are_written_before_a_backlog_of_readings(bench: Bench) -> None:
    """After an outage an operator sees what was raised at once, not behind hours of readings."""
    bench.append(*blocks(40), arrival("shock", shock(40)))
    sink = Ledger()
    run(bench.store(sink))
    measurements = [text.partition(",")[0] for text in sink.kept]
    assert measurements.index("alert") < measurements.index("env")


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
