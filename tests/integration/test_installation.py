"""What deploy/compose.yml installs, run here without containers: the same files, scripts and settings in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from firmware_sim.codec import decode_ack
from tests.commands import REPOSITORY
from tests.deployed import DEPLOY, Broker, Peer, deployed_broker, make_secrets, read_compose, run, unprivileged
from tests.fleet import START_NS, Logger
from tests.processes import HOST, Server, accepts, find_program, free_port, wait_until
from tests.servers import Influxd, pings

BIN = Path(sys.executable).parent


class Installation:
    """What compose.yml starts, in a folder in place of the containers' file systems."""

    def __init__(self, folder: Path, influx: Influxd, broker: Broker) -> None:
        self.folder, self.influx, self.broker, self.port = folder, influx, broker, free_port()
        config = folder / "config"
        text = (DEPLOY / "monitor.toml").read_text()
        for was, now in {
            "mqtts://mosquitto:8884": broker.gateway_url,
            "http://influxdb:8086": influx.url,
            "/run/secrets": str(folder / "secrets"),
            '"/var/lib/tcm"': f'"{folder / "data" / "tcm"}"',
            '"certificates/': f'"{folder / "certificates" / "gateway"}/',
            "0.0.0.0:8700": f"{HOST}:{self.port}",
        }.items():
            assert was in text, was
            text = text.replace(was, now)
        shutil.copytree(REPOSITORY / "config", config)
        self.config = config / "monitor.toml"
        self.config.write_text(text)
        self.env = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "TCM_CONFIG": str(self.config),
            "TCM_SECRETS": str(folder / "secrets"),
            "NUMBA_DISABLE_JIT": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The image's start-up script, to its end."""
        return run(*unprivileged(DEPLOY / "start", *words), env=self.env)

    @contextmanager
    def daemon(self) -> Iterator[Server]:
        """The image's start-up script as the container runs it."""
        command = ["env", "-i", *(f"{key}={value}" for key, value in self.env.items()), str(DEPLOY / "start")]
        server = Server(unprivileged(*command), self.folder, self.port, self.is_healthy)
        try:
            server.start()
            yield server
        finally:
            server.stop()

    def is_healthy(self) -> bool:
        """What the check of the service says."""
        check = read_compose()["services"]["tcm"]["healthcheck"]["test"]
        assert check[:2] == ["CMD", "python"]
        return run(sys.executable, *(word.replace("8700", str(self.port)) for word in check[2:])).returncode == 0

    def ask(self, user: str, statement: str, database: str = "tcm") -> tuple[int, str]:
        """Status and body of InfluxDB's answer to a user."""
        return self.query(user, self._password(user), {"db": database, "q": statement})

    def query(self, user: str, password: str, query: dict[str, str]) -> tuple[int, str]:
        """The same to somebody with this password."""
        return self._post("/query", {"u": user, "p": password, **query})

    def write(self, user: str, line: str, database: str) -> int:
        """Status of InfluxDB's answer to a line of a user."""
        return self._post("/write", {"u": user, "p": self._password(user), "db": database}, line.encode())[0]

    def _password(self, user: str) -> str:
        return (self.folder / "secrets" / f"influxdb-{user}.password").read_text().strip()

    def _post(self, path: str, query: dict[str, str], body: bytes = b"") -> tuple[int, str]:
        try:
            request = Request(f"{self.influx.url}{path}?{urlencode(query)}", body, method="POST")
            with urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Broker and InfluxDB as compose.yml has them, InfluxDB set up; the daemon is not started."""
    folder = make_secrets(tmp_path_factory.mktemp("installed"))
    with (
        influxd_with(read_compose()["services"]["influxdb"]["environment"], folder / "data" / "influxdb") as influx,
        deployed_broker(folder / "data" / "mosquitto", folder / "certificates") as broker,
    ):
        made = Installation(folder, influx, broker)
        for _ in range(2):  # each `up` does it again
            done = made.start("init")
            assert done.returncode == 0, done.stderr
        yield made


@contextmanager
def influxd_with(environment: dict[str, str], folder: Path) -> Iterator[Influxd]:
    """InfluxDB with this environment in place of a file."""
    port = free_port()
    settings = {
        **{key: value.replace("/var/lib/influxdb", str(folder)) for key, value in environment.items()},
        "INFLUXDB_CONFIG_PATH": "/dev/null",
        "INFLUXDB_BIND_ADDRESS": f"{HOST}:{free_port()}",
        "INFLUXDB_HTTP_BIND_ADDRESS": f"{HOST}:{port}",
    }
    command = ["env", *(f"{key}={value}" for key, value in settings.items()), find_program("influxd", "influxdb")]
    server = Influxd(command, folder, port, lambda: pings(port))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_users_of_influxdb_have_the_least_they_need(installation: Installation) -> None:
    """The daemon's writes and reads both databases, Grafana's reads them, neither may do more; nobody needs a name."""
    for database in ("tcm", "tcm_long"):
        assert installation.write("tcm", "m f=1", database) == 204
        assert installation.write("grafana", "m f=2", database) == 403
        for user in ("tcm", "grafana"):
            status, answer = installation.ask(user, "SELECT f FROM m", database)
            assert (status, '"f"' in answer, ",2]" in answer) == (200, True, False)
    for user in ("tcm", "grafana"):
        for statement in ("CREATE DATABASE x", "SHOW USERS", 'DROP DATABASE "tcm"'):
            assert installation.ask(user, statement)[0] == 403
    assert installation.ask("admin", "SHOW USERS")[0] == 200
    assert installation.query("nobody", "", {"q": "SHOW DATABASES"})[0] == 401


def test_the_installation_works(installation: Installation) -> None:
    """A logger's readings are acknowledged and found by Grafana's user; SIGTERM reaches the daemon itself."""
    made = Logger(installation.broker.port, "L-01", container="C-101")
    made.env(START_NS, [[20.5]] * 5)
    folder = installation.folder / "certificates"
    with (
        installation.daemon() as daemon,
        Peer(installation.broker.port, folder / "ca.pem", folder / "loggers" / "L-01.pem") as peer,
    ):
        peer.subscribe(f"{made.topic}/down/ack")
        assert not peer.publish(f"{made.topic}/up/env", made.records[0][1]).is_failure
        peer.wait(lambda: peer.heard, "the acknowledgement")
        assert decode_ack(peer.heard[0][1]).upto == 0
        count = partial(installation.ask, "grafana", "SELECT count(temperature_hardware_c) FROM env")
        wait_until(lambda: ",5]" in count()[1], 20, "the readings in InfluxDB")
        daemon.stop()
        assert not accepts(installation.port), "the shell ended in the daemon's place"
    assert "Traceback" not in (installation.folder / "log.txt").read_text()


def test_start_refuses_what_cannot_work(tmp_path: Path) -> None:
    """Root, and a configuration that is not there, each with what to do."""
    env = {"PATH": os.environ["PATH"], "TCM_CONFIG": str(tmp_path / "nowhere.toml")}
    done = run(*unprivileged(DEPLOY / "start", "run"), env=env)
    assert (done.returncode, "expected the configuration to be mounted" in done.stderr) == (2, True)
    if os.getuid() == 0:
        done = run(DEPLOY / "start", "run", env=env)
        assert (done.returncode, "running as root" in done.stderr) == (2, True)
