"""Every store keeps one contract, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from monitor.sinks import EmbeddedSink, RefusedLines, Sink
from monitor.sinks.influx import InfluxSink
from tests.influx_gateway import Gateway, influx_v2_gateway
from tests.processes import HOST
from tests.servers import Influxd
from tests.sinks import FIELDS, START_NS, TOKEN, as_written, influx_sink, read, read_env, readings


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
