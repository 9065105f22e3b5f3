"""Milliseconds from publishing a reading beyond a limit to receiving its alert; the daemon has nothing else to do.

Each sample is four steps of one probe with one thread, at random distances:

1. a plain message through the broker, from publishing to receipt: what any alert costs at least;
2. a page written and synchronised on the daemon's disk: what its one durable commit costs at least;
3. a record of one reading above the limit, from publishing to the receipt of the alert that fires;
4. a record that clears it, until its topic is empty again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path
from statistics import median

import numpy as np
import paho.mqtt.client as paho

from benchmarks.common import Daemon, mqtt_client, positive, report, rounded, table
from firmware_sim.codec import Env, Stamp, encode_env
from tests.servers import Mosquitto, mosquitto

CONTAINER, LOGGER, CHANNEL = "C-001", "L-01", "temperature.hardware"
RECORD_TOPIC = f"tcm/v1/{CONTAINER}/{LOGGER}/up/env"
ALERTS_FILTER = f"tcm/v1/{CONTAINER}/alerts/#"
PLAIN_TOPIC = "benchmark/plain"
HOT_C, COLD_C = 30.0, 20.0
LIMITS = f"""
name = "flight-hardware"
[[rule]]
id = "temperature-high"
kind = "threshold"
channel = "{CHANNEL}"
above = "25 degC"
clear = "24 degC"
severity = "alarm"
"""
BROKER_LINE = "set_tcp_nodelay true"  # else the broker's kernel holds small packets back for up to 40 ms
WARM_UP = 10  # samples that do not count: files and code are touched for the first time
SPACING_S = (0.02, 0.08)  # random, so that no exchange keeps step with a timer of the daemon
ANSWER_LIMIT_S = 10.0
LOOP_S = 0.05
PAGE_BYTES = 4096
SEED = 1

Message = tuple[str, bytes, float]  # topic, payload, time of receipt by perf_counter


class Probe:
    """Publishes, and waits for what comes back, in one thread: no hand-over between threads is measured."""

    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self._received: list[Message] = []
        self._random = random.Random(SEED)
        self._seq = 0
        client.on_message = self._on_message
        for topic_filter in (ALERTS_FILTER, PLAIN_TOPIC):
            client.subscribe(topic_filter, qos=1)
        self.pause()

    def plain_ms(self) -> float:
        """Time of a plain message through the broker."""
        return self._exchange_ms(PLAIN_TOPIC, b"x", lambda topic, _: topic == PLAIN_TOPIC)

    def alert_ms(self) -> float:
        """Time from a reading above the limit to its alert."""
        return self._exchange_ms(RECORD_TOPIC, self._record(HOT_C), lambda _, data: _state(data) == "firing")

    def clear(self) -> None:
        """Send a reading that ends the alert and wait until its topic is empty."""
        self._exchange_ms(RECORD_TOPIC, self._record(COLD_C), lambda topic, data: topic != PLAIN_TOPIC and not data)

    def pause(self) -> None:
        """Wait a random time; whatever comes meanwhile is of no interest."""
        end_s = time.monotonic() + self._random.uniform(*SPACING_S)
        while (left_s := end_s - time.monotonic()) > 0:
            self._client.loop(left_s)
        self._received.clear()

    def _exchange_ms(self, topic: str, payload: bytes, is_answer: Callable[[str, bytes], bool]) -> float:
        start_s = time.perf_counter()
        self._client.publish(topic, payload, qos=1)
        while time.perf_counter() < start_s + ANSWER_LIMIT_S:
            for name, data, at_s in self._received:
                if is_answer(name, data):
                    return (at_s - start_s) * 1e3
            self._received.clear()
            self._client.loop(LOOP_S)
        raise TimeoutError(f"no answer to {topic} within {ANSWER_LIMIT_S:g} s")

    def _record(self, temperature_c: float) -> bytes:
        stamp = Stamp(boot=1, t0_ns=time.time_ns(), mono_ns=time.monotonic_ns())
        env = Env((CHANNEL,), 0, np.full((1, 1), temperature_c, dtype=np.float32))
        payload = encode_env(stamp, self._seq, oldest=self._seq, overrun=0, env=env)
        self._seq += 1
        return payload

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        at_s = time.perf_counter()
        self._received.append((message.topic, bytes(message.payload), at_s))


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=positive, default=200)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with mosquitto(BROKER_LINE) as broker, tempfile.TemporaryDirectory(prefix="tcm-benchmark-") as name:
        plain_ms, disk_ms, alerts_ms = _measure(Path(name), broker, options.samples)
    figures = rounded(
        {
            "idle_p50_ms": median(alerts_ms),
            "idle_p99_ms": float(np.percentile(alerts_ms, 99)),
            "broker_p50_ms": median(plain_ms),
            "broker_p99_ms": float(np.percentile(plain_ms, 99)),
            "disk_p50_ms": median(disk_ms),
            "disk_p99_ms": float(np.percentile(disk_ms, 99)),
        }
    )
    report(figures | {"samples": options.samples}, table([("", figures)]), options.json)


def _measure(folder: Path, broker: Mosquitto, samples: int) -> tuple[tuple[float, ...], ...]:
    """Milliseconds of each sample: plain messages, synchronised pages, alerts."""
    limits = folder / "limits"
    limits.mkdir()
    (limits / "flight-hardware.toml").write_text(LIMITS)
    daemon = Daemon(folder, broker.url, limits)
    try:
        daemon.start()
        daemon.wait_ready()
        os.sync()  # an idle machine: what others left to be written would make the journal's fsync wait
        with mqtt_client(broker.port) as client, (folder / "page").open("wb", buffering=0) as page:
            probe = Probe(client)
            found = [_sample(probe, page) for _ in range(WARM_UP + samples)][WARM_UP:]
    finally:
        daemon.stop()
    return tuple(zip(*found, strict=True))


def _sample(probe: Probe, page: RawIOBase) -> tuple[float, float, float]:
    plain_ms = probe.plain_ms()
    probe.pause()
    disk_ms = _synchronised_ms(page)
    probe.pause()
    alert_ms = probe.alert_ms()
    probe.pause()
    probe.clear()
    probe.pause()
    return plain_ms, disk_ms, alert_ms


def _synchronised_ms(page: RawIOBase) -> float:
    start_s = time.perf_counter()
    page.write(bytes(PAGE_BYTES))
    os.fdatasync(page.fileno())
    return (time.perf_counter() - start_s) * 1e3


def _state(payload: bytes) -> str | None:
    return str(json.loads(payload)["state"]) if payload.startswith(b"{") else None


if __name__ == "__main__":
    main()
