"""A probe: publishes readings beyond a limit and waits for their alerts, in one thread."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho

from firmware_sim.codec import Env, Stamp, encode_env

CONTAINER, LOGGER, CHANNEL = "C-900", "P-01", "temperature.hardware"
RECORD_TOPIC = f"tcm/v1/{CONTAINER}/{LOGGER}/up/env"
ALERTS_FILTER = f"tcm/v1/{CONTAINER}/alerts/#"
PLAIN_TOPIC = "benchmark/plain"
HOT_C, COLD_C = 30.0, 20.0
PROFILE = f"""
name = "probe"
[[rule]]
id = "temperature-high"
kind = "threshold"
channel = "{CHANNEL}"
above = "25 degC"
clear = "24 degC"
severity = "alarm"
"""
BROKER_LINE = "set_tcp_nodelay true"  # else the broker's kernel holds small packets back for up to 40 ms
SPACING_S = (0.02, 0.08)  # random, so that no exchange keeps step with a timer of the daemon
ANSWER_LIMIT_S = 10.0
LOOP_S = 0.05
SEED = 1

Message = tuple[str, bytes, float]  # topic, payload, time of receipt by perf_counter


def write_probe(limits: Path, containers: Path) -> None:
    """Give the probe's container a profile of its own."""
    (limits / "probe.toml").write_text(PROFILE)
    (containers / f"{CONTAINER}.toml").write_text(f'id = "{CONTAINER}"\nlimits = "probe"\n')


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

    def sample_ms(self) -> float:
        """Time to an alert that begins and ends again, with a random time before the next."""
        alert_ms = self.alert_ms()
        self.pause()
        self.clear()
        self.pause()
        return alert_ms

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


def _state(payload: bytes) -> str | None:
    return str(json.loads(payload)["state"]) if payload.startswith(b"{") else None
