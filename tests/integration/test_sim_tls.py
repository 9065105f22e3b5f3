"""The simulated loggers against the broker as deploy/ has it: each by its own certificate, and what is said without."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.authority import Authority
from tests.commands import run, write_files
from tests.daemon import DaemonProcess
from tests.deployed import Broker, deployed_broker, make_certificates
from tests.processes import HOST
from tests.servers import mosquitto

SCENARIO = """
title = "A store room"
[device]
interval = "1 s"
block = 5
channels = ["temperature.air"]
[[container]]
id = "C-101"
logger = [{loggers}]
[[leg]]
id = "store"
phase = "storage"
for = "1 d"
"""


class Deployed(NamedTuple):
    """A broker as it is installed, the folder that its certificates are from, and its user's address of it."""

    broker: Broker
    certificates: Path

    @property
    def url(self) -> str:
        return f"mqtts://{HOST}:{self.broker.port}"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """L-01 and L-02 may come in; L-03 has a certificate that is revoked."""
    folder, kept = tmp_path_factory.mktemp("certificates"), tmp_path_factory.mktemp("kept")
    loggers = "".join(f'[[logger]]\nid = "L-0{number}"\n' for number in (1, 2, 3))
    write_files(kept, {"containers/C-101.toml": loggers})
    make_certificates("--containers", kept / "containers", folder)
    shutil.copytree(folder / "loggers", kept / "loggers")
    make_certificates("--revoke", "L-03", folder)
    shutil.copytree(kept / "loggers", folder / "loggers", dirs_exist_ok=True)
    with deployed_broker(tmp_path_factory.mktemp("broker"), folder) as broker:
        yield Deployed(broker, folder)


def simulate(
    folder: Path, url: str, *options: str | Path, loggers: str = "L-01 L-02"
) -> subprocess.CompletedProcess[str]:
    """Run loggers of these names; each makes a record in five of its seconds."""
    listed = ", ".join(f'{{ id = "{name}", serial = "SN-{name}" }}' for name in loggers.split())
    write_files(folder, {"scenario.toml": SCENARIO.format(loggers=listed)})
    command = [sys.executable, "-m", "firmware_sim", "run", str(folder / "scenario.toml"), "--broker", url]
    return run([*command, "--json", *map(str, options)])


def test_loggers_are_acknowledged_by_mutual_tls(deployed: Deployed, tmp_path: Path) -> None:
    """Each is let in by its own name, what it sends is acknowledged by a daemon that came by mutual TLS as well."""
    daemon = DaemonProcess(tmp_path, deployed.broker.gateway_url)
    files = {"ca_file": "ca.pem", "cert_file": "gateway/gateway.pem", "key_file": "gateway/gateway.key"}
    lines = "".join(f'{key} = "{deployed.certificates / file}"\n' for key, file in files.items())
    daemon.config.write_text(daemon.config.read_text().replace("[store]", f"{lines}[store]"))
    with daemon:
        daemon.start()
        accelerated = ("--speed", "60", "--for", "1s")
        done = simulate(tmp_path, deployed.url, "--certificates", deployed.certificates, *accelerated)
        assert (done.returncode, done.stderr) == (0, "")
        counts = json.loads(done.stdout)
        assert list(counts) == ["created", "published", "acknowledged", "lost"]
        assert counts["created"] == counts["acknowledged"] >= 2 * 5
        daemon.wait_settled(counts["created"])
        assert {row["logger"] for row in daemon.status()["loggers"]} == {"L-01", "L-02"}
    log = (deployed.broker.folder / "log.txt").read_text()
    assert all(f" as {name} " in log for name in ("L-01", "L-02"))


