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
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tests.simulation.client import Client, Connection, Packet

MAX_IN_FLIGHT = 20  # to a client without PUBACK, mosquitto's default
_SUCCESS = ReasonCode(PacketTypes.CONNACK, "Success")
_GRANTED = ReasonCode(PacketTypes.SUBACK, "Granted QoS 1")
_LOST = ReasonCode(PacketTypes.DISCONNECT, "Unspecified error")


@dataclass(slots=True)
class Stored:
    """A persistent session: what waits, and what was sent and not acknowledged, by packet id."""

    filters: tuple[str, ...] = ()
    waiting: deque[Packet] = field(default_factory=deque)
    in_flight: dict[int, Packet] = field(default_factory=dict)
    last_mid: int = 0


class Broker:
    """`heard` is called with each message that arrives, `on_freed` with each that a PUBACK freed.

    Loggers listen by their topic's prefix.
    """

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
