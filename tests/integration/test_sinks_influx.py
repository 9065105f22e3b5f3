"""What is InfluxDB's alone among the stores: its answers, authentication, connections and pages."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest

from monitor.config.address import is_loopback
from monitor.model.errors import SinkError
from monitor.sinks import Held, RefusedLines, TooLarge, Unavailable, influx, influxql
from monitor.sinks.influx import Dialect, InfluxSink
from tests.influx_gateway import Gateway, influx_v2_gateway
from tests.processes import HOST, free_port
from tests.servers import Influxd
from tests.sinks import FIELDS, START_NS, TOKEN, as_written, influx_sink, read, read_env, readings


@pytest.fixture
def gateway(influx_server: Influxd) -> Iterator[Gateway]:
    with influx_v2_gateway(influx_server, bucket=f"v2-{uuid4().hex}", token=TOKEN) as one:
        yield one


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
