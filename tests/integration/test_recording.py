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

from monitor.model.record import Shock
from monitor.shock.analysis import Analysis
from monitor.shock.spectrum.octave import STANDARD_HZ, below_nyquist
from monitor.shock.waveform import waveform_of
from monitor.wire import decode
from tests.commands import REPOSITORY, run
from tests.daemon import LIMITS, DaemonProcess, running_daemon
from tests.influx import influx_rows, influx_v1
from tests.processes import HOST, wait_until
from tests.servers import Influxd, Mosquitto, mosquitto

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
[[rule]]
id = "boundary"
kind = "shock"
damage_boundary = {acceleration = "15 g", velocity_change = "1.5 m/s"}
severity = "alarm"
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
        daemon.wait_stored(2)
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


def _analysed(world: Sent) -> tuple[int, Analysis]:
    """Time of the trigger sample, and the analysis of what the journal holds of the event."""
    ((payload,),) = world.daemon.rows("journal.db", "SELECT payload FROM records WHERE kind = 'shock'")
    shock = decode("shock", payload)
    assert isinstance(shock, Shock)
    return shock.stamp.t0_ns + round(shock.pre * 1e9 / shock.fs_hz), Analysis(waveform_of(shock, np.eye(3)))


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


def test_the_event_has_all_that_its_analysis_says(sent: Sent) -> None:
    """Each field of `shock` is that of the analysis of the stored samples, at the trigger, as float32."""
    names = "resultant_g, duration_ms, delta_v_m_s, drop_height_m, srs_peak_g, srs_peak_hz, damage_margin, valid, kind"
    ((time_ns, *values),) = sent.query(f"SELECT {names} FROM shock WHERE logger = 'L-01' AND sensor = 'ch32'")
    trigger_ns, analysis = _analysed(sent)
    spectrum_g = analysis.responses.acceleration.maximax.max(axis=0)
    expected = [
        *(analysis.peaks.resultant_g, analysis.pulse().duration_ms, analysis.pulse().delta_v_m_s),
        *(analysis.drop.height_m, spectrum_g.max(), STANDARD_HZ[spectrum_g.argmax()]),
        max(15 / analysis.peaks.resultant_g, 1.5 / analysis.pulse().delta_v_m_s),
    ]
    told = [None if value is None else pytest.approx(value, rel=1e-6) for value in expected]
    assert [time_ns, *values] == [trigger_ns, *told, analysis.validity.is_valid, analysis.kind]


def test_the_spectrum_is_a_point_of_each_stored_frequency(sent: Sent) -> None:
    """Every fourth of the standard frequencies below half the rate, the largest of the three axes."""
    analysis = _analysed(sent)[1]
    stored_hz = below_nyquist(STANDARD_HZ, analysis.waveform.fs_hz)[::4]
    levels_g = analysis.responses.acceleration.maximax.max(axis=0)[::4]
    rows = sent.query("SELECT freq_hz, accel_g FROM srs WHERE logger = 'L-01' AND sensor = 'ch32'")
    ((time_ns, _),) = sent.query("SELECT peak_g FROM shock")
    assert {row[0] for row in rows} == {time_ns}
    assert {hz: accel_g for _, hz, accel_g in rows} == {
        f"{hz:.4g}": pytest.approx(accel_g, rel=1e-6) for hz, accel_g in zip(stored_hz, levels_g, strict=True)
    }


def test_an_audit_comes_to_the_same_points(sent: Sent) -> None:
    """Judged once more from the journal, by another process: nothing is missing, different, or too much."""
    told = sent.daemon.tcm("store", "audit", "--dry-run", "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    found = json.loads(told.stdout)["measurements"]
    for measurement, points in (("shock", 1), ("srs", len(sent.query("SELECT freq_hz, accel_g FROM srs")))):
        figures = {name: count for name, count in found[measurement].items() if count}
        assert figures == {"expected": points, "found": points}


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
