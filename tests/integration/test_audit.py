"""`tcm store audit` beside a real InfluxDB: what it lost or changed is found, mended, and nothing else is touched."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import Rules
from monitor.consumers import Store, WatchReader, expected
from monitor.consumers.audit import Audit
from monitor.consumers.copy_audit import Copying
from monitor.consumers.expected import END_NS, Period
from monitor.consumers.long import PERIOD_S, Long
from monitor.journal import JournalReader, StateLock
from monitor.model.clock import rfc3339
from monitor.model.operator import OperatorRecord
from monitor.sinks import EmbeddedSink, Sink, influxql
from monitor.sinks.influx import InfluxSink
from monitor.sinks.stored import TAGS
from tests.commands import tcm
from tests.daemon import running_daemon
from tests.disorder import Gateway, block, move_base
from tests.fleet import START_NS, Logger
from tests.influx import influx_rows, influx_v1
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.servers import Influxd, Mosquitto
from tests.stores import RULES, AtOnce, Bench
from tests.stores import run as run_store

ROWS = 60
ALL = Period(0, END_NS, None)
EXPOSURE = {
    "id": "hours-above",
    "kind": "exposure",
    "channel": "temperature.*",
    "above": "20 degC",
    "limit": "100 h",
    "measure": "time",
    "severity": "warning",
}


def rules() -> bytes:
    content = json.loads(RULES.to_json())
    profile = next(iter(content["profiles"].values()))
    profile["rule"].append(EXPOSURE)
    return Rules.model_validate(content).to_json()


def fill(bench: Bench, records: int = 40) -> None:
    """Two loggers with readings, events and statuses, and an operator's records; some readings are hot."""
    bench.journal.append_own("config", 1, rules())
    for number in ("4711", "4712"):
        seal = OperatorRecord("seal", "C", T0, T0, "A. Rossi", details={"number": number})
        bench.journal.append_own("operator", T0, seal.to_json(), "C")
    for logger in ("L-1", "L-2"):
        bench.append(arrival("status", status(), 1000, logger=logger))
        for seq in range(records):
            values = [[20.0 + np.sin(seq) * (seq % 7), 40.0 + row / 8] for row in range(ROWS)]
            bench.append(arrival("env", env(seq, dt=10_000_000, values=values), T0, logger=logger))
        bench.append(arrival("shock", shock(records), T0, logger=logger))


def audited(
    bench: Bench, sink: Sink, period: Period = ALL, *, is_dry_run: bool = False, now_ns: int = T0
) -> dict[str, Any]:
    return Audit(bench.folder, sink, period, now_ns, lambda *_: None).run(is_dry_run=is_dry_run)


def tick(bench: Bench, now_ns: int) -> None:
    """Time has passed, and nothing is awaited."""
    content = {"mono_ns": now_ns, "connected": True, "queue": 0, "open": [], "quarantined": 0}
    bench.journal.append_own("tick", now_ns, json.dumps(content).encode())
    bench.append()


class Place:
    """A journal, a store on it, and an InfluxDB database that has all of it."""

    def __init__(self, folder: Path, server: Influxd) -> None:
        self.bench, self.server, self.database = Bench(folder), server, f"audit-{uuid4().hex}"
        self.sink = InfluxSink(server.url, "v1", self.database)
        fill(self.bench)
        self.store = self.bench.store(self.sink)
        run_store(self.store)
        assert self.store.is_caught_up

    def audit(self, period: Period = ALL, *, is_dry_run: bool = False, now_ns: int = T0) -> dict[str, Any]:
        return audited(self.bench, self.sink, period, is_dry_run=is_dry_run, now_ns=now_ns)

    def ask(self, statement: str) -> list[list[Any]]:
        return influx_rows(self.server, self.database, statement, method="POST")

    def content(self) -> dict[str, list[list[Any]]]:
        return {name: sorted(self.ask(f'SELECT * FROM "{name}"'), key=str) for name in TAGS}


@pytest.fixture
def place(tmp_path: Path, influx_server: Influxd) -> Iterator[Place]:
    one = Place(tmp_path, influx_server)
    yield one
    one.store.close()


