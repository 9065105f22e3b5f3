"""The broker of a simulated gateway: persistent sessions, packet ids, redelivery, retained messages, loss.

What a client sends waits on its connection until `Broker.read` takes it, so a cut can come before or after a PUBACK.
Packet ids begin anew with each new session, and a PUBACK frees whatever message has its id: a stale one destroys
another message, as with a real broker.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

MAX_IN_FLIGHT = 20  # to a client without PUBACK, mosquitto's default
_SUCCESS = ReasonCode(PacketTypes.CONNACK, "Success")
_GRANTED = ReasonCode(PacketTypes.SUBACK, "Granted QoS 1")
_LOST = ReasonCode(PacketTypes.DISCONNECT, "Unspecified error")


class Packet(NamedTuple):
    """A message on its way."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool = False


@dataclass(slots=True)
class Stored:
    """A persistent session: what waits, and what was sent and not acknowledged, by packet id."""

    filters: tuple[str, ...] = ()
    waiting: deque[Packet] = field(default_factory=deque)
    in_flight: dict[int, Packet] = field(default_factory=dict)
    last_mid: int = 0


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


class Broker:
    """`heard` is called with each message that arrives, `on_freed` with each that a PUBACK freed; loggers listen by their topic's prefix."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.stored: dict[str, Stored] = {}
        self.retained: dict[str, Packet] = {}
        self.clients: dict[str, Client] = {}
        self.listeners: dict[str, Callable[[str, bytes], None]] = {}
        self.heard: Callable[[str, bytes], None] = lambda _topic, _payload: None
        self.on_freed: Callable[[Packet], None] = lambda _packet: None
        self.is_up, self.is_stalled = True, False

    def client(self, _version: Any, *, client_id: str, protocol: int, **_options: Any) -> Client:
        """A client as `Session` makes it; it takes the place of an earlier one of the same id."""
        client = self.clients[client_id] = Client(self, client_id, protocol)
        return client

    def accept(self, client: Client) -> None:
        """Connect a client that wants it; what was in flight comes again, in the same order, under the same ids."""
        if not self.is_up:
            client.on_connect_fail(client, None)
            return
        is_present = client.client_id in self.stored
        stored = self.stored.setdefault(client.client_id, Stored())
        client.connection = Connection(list(stored.in_flight))
        client.on_connect(client, None, paho.ConnectFlags(is_present), _SUCCESS, None)

    def cut(self, client: Client, *, has_read: int | None = None) -> None:
        """End a connection after the broker has read so many of the packets under way (None: all)."""
        connection = client.connection
        if connection is None:
            return
        self.read(client, len(connection.sent) if has_read is None else has_read)
        client.connection = None
        client.on_disconnect(client, None, None, _LOST, None)

    def forget(self, client_id: str, *, keeps_waiting: bool) -> None:
        """Lose a session; with `keeps_waiting` another takes its place that has its messages under new ids."""
        lost = self.stored.pop(client_id, None)
        if lost is not None and keeps_waiting:
            waiting = deque([*lost.in_flight.values(), *lost.waiting])
            self.stored[client_id] = Stored(lost.filters, waiting)

    def restart(self, *, is_persistent: bool) -> None:
        """End all connections; without persistence forget everything."""
        for client in self.clients.values():
            self.cut(client, has_read=0)
        if not is_persistent:
            self.stored.clear()
            self.retained.clear()

    def read(self, client: Client, packets: int) -> bool:
        """Take packets that a client sent; whether there were any."""
        connection = client.connection
        did = False
        for _ in range(packets):
            if connection is None or not connection.sent:
                break
            connection.sent.popleft()()
            did = True
        return did

    def wait(self, client: Client) -> None:
        """Somebody waits for what he published."""
        if not self.is_stalled and client.connection is not None:
            self.read(client, len(client.connection.sent))

    def deliver(self, client: Client, packets: int) -> bool:
        """Send a client what waits for it, as far as the window admits; whether there was anything."""
        did = False
        for _ in range(packets):
            if client.connection is None or not self._deliver_one(client, self.stored[client.client_id]):
                break
            did = True
        return did

    def subscribed(self, client: Client, filters: tuple[str, ...]) -> None:
        """A SUBSCRIBE arrived: retained messages come first."""
        stored = self.stored[client.client_id]
        stored.filters = filters
        client.on_subscribe(client, None, 0, [_GRANTED] * len(filters), None)
        stored.waiting += [packet for packet in self.retained.values() if _matches(filters, packet.topic)]

    def acknowledged(self, client: Client, mid: int) -> None:
        """A PUBACK arrived."""
        packet = self.stored[client.client_id].in_flight.pop(mid, None)
        if packet is not None:
            self.on_freed(packet)

    def route(self, packet: Packet) -> None:
        """A message arrived."""
        self.heard(packet.topic, packet.payload)
        if packet.is_retained:
            self.retained[packet.topic] = packet
            if not packet.payload:
                del self.retained[packet.topic]
        for stored in self.stored.values():
            if _matches(stored.filters, packet.topic):
                stored.waiting.append(packet._replace(is_retained=False))
        owner, _, level = packet.topic.partition("/down/")
        if owner in self.listeners:
            self.listeners[owner](level, packet.payload)

    def is_idle(self, client: Client) -> bool:
        """Whether nothing is under way to or from a client."""
        stored = self.stored.get(client.client_id)
        return stored is None or not (stored.waiting or stored.in_flight)

    def _deliver_one(self, client: Client, stored: Stored) -> bool:
        assert client.connection is not None
        redelivered = client.connection.redelivered
        while redelivered:
            mid = redelivered.popleft()
            if mid in stored.in_flight:
                self._hand_over(client, mid, stored.in_flight[mid], is_again=True)
                return True
        if not stored.waiting or len(stored.in_flight) >= MAX_IN_FLIGHT:
            return False
        stored.last_mid += 1
        packet = stored.in_flight[stored.last_mid] = stored.waiting.popleft()
        self._hand_over(client, stored.last_mid, packet, is_again=False)
        return True

    def _hand_over(self, client: Client, mid: int, packet: Packet, *, is_again: bool) -> None:
        message = paho.MQTTMessage(mid, packet.topic.encode())
        message.payload, message.qos, message.retain, message.dup = packet.payload, 1, packet.is_retained, is_again
        client.on_message(client, None, message)


def _matches(filters: tuple[str, ...], topic: str) -> bool:
    return any(paho.topic_matches_sub(topic_filter, topic) for topic_filter in filters)
