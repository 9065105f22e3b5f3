"""A small logger of the tests' own: it keeps what it made, and sends it when it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self
from zlib import crc32

import numpy as np
import paho.mqtt.client as paho
from numpy.typing import NDArray
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware_sim.codec import Ack, Env, Shock, Stamp, Status, decode_ack, encode_env, encode_shock, encode_status
from tests.processes import HOST, wait_until

SETTLE_S = 20.0
START_NS = 1_795_420_800_000_000_000  # 2026-11-23T08:00:00Z
PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


class Logger:
    """A logger that keeps what it made, and sends it when it is told to.

    It booted at `start_ns`. With `clk` below 2 its times count from there all the same, but are not told: `t0` is the
    time since the boot.
    """

    def __init__(
        self,
        broker_port: int,
        name: str,
        *,
        container: str = "C-1",
        protocol: str = "5",
        clk: int = 2,
        start_ns: int = START_NS,
    ) -> None:
        self.name, self.container, self.clk = name, container, clk
        self.topic, self.start_ns = f"tcm/v1/{container}/{name}", start_ns
        self.boot = crc32(name.encode())
        self.records: list[tuple[str, bytes]] = []  # kind and payload by seq
        self.acks: list[Ack] = []
        self._port, self._protocol = broker_port, protocol
        self._client: paho.Client | None = None
        self._last: paho.MQTTMessageInfo | None = None

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.disconnect()

    @property
    def upto(self) -> int:
        """The highest seq up to which everything is settled, as far as this boot was told."""
        return max((ack.upto for ack in self.acks if ack.boot == self.boot), default=-1)

    def connect(self) -> None:
        """Connect, listen to down/ack and send the birth."""
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"test-{self.name}", protocol=PROTOCOLS[self._protocol]
        )
        client.on_message = lambda _client, _data, message: self.acks.append(decode_ack(bytes(message.payload)))
        client.connect(HOST, self._port)
        client.loop_start()
        self._client = client
        self._confirmed_subscription()
        self.birth()

    def disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def birth(self) -> None:
        """Announce what was made and what is still held."""
        held = [(self.boot, self.upto + 1, len(self.records) - 1)] if self.upto + 1 < len(self.records) else []
        status = Status("online", serial="SN-1", next_seq=len(self.records), held=held, interval_us=1_000_000)
        self.publish(f"{self.topic}/up/status", encode_status(self._stamp(self.start_ns), status), retain=True)

    def say_offline(self) -> None:
        """What the broker says of it when it is gone."""
        self.publish(
            f"{self.topic}/up/status", encode_status(self._stamp(self.start_ns), Status("offline")), retain=True
        )

    def env(self, t0_ns: int, rows: Sequence[Sequence[float]], *channels: str) -> int:
        """Make a block of readings a second apart; its seq."""
        content = Env(channels or ("temperature.hardware",), 1_000_000, np.array(rows, dtype=np.float32))
        self.records.append(("env", encode_env(self._stamp(t0_ns), len(self.records), 0, 0, content)))
        return len(self.records) - 1

    def shock(self, t0_ns: int, counts: NDArray[np.int16], pre: int) -> int:
        """Make an event of 1 kHz and 0.01 g a count; its seq."""
        content = Shock(1000.0, pre, (0.01, 0.01, 0.01), 16.0, counts, "a", 2.0)
        self.records.append(("shock", encode_shock(self._stamp(t0_ns), len(self.records), 0, 0, content)))
        return len(self.records) - 1

    def send(self, *seqs: int, fill: bool = False) -> None:
        """Publish records, all of them unless told which."""
        for seq in seqs or range(len(self.records)):
            kind, payload = self.records[seq]
            self.publish(f"{self.topic}/up/{'fill/' if fill else ''}{kind}", payload)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Hand a message to the network thread, QoS 1."""
        assert self._client is not None
        self._last = self._client.publish(topic, payload, qos=1, retain=retain)

    def wait_sent(self) -> None:
        """Wait until the broker has confirmed what was handed over last, and so all before it."""
        assert self._last is not None
        self._last.wait_for_publish(SETTLE_S)
        assert self._last.is_published()

    def is_settled(self) -> bool:
        return self.upto == len(self.records) - 1

    def wait_acknowledged(self, upto: int) -> None:
        wait_until(
            lambda: self.upto >= upto, SETTLE_S, f"{self.name}: acknowledgement up to {upto}, has {self.acks[-1:]}"
        )

    def _stamp(self, t0_ns: int) -> Stamp:
        mono_ns = t0_ns - self.start_ns
        return Stamp(self.boot, t0_ns if self.clk == 2 else mono_ns, mono_ns, self.clk)

    def _confirmed_subscription(self) -> None:
        granted: list[object] = []
        assert self._client is not None
        self._client.on_subscribe = lambda *_: granted.append(True)
        wait_until(self._client.is_connected, SETTLE_S, f"{self.name} to connect")
        self._client.subscribe(f"{self.topic}/down/ack", qos=0)
        wait_until(lambda: bool(granted), SETTLE_S, f"{self.name} to be subscribed")
