"""The down-sampled copy on a real InfluxDB: each minute's minimum, mean and maximum, whatever came when."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.consumers import long, touched
from monitor.consumers.long import ASIDE_S, PERIOD_S, Long
from monitor.consumers.store import LATE_NS
from monitor.model.condition import COPY_HELD, COPY_REFUSED
from monitor.model.errors import SinkError
from monitor.sinks.influx import InfluxSink
from monitor.sinks.sink import Held, RefusedLines, TooLarge, Unavailable
from tests.daemon import DaemonProcess
from tests.fleet import START_NS, Logger
from tests.influx import influx_rows, influx_v1
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.processes import wait_until
from tests.servers import Influxd, Mosquitto
from tests.stores import AtOnce, Bench, run

MINUTE_NS = 60 * S
MINUTE = T0 // MINUTE_NS * MINUTE_NS  # one begins then
FIELDS = ("temperature_air_c", "humidity_air_pct")


class Moody(InfluxSink):
    """A copy that fails as long as the test says so, refuses what is `disliked`, and takes so many bytes at once."""

    mood: SinkError | None = None
    disliked = b"nothing"
    max_bytes = 10**9

    def write(self, body: bytes) -> None:
        if self.mood is not None:
            raise self.mood
        if self.disliked in body:
            raise RefusedLines("write", "here", "field type conflict")
        if len(body) > self.max_bytes:
            raise TooLarge("write", "here", "too large")
        super().write(body)


class Copying:
    """A journal with watch, store and copy, stepped by hand, on databases of its own."""

    def __init__(self, folder: Path, server: Influxd) -> None:
        self.server, self.name = server, f"long-{uuid4().hex}"
        self.bench = Bench(folder)
        self.store = self.bench.store(InfluxSink(server.url, "v1", self.name))
        self.copy = Moody(server.url, "v1", f"{self.name}_long")
        self.long = self.begin()

    def begin(self) -> Long:
        """The copy as after a start."""
        raw = InfluxSink(self.server.url, "v1", self.name)
        self.long = Long(self.bench.folder, raw, self.copy, AtOnce(), self.bench.clock)
        self.store.copy_to(lambda: self.long.copied)
        return self.long

    def run(self) -> None:
        """Until store and copy have done what they can, a period later."""
        run(self.store)
        self.bench.clock.mono += round((PERIOD_S + 1) * S)
        while self.long.step():
            pass

    def minutes(self, logger: str, field: str) -> dict[int, tuple[float, float, float]]:
        """Minimum, mean and maximum by minute."""
        names = ", ".join(f'"{field}_{kind}"' for kind in ("min", "mean", "max"))
        statement = f"SELECT {names} FROM env WHERE container = 'C' AND logger = '{logger}'"
        return {row[0]: tuple(row[1:]) for row in influx_rows(self.server, f"{self.name}_long", statement)}


@pytest.fixture
def copying(tmp_path: Path, influx_server: Influxd) -> Copying:
    return Copying(tmp_path, influx_server)


Reading = tuple[float, float]
VALUES = st.one_of(st.floats(-40, 80, width=32), st.just(math.nan))
BLOCKS = st.lists(
    st.tuples(
        *(
            st.sampled_from(["L-1", "L-2"]),
            st.integers(0, 20),
            st.integers(1, 90),
        ),  # when it begins (min), interval (s)
        st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12),
        st.booleans(),  # the store and the copy come to it before the next
    ),
    min_size=1,
    max_size=6,
)


def expected(readings: dict[int, float]) -> dict[int, tuple[float, float, float]]:
    """Minimum, mean and maximum of each minute, one after the other."""
    found: dict[int, list[float]] = {}
    for time_ns, value in readings.items():
        found.setdefault(time_ns // MINUTE_NS * MINUTE_NS, []).append(value)
    return {minute: (min(values), sum(values) / len(values), max(values)) for minute, values in found.items()}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
def test_the_copy_is_what_the_readings_come_to(
    influx_server: Influxd, blocks: list[tuple[str, int, int, list[Reading], bool]]
) -> None:
    """In whatever order and pieces they came, late ones and the same minute again included."""
    with TemporaryDirectory() as folder:
        copying = Copying(Path(folder), influx_server)
        readings: dict[tuple[str, str], dict[int, float]] = {}
        for seq, (logger, begin_min, interval_s, values, is_run) in enumerate(blocks):
            start_ns = T0 + begin_min * MINUTE_NS + seq  # never two readings at one time
            block = env(seq, values=values, t0=start_ns, dt=interval_s * 1_000_000)
            copying.bench.append(arrival("env", block, logger=logger))
            for row, reading in enumerate(values):
                for field, value in zip(FIELDS, reading, strict=True):
                    if not math.isnan(value):
                        at_ns = start_ns + row * interval_s * S
                        readings.setdefault((logger, field), {})[at_ns] = float(np.float32(value))
            if is_run:
                copying.run()
        copying.run()
        for (logger, field), values_ns in readings.items():
            found, wanted = copying.minutes(logger, field), expected(values_ns)
            assert found.keys() == wanted.keys()
            for minute, of_minute in wanted.items():
                assert found[minute] == pytest.approx(of_minute, rel=1e-6, abs=1e-6)


def test_derived_channels_are_copied_too(copying: Copying) -> None:
    """Watch's results as well as readings."""
    copying.bench.append(arrival("env", env(0, values=[[20.0, 40.0], [30.0, 40.0]], t0=MINUTE)))
    copying.run()
    statement = 'SELECT "dew_point_air_c_min", "dew_point_air_c_max" FROM derived'
    ((_, low, high),) = influx_rows(copying.server, f"{copying.name}_long", statement)
    assert (low, high) == pytest.approx((5.98, 5.98), abs=0.01)  # watch says it once a minute


