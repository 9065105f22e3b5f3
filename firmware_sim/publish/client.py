"""A client of paho as a session uses it: it connects once, and does not keep what an earlier one left."""

import socket
from contextlib import suppress

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware_sim.device import Message
from firmware_sim.publish.broker import Broker
from firmware_sim.publish.tls import Tls

MAX_INFLIGHT = 20  # without the broker's PUBACK; the default of common brokers
MAX_QUEUED = 100_000  # in paho, of all loggers on a connection; each bounds its own by its window of 256 records

_PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


def make_client(broker: Broker, protocol: str, client_id: str, tls: Tls | None, will: Message | None) -> mqtt.Client:
    """Return a client that is not connected and has no callbacks; protocol: "5" or "3.1.1"."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=_PROTOCOLS[protocol],
        reconnect_on_failure=False,
    )
    if tls is not None:
        client.tls_set_context(tls.context)
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    client.max_inflight_messages_set(MAX_INFLIGHT)
    client.max_queued_messages_set(MAX_QUEUED)
    if will is not None:
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
    return client


def cut(client: mqtt.Client) -> None:
    """End the TCP connection without a DISCONNECT; its thread notices at once."""
    connection = client.socket()
    if isinstance(connection, socket.socket):
        with suppress(OSError):  # the other side was first
            connection.shutdown(socket.SHUT_RDWR)
