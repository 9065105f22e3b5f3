"""Servers that are not there, or go and come back: the daemon goes on, says so, and catches up by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt import subscribe
from paho.mqtt.client import MQTTMessage

from tests.daemon import DaemonProcess, running_daemon
from tests.fleet import START_NS, Logger
from tests.influx import influx_rows, influx_v1
from tests.influx_gateway import influx_v2_gateway
from tests.processes import HOST, wait_until
from tests.servers import Influxd, Mosquitto, mosquitto

DATABASE = "outage"
STATEMENT = "SELECT temperature_hardware_c FROM env"


@pytest.fixture
def store(own_influx_server: Influxd) -> str:
    return influx_v1(own_influx_server, DATABASE)


@pytest.fixture
def daemon(tmp_path: Path, own_mosquitto_server: Mosquitto, store: str) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path, own_mosquitto_server.url, store) as one:
        yield one


def send(logger: Logger, count: int) -> None:
    """Make and send so many records more, of one reading each: 20.00, 20.01, ... degC, a second apart."""
    for _ in range(count):
        seq = len(logger.records)
        logger.env(START_NS + seq * 10**9, [[20 + seq / 4]])
        logger.send(seq)


def wait_stored(server: Influxd, count: int) -> None:
    """Wait until the database has each reading of `send` once."""
    expected = [[START_NS + seq * 10**9, 20 + seq / 4] for seq in range(count)]
    wait_until(lambda: influx_rows(server, DATABASE, STATEMENT) == expected, 40, f"{count} readings in the database")


def test_both_servers_may_come_after_the_daemon(
    tmp_path: Path, own_mosquitto_server: Mosquitto, own_influx_server: Influxd, store: str
) -> None:
    """/readyz and `tcm status` name what is missing; once it is there, everything runs without a hand."""
    own_mosquitto_server.stop()
    own_influx_server.stop()
    with DaemonProcess(tmp_path, own_mosquitto_server.url, store) as daemon:
        daemon.start("/healthz")
        daemon.wait_problem("live", str(own_mosquitto_server.port))
        daemon.wait_problem("fill", str(own_mosquitto_server.port))
        daemon.wait_problem("store", str(own_influx_server.port))
        assert daemon.get("/readyz")[1]["ready"] is False
        told = json.loads(daemon.tcm("status", "--json").stdout)
        assert (told["state"], set(told["problems"])) == ("degraded", {"live", "fill", "store"})
        assert "store: " in daemon.tcm("status").stdout

        own_influx_server.start()
        own_mosquitto_server.start()
        wait_until(lambda: daemon.answers("/readyz"), 30, "readiness")
        with Logger(own_mosquitto_server.port, "L-01") as logger:
            send(logger, 20)
            logger.wait_acknowledged(19)
        wait_stored(own_influx_server, 20)


def test_influxdb_may_go_and_come_back(
    daemon: DaemonProcess, own_mosquitto_server: Mosquitto, own_influx_server: Influxd
) -> None:
    """Records are journalled and acknowledged meanwhile; afterwards each reading is there once."""
    with Logger(own_mosquitto_server.port, "L-01") as logger:
        send(logger, 10)
        wait_stored(own_influx_server, 10)
        own_influx_server.kill()
        send(logger, 10)
        logger.wait_acknowledged(19)
        wait_until(lambda: set(daemon.get("/readyz")[1]["parts"]) == {"store"}, 10, "the store to be named")
        assert daemon.status()["consumers"]["store"]["backlog"] > 0
        own_influx_server.start()
        send(logger, 10)
        wait_stored(own_influx_server, 30)
        wait_until(lambda: daemon.answers("/readyz"), 10, "readiness")


def test_the_broker_may_go_and_come_back(
    daemon: DaemonProcess, own_mosquitto_server: Mosquitto, own_influx_server: Influxd
) -> None:
    """Stopped in order it keeps the sessions; the logger sends from memory what it made meanwhile."""
    logger = Logger(own_mosquitto_server.port, "L-01")
    with logger:
        send(logger, 10)
        logger.wait_acknowledged(9)
    own_mosquitto_server.stop()
    wait_until(lambda: {"live", "fill"} <= set(daemon.get("/readyz")[1]["parts"]), 10, "the broker to be missed")
    for seq in range(10, 20):
        logger.env(START_NS + seq * 10**9, [[20 + seq / 4]])
    own_mosquitto_server.start()
    with logger:
        logger.send(*range(10, 20), fill=True)
        send(logger, 5)
        logger.wait_acknowledged(24)
    wait_stored(own_influx_server, 25)
    assert daemon.answers("/readyz")
    assert daemon.status()["gaps"]["lost"] == 0


def test_what_comes_while_the_daemon_is_stopped_waits_at_the_broker(
    daemon: DaemonProcess, own_mosquitto_server: Mosquitto, own_influx_server: Influxd
) -> None:
    """The sessions outlive the daemon, and the broker's own restart as well."""
    with Logger(own_mosquitto_server.port, "L-01") as logger:
        send(logger, 5)
        logger.wait_acknowledged(4)
        assert daemon.stop() == 0
        send(logger, 5)
        logger.wait_sent()
    own_mosquitto_server.stop()
    own_mosquitto_server.start()
    daemon.start()
    daemon.wait_settled(10)
    wait_stored(own_influx_server, 10)


