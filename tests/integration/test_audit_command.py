"""`tcm store audit` as a program: what it says and exits with, beside a running daemon and a server that hangs."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from monitor.journal import StateLock
from monitor.model.clock import rfc3339
from monitor.sinks import EmbeddedSink
from tests.audits import ROWS, Place, fill
from tests.commands import tcm
from tests.daemon import running_daemon
from tests.fleet import START_NS, Logger
from tests.influx import influx_rows, influx_v1
from tests.messages import T0, S
from tests.servers import Influxd, Mosquitto
from tests.stores import Bench


@pytest.fixture
def place(tmp_path: Path, influx_server: Influxd) -> Iterator[Place]:
    one = Place(tmp_path, influx_server)
    yield one
    one.store.close()


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
