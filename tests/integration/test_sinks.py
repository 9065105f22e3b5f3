"""Every store keeps one contract; the error table and the files are looked at for each kind."""

from __future__ import annotations

import gzip
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from monitor.config.address import is_loopback
from monitor.model.batch import Points
from monitor.model.errors import SinkError
from monitor.sinks import (
    EmbeddedSink,
    Held,
    RefusedLines,
    Sink,
    TooLarge,
    Unavailable,
    chunk,
    influx,
    influxql,
    read_series,
)
from monitor.sinks.influx import Dialect, InfluxSink
from tests.influx_gateway import Gateway, influx_v2_gateway
from tests.processes import HOST, free_port
from tests.servers import Influxd

START_NS = 1_760_000_000_000_000_000
STEP_NS = 1_000_000_000
FIELDS = ("temperature_air_c", "humidity_air_pct", "pressure_inside_pa", "temperature_hardware_c")
TOKEN = "test-token"


def readings(key: int, rows: int = 60, logger: str = "L-01") -> Points:
    """A record as loggers send it: `rows` readings of 4 channels, the key being also its place in time."""
    values = np.random.default_rng(key).normal(20.0, 5.0, (rows, len(FIELDS))).astype(np.float32)
    times_ns = START_NS + (key * rows + np.arange(rows, dtype=np.int64)) * STEP_NS
    tags = (("container", "C-101"), ("logger", logger))
    return Points(key, "env", tags, times_ns, {name: values[:, index] for index, name in enumerate(FIELDS)})


def read(sink: Sink, field: str, measurement: str = "env", logger: str = "L-01") -> dict[int, float]:
    times_ns, values = sink.series("C-101", logger, field, START_NS, START_NS + 10**15, measurement)
    assert times_ns.dtype == np.int64
    assert values.dtype == np.float64
    assert (np.diff(times_ns) > 0).all()
    return dict(zip(times_ns.tolist(), values.tolist(), strict=True))


def read_env(sink: Sink, field: str, logger: str = "L-01") -> dict[int, float]:
    """What was written as float32: InfluxDB gives the float64 nearest to its nine digits, which rounds back to it."""
    return {time_ns: float(np.float32(value)) for time_ns, value in read(sink, field, logger=logger).items()}


def as_written(points: list[Points], field: str) -> dict[int, float]:
    return {
        time_ns: float(value)
        for one in points
        for time_ns, value in zip(one.times_ns.tolist(), one.fields[field], strict=True)
        if np.isfinite(value)
    }


@pytest.fixture
def gateway(influx_server: Influxd) -> Iterator[Gateway]:
    with influx_v2_gateway(influx_server, bucket=f"v2-{uuid4().hex}", token=TOKEN) as one:
        yield one


