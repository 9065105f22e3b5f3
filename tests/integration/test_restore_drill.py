"""The restore drill: docs/backup.md is followed line by line, with a disaster in between, and nothing is missing."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands import ENVIRONMENT, REPOSITORY
from tests.daemon import DaemonProcess
from tests.fleet import START_NS, Logger
from tests.influx import influx_rows, influx_v1
from tests.processes import wait_until
from tests.servers import Influxd, Mosquitto, influxd

PAGE = (REPOSITORY / "docs" / "backup.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
DATABASE = "tcm"
CHANNELS = ("temperature.hardware", "temperature.air", "humidity.air")
ROWS = 60  # of a record
PICTURE = b"what an operator saw"
LIMIT_S = 60.0
KEPT = 20  # records, an event and an operator's record before the backup
FREED = 5  # records after it, which the logger was told to forget
HELD = 5  # records after it that the logger still has


# Here nobody waits 20 s until the copy for long ranges is looked after, and 10 s until what is stored is dropped.
PROGRAM = """
from monitor.cli import main
from monitor.consumers import long, watch
long.PERIOD_S = 0.2
watch.SNAPSHOT_NS = 200_000_000
main()
"""
PASSWORDS = {user: f"secret of {user}" for user in ("admin", "tcm", "grafana")}


class Gateway:
    """A daemon, its loggers and its store, run by the words of the page."""

    def __init__(self, folder: Path, broker: Mosquitto, server: Influxd) -> None:
        self.folder, self.broker, self.server = folder, broker, server
        store = f'{influx_v1(server, DATABASE)}\nusername = "tcm"\npassword_file = "influxdb-tcm.password"'
        self.daemon = DaemonProcess(folder, broker.url, store, program=("-c", PROGRAM))
        secrets = folder / "root" / "tcm-secrets"
        for place in (folder / "bin", folder / "media" / "backup", folder / "etc" / "mosquitto", secrets):
            place.mkdir(parents=True)
        for place in (secrets, self.daemon.config.parent):
            for user, password in PASSWORDS.items():
                file = place / f"influxdb-{user}.password"
                file.write_text(password)
                file.chmod(0o600)
        program = folder / "bin" / "tcm"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m monitor "$@"\n')
        program.chmod(0o755)
        self._shell(f'deploy/influxdb/make-users "{self.daemon.config}" "{secrets}"')

    def follow(self, block: str) -> str:
        """Do what a block of the page says, with this gateway's places; what it printed.

        There is no systemd here: the daemon is started and stopped as that would; the broker goes on.
        """
        said, block = "", self._here(block)
        variables = "".join(f"{line}\n" for line in re.findall(r"^\w+=.*$", block, re.MULTILINE))
        for piece in re.split(r"^(systemctl \w+ \w+)$", block, flags=re.MULTILINE):
            match piece.split():
                case ["systemctl", "restart", "mosquitto"]:
                    continue
                case ["systemctl", "stop", "tcm"]:
                    assert self.daemon.stop() == 0
                case ["systemctl", "start", "tcm"]:
                    self.daemon.start()
                case _:
                    said += self._shell(variables + piece)
        return said

    def _here(self, block: str) -> str:
        """The page's places, address and user as they are in this test."""
        rpc = re.search(r'^bind-address = "(.+)"$', (self.server.folder / "influxdb.conf").read_text(), re.MULTILINE)
        assert rpc is not None
        block = block.replace("127.0.0.1:8088", rpc[1]).replace("tcm:tcm", f"{getpass.getuser()}:")
        block = block.replace("-C / ", f"-C {self.folder} ").replace("/var/lib/tcm", str(self.daemon.state_dir))
        block = re.sub(r"(?<!\w)/(?=(etc|root|media)/)", f"{self.folder}/", block)
        return block.replace("etc/tcm", "config")  # where `DaemonProcess` has it

    def _shell(self, script: str) -> str:
        path = f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin"
        environment = ENVIRONMENT | {"PATH": path, "TCM_CONFIG": str(self.daemon.config)}
        done = subprocess.run(
            ["sh", "-eu"],
            input=script,
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, statement: str) -> list[list[Any]]:
        return influx_rows(self.server, DATABASE, statement, method="POST", u="admin", p=PASSWORDS["admin"])

    def readings(self) -> int:
        """How many readings the store has."""
        rows = self.ask("SELECT count(temperature_hardware_c) FROM env")
        return rows[0][1] if rows else 0

    def wait_copied(self, records: int) -> None:
        """Wait until the copy for long ranges has the minute of each of so many records, and no other."""
        statement = f"SELECT count(temperature_hardware_c_mean) FROM {DATABASE}_long..env"
        wait_until(lambda: [row[1] for row in self.ask(statement)] == [records], LIMIT_S, f"{records} minutes copied")

    def wait_dropped(self) -> None:
        """Wait until the daemon keeps none of the results that are stored, as after any longer time."""
        wait_until(lambda: not self.daemon.rows("watch.db", "SELECT 1 FROM results"), LIMIT_S, "results are dropped")

    def missing(self) -> list[Any]:
        """What the journal has not: first and last seq, and whether it is still awaited."""
        return self.daemon.rows("journal.db", """SELECT "from", "to", state FROM gaps WHERE state <> 'filled'""")

    def identities(self) -> set[Any]:
        """Of each record its chain, which stands for all that came before it too."""
        return set(self.daemon.rows("journal.db", "SELECT pos, chain FROM records"))


