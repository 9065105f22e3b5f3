"""A probe: publishes readings beyond a limit and waits for their alerts on MQTT and by webhook, in one thread."""

from __future__ import annotations

import json
import random
import select
import time
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho

from benchmarks.receiver import Receiver
from firmware_sim.codec import Env, Stamp, encode_env

CONTAINER, LOGGER, CHANNEL = "C-900", "P-01", "temperature.hardware"
RECORD_TOPIC = f"tcm/v1/{CONTAINER}/{LOGGER}/up/env"
ALERTS_FILTER = f"tcm/v1/{CONTAINER}/alerts/#"
PLAIN_TOPIC = "benchmark/plain"
PLAIN, BOARD, WEBHOOK = "plain", "board", "webhook"  # ways by which something comes back
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

Answer = tuple[str, str]  # the way by which it came, and the state of the alert ("": no alert any more)


def write_probe(limits: Path, containers: Path) -> None:
    """Give the probe's container a profile of its own."""
    (limits / "probe.toml").write_text(PROFILE)
    (containers / f"{CONTAINER}.toml").write_text(f'id = "{CONTAINER}"\nlimits = "probe"\n')


def notifier_lines(receiver: Receiver) -> str:
    """The configuration by which the daemon tells the receiver of each change by itself, the probe's fifty a minute.

    With the default window the first alert of a container and cause goes out as it does here; those that follow within
    a minute would be told together, and could not be measured. For the same reason none counts as the one before.
    """
    return (
        f'[alerts]\nhold_off = "0 s"\n[[notifier]]\nname = "probe"\nkind = "webhook"\nurl = "{receiver.url}"\n'
        f'window = "0 s"\ncontainers = ["{CONTAINER}"]\n'
    )


class Probe:
    """Publishes, and waits for what comes back, in one thread: no hand-over between threads is measured."""

    def __init__(self, client: paho.Client, receiver: Receiver) -> None:
        self._client, self._receiver = client, receiver
        self._received: list[tuple[Answer, float]] = []  # with the time of receipt by perf_counter
        self._random = random.Random(SEED)
        self._seq = 0
        client.on_message = self._on_message
        for topic_filter in (ALERTS_FILTER, PLAIN_TOPIC):
            client.subscribe(topic_filter, qos=1)
        self.pause()

    def plain_ms(self) -> float:
        """Time of a plain message through the broker."""
        return max(self._exchange_ms(PLAIN_TOPIC, b"x", (PLAIN, "")))

    def alert_ms(self) -> list[float]:
        """Times from a reading above the limit to its alert on MQTT and by webhook."""
        return self._exchange_ms(RECORD_TOPIC, self._record(HOT_C), (BOARD, "firing"), (WEBHOOK, "firing"))

    def clear(self) -> None:
        """Send a reading that ends the alert and wait until its topic is empty, and the receiver told."""
        self._exchange_ms(RECORD_TOPIC, self._record(COLD_C), (BOARD, ""), (WEBHOOK, "cleared"))

    def sample_ms(self) -> float:
        """Time to an alert that begins and ends again, the longer of both ways; a random time before the next."""
        alert_ms = max(self.alert_ms())
        self.pause()
        self.clear()
        self.pause()
        return alert_ms

    def pause(self) -> None:
        """Wait a random time; whatever comes meanwhile is of no interest."""
        end_s = time.monotonic() + self._random.uniform(*SPACING_S)
        while (left_s := end_s - time.monotonic()) > 0:
            self._read(left_s)
        self._received.clear()

    def _exchange_ms(self, topic: str, payload: bytes, *answers: Answer) -> list[float]:
        """Times from publishing to the first of each of the answers."""
        found_ms: dict[Answer, float] = {}
        start_s = time.perf_counter()
        self._client.publish(topic, payload, qos=1)
        while time.perf_counter() < start_s + ANSWER_LIMIT_S:
            for answer, at_s in self._received:
                found_ms.setdefault(answer, (at_s - start_s) * 1e3)
            self._received.clear()
            if found_ms.keys() >= set(answers):
                return [found_ms[answer] for answer in answers]
            self._read(LOOP_S)
        missing = ", ".join(f"{way} {state}".strip() for way, state in answers if (way, state) not in found_ms)
        raise TimeoutError(f"no answer to {topic} within {ANSWER_LIMIT_S:g} s: {missing}")

    def _read(self, limit_s: float) -> None:
        """Wait until something comes on either way, and take it."""
        client = self._client
        connection = client.socket()
        if connection is None:
            raise ConnectionError("the broker is gone")
        writing = [connection] if client.want_write() else []
        ready, writable, _ = select.select([connection, *self._receiver.sockets], writing, [], limit_s)
        if connection in ready:
            client.loop_read()
        if writable:
            client.loop_write()
        client.loop_misc()
        for content, at_s in self._receiver.read():
            if content["container"] == CONTAINER:
                self._received.append(((WEBHOOK, content["alerts"][0]["state"]), at_s))

    def _record(self, temperature_c: float) -> bytes:
        stamp = Stamp(boot=1, t0_ns=time.time_ns(), mono_ns=time.monotonic_ns())
        env = Env((CHANNEL,), 0, np.full((1, 1), temperature_c, dtype=np.float32))
        payload = encode_env(stamp, self._seq, oldest=self._seq, overrun=0, env=env)
        self._seq += 1
        return payload

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        at_s = time.perf_counter()
        way = PLAIN if message.topic == PLAIN_TOPIC else BOARD
        self._received.append(((way, _state(bytes(message.payload))), at_s))


def _state(payload: bytes) -> str:
    return str(json.loads(payload)["state"]) if payload.startswith(b"{") else ""