@pytest.fixture(params=["v1", "v2", "embedded"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sink]:
    """An empty store of each kind."""
    if request.param == "embedded":
        one: Sink = EmbeddedSink(tmp_path / "series.db")
    elif request.param == "v1":
        server: Influxd = request.getfixturevalue("influx_server")
        one = InfluxSink(server.url, "v1", f"v1-{uuid4().hex}")
        one.ensure()
    else:
        front: Gateway = request.getfixturevalue("gateway")
        one = influx_sink(front, "v2")
        with closing(InfluxSink(f"http://{HOST}:{front.backend_port}", "v1", front.bucket)) as backend:
            backend.ensure()
        one.ensure()
    yield one
    one.close()


def influx_sink(gateway: Gateway, dialect: Dialect, **options: Any) -> InfluxSink:
    return InfluxSink(gateway.url, dialect, gateway.bucket, org=gateway.org, **{"token": TOKEN, **options})


class TestEverySink:
    """The contract, on a real InfluxDB by both dialects and on the embedded store."""

    def test_comes_back_exactly(self, sink: Sink) -> None:
        """Every float32 of several records comes back as it was, in order of time."""
        points = [readings(key) for key in (3, 1, 2)]
        sink.write(sink.prepare(points))
        for field in FIELDS:
            assert read_env(sink, field) == as_written(points, field)

    def test_writing_twice_changes_nothing(self, sink: Sink) -> None:
        """The same points give an equal body, and sending it again leaves the store as it was."""
        points = [readings(key) for key in range(3)]
        body, again = sink.prepare(points), sink.prepare([readings(key) for key in range(3)])
        assert body == again
        sink.write(body)
        before = read(sink, FIELDS[0])
        sink.write(again)
        assert read(sink, FIELDS[0]) == before

    def test_missing_values_are_left_out(self, sink: Sink) -> None:
        """NaN and infinities are absent from what is read; the other values of their rows are not."""
        values = np.random.default_rng(1).normal(20.0, 5.0, (60, len(FIELDS))).astype(np.float32)
        values[::3, 0] = np.nan
        values[:5, 1] = [np.nan, np.inf, -np.inf, 1.0, np.nan]
        values[20] = np.nan
        one = replace(readings(1), fields=dict(zip(FIELDS, values.T, strict=True)))
        sink.write(sink.prepare([one]))
        for field in FIELDS:
            assert read_env(sink, field) == as_written([one], field)

    def test_only_missing_values(self, sink: Sink) -> None:
        """A record whose sensors gave nothing is written without complaint and reads as nothing."""
        one = replace(readings(1), fields={FIELDS[0]: np.full(60, np.nan, np.float32)})
        sink.write(sink.prepare([one]))
        assert read(sink, FIELDS[0]) == {}

    def test_a_range_is_half_open(self, sink: Sink) -> None:
        """From is in, to is not."""
        one = readings(0)
        sink.write(sink.prepare([one]))
        from_ns, to_ns = int(one.times_ns[10]), int(one.times_ns[20])
        assert sink.series("C-101", "L-01", FIELDS[0], from_ns, to_ns)[0].tolist() == one.times_ns[10:20].tolist()

    def test_loggers_do_not_mix(self, sink: Sink) -> None:
        """The same record of two loggers is two series; a logger or field never seen reads as nothing."""
        sink.write(sink.prepare([readings(1), replace(readings(2, logger="L-02"), key=1)]))
        assert read_env(sink, FIELDS[0]) == as_written([readings(1)], FIELDS[0])
        assert read_env(sink, FIELDS[0], logger="L-02") == as_written([readings(2)], FIELDS[0])
        assert read(sink, FIELDS[0], logger="L-03") == read(sink, "light_air_lx") == {}

    def test_results_with_text_and_flags(self, sink: Sink) -> None:
        """Events carry float64 (exact), flags (0 and 1), text that is no number (an error to read as one)."""
        fields: dict[str, Any] = {
            "peak_g": np.array([1 / 3, 1e-9]),
            "valid": [True, False],
            "kind": ["drop", 'a "b"\n\\'],
        }
        sink.write(sink.prepare([replace(readings(0, rows=2), measurement="shock", fields=fields)]))
        assert list(read(sink, "peak_g", "shock").values()) == [1 / 3, 1e-9]
        assert list(read(sink, "valid", "shock").values()) == [1.0, 0.0]
        with pytest.raises(ValueError, match="could not convert"):
            read(sink, "kind", "shock")

    def test_all_fields_come_back_at_once(self, sink: Sink) -> None:
        """Of each series apart, in the range only, numbers, text and flags as they were written; NaN are left out."""
        values = np.array(readings(1).fields[FIELDS[0]])
        values[3] = np.nan
        one = replace(readings(1), fields=readings(1).fields | {FIELDS[0]: values})
        shocks = [
            replace(
                readings(0, rows=2),
                measurement="shock",
                tags=(("container", "C-101"), ("logger", "L-01"), ("sensor", sensor)),
                fields={"peak_g": np.array([1 / 3, np.nan]), "valid": [True, False], "kind": [sensor, 'a "b"\n\\']},
            )
            for sensor in "ab"
        ]
        sink.write(sink.prepare([one, *shocks]))
        from_ns, to_ns = int(one.times_ns[2]), int(one.times_ns[10])
        columns, reached_ns = sink.columns("env", "C-101", "L-01", from_ns, to_ns)
        assert reached_ns == to_ns
        assert {name for _, name in columns} == set(FIELDS)
        for (tags, name), column in columns.items():
            known = [row for row in range(2, 10) if np.isfinite(one.fields[name][row])]
            assert tags == one.tags
            assert column.times_ns.tolist() == one.times_ns[known].tolist()
            assert column.values.astype(np.float32).tolist() == [one.fields[name][row] for row in known]
        found = sink.columns("shock", "C-101", "L-01", START_NS, START_NS + 10**12)[0]
        assert {(dict(tags)["sensor"], name): column.values.tolist() for (tags, name), column in found.items()} == {
            (dict(shock.tags)["sensor"], name): values
            for shock in shocks
            for name, values in (("peak_g", [1 / 3]), ("valid", [True, False]), ("kind", shock.fields["kind"]))
        }
        assert sink.columns("env", "C-101", "L-09", from_ns, to_ns) == ({}, to_ns)
        assert sink.owners("shock") == {("C-101", "L-01")}
        assert sink.owners("alert") == set()
        assert sink.retention_ns() in (0, None)

    def test_names_with_quotes_are_names(self, sink: Sink) -> None:
        """A quote in a name finds nothing instead of changing the question."""
        sink.write(sink.prepare([readings(1)]))
        assert read(sink, FIELDS[0], logger="x' OR 'a'='a") == {}
        assert read(sink, 'x", "temperature_air_c') == {}

    def test_two_writers_at_once(self, sink: Sink) -> None:
        """Two threads that write alternate records lose none."""
        points = [readings(key) for key in range(40)]
        bodies = [sink.prepare([one]) for one in points]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(sink.write, bodies))
        assert read_env(sink, FIELDS[0]) == as_written(points, FIELDS[0])

    def test_impossible_points_are_refused(self, sink: Sink) -> None:
        """Columns of unequal length are refused before anything is sent, and not to be tried again."""
        one = readings(1)
        with pytest.raises(RefusedLines, match="60 values for 59") as caught:
            sink.prepare([replace(one, times_ns=one.times_ns[:-1])])
        assert not caught.value.retryable

    def test_ping(self, sink: Sink) -> None:
        """A store that works says so, and that it takes what is written, of which nothing remains."""
        sink.ping()
        sink.try_write()
        assert sink.owners("env") == set()