@pytest.fixture
def gateway(tmp_path: Path, own_mosquitto_server: Mosquitto) -> Iterator[Gateway]:
    with influxd(asks_login=True) as server:
        one = Gateway(tmp_path, own_mosquitto_server, server)
        with one.daemon:
            one.daemon.start()
            yield one


def make(logger: Logger, count: int) -> None:
    """Records of a minute each; the first ones are too hot."""
    for _ in range(count):
        seq = len(logger.records)
        row = (30.0 if seq < 3 else 20.0, 20.0, 40.0)
        logger.env(START_NS + seq * ROWS * 10**9, [row] * ROWS, *CHANNELS)


def send(logger: Logger) -> None:
    """All that is not settled, until it is."""
    logger.send(*range(logger.upto + 1, len(logger.records)))
    logger.wait_acknowledged(len(logger.records) - 1)


def live(gateway: Gateway) -> Logger:
    """What happens before the backup: readings, an alert, an event, an operator's record."""
    logger = Logger(gateway.broker.port, "L-drill", container="C-drill")
    with logger:
        make(logger, KEPT)
        send(logger)
        gateway.daemon.wait_settled(KEPT)
        picture = gateway.folder / "lid.jpg"
        picture.write_bytes(PICTURE)
        words = ("log", "inspection", "C-drill", "--by", "Rossi", "--remark", "lid is dry", "--attach", str(picture))
        said = gateway.daemon.tcm(*words)
        assert said.returncode == 0, said.stderr
    with Logger(gateway.broker.port, "L-event", container="C-drill") as other:
        counts = np.zeros((3, 200), dtype=np.int16)
        counts[2, 100:110] = 900
        other.shock(START_NS, counts, 100)
        send(other)
        gateway.daemon.wait_settled(KEPT + 1)
    gateway.wait_copied(KEPT)
    gateway.wait_dropped()
    return logger


def lose(gateway: Gateway, *, is_store_lost: bool) -> None:
    """The disk of the gateway is gone, and with it the databases unless those were elsewhere.

    The new one has the settings of an installation.
    """
    gateway.daemon.kill()
    shutil.rmtree(gateway.daemon.state_dir)
    shutil.rmtree(gateway.daemon.config.parent)
    shutil.copytree(REPOSITORY / "config", gateway.daemon.config.parent)
    if is_store_lost:
        gateway.ask(f"DROP DATABASE {DATABASE}")
        gateway.ask(f"DROP DATABASE {DATABASE}_long")


BACK_UP, LOOK, RESTORE, STORE_FROM_COPY, STORE_ANEW, START = BLOCKS


@pytest.mark.parametrize("store", [STORE_FROM_COPY, STORE_ANEW, ""], ids=["from its copy", "anew", "kept"])
def test_nothing_is_missing_after_a_restore(gateway: Gateway, store: str) -> None:
    """All from before the backup is back, what loggers hold comes again, what they freed is told as lost.

    In the end `tcm store audit` finds each point, whether InfluxDB lost its databases or not: then it has besides what
    the journal has no more. The settings are those of the backup alone.
    """
    logger = live(gateway)
    gateway.follow(BACK_UP)
    before, alerts = gateway.identities(), gateway.daemon.tcm("alerts", "list", "--json").stdout
    with logger:
        make(logger, FREED)
        send(logger)
        gateway.daemon.wait_settled(KEPT + 1 + FREED)
    gateway.wait_copied(KEPT + FREED)
    make(logger, HELD)
    lose(gateway, is_store_lost=bool(store))
    assert "the journal is whole" in gateway.follow(LOOK)

    gateway.follow(RESTORE)
    assert not (gateway.daemon.config.parent / "containers" / "C-101.toml").exists()
    gateway.follow(store)
    assert gateway.follow(START).rstrip().endswith("all is there")

    with logger:
        send(logger)
        gateway.daemon.wait_settled(HELD)
        assert gateway.missing() == [(KEPT, KEPT + FREED - 1, "lost")]
    assert before <= gateway.identities()
    told = json.loads(gateway.daemon.tcm("store", "audit", "--json").stdout)
    assert (told["ok"], told["left"]) == (True, 0)
    assert {name: each for name, each in told["measurements"].items() if each["missing"] or each["different"]} == {}
    found = {name for name, each in told["measurements"].items() if each["found"]}
    assert found >= {"env", "derived", "alert", "shock", "shock_wave", "logger", "operator"}
    more = 0 if store else FREED  # records that only the store has
    assert told["measurements"]["env"]["extra"] == more * ROWS
    assert gateway.readings() == (KEPT + HELD + more) * ROWS
    gateway.wait_copied(KEPT + HELD + more)
    assert json.loads(gateway.daemon.tcm("alerts", "list", "--json").stdout) == json.loads(alerts)
    (entry,) = json.loads(gateway.daemon.tcm("log", "list", "C-drill", "--json").stdout)
    assert entry["remark"] == "lid is dry"
    attached = gateway.daemon.state_dir / "attachments" / entry["attachments"][0]["sha256"]
    assert attached.read_bytes() == PICTURE
