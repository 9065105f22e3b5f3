"""The broker as deploy/ has it, with certificates of its script: who gets in, and who may say and hear what."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from firmware_sim.codec import decode_ack
from monitor.cli.try_broker import try_broker
from monitor.config import load_config
from monitor.ingest import probe
from tests.daemon import DaemonProcess
from tests.deployed import Broker, Peer, deployed_broker, make_certificates
from tests.fleet import START_NS, Logger
from tests.processes import HOST, wait_until

MINE, OTHERS = "tcm/v1/C-101/L-02", "tcm/v1/C-101/L-01"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def broker(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with deployed_broker(tmp_path_factory.mktemp("broker"), certificates) as server:
        yield server


def logger(broker: Broker, certificates: Path, name: str, client_id: str = "") -> Peer:
    return Peer(broker.port, certificates / "ca.pem", certificates / "loggers" / f"{name}.pem", client_id)


def gateway(broker: Broker, certificates: Path) -> Peer:
    return Peer(broker.gateway_port, certificates / "ca.pem", certificates / "gateway" / "gateway.pem", "tcm-gateway-1")


def daemon_with(folder: Path, url: str, certificates: Path, certificate: str) -> DaemonProcess:
    """One that shows this certificate, not started."""
    made = DaemonProcess(folder, url)
    files = {"ca_file": "ca.pem", "cert_file": f"{certificate}.pem", "key_file": f"{certificate}.key"}
    lines = "".join(f'{key} = "{certificates / file}"\n' for key, file in files.items())
    made.config.write_text(made.config.read_text().replace("[store]", f"{lines}[store]"))
    return made


def test_who_gets_in(broker: Broker, certificates: Path, tmp_path: Path) -> None:
    """A certificate of this authority does; none, one of another authority, one for a server do not."""
    make_certificates(tmp_path)
    ca = certificates / "ca.pem"
    assert logger(broker, certificates, "L-01").connects()
    for port in (broker.port, broker.gateway_port):
        assert not Peer(port, ca).connects()
        assert not Peer(port, ca, tmp_path / "loggers" / "L-01.pem").connects()
        assert not Peer(port, ca, tmp_path / "gateway" / "gateway.pem").connects()
        assert not Peer(port, ca, certificates / "broker" / "server.pem").connects()


def test_a_broker_of_another_authority_is_not_believed(broker: Broker, certificates: Path, tmp_path: Path) -> None:
    """Who puts a machine of his own in between is noticed by the logger."""
    make_certificates(tmp_path)
    peer = Peer(broker.port, tmp_path / "ca.pem", certificates / "loggers" / "L-01.pem")
    assert not peer.connects()


def test_a_revoked_certificate(tmp_path: Path) -> None:
    """It counts until the broker reads the list; the next run makes one with which the logger gets in again."""
    certificates, folder = tmp_path / "certificates", tmp_path / "broker"
    folder.mkdir()
    make_certificates(certificates)
    with deployed_broker(folder, certificates) as broker:
        for name in ("L-01.pem", "L-01.key", "L-02.pem", "L-02.key"):
            (tmp_path / name).write_bytes((certificates / "loggers" / name).read_bytes())
        thief = partial(Peer, broker.port, certificates / "ca.pem", tmp_path / "L-01.pem")
        other_thief = partial(Peer, broker.port, certificates / "ca.pem", tmp_path / "L-02.pem")
        with thief() as connected:
            make_certificates("--revoke", "L-01", certificates)
            make_certificates("--revoke", "L-02", certificates)
            broker.reload()
            # By the other one: a second connection of one name would end the first.
            wait_until(lambda: not other_thief().connects(), 10, "the list to count")
            assert connected.is_alive()  # which is why the script asks for a restart
        broker.stop()
        broker.start()
        assert not thief().connects()
        assert logger(broker, certificates, "L-03").connects()
        make_certificates(certificates)
        assert logger(broker, certificates, "L-01").connects()
        assert not thief().connects()


def test_a_change_of_the_authority(certificates: Path, tmp_path: Path) -> None:
    """With files that hold both, loggers of either get in, while the broker shows its old certificate."""
    new, both, folder = tmp_path / "new", tmp_path / "both", tmp_path / "broker"
    make_certificates(new)
    shutil.copytree(certificates / "broker", both / "broker")
    folder.mkdir()
    for name in ("ca.pem", "revoked.pem"):
        with (both / "broker" / name).open("ab") as file:
            file.write((new / "broker" / name).read_bytes())
    ca = both / "broker" / "ca.pem"
    with deployed_broker(folder, both) as broker:
        assert Peer(broker.port, ca, new / "loggers" / "L-01.pem").connects()
        assert logger(broker, certificates, "L-01").connects()


def test_a_logger_speaks_as_itself_alone(broker: Broker, certificates: Path) -> None:
    """What it says under another's name, or as the gateway, is refused and reaches nobody; its own arrives."""
    with gateway(broker, certificates) as daemon, logger(broker, certificates, "L-02") as peer:
        assert not daemon.subscribe("tcm/v1/+/+/up/#").is_failure
        for kind in ("env", "shock", "status", "fill/env"):
            assert peer.publish(f"{OTHERS}/up/{kind}").getName() == "Not authorized"
        for topic in (f"{OTHERS}/down/ack", f"{MINE}/down/ack", "tcm/v1/C-101/alerts/x", "tcm/v1/-/-/up/probe", "x"):
            assert peer.publish(topic).getName() == "Not authorized"
        assert not peer.publish(f"{MINE}/up/fill/env", b"mine").is_failure
        daemon.wait(lambda: daemon.heard, "what it may say")
        assert daemon.heard == [(f"{MINE}/up/fill/env", b"mine")]


