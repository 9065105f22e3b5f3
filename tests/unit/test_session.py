"""PUBACKs: in the order of receipt, and only on the connection that brought the message."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import paho.mqtt.client as paho
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.settings import MqttSettings
from monitor.ingest import Inbox, Session
from monitor.ingest.client import Client
from monitor.ingest.inbox import MAX_INBOX_MESSAGES, Delivery
from monitor.ingest.session import CATCH_UP_NS
from tests.intakes import ManualClock


class Unconnected(Client):
    """A client that notes its PUBACKs; it is never connected."""

    acks: list[int]
    cuts = 0

    def is_connected(self) -> bool:
        """As far as the session goes."""
        return True

    def cut(self) -> None:
        """Note it."""
        self.cuts += 1

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Send PUBACKs."""
        self.acks += mids


class Line:
    """A session and what its callbacks are given."""

    def __init__(self) -> None:
        self.inbox, self.acks, self.clock = Inbox(), list[int](), ManualClock()
        settings = MqttSettings.model_validate({"url": "mqtt://127.0.0.1:1"})
        self.session = Session("live", settings, "g", ("#",), self.inbox, self.clock, client_type=self._client)

    def _client(self, *args: Any, **kwargs: Any) -> Client:
        self.client = Unconnected(*args, **kwargs)
        self.client.acks = self.acks
        return self.client

    def connect(self) -> None:
        accepted, flags = SimpleNamespace(is_failure=False), SimpleNamespace(session_present=True)
        self.session._on_connect(self.client, None, flags, accepted, None)

    def disconnect(self) -> None:
        self.session._on_disconnect(self.client, None, None, "cut", None)

    @property
    def cuts(self) -> int:
        return self.client.cuts

    def look(self) -> None:
        """A second has passed."""
        self.session.granted.set()
        self.session._look()

    def offer(self, mid: int, qos: int = 1) -> None:
        message = paho.MQTTMessage(mid, f"tcm/v1/C/L{mid}/up/env".encode())
        message.qos = qos
        self.session._on_message(self.client, None, message)

    def receive(self, mid: int, qos: int = 1) -> Delivery:
        self.offer(mid, qos)
        delivery = self.inbox.take()
        assert delivery is not None
        return delivery


@given(st.permutations(range(6)))
def test_they_go_out_in_the_order_of_receipt(order: list[int]) -> None:
    """Whatever the order of the work, and each as soon as all before it are done."""
    line = Line()
    line.connect()
    deliveries = [line.receive(mid) for mid in range(6)]
    done: set[int] = set()
    for mid in order:
        deliveries[mid].acknowledge()
        done.add(mid)
        assert line.acks == [m for m in range(6) if done.issuperset(range(m + 1))]


def test_none_goes_to_another_connection() -> None:
    """Packet ids begin anew there: a late one would free another message."""
    line = Line()
    line.connect()
    first, second = line.receive(1), line.receive(2)
    first.acknowledge()
    line.disconnect()
    second.acknowledge()
    line.connect()
    generation, again = line.session.generation, line.receive(1)
    second.acknowledge()
    assert line.acks == [1]
    again.acknowledge()
    assert line.acks == [1, 1]
    line.disconnect()
    assert line.session.generation != generation


def test_qos_0_has_none_and_holds_nothing_up() -> None:
    """It has no place in the broker's window."""
    line = Line()
    line.connect()
    line.receive(0, qos=0).acknowledge()
    line.receive(5).acknowledge()
    assert line.acks == [5]


def test_what_finds_no_room_comes_again_once_there_is_some() -> None:
    """Nothing that came later goes before it, nothing waits meanwhile, and it is not connected anew without end."""
    line = Line()
    line.connect()
    line.inbox.is_held = True
    for mid in range(1, MAX_INBOX_MESSAGES + 3):
        line.offer(mid)
    assert (len(line.inbox), line.session.dropped) == (MAX_INBOX_MESSAGES, 2)
    line.clock.mono += CATCH_UP_NS
    line.look()
    assert line.cuts == 0
    line.inbox.is_held = False
    while len(line.inbox) > MAX_INBOX_MESSAGES // 2:
        line.inbox.take()
    line.offer(9)
    assert (len(line.inbox), line.session.dropped) == (MAX_INBOX_MESSAGES // 2, 3)
    line.look()
    assert line.cuts == 1
    line.disconnect()
    line.connect()
    line.offer(1)
    assert (len(line.inbox), line.session.dropped) == (MAX_INBOX_MESSAGES // 2 + 1, 3)
    line.look()
    assert line.cuts == 1