def wrong(told: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The figures that are not zero, without those of what is right."""
    figures = {
        name: {key: count for key, count in each.items() if count and key not in ("expected", "found")}
        for name, each in told["measurements"].items()
    }
    return {name: each for name, each in figures.items() if each}


def test_a_store_that_has_all_is_found_to_have_all(place: Place) -> None:
    """Every point of every measurement is expected once, and found; nothing else is there."""
    told = place.audit(is_dry_run=True)
    assert (told["ok"], wrong(told)) == (True, {})
    content = place.content()
    assert all(content[name] for name in TAGS)
    assert {name: each["expected"] for name, each in told["measurements"].items()} == {
        name: len(rows) for name, rows in content.items()
    }


def test_what_was_lost_or_changed_is_mended(place: Place) -> None:
    """A thousand points, a series, an alert, a derived point, a value each: found to the point, then as before."""
    before = place.content()
    times = sorted(row[0] for row in before["env"] if "L-1" in row)
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time >= {times[500]} AND time < {times[1500]}")
    place.ask("DROP SERIES FROM shock_wave WHERE logger = 'L-2'")
    place.ask(f"DELETE FROM derived WHERE time = {before['derived'][3][0]} AND logger = 'L-1'")
    place.ask("DROP SERIES FROM exposure WHERE logger = 'L-1'")
    place.ask("DROP SERIES FROM srs WHERE logger = 'L-1' AND freq_hz = '20'")
    place.ask("DROP MEASUREMENT logger")
    place.ask(f"DELETE FROM operator WHERE time = {before['operator'][0][0]}")
    alert = before["alert"][0]
    place.ask(f"DELETE FROM alert WHERE time = {alert[0]}")
    place.sink.write(f"env,container=C,logger=L-2 temperature_air_c=99.5 {times[7]}\n".encode())
    place.sink.write(f'shock,container=C,logger=L-1,sensor=a valid=false,seq="7" {before["shock"][0][0]}\n'.encode())
    place.sink.write(f"srs,container=C,logger=L-2,sensor=a,freq_hz=10 accel_g=0 {before['srs'][0][0]}\n".encode())
    place.sink.write(f"env,container=C,logger=L-9 temperature_air_c=1 {times[7]}\n".encode())
    place.sink.write(f"env,container=C,logger=L-1 temperature_air_c=1 {times[9] + 1}\n".encode())
    expected_wrong = {
        "env": {"missing": 1000, "different": 1, "extra": 2},
        "derived": {
            "missing": len([row for row in before["derived"] if row[0] == before["derived"][3][0] and "L-1" in row])
        },
        "logger": {"missing": len(before["logger"])},
        "shock": {"different": 1},
        "srs": {"missing": 1, "different": 1},
        "shock_wave": {"missing": len([row for row in before["shock_wave"] if "L-2" in row])},
        "alert": {"missing": len([row for row in before["alert"] if row[0] == alert[0]])},
        "exposure": {"missing": len([row for row in before["exposure"] if "L-1" in row])},
        "operator": {"missing": 1},
    }
    dry = place.audit(is_dry_run=True)
    assert (dry["ok"], wrong(dry)) == (False, expected_wrong)
    assert place.audit(is_dry_run=True) == dry
    told = place.audit()
    mended = {name: sum(each.get(key, 0) for key in ("missing", "different")) for name, each in expected_wrong.items()}
    assert (told["ok"], told["left"]) == (True, 0)
    assert {name: each["rewritten"] for name, each in told["measurements"].items()} == mended
    after = place.content()
    assert [row for row in after["env"] if "L-9" not in row and row[0] != times[9] + 1] == before["env"]
    assert {name: rows for name, rows in after.items() if name != "env"} == {
        name: rows for name, rows in before.items() if name != "env"
    }
    again = place.audit()
    assert (again["ok"], wrong(again)) == (True, {"env": {"extra": 2}})


def test_points_of_an_earlier_version_are_brought_to_this_one(place: Place) -> None:
    """Events that it told with fewer fields and without a spectrum get both, once."""
    before = place.content()
    place.ask("DROP MEASUREMENT shock")
    place.ask("DROP MEASUREMENT srs")
    old = [
        f'shock,container=C,logger={logger},sensor=a peak_g=2.5,valid=true,boot="1",seq="40"'
        for logger in ("L-1", "L-2")
    ]
    place.sink.write("".join(f"{line} {before['shock'][0][0]}\n" for line in old).encode())
    assert wrong(place.audit(is_dry_run=True)) == {"shock": {"different": 2}, "srs": {"missing": len(before["srs"])}}
    assert place.audit()["ok"]
    assert place.content() == before
    assert wrong(place.audit()) == {}


def test_pages_and_segments_change_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in the smallest pieces the same is found, also at the edges of a period and of one container."""
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time >= {T0} AND time < {T0 + 3000 * S}")
    whole = place.audit(is_dry_run=True)
    part = place.audit(Period(T0 + 600 * S, T0 + 2300 * S, "C"), is_dry_run=True)
    monkeypatch.setattr(influxql, "PAGE_ROWS", 17)  # more than an event here has frequencies, all at one time
    monkeypatch.setattr(influxql, "PAGE_SERIES", 1)
    monkeypatch.setattr(expected, "SEGMENT_POINTS", 100)
    assert place.audit(is_dry_run=True) == whole
    assert place.audit(Period(T0 + 600 * S, T0 + 2300 * S, "C"), is_dry_run=True) == part
    assert wrong(whole) == {"env": {"missing": 180}}
    assert wrong(part) == {"env": {"missing": 60 + 30}}
    assert part["measurements"]["env"]["expected"] == 2 * 90
    assert place.audit(Period(0, END_NS, "C-other"), is_dry_run=True)["measurements"]["env"]["expected"] == 0


def test_what_is_still_on_its_way_is_not_missing(place: Place) -> None:
    """Records behind the store's cursor, and what they led to, are left out; once confirmed they count."""
    place.bench.append(arrival("env", env(50, values=[[30.0, 50.0]] * ROWS), T0, logger="L-1"))
    told = place.audit()
    assert (told["ok"], wrong(told)) == (True, {})
    run_store(place.store)
    later = place.audit(is_dry_run=True)
    assert (later["ok"], wrong(later)) == (True, {})
    assert later["measurements"]["env"]["expected"] == told["measurements"]["env"]["expected"] + ROWS


def test_what_is_there_before_it_is_confirmed_is_not_extra(place: Place) -> None:
    """A store that died before its cursors were saved has written more than they say."""
    with closing(sqlite3.connect(place.bench.folder / "store.db")) as other:
        other.execute("UPDATE cursors SET n = n - 20 WHERE name <> 'transitions'")
        other.execute("UPDATE cursors SET n = n - 3 WHERE name = 'transitions'")
        other.commit()
    told = place.audit()
    assert (told["ok"], wrong(told)) == (True, {})
    assert 0 < told["measurements"]["env"]["expected"] < len(place.content()["env"])


def test_past_the_retention_nothing_is_rewritten_in_vain(place: Place) -> None:
    """Points older than the server keeps them are named apart; younger ones are mended.

    The server's own clock has no part in it: it keeps them for as long as T0 is past, and a day.
    """
    kept_s = max(time.time_ns() // S - T0 // S, 0) + 86_400
    place.ask(f'ALTER RETENTION POLICY autogen ON "{place.database}" DURATION {kept_s}s SHARD DURATION 1h')
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time < {T0 + 5000 * S}")
    told = place.audit(now_ns=T0 + kept_s * S + 3000 * S)
    assert (told["ok"], told["retention_s"]) == (True, float(kept_s))
    assert wrong(told) == {"env": {"missing": 120, "rewritten": 120, "past_retention": 180}}


def test_refused_points_are_named_apart(place: Place) -> None:
    """What the store has refused for good is neither missing nor written again."""
    (pos,) = place.bench.reader.connection.execute(
        "SELECT pos FROM records WHERE logger = 'L-1' AND seq = 0"
    ).fetchone()
    with closing(sqlite3.connect(place.bench.folder / "store.db")) as other:
        other.execute(
            "INSERT INTO refused(measurement, tags, field, key, time_ns, last_ns, points, reason) "
            "VALUES('env', 'container=C,logger=L-1', '', ?, ?, ?, 3, '')",
            (pos, T0, T0 + 20 * S),
        )
        other.commit()
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time < {T0 + 50 * S}")
    told = place.audit()
    assert (told["ok"], wrong(told)) == (True, {"env": {"missing": 2, "rewritten": 2, "refused": 3}})


def test_a_store_that_keeps_refusing_is_a_no(place: Place) -> None:
    """A value of another kind stands in the way: what could not be mended is told, with the server's reason."""
    time_ns = min(row[0] for row in place.content()["shock"])
    with closing(InfluxSink(place.server.url, "v1", f"audit-{uuid4().hex}")) as sink:
        sink.ensure()
        sink.write(f'shock,container=C,logger=L-1,sensor=a peak_g="text" {time_ns + 1}\n'.encode())
        told = audited(place.bench, sink)
    shocks = told["measurements"]["shock"]
    assert not told["ok"]
    assert (told["left"], shocks["missing"], shocks["rewritten"], shocks["extra"]) == (2, 2, 0, 1)
    assert "peak_g" in told["refusal"]
    assert told["measurements"]["env"]["rewritten"] == 2 * 40 * ROWS


def test_what_the_daemon_writes_meanwhile_stands(place: Place) -> None:
    """A record with the same times comes while the audit writes older values: the newer ones stand in the end."""
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time < {T0 + 600 * S}")
    came: list[bool] = []
    write = place.sink.write

    def late(body: bytes) -> None:
        if not came:
            came.append(True)
            newer = env(60, boot=2, values=[[5.0, 50.0]] * ROWS, t0=T0)
            place.bench.append(arrival("env", newer, T0, logger="L-1"))
            place.sink.write = write  # type: ignore[method-assign]  # once was enough
            run_store(place.store)
        write(body)

    place.sink.write = late  # type: ignore[method-assign]  # to be there between two writes
    assert place.audit()["ok"]
    rows = place.ask(f"SELECT temperature_air_c FROM env WHERE logger = 'L-1' AND time < {T0 + 600 * S}")
    assert [row[1] for row in rows] == [5] * ROWS
    assert wrong(place.audit(is_dry_run=True)) == {}


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


def test_a_field_that_was_refused_is_named_apart(place: Place) -> None:
    """What else such points have is compared all the same."""
    store_db = place.bench.folder / "store.db"
    with closing(sqlite3.connect(store_db)) as other:
        other.execute(
            "INSERT INTO refused(measurement, tags, field, key, time_ns, last_ns, points, reason) "
            "VALUES('env', '', 'temperature_air_c', 0, ?, ?, 6, '')",
            (T0, T0 + 20 * S),
        )
        other.commit()
    rows = place.ask("SELECT * FROM env WHERE logger = 'L-1'")
    place.ask(f"DELETE FROM env WHERE logger = 'L-1' AND time <= {T0 + 30 * S}")
    lines = [f"env,container=C,logger=L-1 humidity_air_pct={row[2]} {row[0]}" for row in rows if row[0] <= T0 + 10 * S]
    place.sink.write("\n".join(lines).encode())
    told = place.audit(is_dry_run=True)
    assert wrong(told) == {"env": {"missing": 2, "refused": 2}}


def test_the_command(place: Place, tmp_path: Path) -> None:
    """Exit 1 while something is missing and nothing may be written, 0 once it is mended; wrong times are exit 2."""
    config = tmp_path / "monitor.toml"
    (tmp_path / "limits").mkdir()
    config.write_text(
        f'state_dir = "."\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\n[store]\n{influx_v1(place.server, place.database)}\n'
    )
    place.ask(f'CREATE DATABASE "{place.database}_long"')
    place.ask("DROP SERIES FROM env WHERE logger = 'L-1'")
    common = ("store", "audit", "--config", str(config))
    dry = tcm(*common, "--dry-run", "--json")
    assert dry.returncode == 1, dry.stderr
    assert json.loads(dry.stdout)["measurements"]["env"]["missing"] == 40 * ROWS
    done = tcm(*common, "--from", rfc3339(T0), "--container", "C")
    assert (done.returncode, done.stderr) == (0, "")
    assert "all is there" in done.stdout
    assert "env, copy" in done.stdout
    assert tcm(*common, "--dry-run").returncode == 0
    assert tcm(*common, "--from", "yesterday").returncode == 2
    assert tcm(*common, "--from", rfc3339(T0 + S), "--to", rfc3339(T0)).returncode == 2


def test_beside_a_running_daemon(tmp_path: Path, mosquitto_server: Mosquitto, influx_server: Influxd) -> None:
    """The server loses what it had confirmed; the audit puts it back while records go on coming."""
    database = f"audit-{uuid4().hex}"
    with (
        running_daemon(tmp_path, mosquitto_server.url, influx_v1(influx_server, database)) as daemon,
        Logger(mosquitto_server.port, "L-audit", container="C-audit") as logger,
    ):
        for number in range(20):
            logger.env(START_NS + number * 60 * S, [[20.0 + number]] * 60)
        logger.send()
        daemon.wait_settled(20)
        influx_rows(influx_server, database, "DROP SERIES FROM env", method="POST")
        logger.env(START_NS + 20 * 60 * S, [[40.0]] * 60)
        logger.send(20)
        told = daemon.tcm("store", "audit", "--json")
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout)["measurements"]["env"]["rewritten"] >= 20 * 60
        daemon.wait_settled(21)
        assert influx_rows(influx_server, database, "SELECT count(*) FROM env")[0][1] == 21 * 60
        assert daemon.tcm("store", "audit", "--dry-run").returncode == 0


def test_the_embedded_store_is_left_to_a_running_daemon(tmp_path: Path) -> None:
    """Its file has one writer: without the lock the audit does not begin."""
    bench = Bench(tmp_path)
    fill(bench, records=1)
    bench.store(EmbeddedSink(tmp_path / "series.db")).close()
    config = tmp_path / "monitor.toml"
    (tmp_path / "limits").mkdir()
    config.write_text('state_dir = "."\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\n')
    with StateLock(tmp_path):
        said = tcm("store", "audit", "--config", str(config))
    assert said.returncode == 2
    assert "stop that daemon first" in said.stderr
    assert tcm("store", "audit", "--config", str(config)).returncode == 0
    nothing = tcm("store", "audit", "--config", str(config), "--to", "1980-01-01T00:00:00Z")
    assert (nothing.returncode, nothing.stdout.splitlines()[-1]) == (0, "nothing to compare in this period")
    nowhere = tcm("store", "audit", "--config", str(config), "--container", "C-999")
    assert nowhere.returncode == 2
    assert "audit: C-999: no such container" in nowhere.stderr


def test_a_server_that_hangs_is_told_soon(tmp_path: Path) -> None:
    """Whoever audits need not wait as long as a page of points may take."""
    bench = Bench(tmp_path)
    bench.store(EmbeddedSink(tmp_path / "series.db")).close()
    bench.append()
    config = tmp_path / "monitor.toml"
    (tmp_path / "limits").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        store = f'[store]\nkind = "influxdb"\nurl = "{url}"\ndialect = "v1"\ndatabase = "tcm"\n'
        config.write_text(f'state_dir = "."\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\n{store}')
        begun_s = time.monotonic()
        said = tcm("store", "audit", "--config", str(config))
    assert time.monotonic() - begun_s < 15
    assert said.returncode == 2
    assert f"{url} tcm: no answer within 10 s" in said.stderr


class CopiedPlace(Place):
    """A place with the copy of its store, whole."""

    def __init__(self, folder: Path, server: Influxd) -> None:
        super().__init__(folder, server)
        self.copy = InfluxSink(server.url, "v1", f"{self.database}_long")
        self.copy.open()
        assert self.audit()["ok"]
        self.minutes = self.copied()

    def audit(self, period: Period = ALL, *, is_dry_run: bool = False, now_ns: int = T0) -> dict[str, Any]:
        copying = Copying(self.sink, self.copy)
        audit = Audit(self.bench.folder, self.sink, period, now_ns, lambda *_: None, copying)
        return audit.run(is_dry_run=is_dry_run)

    def ask_copy(self, statement: str) -> list[list[Any]]:
        return influx_rows(self.server, f"{self.database}_long", statement, method="POST")

    def copied(self) -> dict[str, list[list[Any]]]:
        return {name: sorted(self.ask_copy(f"SELECT * FROM {name}"), key=str) for name in ("env", "derived")}


@pytest.fixture
def copied_place(tmp_path: Path, influx_server: Influxd) -> Iterator[CopiedPlace]:
    one = CopiedPlace(tmp_path, influx_server)
    yield one
    one.store.close()


def wrong_in_copy(told: dict[str, Any]) -> dict[str, dict[str, int]]:
    return wrong({"measurements": told["copy"]})


def test_a_copy_that_was_never_made_is_filled(copied_place: CopiedPlace) -> None:
    """As after an update from a version without one: with what the daemon itself would have made of it."""
    minutes = copied_place.minutes
    assert all(minutes.values())
    told = copied_place.audit(is_dry_run=True)
    assert (told["ok"], wrong_in_copy(told)) == (True, {})
    assert {name: each["expected"] for name, each in told["copy"].items()} == {
        name: len(rows) for name, rows in minutes.items()
    }
    for name in minutes:
        copied_place.ask_copy(f"DROP MEASUREMENT {name}")
    bench, raw = copied_place.bench, copied_place.sink
    (bench.folder / "store.db").unlink()  # all is written again, and the copy made by the daemon
    store = bench.store(raw)
    long = Long(bench.folder, raw, copied_place.copy, AtOnce(), bench.clock)
    store.copy_to(lambda: long.copied)
    run_store(store)
    bench.clock.mono += round(PERIOD_S * S)
    while long.step():
        pass
    store.close()
    assert copied_place.copied() == minutes


def test_what_the_copy_lost_is_made_again(copied_place: CopiedPlace) -> None:
    """Minutes and values, found to the minute; what the store has no readings of any more stays in the copy."""
    before = copied_place.minutes
    times = sorted({row[0] for row in before["env"] if "L-1" in row})
    copied_place.ask_copy(f"DELETE FROM env WHERE logger = 'L-1' AND time >= {times[2]} AND time < {times[5]}")
    copied_place.copy.write(f"env,container=C,logger=L-2 temperature_air_c_mean=99.5 {times[7]}\n".encode())
    copied_place.copy.write(f"env,container=C,logger=L-1 temperature_air_c_min=1 {T0 - 86_400 * S}\n".encode())
    expected_wrong = {"env": {"missing": 3, "different": 1}}
    dry = copied_place.audit(is_dry_run=True)
    assert (dry["ok"], dry["left"], wrong(dry), wrong_in_copy(dry)) == (False, 4, {}, expected_wrong)
    other = copied_place.audit(Period(0, times[3] - 1, None), is_dry_run=True)
    assert wrong_in_copy(other) == {"env": {"missing": 1}}
    assert copied_place.audit(Period(0, END_NS, "C-9"), is_dry_run=True)["ok"]
    told = copied_place.audit()
    assert (told["ok"], told["copy"]["env"]["rewritten"]) == (True, 4)
    after = copied_place.copied()
    assert [row for row in after["env"] if row[0] != T0 - 86_400 * S] == before["env"]
    assert wrong_in_copy(copied_place.audit(is_dry_run=True)) == {}


def test_the_copy_is_made_of_the_mended_store(copied_place: CopiedPlace) -> None:
    """One command for both, whatever they lost."""
    for ask in (copied_place.ask, copied_place.ask_copy):
        ask("DROP SERIES FROM env WHERE logger = 'L-2'")
    assert copied_place.audit()["ok"]
    assert copied_place.copied() == copied_place.minutes


def test_minutes_that_the_daemon_is_about_to_bring_are_not_missing(copied_place: CopiedPlace) -> None:
    """They stand in `store.db`; whoever mends makes them too."""
    place = copied_place
    long = Long(place.bench.folder, place.sink, place.copy, AtOnce(), place.bench.clock)
    place.store.copy_to(lambda: long.copied)
    place.bench.append(arrival("env", env(900, t0=T0 + 3_600 * S), T0, logger="L-1"))
    run_store(place.store)
    assert place.audit(is_dry_run=True)["ok"]
    assert place.audit()["copy"]["env"]["rewritten"] == 1


def test_a_copy_that_refuses_is_a_no(copied_place: CopiedPlace) -> None:
    """A field of another type, as its own words say; the rest of what is missing is there."""
    place = copied_place
    place.ask_copy("DROP MEASUREMENT env")
    minute = place.minutes["env"][0][0]
    place.copy.write(f'env,container=C,logger=L-9 temperature_air_c_mean="a" {minute}\n'.encode())
    told = place.audit()
    assert (told["ok"], told["left"] > 0) == (False, True)
    assert "field type conflict" in told["refusal"]
    assert place.copied()["derived"] == place.minutes["derived"]


def test_past_the_retention_of_the_copy_nothing_is_made(copied_place: CopiedPlace) -> None:
    """And nothing of minutes of which the store may have dropped some readings."""
    place = copied_place
    end_ns = max(row[0] for row in place.minutes["env"])
    place.ask_copy(f'ALTER RETENTION POLICY "autogen" ON "{place.database}_long" DURATION 1h SHARD DURATION 1h')
    place.ask_copy("DROP MEASUREMENT env")
    told = place.audit(is_dry_run=True, now_ns=end_ns + 7_200 * S)
    assert (told["ok"], told["copy"]["env"]["past_retention"]) == (True, len(place.minutes["env"]))