def test_a_logger_hears_what_is_meant_for_it_alone(broker: Broker, certificates: Path) -> None:
    """Mosquitto grants every filter and lets nothing through that the rules forbid."""
    with gateway(broker, certificates) as daemon, logger(broker, certificates, "L-02") as peer:
        for topic_filter in ("#", f"{OTHERS}/down/ack", "tcm/v1/+/+/down/#", "tcm/v1/C-101/alerts/+", "$SYS/#"):
            peer.subscribe(topic_filter)
        for topic in (f"{OTHERS}/down/ack", "tcm/v1/C-101/alerts/x", "tcm/v1/-/-/up/probe", f"{MINE}/down/ack"):
            assert not daemon.publish(topic, b"told").is_failure
        with logger(broker, certificates, "L-01") as other:
            assert not other.publish(f"{OTHERS}/up/env", b"secret").is_failure
        assert not daemon.publish(f"{MINE}/down/cmd", b"last").is_failure
        peer.wait(lambda: (f"{MINE}/down/cmd", b"last") in peer.heard, "what it may hear")
        assert {topic for topic, _ in peer.heard} == {f"{MINE}/down/ack", f"{MINE}/down/cmd"}


def test_a_logger_cannot_take_the_place_of_another(broker: Broker, certificates: Path) -> None:
    """A client id of its own choice does not count: neither the gateway nor another logger is thrown out for it."""
    with gateway(broker, certificates) as daemon, logger(broker, certificates, "L-01") as other:
        for client_id in ("tcm-gateway-1", "L-01"):
            with logger(broker, certificates, "L-02", client_id):
                assert daemon.is_alive()
                assert other.is_alive()


def test_the_check_of_health_hears_that_alone(broker: Broker, certificates: Path) -> None:
    """What the check of the container asks for is answered; it can do nothing else."""
    with Peer(broker.port, certificates / "ca.pem", certificates / "broker" / "health.pem") as peer:
        peer.subscribe("$SYS/broker/uptime")
        peer.wait(lambda: peer.heard, "the uptime")
        assert peer.publish(f"{OTHERS}/up/env").getName() == "Not authorized"


def test_the_daemon_by_mutual_tls(broker: Broker, certificates: Path, tmp_path: Path) -> None:
    """It becomes ready, takes a logger's record and acknowledges it; `tcm check --connect` finds nothing amiss."""
    daemon = daemon_with(tmp_path, broker.gateway_url, certificates, "gateway/gateway")
    made = Logger(broker.port, "L-01", container="C-101")
    made.env(START_NS, [[20.0]])
    with daemon, logger(broker, certificates, "L-01") as peer:
        daemon.start()
        checked = daemon.tcm("check", "--connect")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        peer.subscribe(f"{made.topic}/down/ack")
        assert not peer.publish(f"{made.topic}/up/env", made.records[0][1]).is_failure
        peer.wait(lambda: peer.heard, "the acknowledgement")
        assert [decode_ack(payload).upto for _, payload in peer.heard] == [0]
        assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("port", "certificate", "key", "words"),
    [
        ("port", "gateway/gateway", "url", "is this the loggers' port (8883)"),
        ("gateway_port", "loggers/L-01", "cert_file", "it is the certificate of 'L-01'"),
        ("gateway_port", "broker/server", "cert_file", "our certificate is not one for clients"),
    ],
    ids=["the loggers' port", "a logger's certificate", "the broker's certificate"],
)
def test_what_is_easily_mistaken(
    broker: Broker,
    certificates: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    port: str,
    certificate: str,
    key: str,
    words: str,
) -> None:
    """`tcm check --connect` says which: the broker itself drops or ends without a word."""
    monkeypatch.setattr(probe, "ANSWER_S", 2)  # nothing will come
    url = f"mqtts://{HOST}:{getattr(broker, port)}"
    (fault,) = try_broker(load_config(daemon_with(tmp_path, url, certificates, certificate).config))
    assert fault.key == key
    assert words in fault.cause
