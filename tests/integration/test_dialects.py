"""Every server that the daemon can write to keeps one contract; what differs between them is said here and in docs."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from monitor.config import StoreSettings, load_config
from monitor.sinks.opening import open_influx
from tests.daemon import DaemonProcess
from tests.fleet import START_NS, Logger
from tests.influx import secret
from tests.influx_gateway import served
from tests.influx_management import ADMIN, Management
from tests.processes import wait_until
from tests.servers import Influxd, Mosquitto, VictoriaMetrics

BLOCKS, BLOCK, INTERVAL_NS = 3, 30, 10**9
FIELD = "temperature_hardware_c"
MS = 1_000_000
ELSEWHERE = "TCM_TEST_INFLUX_URL"  # with _TOKEN (may make buckets) and _ORG: a server of InfluxDB 2 or 3 to try as well
Read = Callable[[StoreSettings, str], dict[int, float]]


@dataclass(frozen=True)
class Server:
    """A server: the table [store] for it, what `store init` needs, how FIELD of a logger is read back (by time in ns).

    `resolution_ns`: times are kept as whole ones of these. `is_read`: it answers InfluxQL.
    """

    store: str
    read: Read
    options: tuple[str, ...] = ()
    resolution_ns: int = 1
    is_read: bool = True


def by_influxql(settings: StoreSettings, logger: str) -> dict[int, float]:
    with closing(open_influx(settings)) as sink:
        times_ns, values = sink.series("C-1", logger, FIELD, 0, 2**62)
    return dict(zip(times_ns.tolist(), values.tolist(), strict=True))


@contextmanager
def influx_1(request: pytest.FixtureRequest, _folder: Path, name: str) -> Iterator[Server]:
    server: Influxd = request.getfixturevalue("influx_server")
    yield Server(f'dialect = "v1"\nurl = "{server.url}"\ndatabase = "{name}"', by_influxql)


@contextmanager
def stand_in(request: pytest.FixtureRequest, folder: Path, name: str, version: str) -> Iterator[Server]:
    """The management of a later InfluxDB, and the points of InfluxDB 1."""
    backend: Influxd = request.getfixturevalue("influx_server")
    server = Management(backend.port, "acme", name, "daemon-token")
    server.version = version
    with served(server):
        login = f'org = "acme"\nbucket = "{name}"\ntoken_file = "{secret(folder, server.token)}"'
        admin = ("--token-file", str(secret(folder, ADMIN)))
        yield Server(f'dialect = "v2"\nurl = "{server.url}"\n{login}', by_influxql, admin)


@contextmanager
def metrics(request: pytest.FixtureRequest, _folder: Path, name: str) -> Iterator[Server]:
    server: VictoriaMetrics = request.getfixturevalue("metrics_server")

    def read(_settings: StoreSettings, logger: str) -> dict[int, float]:
        return {at * MS: value for at, value in server.values(f"env_{FIELD}", logger=logger).items()}

    store = f'dialect = "v2"\nurl = "{server.url}"\norg = "acme"\nbucket = "{name}"\nlong = false'
    yield Server(store, read, resolution_ns=MS, is_read=False)


@contextmanager
def elsewhere(_request: pytest.FixtureRequest, folder: Path, name: str) -> Iterator[Server]:
    token, org = os.environ[ELSEWHERE.replace("URL", "TOKEN")], os.environ[ELSEWHERE.replace("URL", "ORG")]
    login = f'org = "{org}"\nbucket = "{name}"\ntoken_file = "{secret(folder, token)}"'
    yield Server(f'dialect = "v2"\nurl = "{os.environ[ELSEWHERE]}"\n{login}', by_influxql)


SERVERS = ["influxdb-1", "influxdb-2-stand-in", "influxdb-3-stand-in", "victoria-metrics"]


@pytest.fixture(params=[*SERVERS, *(["elsewhere"] if ELSEWHERE in os.environ else [])])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Each of those that this machine has, in which nobody has made anything yet."""
    name = f"dialect-{uuid4().hex}"
    opened = {
        "influxdb-1": lambda: influx_1(request, tmp_path, name),
        "influxdb-2-stand-in": lambda: stand_in(request, tmp_path, name, "v2.7.11"),
        "influxdb-3-stand-in": lambda: stand_in(request, tmp_path, name, "3.8.0"),
        "victoria-metrics": lambda: metrics(request, tmp_path, name),
        "elsewhere": lambda: elsewhere(request, tmp_path, name),
    }[request.param]()
    with opened as one:
        yield one


class TestEachServer:
    """Set up, checked, written by the daemon, written again, audited."""

    def test_everything_arrives_and_writing_again_changes_nothing(
        self, tmp_path: Path, server: Server, mosquitto_server: Mosquitto
    ) -> None:
        logger_id = f"L-{uuid4().hex[:12]}"
        with (
            DaemonProcess(tmp_path, mosquitto_server.url, f'kind = "influxdb"\n{server.store}') as daemon,
            Logger(mosquitto_server.port, logger_id) as logger,
        ):
            assert daemon.tcm("store", "init", *server.options).returncode == 0
            checked = daemon.tcm("check", "--connect", "--json")
            assert json.loads(checked.stdout)["errors"] == []
            settings = load_config(daemon.config).store
            daemon.start()
            sent = self.send(logger)
            daemon.wait_settled(BLOCKS)
            expected = {at // server.resolution_ns * server.resolution_ns: value for at, value in sent.items()}
            assert self.read(server, settings, logger_id) == expected
            daemon.stop()
            (daemon.state_dir / "store.db").unlink()
            daemon.start()
            self.wait_written(daemon)
            daemon.stop()
            assert self.read(server, settings, logger_id) == expected
            audited = daemon.tcm("store", "audit", "--json")
        if server.is_read:
            assert json.loads(audited.stdout)["ok"], audited.stdout
        else:
            assert audited.returncode == 2
            assert "this server answers no InfluxQL" in " ".join(audited.stderr.split())

    def send(self, logger: Logger) -> dict[int, float]:
        """Blocks at times that no unit of a second divides; what should be there for each time."""
        rng = np.random.default_rng(7)
        sent: dict[int, float] = {}
        for block in range(BLOCKS):
            start_ns = START_NS + 123_456_789 + block * BLOCK * INTERVAL_NS
            values = rng.normal(20.0, 5.0, BLOCK).astype(np.float32)
            logger.env(start_ns, [[float(value)] for value in values])
            sent |= {start_ns + row * INTERVAL_NS: float(value) for row, value in enumerate(values)}
        logger.birth()
        logger.send()
        logger.wait_acknowledged(BLOCKS - 1)
        return sent

    def read(self, server: Server, settings: StoreSettings, logger_id: str) -> dict[int, float]:
        """Every float32 comes back exactly."""
        return {at: float(np.float32(value)) for at, value in server.read(settings, logger_id).items()}

    def wait_written(self, daemon: DaemonProcess) -> None:
        """Until all of the journal has been written to the store once more."""

        def is_done() -> bool:
            with closing(sqlite3.connect(f"file:{daemon.state_dir / 'journal.db'}?mode=ro", uri=True)) as journal:
                last = journal.execute("SELECT max(pos) FROM records").fetchone()[0]
            status = daemon.status()
            return bool(status) and status["consumers"]["store"]["pos"] >= last

        wait_until(is_done, 20, "the store to have it all again")
