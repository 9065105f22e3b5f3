"""The recording of a real logger, sent by the simulator through a real broker and the daemon into a real InfluxDB."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.daemon import LIMITS, REPOSITORY, DaemonProcess, influx_rows, influx_v1, run, running_daemon
from tests.servers import HOST, Influxd, Mosquitto, mosquitto, wait_until

RECORDING = REPOSITORY / "tests" / "data" / "recordings" / "ssx70065"
START_NS = 1_795_413_600_000_000_000  # 2026-11-23T06:00:00Z
FIELDS = {"pressure": "pressure_{}_pa", "temperature": "temperature_{}_c", "relative_humidity": "humidity_{}_pct"}
FILTERED = """
[[rule]]
id = "knock-y"
kind = "shock"
axis = "y"
peak = "4 g"
lowpass = "100 Hz"
severity = "warning"
"""


class Sent:
    """The world after the recording went through: the database, what was published of alerts, and the daemon."""

    def __init__(self, server: Influxd, daemon: DaemonProcess) -> None:
        self.server, self.daemon = server, daemon
        self.alerts: list[tuple[str, bytes]] = []

    def query(self, statement: str) -> list[list[Any]]:
        return influx_rows(self.server, "recording", statement)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory, influx_server: Influxd) -> Iterator[Sent]:
    """The recording, sent once for all tests of this file."""
    folder = tmp_path_factory.mktemp("recording")
    store, limits = influx_v1(influx_server, "recording"), LIMITS + FILTERED
    with mosquitto() as broker, running_daemon(folder, broker.url, store, limits=limits) as daemon:
        world = Sent(influx_server, daemon)
        client = _listen(broker, world)
        _replay(broker)
        daemon.wait_settled(2)
        yield world
        client.disconnect()
        client.loop_stop()


def _listen(broker: Mosquitto, world: Sent) -> paho.Client:
    granted: list[object] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: world.alerts.append((message.topic, bytes(message.payload)))
    client.on_subscribe = lambda *_: granted.append(True)
    client.connect(HOST, broker.port)
    client.subscribe("tcm/v1/+/alerts/+", qos=1)
    client.loop_start()
    wait_until(lambda: bool(granted), 10, "a subscription to alerts")
    return client


def _replay(broker: Mosquitto) -> None:
    command = [sys.executable, "-m", "firmware_sim", "replay", str(RECORDING), "--broker", broker.url, "--json"]
    options = ["--container", "C-101", "--logger", "L-01", "--start", "2026-11-23T06:00:00Z"]
    done = run(command + options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"created": 2, "published": 2, "acknowledged": 2, "lost": 0}


def test_every_reading_comes_back_with_its_value_and_microsecond(sent: Sent) -> None:
    """Each row of environment.csv is a field of a point of `env`, as float32, and there is nothing else."""
    expected: dict[tuple[str, int], float] = {}
    with (RECORDING / "environment.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            quantity, _, place = row["quantity"].rpartition("_")
            time_ns = START_NS + round(float(row["t_s"]) * 1e6) * 1000
            expected[FIELDS[quantity].format(place.lower()), time_ns] = float(np.float32(row["value"]))
    stored: dict[tuple[str, int], float] = {}
    for field in {field for field, _ in expected}:
        rows = sent.query(f"SELECT \"{field}\" FROM env WHERE container = 'C-101' AND logger = 'L-01'")
        stored |= {(field, time_ns): float(np.float32(value)) for time_ns, value in rows}
    assert len(expected) == 28
    assert stored == expected


def test_every_sample_comes_back_within_half_a_count(sent: Sent) -> None:
    """The wave is stored on sensor axes at t0 + round(i * 1e9 / fs)."""
    with gzip.open(RECORDING / "accel_ch32.csv.gz", "rt") as file:
        fs_hz = float(file.readline().split()[-2])
        table = np.loadtxt(file, delimiter=",", skiprows=1)
    rows = sent.query("SELECT x_g, y_g, z_g FROM shock_wave WHERE logger = 'L-01' AND sensor = 'ch32'")
    t0_ns = START_NS + round(table[0, 0] * 1e6) * 1000
    assert [row[0] for row in rows] == [t0_ns + round(i * 1e9 / fs_hz) for i in range(len(table))]
    assert np.abs(np.array([row[1:] for row in rows]) - table[:, 1:]).max() <= 1 / 128 / 2


def test_the_event_has_the_known_peaks(sent: Sent) -> None:
    """Raw +11.3125 g on y; with the static part removed -10.717 g, as measured on this recording."""
    ((_, peak_raw_g, peak_y_g, peak_g, seq),) = sent.query("SELECT peak_raw_g, peak_y_g, peak_g, seq FROM shock")
    assert peak_raw_g == pytest.approx(11.3125, abs=1e-3)
    assert peak_y_g == pytest.approx(-10.717, abs=1e-3)
    assert peak_g == pytest.approx(-10.717, abs=1e-3)
    assert seq in ("0", "1")


def test_shock_alerts_are_stored_and_published(sent: Sent) -> None:
    """Each alert is a point at each change of state, and a retained message that is emptied once it is cleared."""
    listed = sent.daemon.get("/api/alerts?container=C-101")[1]
    assert {alert["rule"]: round(alert["peak"], 2) for alert in listed} == {"knock": 10.72, "knock-y": 5.14}
    ids = {alert["id"] for alert in listed}
    stored = sent.query("SELECT alert_id, state FROM alert WHERE container = 'C-101' AND channel = 'shock.ch32'")
    assert sorted((row[1], row[2]) for row in stored) == sorted((i, s) for i in ids for s in ("cleared", "firing"))
    wait_until(lambda: sum(not payload for _, payload in sent.alerts) >= len(ids), 10, "alerts to be taken off")
    for one in ids:
        told = [payload for topic, payload in sent.alerts if topic == f"tcm/v1/C-101/alerts/{one}"]
        states = [json.loads(payload)["state"] if payload else "" for payload in told]
        assert states == ["firing", "cleared", ""]
        assert json.loads(told[1]) == next(alert for alert in listed if alert["id"] == one)
