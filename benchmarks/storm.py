"""A storm: within one second every channel of every logger is beyond its limit, 10 000 in all; and how others fare."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho

from benchmarks.common import Daemon, mqtt_client
from benchmarks.probe import BROKER_LINE, CONTAINER, Probe, notifier_lines, write_probe
from benchmarks.receiver import Receiver, receiver
from benchmarks.site import quantiles
from firmware_sim.codec import Env, Stamp, encode_env
from tests.servers import mosquitto

LOGGERS, CONTAINERS, CHANNELS = 200, 10, 50
EXCEEDANCES = LOGGERS * CHANNELS
HOT_C, COLD_C = 30.0, 20.0
BREAK_S = 1.0  # in which all of it begins, or ends
CALM_S = 3.0  # until the daemon knows all streams
LOOP_S = 0.02
LIMIT_S = 60.0  # for all to be told
PREFIX = "storm"  # of its containers
PROFILE = f"""
name = "{PREFIX}"
[[rule]]
id = "hot"
kind = "threshold"
channel = "temperature.*"
above = "25 degC"
clear = "24 degC"
severity = "alarm"
"""


class Storm:
    """Sends in a thread of its own, and waits until each alert is on MQTT, and gone again; `notified` in between."""

    def __init__(self, port: int, of_all: Receiver) -> None:
        self._port, self._of_all, self._seq = port, of_all, 0
        self.notified = 0  # times that the receiver of all alerts was told something
        self._open: set[str] = set()  # topics that hold an alert
        self._failure: Exception | None = None
        self.has_begun, self.is_over = threading.Event(), threading.Event()
        self.told_s: list[float] = []  # by round, from the first record of the storm to the last of its alerts

    @contextmanager
    def raging(self, rounds: int) -> Iterator[None]:
        """So many times it begins, is told, ends and is told; raises at the end what kept it from that."""
        thread = threading.Thread(target=self._guard, args=(rounds,), name="storm", daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _guard(self, rounds: int) -> None:
        try:
            with mqtt_client(self._port) as client:
                self._run(client, rounds)
        except Exception as error:  # noqa: BLE001 - `raging` raises it
            self._failure = error
        finally:
            self.has_begun.set()
            self.is_over.set()

    def _run(self, client: paho.Client, rounds: int) -> None:
        client.on_message = self._on_message
        client.subscribe("tcm/v1/+/alerts/#", qos=1)
        self._send(client, COLD_C)
        self._loop_until(client, lambda: False, CALM_S)
        self.has_begun.set()
        for _ in range(rounds):
            start_s = time.monotonic()
            self._send(client, HOT_C)
            self._require(client, EXCEEDANCES)
            self.told_s.append(time.monotonic() - start_s)
            self._send(client, COLD_C)
            self._require(client, 0)

    def _send(self, client: paho.Client, temperature_c: float) -> None:
        """A reading of every channel, logger by logger, spread over a second; containers take turns."""
        channels = tuple(f"temperature.c{number}" for number in range(CHANNELS))
        env = Env(channels, 0, np.full((1, CHANNELS), temperature_c, dtype=np.float32))
        start_s = time.monotonic()
        for number in range(LOGGERS):
            stamp = Stamp(boot=1, t0_ns=time.time_ns(), mono_ns=time.monotonic_ns())
            payload = encode_env(stamp, self._seq, oldest=self._seq, overrun=0, env=env)
            topic = f"tcm/v1/{PREFIX}-{number % CONTAINERS}/S-{number:03d}/up/env"
            client.publish(topic, payload, qos=1)
            self._loop_until(client, lambda: False, start_s + (number + 1) / LOGGERS * BREAK_S - time.monotonic())
        self._seq += 1

    def _require(self, client: paho.Client, count: int) -> None:
        self._loop_until(client, lambda: len(self._open) == count, LIMIT_S)
        if len(self._open) != count:
            raise TimeoutError(f"{len(self._open)} of {count} alerts are on MQTT after {LIMIT_S:g} s")

    def _loop_until(self, client: paho.Client, is_done: Callable[[], bool], limit_s: float) -> None:
        end_s = time.monotonic() + limit_s
        while (left_s := end_s - time.monotonic()) > 0 and not is_done():
            client.loop(min(left_s, LOOP_S))
            self.notified += len(self._of_all.read())

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if CONTAINER in message.topic:
            return
        if message.payload:
            self._open.add(message.topic)
        else:
            self._open.discard(message.topic)


def storm(rounds: int) -> dict[str, float]:
    """Samples of another container while the storm begins, ends and is told, so many times.

    The probe has a notifier to itself, which tells each change at once. Another one with the default window is told of
    everything.
    """
    with (
        mosquitto(BROKER_LINE) as broker,
        receiver() as of_probe,
        receiver() as of_all,
        tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name,
    ):
        daemon = _daemon(Path(name), broker.url, of_probe, of_all)
        try:
            daemon.start()
            daemon.wait_ready()
            with mqtt_client(broker.port) as client:
                probe, raging = Probe(client, of_probe), Storm(broker.port, of_all)
                with raging.raging(rounds):
                    while not raging.has_begun.is_set():
                        probe.sample_ms()
                    before_mb, samples_ms = daemon.peak_rss_mb(), []
                    while not raging.is_over.is_set():
                        samples_ms.append(probe.sample_ms())
            growth_mb, rows = daemon.peak_rss_mb() - before_mb, _rows(daemon.state_dir / "watch.db")
        finally:
            daemon.stop()
    return quantiles("storm", samples_ms) | {
        "storm_samples": len(samples_ms),
        "storm_exceedances": rows,
        "storm_notifications": raging.notified,
        "storm_told_s": max(raging.told_s),
        "storm_growth_mb": growth_mb,
    }


def _daemon(folder: Path, broker_url: str, of_probe: Receiver, of_all: Receiver) -> Daemon:
    limits = folder / "limits"
    limits.mkdir()
    (limits / f"{PREFIX}.toml").write_text(PROFILE)
    all_lines = f'[[notifier]]\nname = "all"\nkind = "webhook"\nurl = "{of_all.url}"\n'
    more = notifier_lines(of_probe) + all_lines
    daemon = Daemon(folder, broker_url, limits, default_limits=PREFIX, more=more)
    write_probe(limits, folder / "containers")
    return daemon


def _rows(watch: Path) -> int:
    """Exceedances of the storm that watch.db has."""
    with closing(sqlite3.connect(f"file:{watch}?mode=ro", uri=True)) as connection:
        query = f"SELECT count(*) FROM alerts WHERE container LIKE '{PREFIX}-%'"
        return int(connection.execute(query).fetchone()[0])
