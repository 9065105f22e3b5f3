"""Loggers that are knocked: so many events a second, and how long each takes to its alert."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as paho
from numpy.typing import NDArray

from benchmarks.common import mqtt_client
from benchmarks.probe import ANSWER_LIMIT_S
from firmware_sim.codec import Shock, Stamp, encode_shock
from tests.processes import wait_until

CONTAINER = "C-800"
ALERTS_FILTER = f"tcm/v1/{CONTAINER}/alerts/#"
LOGGERS = 10
EVENTS_PER_S = 10
SAMPLES, PRE, FS_HZ = 4096, 512, 5_000.0
RANGE_G, LEVEL_G = 16.0, 1.0
SCALE_G = RANGE_G / 32_768
# What a fork lift does: beyond the example profile's limits on resultant and z, far from its damage boundary.
PEAK_G, PULSE_S = 3.0, 0.011
RING_HZ, RING_S = 120.0, 0.05  # the base frame rings behind it
NOISE_G = 0.01
SEED = 2

Key = tuple[str, int]  # logger, seq


def write_knocked(containers: Path) -> None:
    """Register the loggers under the example profile."""
    loggers = "".join(f'\n[[logger]]\nid = "{_name(number)}"\n' for number in range(LOGGERS))
    (containers / f"{CONTAINER}.toml").write_text(f'id = "{CONTAINER}"\nlimits = "flight-hardware"\n{loggers}')


class Knocks:
    """Sends events while it is `going_on`; `alerts_ms` are the times from each to its first alert."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._random = np.random.default_rng(SEED)
        self._sent_s: dict[Key, float] = {}
        self._seqs = [0] * LOGGERS
        self._stopping = threading.Event()
        self.alerts_ms: list[float] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Events come, and the first has its alert; TimeoutError at the end when another has none."""
        before = len(self.alerts_ms)
        self._stopping.clear()
        thread = threading.Thread(target=self._run, name="knocks", daemon=True)
        thread.start()
        try:
            wait_until(lambda: len(self.alerts_ms) > before, ANSWER_LIMIT_S, "the first alert of an event")
            yield
        finally:
            self._stopping.set()
            thread.join()
        if self._sent_s:
            raise TimeoutError(f"no alert within {ANSWER_LIMIT_S:g} s of {len(self._sent_s)} events")

    def _run(self) -> None:
        with mqtt_client(self._port) as client:
            client.on_message = self._on_message
            client.subscribe(ALERTS_FILTER, qos=1)
            due_s, turn = time.perf_counter(), 0
            while not self._stopping.is_set():
                self._send(client, turn % LOGGERS)
                turn, due_s = turn + 1, due_s + 1 / EVENTS_PER_S
                while (left_s := due_s - time.perf_counter()) > 0:
                    client.loop(left_s)
            end_s = time.perf_counter() + ANSWER_LIMIT_S
            while self._sent_s and time.perf_counter() < end_s:
                client.loop(0.05)

    def _send(self, client: paho.Client, number: int) -> None:
        seq = self._seqs[number]
        self._seqs[number] += 1
        span_ns = round(SAMPLES / FS_HZ * 1e9)  # a logger sends an event once it has the whole of it
        stamp = Stamp(boot=1, t0_ns=time.time_ns() - span_ns, mono_ns=time.monotonic_ns() - span_ns)
        shock = Shock(FS_HZ, PRE, (SCALE_G,) * 3, RANGE_G, self._counts(), "a", LEVEL_G)
        payload = encode_shock(stamp, seq, oldest=seq, overrun=0, shock=shock)
        self._sent_s[_name(number), seq] = time.perf_counter()
        client.publish(f"tcm/v1/{CONTAINER}/{_name(number)}/up/shock", payload, qos=1)

    def _counts(self) -> NDArray[np.int16]:
        """A half-sine on z, and how the frame rings; x and y get a tenth of it."""
        time_s = (np.arange(SAMPLES) - PRE) / FS_HZ
        pulse_g = np.where((time_s >= 0) & (time_s < PULSE_S), np.sin(np.pi * time_s / PULSE_S), 0.0)
        ring_g = 0.3 * np.exp(-np.maximum(time_s, 0) / RING_S) * np.sin(2 * np.pi * RING_HZ * np.maximum(time_s, 0))
        accel_g = np.outer([0.1, 0.1, 1.0], PEAK_G * (pulse_g + ring_g)) + np.array([[0.0], [0.0], [1.0]])
        accel_g += NOISE_G * self._random.standard_normal(accel_g.shape)
        counts: NDArray[np.int16] = np.round(accel_g / SCALE_G).astype(np.int16)
        return counts

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        at_s = time.perf_counter()
        if not message.payload:
            return
        alert: dict[str, Any] = json.loads(message.payload)
        sent_s = self._sent_s.pop((alert["logger"], alert["evidence"]["seq"]), None)
        if sent_s is not None:
            self.alerts_ms.append((at_s - sent_s) * 1e3)


def _name(number: int) -> str:
    return f"K-{number + 1:02d}"