DIALECTS: list[Dialect] = ["v1", "v2"]
ANSWERS: list[tuple[int, type[SinkError], bool, str]] = [
    (400, RefusedLines, False, "send halves"),
    (422, RefusedLines, False, "send halves"),
    (413, TooLarge, False, "send halves"),
    (401, Held, True, "token"),
    (403, Held, True, "permission"),
    (404, Held, True, "create the database or bucket"),
    (301, Held, True, "URL"),
    (429, Unavailable, True, "again"),
    (500, Unavailable, True, "again"),
    (503, Unavailable, True, "again"),
]


class TestInflux:
    """What is InfluxDB's alone: the table of answers, authentication, connections, pages."""

    @pytest.mark.parametrize("dialect", DIALECTS)
    @pytest.mark.parametrize(("status", "kind", "is_retryable", "hint"), ANSWERS)
    def test_answers(
        self, gateway: Gateway, dialect: Dialect, status: int, kind: type[SinkError], is_retryable: bool, hint: str
    ) -> None:
        """Each answer says what to do next, and carries the server's own words; nothing is sent a second time."""
        gateway.answer = (status, {"Retry-After": "7"})
        with closing(influx_sink(gateway, dialect)) as sink, pytest.raises(kind, match="as the test wishes") as caught:
            sink.write(b"env a=1 1\n")
        assert type(caught.value) is kind
        assert caught.value.retryable is is_retryable
        assert hint in caught.value.hint
        assert len(gateway.seen) == 1
        if isinstance(caught.value, Unavailable):
            assert caught.value.retry_after_s == 7.0

    @pytest.mark.parametrize("dialect", DIALECTS)
    def test_only_no_content_confirms_a_write(self, gateway: Gateway, dialect: Dialect) -> None:
        """A login page with status 200 is no confirmation: everything is held until somebody looks."""
        gateway.answer = (200, {})
        with closing(influx_sink(gateway, dialect)) as sink, pytest.raises(Held, match="status 200, expected 204"):
            sink.write(b"env a=1 1\n")

    @pytest.mark.parametrize("dialect", DIALECTS)
    def test_server_that_is_down(self, dialect: Dialect) -> None:
        """Nobody listens: every call says that it can be tried again."""
        with closing(InfluxSink(f"http://{HOST}:{free_port()}", dialect, "tcm")) as sink:
            calls: list[Callable[[], object]] = [
                sink.ping,
                sink.ensure,
                lambda: sink.write(b"env a=1 1\n"),
                lambda: sink.series("C-101", "L-01", "a", 0, 1),
            ]
            for call in calls:
                with pytest.raises(Unavailable, match="refused") as caught:
                    call()
                assert caught.value.retryable

    def test_server_that_does_not_answer(self, gateway: Gateway) -> None:
        """A server that takes the request and says nothing is a time-out, not a wait without end."""
        release = threading.Event()
        gateway.hold = lambda: release.wait(10.0)
        with (
            closing(influx_sink(gateway, "v2", timeout_ms=100)) as sink,
            pytest.raises(Unavailable, match=r"no answer within 0\.1 s"),
        ):
            sink.write(b"env a=1 1\n")
        release.set()

    def test_server_that_comes_back(self, own_influx_server: Influxd) -> None:
        """After a restart of the server the same sink goes on, and what was confirmed is still there."""
        with closing(InfluxSink(own_influx_server.url, "v1", "tcm")) as sink:
            sink.ensure()
            sink.ensure()  # a second time changes nothing
            sink.write(sink.prepare([readings(1)]))
            own_influx_server.kill()
            with pytest.raises(Unavailable):
                sink.ping()
            own_influx_server.start()
            sink.write(sink.prepare([readings(2)]))
            assert read_env(sink, FIELDS[0]) == as_written([readings(1), readings(2)], FIELDS[0])

    def test_missing_database_is_held(self, influx_server: Influxd) -> None:
        """InfluxDB's own answer to an unknown database, on writing and on reading, drops nothing."""
        with closing(InfluxSink(influx_server.url, "v1", "nowhere")) as sink:
            with pytest.raises(Held, match="database not found"):
                sink.write(sink.prepare([readings(1)]))
            with pytest.raises(Held, match="database not found"):
                read(sink, FIELDS[0])

    def test_wrong_token_is_held(self, gateway: Gateway) -> None:
        """A token that the server does not know is for an operator."""
        with closing(influx_sink(gateway, "v2", token="wrong")) as sink, pytest.raises(Held, match="unauthorized"):
            sink.ensure()

    def test_refused_line_names_its_field(self, influx_server: Influxd) -> None:
        """A type conflict is InfluxDB's own 400 and names the field."""
        with closing(InfluxSink(influx_server.url, "v1", f"v1-{uuid4().hex}")) as sink:
            sink.ensure()
            sink.write(sink.prepare([readings(1)]))
            with pytest.raises(RefusedLines, match=FIELDS[0]):
                sink.write(sink.prepare([replace(readings(1), fields={FIELDS[0]: ["text"] * 60})]))

    def test_password_of_v1(self, gateway: Gateway) -> None:
        """User and password go as basic authentication, and only when configured."""
        gateway.answer = (204, {})
        for username, password in (("u", "p"), ("", "")):
            with closing(InfluxSink(gateway.url, "v1", "tcm", username=username, password=password)) as sink:
                sink.write(b"env a=1 1\n")
        assert [headers.get("Authorization") for _, headers in gateway.seen] == ["Basic dTpw", None]

    def test_two_writes_in_flight(self, gateway: Gateway) -> None:
        """Neither write waits for the other (the server has both before it answers one), on connections that stay."""
        both = threading.Barrier(2)
        gateway.answer, gateway.hold = (204, {}), lambda: both.wait(10.0)
        with closing(influx_sink(gateway, "v2")) as sink, ThreadPoolExecutor(2) as pool:
            for _ in range(3):
                list(pool.map(sink.write, [b"env a=1 1\n", b"env a=1 2\n"]))
        assert len(gateway.seen) == 6
        assert len(gateway.client_ports) == 2

    def test_compressed_when_elsewhere(
        self, gateway: Gateway, influx_server: Influxd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """For a server that is not this machine the body is gzip, always the same bytes, and InfluxDB takes it."""
        assert [is_loopback(host) for host in ("::1", "localhost", "10.0.0.5", "db")] == [
            True, True, False, False,
        ]  # fmt: skip
        monkeypatch.setattr(influx, "is_loopback", lambda host: False)
        with closing(InfluxSink(influx_server.url, "v1", f"v1-{uuid4().hex}")) as sink:
            sink.ensure()
            body = sink.prepare([readings(1)])
            assert body == sink.prepare([readings(1)])
            assert gzip.decompress(body).startswith(b"env,container=C-101,")
            assert body[4:8] == bytes(4)  # no time of compressing
            sink.write(body)
            assert read_env(sink, FIELDS[0]) == as_written([readings(1)], FIELDS[0])

    @pytest.mark.parametrize("dialect", DIALECTS)
    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_trial_of_a_store_that_takes_nothing(self, gateway: Gateway, dialect: Dialect, status: int) -> None:
        """A wrong password, no right to write, no such bucket: whoever only asks whether it answers hears nothing."""
        gateway.answer = (status, {})
        with closing(influx_sink(gateway, dialect)) as sink, pytest.raises(Held, match=f"status {status}"):
            sink.try_write()

    def test_trial_creates_no_database(self, influx_server: Influxd) -> None:
        """It is no fault that a database is missing that the daemon will create."""
        with closing(InfluxSink(influx_server.url, "v1", f"v1-{uuid4().hex}")) as sink:
            sink.try_write()
            with pytest.raises(Held, match="database not found"):
                sink.write(sink.prepare([readings(1)]))

    def test_pages(self, influx_server: Influxd, monkeypatch: pytest.MonkeyPatch) -> None:
        """A range larger than a page comes whole, also where two sensors have a point at the same time."""
        monkeypatch.setattr(influxql, "PAGE_POINTS", 7)
        with closing(InfluxSink(influx_server.url, "v1", f"v1-{uuid4().hex}")) as sink:
            sink.ensure()
            one = readings(1)
            sink.write(sink.prepare([replace(one, tags=(*one.tags, ("sensor", name))) for name in "ab"]))
            times_ns, _ = sink.series("C-101", "L-01", FIELDS[0], START_NS, START_NS + 10**15)
            assert times_ns.tolist() == np.repeat(one.times_ns, 2).tolist()


class TestEmbedded:
    """What is the embedded store's alone: its file."""

    def test_same_key_replaces(self, tmp_path: Path) -> None:
        """A record written again with other values replaces the first; at equal times the later key stands."""
        with closing(EmbeddedSink(tmp_path / "series.db")) as sink:
            sink.write(sink.prepare([readings(1)]))
            moved = replace(readings(2), key=1)
            sink.write(sink.prepare([moved]))
            assert read_env(sink, FIELDS[0]) == as_written([moved], FIELDS[0])
            later = replace(moved, key=9, fields={FIELDS[0]: np.ones(60, np.float32)})
            sink.write(sink.prepare([later]))
            assert set(read(sink, FIELDS[0]).values()) == {1.0}

    def test_several_parts_of_one_record(self, tmp_path: Path) -> None:
        """Points of one series and key in one body are kept together, none replaces another."""
        first, second = readings(1), replace(readings(2), key=1)
        with closing(EmbeddedSink(tmp_path / "series.db")) as sink:
            sink.write(sink.prepare([first, second]))
            assert read_env(sink, FIELDS[0]) == as_written([first, second], FIELDS[0])

    def test_confirmed_is_there_after_reopening(self, tmp_path: Path) -> None:
        """What was written is read by another opening, and while the file is open, and with no store on it."""
        path = tmp_path / "new folder" / "series.db"
        with closing(EmbeddedSink(path)) as sink:
            sink.write(sink.prepare([readings(1)]))
            assert len(read_series(path, "C-101", "L-01", FIELDS[0], 0, 2**62)[0]) == 60
        assert len(read_series(path, "C-101", "L-01", FIELDS[0], 0, 2**62)[0]) == 60
        with closing(EmbeddedSink(path)) as sink:
            assert read_env(sink, FIELDS[0]) == as_written([readings(1)], FIELDS[0])

    def test_small(self, tmp_path: Path) -> None:
        """A slowly changing record of 60 readings x 4 channels takes less than half of its 1440 raw bytes."""
        values = np.round(20 + np.cumsum(np.random.default_rng(0).normal(0, 0.01, (60, 4)), axis=0), 2)
        one = replace(readings(1), fields=dict(zip(FIELDS, values.astype(np.float32).T, strict=True)))
        assert len(chunk.pack([one])) < 720

    def test_a_chunk_that_opens_too_far(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither written nor read beyond the limit; a damaged or shortened chunk is an error, not a crash."""
        packed = chunk.pack([readings(1)])
        for bad in (zlib.compress(bytes(chunk.CHUNK_BYTES_MAX + 1)), packed[:-5], b"rubbish"):
            with pytest.raises(zlib.error):
                list(chunk.unpack(bad, FIELDS[0]))
        monkeypatch.setattr(chunk, "CHUNK_BYTES_MAX", 1000)
        with closing(EmbeddedSink(tmp_path / "series.db")) as sink, pytest.raises(RefusedLines, match="at most 1000"):
            sink.prepare([readings(1)])

    def test_a_file_that_cannot_be_used(self, tmp_path: Path) -> None:
        """No database, tables of another version, a file in place of the folder: said with the path."""
        (tmp_path / "text.db").write_text("no database " * 100)
        with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
            connection.execute("PRAGMA user_version = 99")
        (tmp_path / "file").touch()
        for name in ("text.db", "other.db", "file/series.db"):
            with pytest.raises(Held, match=name) as caught:
                EmbeddedSink(tmp_path / name)
            assert caught.value.retryable

    def test_a_file_damaged_or_gone(self, tmp_path: Path) -> None:
        """Reading and ping say so with the path; nothing is dropped."""
        path = tmp_path / "series.db"
        with closing(EmbeddedSink(path)) as sink:
            sink.write([(("env", "C-101", "L-01", "{}"), (1, START_NS, START_NS, 1, b"rubbish"))])
            with pytest.raises(Held, match="incorrect header"):
                read(sink, FIELDS[0])
            path.unlink()
            with pytest.raises(Held, match=r"series\.db"):
                sink.ping()
            with pytest.raises(Held, match=r"series\.db"):
                read(sink, FIELDS[0])

    def test_another_writer_is_waited_for_not_forgotten(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A locked file is `try again`, and trying again succeeds."""
        monkeypatch.setattr("monitor.sinks.embedded._BUSY_S", 0.05)
        path = tmp_path / "series.db"
        with closing(EmbeddedSink(path)) as sink, closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="SQLITE_BUSY"):
                sink.write(sink.prepare([readings(1)]))
            other.execute("ROLLBACK")
            sink.write(sink.prepare([readings(1)]))
            assert len(read(sink, FIELDS[0])) == 60

    def test_a_write_that_fails_leaves_the_other_alone(self, tmp_path: Path) -> None:
        """Two writers share one connection: the roll-back of one must not take back half of the other."""
        between, failed = threading.Event(), threading.Event()

        class Slow(list[Any]):
            """A body that is read twice, for its series and for its chunks; in between the other writer comes."""

            def __iter__(self) -> Iterator[Any]:
                yield from super().__iter__()
                between.set()
                failed.wait(0.2)  # in vain: the other writer waits for this one

        with closing(EmbeddedSink(tmp_path / "series.db")) as sink, ThreadPoolExecutor(1) as pool:
            first = pool.submit(sink.write, Slow(sink.prepare([readings(1)])))
            assert between.wait(10.0)
            with pytest.raises(SinkError, match="NOT NULL"):
                sink.write([(("env", "C-101", "L-02", "{}"), (1, 0, 0, None, b""))])  # type: ignore[list-item]  # wrong
            failed.set()
            first.result(10.0)
            assert read_env(sink, FIELDS[0]) == as_written([readings(1)], FIELDS[0])

    def test_after_an_io_error_nothing_is_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A failed fsync makes the open file untrustworthy: writing is held until a restart."""
        failure = sqlite3.OperationalError("disk I/O error")
        failure.sqlite_errorname = "SQLITE_IOERR_FSYNC"

        class Failing:
            def __enter__(self) -> None:
                raise failure

            def __exit__(self, *args: object) -> None: ...

        with closing(EmbeddedSink(tmp_path / "series.db")) as sink:
            body = sink.prepare([readings(1)])
            healthy = sink._connection
            with monkeypatch.context() as patch, pytest.raises(Held, match="FSYNC"):
                patch.setattr(sink, "_connection", Failing())
                sink.write(body)
            assert sink._connection is healthy
            with pytest.raises(Held, match="FSYNC"):
                sink.write(body)
            assert read(sink, FIELDS[0]) == {}