def test_a_copy_that_is_away_holds_nothing_else_and_catches_up(copying: Copying) -> None:
    """An operator's matter is told at once, a server's at length; what came meanwhile is there afterwards."""
    copying.bench.append(arrival("env", env(0)))
    copying.copy.mood = Unavailable("write", "here", "down")
    copying.run()
    assert copying.store.is_caught_up
    assert (copying.long.problem, copying.long.conditions()) == ("", [])
    for _ in range(10):
        copying.run()
    assert "down" in copying.long.problem

    copying.copy.mood = Held("write", "here", "bucket not found", "create it")
    copying.bench.append(arrival("env", env(1)))
    copying.run()
    assert copying.store.is_caught_up
    assert [(told.rule, "create it" in told.text) for told in copying.long.conditions()] == [(COPY_HELD, True)]
    progress = copying.long.progress
    assert progress.position < progress.target

    copying.copy.mood = None
    copying.run()
    assert (copying.long.problem, copying.long.conditions()) == ("", [])
    assert len(copying.minutes("L", FIELDS[0])) == 2


def test_nothing_is_sent_while_an_earlier_body_may_still_take_effect(copying: Copying) -> None:
    """Neither after an answer that did not come nor after a restart: what is made anew has to be the last."""
    copying.bench.append(arrival("env", env(0)))
    copying.copy.mood = Unavailable("write", "here", "timed out")
    copying.run()
    for _ in ("after a time-out", "after a restart"):
        copying.copy.mood = None
        copying.bench.clock.mono += LATE_NS - 1
        assert not copying.long.step()
        copying.begin()
    copying.bench.clock.mono += LATE_NS
    assert copying.long.step()
    assert len(copying.minutes("L", FIELDS[0])) == 1