def test_the_v2_dialect_writes_with_the_token_of_a_file(
    tmp_path: Path, own_mosquitto_server: Mosquitto, own_influx_server: Influxd
) -> None:
    """/api/v2/write with org, bucket and token; a token that is refused is named until it is changed."""
    influx_rows(own_influx_server, "", f'CREATE DATABASE "{DATABASE}"', method="POST")
    token = tmp_path / "influx.token"
    token.write_text("test-token\n")
    token.chmod(0o600)
    with influx_v2_gateway(own_influx_server, bucket=DATABASE) as gateway:
        table = f'kind = "influxdb"\nurl = "{gateway.url}"\ndialect = "v2"\norg = "tcm"\nbucket = "{DATABASE}"\n'
        table += "long = false\n"  # which is read, too: after five seconds
        with (
            running_daemon(tmp_path, own_mosquitto_server.url, f'{table}token_file = "{token}"') as daemon,
            Logger(own_mosquitto_server.port, "L-01") as logger,
        ):
            send(logger, 10)
            wait_stored(own_influx_server, 10)
            gateway.token = "another"
            send(logger, 10)
            daemon.wait_problem("store", "401")
            gateway.token = "test-token"
            wait_stored(own_influx_server, 20)
    paths = {path.partition("?")[0] for path, _ in gateway.seen}
    assert paths == {"/ping", "/api/v2/write"}


def test_a_token_that_others_can_read_is_refused(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """The daemon does not start with it, and says what to do."""
    token = tmp_path / "influx.token"
    token.write_text("test-token\n")
    token.chmod(0o644)
    table = 'kind = "influxdb"\nurl = "http://127.0.0.1:1"\ndialect = "v2"\norg = "o"\nbucket = "b"\n'
    table += f'token_file = "{token}"'
    said = DaemonProcess(tmp_path, own_mosquitto_server.url, table).refuse()
    assert "store.token_file" in said
    assert "chmod 600" in said


def test_a_broker_that_crashed_gets_the_open_alerts_again(
    daemon: DaemonProcess, own_mosquitto_server: Mosquitto
) -> None:
    """Its retained messages died with it, and whoever subscribes later must see what is open all the same."""
    with Logger(own_mosquitto_server.port, "L-01") as logger:
        logger.env(START_NS, [[40.0]] * 30)
        logger.send()
        wait_until(lambda: bool(daemon.get("/api/alerts?state=firing")[1]), 10, "an alert")
    (alert,) = daemon.get("/api/alerts?state=firing")[1]
    own_mosquitto_server.kill()
    wait_until(lambda: not daemon.answers("/readyz"), 10, "the broker to be missed")
    own_mosquitto_server.start()
    seen = subscribe.simple("tcm/v1/+/alerts/+", hostname=HOST, port=own_mosquitto_server.port)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    assert isinstance(seen, MQTTMessage)
    assert json.loads(seen.payload) == alert


def test_alerts_that_the_broker_refuses_are_not_taken_for_told(tmp_path: Path) -> None:
    """Without the right to publish them the broker confirms and drops them: it is named, and all follow in the end."""
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite #\ntopic deny tcm/v1/+/alerts/#\n")
    with (
        mosquitto(f"acl_file {rules}") as broker,
        running_daemon(tmp_path, broker.url) as daemon,
        Logger(broker.port, "L-01") as logger,
    ):
        logger.env(START_NS, [[40.0]] * 30)
        logger.send()
        daemon.wait_problem("notify", "ot authorized")
        assert daemon.status()["consumers"]["notify"]["backlog"] == 1
        rules.write_text("topic readwrite #\n")
        broker.reload()
        seen = subscribe.simple("tcm/v1/+/alerts/+", hostname=HOST, port=broker.port)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        assert isinstance(seen, MQTTMessage)
        assert json.loads(seen.payload)["state"] == "firing"
        wait_until(lambda: daemon.answers("/readyz"), 10, "readiness")
