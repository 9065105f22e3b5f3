"""The gateway's side of the simulated broker: what stands for paho.Client, and its connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import paho.mqtt.client as paho

if TYPE_CHECKING:
    from tests.simulation.broker import Broker


class Packet(NamedTuple):
    """A message on its way."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool = False


class Receipt:
    """paho's MQTTMessageInfo of a publication."""

    def __init__(self, wait: Callable[[Receipt], None]) -> None:
        self.rc, self.mid = paho.MQTT_ERR_SUCCESS, 0
        self.is_done = False
        self._wait = wait

    def wait_for_publish(self, timeout: float | None = None) -> None:
        """The broker takes what waits, unless it has stalled; then the time is over."""
        self._wait(self)

    def is_published(self) -> bool:
        """Whether the broker has it."""
        return self.is_done


class Connection:
    """What waits between a client and the broker, both ways; it ends with the connection."""

    def __init__(self, redelivered: list[int]) -> None:
        self.redelivered = deque(redelivered)
        self.sent: deque[Callable[[], None]] = deque()


class Client:
    """Stands for paho.Client in `monitor.ingest.Session`; made through `Broker.client`."""

    def __init__(self, broker: Broker, client_id: str, protocol: int) -> None:
        self.broker, self.client_id, self.protocol = broker, client_id, protocol
        self.connection: Connection | None = None
        self.wants_connection = False
        self.on_connect: Any = None
        self.on_connect_fail: Any = None
        self.on_disconnect: Any = None
        self.on_subscribe: Any = None
        self.on_message: Any = None

    def max_queued_messages_set(self, _limit: int) -> None:
        """Nothing is queued without a connection."""

    def reconnect_delay_set(self, _least_s: int, _most_s: int) -> None:
        """The scheduler says when."""

    def connect_async(self, _host: str, _port: int, _keepalive_s: int, **_clean: Any) -> None:
        """Connect as soon as the scheduler says."""
        self.wants_connection = True

    def loop_forever(self, retry_first_connection: bool = False) -> None:
        """The scheduler does the network thread's work: this returns at once."""

    def disconnect(self) -> None:
        """End the connection for good."""
        self.wants_connection = False
        self.connection = None

    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self.connection is not None

    def subscribe(self, filters: list[tuple[str, int]]) -> None:
        """Ask for a subscription; the answer comes when the broker has read it."""
        names = tuple(name for name, _ in filters)
        self._send(lambda: self.broker.subscribed(self, names))

    def ack(self, mid: int, _qos: int) -> None:
        """PUBACK on whatever connection there is."""
        self._send(lambda: self.broker.acknowledged(self, mid))

    def acknowledge(self, mids: list[int]) -> None:
        """PUBACK for several messages."""
        for mid in mids:
            self.ack(mid, 1)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> Receipt:
        """Send a message; confirmed when the broker has read it."""
        receipt = Receipt(lambda _: self.broker.wait(self))

        def arrive() -> None:
            self.broker.route(Packet(topic, payload, qos, retain))
            receipt.is_done = True

        self._send(arrive)
        return receipt

    def _send(self, arrival: Callable[[], None]) -> None:
        if self.connection is not None:
            self.connection.sent.append(arrival)