def test_what_was_not_copied_is_after_a_restart(copying: Copying) -> None:
    """The minutes stand in `store.db`; done ones are dropped there and not made again."""
    copying.bench.append(arrival("env", env(0)))
    run(copying.store)
    copying.begin()
    copying.run()
    assert len(copying.minutes("L", FIELDS[0])) > 0
    copying.bench.append(arrival("env", env(1)))
    run(copying.store)
    copying.begin()
    assert [row.hour for row in copying.long._touched.after(0, 10)] == [(T0 + 1000 * S) // (60 * MINUTE_NS)]


def test_what_is_past_the_retention_of_the_copy_holds_nothing(copying: Copying) -> None:
    """The server drops it, and what follows goes on."""
    influx_rows(copying.server, "x", f'CREATE DATABASE "{copying.name}_long" WITH DURATION 1h', "POST")
    now_ns = time.time_ns() // MINUTE_NS * MINUTE_NS  # the server judges by its clock
    copying.bench.append(arrival("env", env(0, t0=now_ns - 120 * MINUTE_NS)), arrival("env", env(1, t0=now_ns)))
    copying.run()
    assert copying.minutes("L", FIELDS[0]).keys() == {now_ns}
    assert (copying.long.problem, copying.long.conditions()) == ("", [])


def test_an_hour_that_is_refused_is_set_aside(copying: Copying) -> None:
    """The others go on, somebody is told; what is mended is there within ten minutes, or after a restart at once."""
    copying.copy.disliked = b"logger=L-1"
    copying.bench.append(*(arrival("env", env(0), logger=logger) for logger in ("L-1", "L-2", "L-3")))
    copying.run()
    assert [len(copying.minutes(logger, FIELDS[0])) for logger in ("L-1", "L-2", "L-3")] == [0, 1, 1]
    ((rule, *_, text),) = copying.long.conditions()
    assert rule == COPY_REFUSED
    assert (
        "lacks 1 h that the server refuses, such as env of C L-1 from 2026-11-23T06:00:00Z: field type conflict" in text
    )
    assert (copying.long.problem, copying.long.is_caught_up, copying.long.backlog) == ("", True, 1)

    copying.bench.append(arrival("env", env(1), logger="L-2"))
    copying.run()  # what the copy has is dropped, what is set aside stands
    assert len(copying.minutes("L-2", FIELDS[0])) == 2
    assert {row.logger for row in copying.begin()._touched.after(0, 10)} == {"L-1", "L-2"}
    copying.run()
    assert [each.rule for each in copying.long.conditions()] == [COPY_REFUSED]

    copying.copy.disliked = b"nothing"
    copying.bench.clock.mono += round(ASIDE_S * S)
    copying.run()
    assert len(copying.minutes("L-1", FIELDS[0])) == 1
    assert (copying.long.conditions(), copying.long.backlog) == ([], 0)


def test_with_more_refused_than_it_keeps_in_mind_the_copy_waits(
    copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is dropped meanwhile; both are told, and all is there once it is mended."""
    monkeypatch.setattr(long, "MAX_ASIDE", 3)
    copying.copy.disliked = b"env"
    copying.bench.append(*(arrival("env", env(0), logger=f"L-{number}") for number in range(9)))
    copying.run()
    assert [each.rule for each in copying.long.conditions()] == [COPY_HELD, COPY_REFUSED]
    assert "more than 3 hours are refused: field type conflict" in copying.long.problem
    copying.copy.disliked = b"nothing"
    copying.bench.clock.mono += round(ASIDE_S * S)
    copying.run()  # what was set aside
    copying.run()
    assert (copying.long.conditions(), copying.long.backlog) == ([], 0)
    assert all(len(copying.minutes(f"L-{number}", FIELDS[0])) == 1 for number in range(9))


def test_hours_that_were_put_together_are_made_one_after_the_other(
    copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more of them than the table holds; weeks without readings in between cost nothing."""
    monkeypatch.setattr(touched, "MAX_TOUCHED", 4)
    days = (0, 1, 2, 40)
    for seq, day in enumerate(days):
        copying.bench.append(arrival("env", env(seq, t0=MINUTE + day * 86_400 * S)))
        run(copying.store)
    assert copying.long.backlog <= 4
    copying.run()
    assert copying.minutes("L", FIELDS[0]).keys() == {MINUTE + day * 86_400 * S for day in days}


def test_a_server_that_takes_small_bodies_only_gets_halves(copying: Copying) -> None:
    """All of them arrive."""
    copying.bench.append(arrival("env", env(0, values=[[20.0, 40.0]] * 60, t0=MINUTE, dt=60_000_000)))
    copying.copy.max_bytes = 2_000
    copying.run()
    assert len(copying.minutes("L", FIELDS[0])) == 60


@pytest.fixture
def daemon(tmp_path: Path, mosquitto_server: Mosquitto, influx_server: Influxd) -> Iterator[DaemonProcess]:
    store = influx_v1(influx_server, f"long-{uuid4().hex}")
    with DaemonProcess(tmp_path, mosquitto_server.url, store) as one:
        yield one


def test_the_daemon_makes_the_copy(daemon: DaemonProcess, mosquitto_server: Mosquitto, influx_server: Influxd) -> None:
    """What it had no time for before it ended it makes at the next start, first of all."""
    name = daemon.config.read_text().partition('database = "')[2].partition('"')[0]
    with Logger(mosquitto_server.port, "L-01") as logger:
        daemon.start()
        for seq in range(3):
            logger.env(START_NS + seq * 60 * S, [[20.0 + seq], [21.0 + seq]])
        logger.send(0, 1, 2)
        logger.wait_acknowledged(2)
        daemon.stop()
        daemon.start()
    statement = 'SELECT "temperature_hardware_c_min", "temperature_hardware_c_max" FROM env'
    wait_until(lambda: len(influx_rows(influx_server, f"{name}_long", statement)) >= 3, 20, "the copy")
    wait_until(lambda: daemon.status()["consumers"]["copy"]["backlog"] == 0, 20, "the copy to have all")
    assert daemon.status()["consumers"]["copy"]["pos"] > 0
    rows = influx_rows(influx_server, f"{name}_long", statement)
    assert [row[1:] for row in rows] == [[20.0, 21.0], [21.0, 22.0], [22.0, 23.0]]
