"""The simulated broker does to a careless client what a real one does."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.simulation.broker import Broker
from tests.simulation.client import Client, Packet


class Listener:
    """A client that keeps what it hears, and acknowledges nothing by itself."""

    def __init__(self, broker: Broker) -> None:
        self.heard: list[tuple[int, bytes, bool]] = []
        self.client: Client = broker.client(2, client_id="gateway", protocol=5)
        self.client.on_connect = lambda *_: self.client.subscribe([("up/+", 1)])
        self.client.on_subscribe = self.client.on_disconnect = lambda *_: None
        self.client.on_message = lambda _client, _data, message: self._hear(message)

    def _hear(self, message: Any) -> None:
        self.heard.append((message.mid, message.payload, message.dup))


@pytest.fixture
def broker() -> Broker:
    return Broker(random.Random(1))


def connected(broker: Broker) -> Listener:
    listener = Listener(broker)
    broker.accept(listener.client)
    broker.read(listener.client, 10)
    return listener


def test_what_was_not_acknowledged_comes_again_in_order(broker: Broker) -> None:
    """Under the same packet ids and marked as copies; what was acknowledged does not."""
    listener = connected(broker)
    for payload in (b"a", b"b", b"c"):
        broker.route(Packet("up/env", payload, 1))
    broker.deliver(listener.client, 10)
    listener.client.ack(2, 1)
    broker.cut(listener.client)
    broker.accept(listener.client)
    broker.deliver(listener.client, 10)
    assert listener.heard[3:] == [(1, b"a", True), (3, b"c", True)]


def test_a_stale_acknowledgement_frees_another_message(broker: Broker) -> None:
    """Packet ids begin anew with a new session."""
    listener = connected(broker)
    broker.route(Packet("up/env", b"old", 1))
    broker.deliver(listener.client, 10)
    broker.cut(listener.client)
    broker.forget("gateway", keeps_waiting=False)
    broker.accept(listener.client)
    broker.read(listener.client, 10)
    broker.route(Packet("up/env", b"new", 1))
    broker.deliver(listener.client, 10)
    freed: list[bytes] = []
    broker.on_freed = lambda packet: freed.append(packet.payload)
    listener.client.ack(1, 1)
    broker.read(listener.client, 10)
    assert freed == [b"new"]


def test_a_cut_may_come_before_an_acknowledgement_arrives(broker: Broker) -> None:
    """Then the message comes again."""
    listener = connected(broker)
    broker.route(Packet("up/env", b"a", 1))
    broker.deliver(listener.client, 10)
    listener.client.ack(1, 1)
    broker.cut(listener.client, has_read=0)
    broker.accept(listener.client)
    broker.deliver(listener.client, 10)
    assert [payload for _, payload, _ in listener.heard] == [b"a", b"a"]
