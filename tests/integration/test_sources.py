"""Loggers that speak SenML or a JSON of their own, through a real broker and the daemon into the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cbor2
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.sinks import read_series
from tests.daemon import DaemonProcess
from tests.fleet import START_NS
from tests.processes import HOST, wait_until
from tests.servers import Mosquitto, mosquitto

SETTLE_S = 20.0
START_S = START_NS // 10**9
SOURCES = """
[[source]]
topic = "site/+/senml"
format = "senml-cbor"
container = "C-1"
logger_level = 2
channels = {"temp" = "temperature.hardware"}

[[source]]
topic = "site/+/json"
format = "json"
container = "C-1"
logger_path = "$.device"
rows = "readings"
time = "at"
time_unit = "s"
channels = {"t" = "temperature.hardware", "rh" = "humidity.air"}
units = {"t" = "K"}
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[Mosquitto]:
    with mosquitto() as server:
        yield server


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[DaemonProcess]:
    with DaemonProcess(tmp_path_factory.mktemp("sources"), broker.url) as process:
        with process.config.open("a") as config:
            config.write(SOURCES)
        process.start()
        yield process


@pytest.fixture(scope="module")
def publisher(broker: Mosquitto) -> Iterator[paho.Client]:
    """Somebody's gateway; `heard` has the topics of what the daemon answered on them."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="publisher")
    heard: list[str] = []
    client.on_message = lambda _client, _data, message: heard.append(message.topic)
    client.user_data_set(heard)
    client.connect(HOST, broker.port)
    client.subscribe([("tcm/v1/+/+/down/#", 0), ("site/+/+/down/#", 0)])
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def send(client: paho.Client, topic: str, *payloads: bytes) -> None:
    for payload in payloads:
        client.publish(topic, payload, qos=1).wait_for_publish(SETTLE_S)


def stored(daemon: DaemonProcess, logger: str, field: str) -> dict[int, float]:
    """Value by time (s from the start) of a field in the embedded store."""
    times_ns, values = read_series(daemon.state_dir / "series.db", "C-1", logger, field, START_NS, START_NS + 10**12)
    return dict(zip(((times_ns - START_NS) // 10**9).tolist(), values.tolist(), strict=True))


def wait_rows(daemon: DaemonProcess, table: str, where: str, count: int) -> list[Any]:
    def rows() -> list[Any]:
        return daemon.rows("journal.db", f"SELECT topic, payload FROM {table} WHERE {where} ORDER BY pos")

    wait_until(lambda: len(rows()) >= count, SETTLE_S, f"{count} rows of {table}")
    return rows()


def senml(*temperatures: float, at_s: int = START_S) -> bytes:
    return cbor2.dumps([{-3: at_s, -4: "Cel"}, *({0: "temp", 6: 10 * i, 2: t} for i, t in enumerate(temperatures))])


def mapped(device: str, *temperatures: float) -> bytes:
    rows = [{"at": START_S + 10 * i, "t": t + 273.15, "rh": 40} for i, t in enumerate(temperatures)]
    return json.dumps({"device": device, "readings": rows}, indent=1).encode()


def test_messages_of_others_arrive_and_raise_alerts(daemon: DaemonProcess, publisher: paho.Client) -> None:
    """SenML by the topic's logger, JSON by its own; 20 s above 25 degC fire an alert for each; every byte is kept."""
    pack, message = senml(20.0, 26.0, 27.0, 28.0), mapped("J-1", 20.0, 21.0, 30.5, 31.5, 32.5)
    send(publisher, "site/S-1/senml", pack)
    send(publisher, "site/gate/json", message)
    rows = wait_rows(daemon, "records", "logger IN ('S-1', 'J-1')", 2)
    assert {(topic, cbor2.loads(payload)["raw"]) for topic, payload in rows} == {
        ("site/S-1/senml", pack),
        ("site/gate/json", message),
    }
    daemon.wait_settled(2)
    assert stored(daemon, "S-1", "temperature_hardware_c") == {0: 20.0, 10: 26.0, 20: 27.0, 30: 28.0}
    assert stored(daemon, "J-1", "temperature_hardware_c") == pytest.approx(
        {0: 20, 10: 21, 20: 30.5, 30: 31.5, 40: 32.5}
    )
    assert stored(daemon, "J-1", "humidity_air_pct") == dict.fromkeys((0, 10, 20, 30, 40), 40.0)
    alerts = daemon.get("/api/alerts")[1]
    assert {(alert["logger"], alert["rule"], round(alert["value"], 3)) for alert in alerts} == {
        ("S-1", "hot", 28.0),
        ("J-1", "hot", 32.5),
    }


def test_the_same_again_is_one_record_and_another_content_a_conflict(
    daemon: DaemonProcess, publisher: paho.Client
) -> None:
    """No second record, no gap, no acknowledgement; what contradicts the first is kept in quarantine."""
    first, later, other = senml(1.0, 2.0), senml(3.0, at_s=START_S + 3_600), senml(1.0, 9.0)
    send(publisher, "site/S-2/senml", later, first, later, first)
    send(publisher, "site/S-2/senml", other)
    rows = wait_rows(daemon, "quarantine", f"topic = 'site/S-2/senml' AND reason = '{IDENTITY_CONFLICT}'", 1)
    assert [cbor2.loads(payload)["raw"] for _, payload in rows] == [other]
    kept = wait_rows(daemon, "records", "logger = 'S-2'", 2)
    assert [cbor2.loads(payload)["raw"] for _, payload in kept] == [later, first]
    assert daemon.rows("journal.db", "SELECT count(*) FROM gaps WHERE logger = 'S-2'") == [(0,)]
    assert publisher.user_data_get() == []


def test_rubbish_goes_to_quarantine_as_it_came(daemon: DaemonProcess, publisher: paho.Client) -> None:
    """With the reason; the daemon goes on, and one bad value keeps the whole message out."""
    bad = [b"\xff\x00rubbish", b"[" * 100_000, mapped("J-3", 20.0).replace(b"40", b"NaN"), mapped("J 3", 1.0)]
    send(publisher, "site/bad/json", *bad)
    rows = wait_rows(daemon, "quarantine", "topic = 'site/bad/json'", len(bad))
    assert [payload for _, payload in rows] == bad
    reasons = daemon.rows("journal.db", "SELECT reason FROM quarantine WHERE topic = 'site/bad/json' ORDER BY pos")
    assert [reason.split(":")[0] for (reason,) in reasons] == ["JSON", "JSON", "JSON", "$.device"]
    assert daemon.answers("/readyz")


def test_check_connects_with_the_sources(daemon: DaemonProcess) -> None:
    """`tcm check --connect` accepts the configuration that runs."""
    document = json.loads(daemon.tcm("check", "--connect", "--json").stdout)
    assert document["ok"], document
    assert {"source[1].container", "source[2].container"} <= {warning["key"] for warning in document["warnings"]}