def test_nobody_comes_in(deployed: Deployed, authority: Authority, tmp_path: Path) -> None:
    """Status 1 with the reason and what to do, although there was nothing to lose yet; nothing is published."""
    own, others = ("--ca-file", deployed.certificates / "ca.pem"), tmp_path / "others"
    (others / "loggers").mkdir(parents=True)
    for name in ("L-01", "L-02"):
        for file in authority.issue(name):
            shutil.copy(file, others / "loggers" / file.name)
    with mosquitto() as plain:
        attempts: list[tuple[str, Sequence[str | Path], str]] = [
            (deployed.url, own, "if it wants a certificate of each logger, name them by --certificates"),
            (deployed.url, (), "an authority that this machine does not know; name the authority by --ca-file"),
            (deployed.url, ("--ca-file", authority.ca_file), f"an authority that is not in {authority.ca_file}"),
            (deployed.url, (*own, "--certificates", others), f"it refuses {others}/loggers/L-01.pem: it is of another"),
            (
                deployed.url.replace(HOST, "127.1"),
                own,
                "Use a name that it has, or deploy/make-certificates --renew server",
            ),
            (deployed.url.replace("mqtts", "mqtt"), (), "is it a port for mqtts://?"),
            (plain.url.replace("mqtt", "mqtts"), own, "is it a port for mqtt://?"),
        ]

        def attempt(one: tuple[str, Sequence[str | Path], str]) -> subprocess.CompletedProcess[str]:
            return simulate(tmp_path, one[0], *one[1], "--for", "2s", "--drain", "0s")

        with ThreadPoolExecutor() as pool:
            ends = list(pool.map(attempt, attempts))
    for (url, _, words), done in zip(attempts, ends, strict=True):
        assert done.returncode == 1, words
        assert json.loads(done.stdout) == {"created": 0, "published": 0, "acknowledged": 0, "lost": 0}
        last = done.stderr.splitlines()[-1]
        assert last.startswith(f"2 of 2 connections to {url} never came about: ")
        assert words in last


def test_a_revoked_certificate(deployed: Deployed, tmp_path: Path) -> None:
    """It is named by its file; who has a good one comes in all the same."""
    certificates = ("--certificates", deployed.certificates)
    done = simulate(tmp_path, deployed.url, *certificates, "--for", "2s", "--drain", "0s", loggers="L-01 L-03")
    assert done.returncode == 1
    assert f"1 of 2 connections to {deployed.url} never came about: " in done.stderr
    assert f"it refuses {deployed.certificates}/loggers/L-03.pem: it is revoked" in done.stderr


def test_a_certificate_of_another_logger_passes_nothing(deployed: Deployed, tmp_path: Path) -> None:
    """The broker would drop what L-01 says as L-02 without a word: so nobody connects."""
    folder = tmp_path / "mixed"
    shutil.copytree(deployed.certificates / "loggers", folder / "loggers")
    shutil.copy(deployed.certificates / "ca.pem", folder)
    for ending in ("pem", "key"):
        shutil.copy(folder / "loggers" / f"L-02.{ending}", folder / "loggers" / f"L-01.{ending}")
    log = deployed.broker.folder / "log.txt"
    before = log.read_text()
    done = simulate(tmp_path, deployed.url, "--certificates", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{folder}/loggers/L-01.pem: it is the certificate of 'L-02'" in done.stderr
    assert "New connection" not in log.read_text().removeprefix(before)  # the ends of earlier ones may be told late


def test_loggers_with_certificates_share_no_connection(deployed: Deployed, tmp_path: Path) -> None:
    """One connection has one name, and the broker would drop what the others say over it."""
    done = simulate(tmp_path, deployed.url, "--certificates", deployed.certificates, "--connections", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--connections 1: with --certificates 2 loggers need a connection each" in done.stderr


def test_what_the_broker_does_not_allow_is_said(tmp_path: Path) -> None:
    """Connected, but nothing may be published: by MQTT 5 the broker says so, and so does the simulator, once."""
    write_files(tmp_path, {"acl": "topic read #\n"})
    with mosquitto(f"acl_file {tmp_path / 'acl'}", "max_queued_messages 1000") as broker:
        done = simulate(tmp_path, broker.url, "--for", "1s", "--speed", "60", "--drain", "0s")
    assert done.returncode == 1
    assert done.stderr.count("does not take all messages (logger-C-101-L-0") == 1
    assert "Not authorized" in done.stderr
