"""InfluxDB's answers over real HTTP: whatever it says, and however it says it, no line is lost and nobody waits on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers import Store
from monitor.consumers.bodies import tags_text
from monitor.consumers.writes import BACKOFF_MAX_S
from monitor.model.batch import Points, Table
from monitor.model.condition import STORE_HELD
from monitor.model.errors import SinkError
from monitor.sinks import Held, Unavailable
from monitor.sinks.influx import InfluxSink
from tests.daemon import DaemonProcess, read_rows
from tests.journals import arrival
from tests.messages import S, env
from tests.processes import wait_until
from tests.raw_http import DRIP_S, OK, Answer, RawServer, answer, cut, drip, raw_server
from tests.servers import Mosquitto
from tests.stores import Bench, blocks

LINE = b"env a=1 1\n"
LIMIT_MS = 1_500  # of answers that never come to their end
PATIENT_MS = 10_000  # of all others, which come at once but on a busy machine
DATABASES = answer(200, b'{"results": [{"series": [{"values": [["tcm"]]}]}]}')  # what the store asks for first


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with raw_server() as one:
        yield one


def open_sink(server: RawServer, timeout_ms: int = PATIENT_MS) -> InfluxSink:
    server.script.clear()
    return InfluxSink(server.url, "v1", "tcm", timeout_ms=timeout_ms)


BROKEN: dict[str, tuple[Answer, type[SinkError], str]] = {
    "a page in place of a confirmation": (answer(200, b"<html>log in</html>"), Held, "expected 204"),
    "a page that drips": (drip(b"HTTP/1.1 200 x\r\nConnection: close\r\n\r\n"), Unavailable, "no answer within"),
    "a body that drips": (drip(b"HTTP/1.1 500 x\r\nContent-Length: 1000\r\n\r\n"), Unavailable, "no answer within"),
    "a head that drips": (drip(b"HTTP/1.1 204 No Content\r\nX: "), Unavailable, "no answer within"),
    "a status that drips": (drip(b"HTTP/1.1 204 "), Unavailable, "no answer within"),
    "nothing": (cut(b""), Unavailable, "again"),
    "half a status": (cut(b"HTTP/1.1 20"), Unavailable, "again"),
    "half a refusal": (cut(b"HTTP/1.1 400 x\r\nContent-Length: 50\r\n\r\n{"), Unavailable, "again"),
    "no HTTP": (cut(b"\x00\xffSSH-2.0\r\n\r\n"), Unavailable, "again"),
    "a body in another encoding": (answer(503, b"\xff\xfe"), Unavailable, "again"),
    "a body that is not compressed": (answer(503, b"text", "Content-Encoding: gzip"), Unavailable, "again"),
    "a redirect": (answer(307, b"", "Location: /elsewhere"), Held, "check that the URL"),
    "a redirect as a GET": (answer(303, b"", "Location: /elsewhere"), Held, "check that the URL"),
    "a redirect to nowhere": (answer(301, b"", "Location: http://[::"), Held, "check that the URL"),
}


@pytest.mark.parametrize(
    ("said", "kept_ns"),
    [
        (b'{"buckets": [{"retentionRules": [{"type": "expire", "everySeconds": 3600}]}]}', 3600 * S),
        (b'{"buckets": [{"retentionRules": []}]}', 0),
        (b'{"buckets": []}', None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
def test_the_retention_of_a_bucket(server: RawServer, said: bytes, kept_ns: int | None) -> None:
    """As InfluxDB 2 tells it; a token that may only write is told nothing."""
    with closing(InfluxSink(server.url, "v2", "tcm", org="o")) as sink:
        server.script.extend([answer(200, said), answer(403, b"{}")])
        assert sink.retention_ns() == kept_ns
        assert server.paths[-1] == "/api/v2/buckets?org=o&name=tcm"
        assert sink.retention_ns() is None


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_confirmation_confirms_nothing(server: RawServer, name: str) -> None:
    """One request, an error that says what to do, and never longer than the time-out, byte by byte or not."""
    said, kind, text = BROKEN[name]
    limit_ms = LIMIT_MS if name.endswith("drips") else PATIENT_MS
    with closing(open_sink(server, limit_ms)) as sink:
        server.script.append(said)
        before, start_s = len(server.paths), time.monotonic()
        with pytest.raises(kind, match=text):
            sink.write(LINE)
        assert time.monotonic() - start_s < limit_ms / 1e3 + 20 * DRIP_S
        assert server.paths[before:] == ["/write?db=tcm&precision=ns"]
        sink.write(LINE)  # the next one has a connection that works


def test_a_server_that_drips_does_not_hold_the_end_of_the_daemon(server: RawServer) -> None:
    """Cut from another thread the write ends at once, and none begins any more."""
    with closing(InfluxSink(server.url, "v1", "tcm")) as sink, ThreadPoolExecutor(1) as pool:
        server.script.append(drip(b"HTTP/1.1 204 No Content\r\nX: "))
        before = len(server.bodies)
        writing = pool.submit(sink.write, LINE)
        wait_until(lambda: len(server.bodies) > before, 10, "the request")
        sink.cut()
        with pytest.raises(Unavailable):
            writing.result(5.0)
        with pytest.raises(Unavailable):
            sink.write(LINE)


def test_a_daemon_ends_in_time_while_its_server_drips(
    server: RawServer, tmp_path: Path, mosquitto_server: Mosquitto
) -> None:
    """SIGTERM, with an answer under way that would never end: status 0 within 10 s, and nothing hangs."""
    server.script.extend([drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")] * 100)
    store = f'kind = "influxdb"\nurl = "{server.url}"\ndialect = "v1"\ndatabase = "tcm"'
    with DaemonProcess(tmp_path, mosquitto_server.url, store) as daemon:
        before = len(server.paths)
        daemon.start("/healthz")
        wait_until(lambda: len(server.paths) > before, 10, "the store to be asked")
        assert daemon.end(signal.SIGTERM, 10.0) == 0
        assert "hang" not in daemon.log.read_text()


def run(bench: Bench, store: Store) -> None:
    """Step until everything is confirmed or refused; whenever nothing can be done the longest back-off passes."""
    for _ in range(2_000):
        if not store.step():
            if store.is_caught_up:
                return
            bench.clock.mono += round(400 * S)
    raise AssertionError("the store never rests")


def test_what_only_an_operator_can_mend_is_held_and_said(server: RawServer, tmp_path: Path) -> None:
    """A wrong token: nothing is dropped, the condition stands until the server takes the identical bytes."""
    bench = Bench(tmp_path)
    bench.append(*blocks(2))
    store = bench.store(open_sink(server))
    server.script += [DATABASES, *[answer(status, b'{"error": "no"}') for status in (401, 403, 404)]]
    said = []
    before = len(server.bodies)
    while not store.is_caught_up:
        if not store.step():
            said += [(condition.rule, condition.text == store.problem) for condition in store.conditions()]
            bench.clock.mono += round(BACKOFF_MAX_S * S)
    assert set(said) == {(STORE_HELD, True)}
    assert store.conditions() == []
    assert len(server.bodies) - before == 5
    assert len(set(server.bodies[before + 1 :])) == 1
    assert bench.refused() == []


def test_past_the_retention_each_line_is_named(server: RawServer, tmp_path: Path) -> None:
    """InfluxDB drops a part and says how many: halves tell which, and what is all dropped is not sent again."""
    bench = Bench(tmp_path)
    bench.append(*blocks(8))
    store = bench.store(open_sink(server))
    gone = b'{"error": "partial write: points beyond retention policy dropped=%d"}'
    # 16 lines in the order of time, of which the first 10 are too old.
    server.script += [DATABASES, answer(400, gone % 10), answer(400, gone % 8), answer(400, gone % 2)]
    server.script += [answer(400, gone % 2), answer(400, gone % 2), OK, OK]
    run(bench, store)
    assert [row[:2] for row in bench.refused()] == [("env", pos) for pos in range(2, 7)]


STATUSES = [400, 400, 401, 404, 413, 413, 422, 429, 500, 503, 200, 302]
ANSWERS: st.SearchStrategy[Answer] = st.one_of(
    st.sampled_from(STATUSES).map(lambda status: answer(status, b'{"error": "as the test wishes"}')),
    st.integers(1, 40).map(
        lambda lines: answer(400, b'{"error": "partial write: points beyond retention policy dropped=%d"}' % lines)
    ),
    st.sampled_from([cut(b""), cut(b"HTTP/1.1 2"), answer(429, b"", "Retry-After: 9")]),
    st.just(OK),
)
Row = tuple[str, str, int, int]  # measurement, tags, key, time


class Noting(InfluxSink):
    """Notes which rows stand in each body."""

    rows: dict[bytes, set[Row]]

    def prepare(self, points: Sequence[Points | Table]) -> bytes:
        body = super().prepare(points)
        by_series = [one for each in points for one in (each.split() if isinstance(each, Table) else (each,))]
        self.rows[body] = {
            (one.measurement, tags_text(one.tags), one.key, time_ns)
            for one in by_series
            for time_ns in one.times_ns.tolist()
        }
        return body


@given(st.lists(ANSWERS, max_size=40), st.sets(st.integers(0, 11)))
@settings(max_examples=40)
def test_each_line_is_confirmed_or_refused(server: RawServer, script: list[Answer], hot: set[int]) -> None:
    """Whatever the sequence of answers: a line was in a body that was answered 204, or stands in table `refused`."""
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.append(
            *(arrival("env", env(seq, values=[[30.0 if seq in hot else 20.0, 40.0]] * 3)) for seq in range(12))
        )
        sink = Noting(server.url, "v1", "tcm", timeout_ms=PATIENT_MS)
        sink.rows = {}
        server.script.clear()
        server.script.extend([DATABASES, *script])
        server.confirmed.clear()
        store = bench.store(sink)
        run(bench, store)
        rows = set().union(*sink.rows.values())
        assert {row[0] for row in rows} >= ({"env", "derived", "alert"} if hot else {"env", "derived"})
        confirmed = set().union(*(sink.rows.get(body, set()) for body in server.confirmed))
        refused = _refused(bench, rows)
        assert len([row for row in rows if row[0] == "env"]) == 36
        assert confirmed | refused == rows
        assert STORE_HELD not in {condition.rule for condition in store.conditions()}
        for part in (store, bench.reader, bench.results, bench.watch, bench.journal):
            part.close()


def _refused(bench: Bench, rows: set[Row]) -> set[Row]:
    found: set[Row] = set()
    for *series, time_ns, points in read_rows(
        bench.folder / "store.db", "SELECT measurement, tags, key, time_ns, points FROM refused"
    ):
        later = sorted(row for row in rows if row[:3] == tuple(series) and row[3] >= time_ns)
        found.update(later[:points])
    return found
