"""One MQTT session for each logger: a thread that connects for ever, whose callbacks do nothing but leave word.

Every connection is a new client. So the birth is the first message of each connection (paho would send its own
leftovers first), the last will carries the time of this connection, and what is resent is the logger's decision alone.
"""

import queue
import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from firmware_sim.device import Message

PORTS = {"mqtt": 1883, "mqtts": 8883}
PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
KEEPALIVE_S = 30
MAX_INFLIGHT = 20  # without the broker's PUBACK; the default of common brokers
MAX_QUEUED = 1024  # in paho; above a logger's window of records, so it bounds only the unforeseen
FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
MAX_INBOX = 10_000  # one acknowledgement a second from each of a thousand loggers for ten seconds
ANSWER_S = 3.0  # from the CONNECT to the broker's answer; paho itself would wait for ever
CLOSE_S = 2.0


class BrokerError(ValueError):
    """A broker URL that cannot be used."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and as whom. protocol: "5" (falls back to 3.1.1 when that is refused) or "3.1.1"."""

    host: str
    port: int
    tls: bool = False
    protocol: str = "5"
    username: str | None = None
    password: str | None = None

    @property
    def url(self) -> str:
        """Return the address, without any secret."""
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}"


def parse_broker(url: str, protocol: str = "5", username: str | None = None, password: str | None = None) -> Broker:
    """Return the broker of `mqtt://host[:port]` or `mqtts://host[:port]`; raise BrokerError that says what is wrong."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BrokerError(f"--broker {url}: {error}") from error
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.username:
        raise BrokerError("--broker: expected mqtt://host:port or mqtts://host:port, without user or password")
    if protocol not in PROTOCOLS:
        raise BrokerError(f"--protocol {protocol}: expected 5 or 3.1.1")
    return Broker(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts", protocol, username, password)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Something that came by down/ack for a logger."""

    logger: str
    payload: bytes


Inbox = queue.Queue[Arrived | None]  # None only wakes


class Session:
    """The connection of one logger, kept up by a thread of its own until `close`.

    will: makes the last will for a connection that is made now (called in the thread). What arrives is put on `inbox`;
    a full inbox drops it, and a lost acknowledgement only means a resend. `generation` counts connections:
    whoever sees it changed knows that there was a break, however short. `failure` says why there is no connection.
    """

    def __init__(self, broker: Broker, logger: str, topic: str, will: Callable[[], Message], inbox: Inbox) -> None:
        self.generation = 0
        self.online = False
        self.failure: str | None = None
        self._broker = broker
        self._logger = logger
        self._topic = topic
        self._will = will
        self._inbox = inbox
        self._protocol = broker.protocol
        self._answered = False  # a CONNACK came on this connection
        self._last_will: Message | None = None
        self._client: mqtt.Client | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{logger}", daemon=True)

    def open(self) -> None:
        """Start to connect."""
        self._thread.start()

    def begin(self, birth: Message) -> None:
        """Begin the session on a new connection: subscribe, then publish the birth before anything else."""
        if self._client is not None:
            self._client.subscribe(f"{self._topic}/down/ack", qos=0)
        self.publish(birth)

    def publish(self, message: Message) -> mqtt.MQTTMessageInfo | None:
        """Hand a message to the connection; without one it goes nowhere and the logger resends it later."""
        client = self._client
        if client is None or not self.online:
            return None
        return client.publish(message.topic, message.payload, qos=1, retain=message.retain)

    def close(self) -> None:
        """Announce the end as the last will would, disconnect, and wait for the thread, all within CLOSE_S."""
        self._closing.set()
        client, will = self._client, self._last_will
        if client is not None:
            info = self.publish(will) if will is not None else None
            if info is not None and info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                info.wait_for_publish(CLOSE_S / 2)
            client.disconnect()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S / 2)

    def _run(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        while not self._closing.is_set():
            before = self.generation
            self._connect_once()
            if self.generation > before:
                backoff_s = FIRST_BACKOFF_S
            self._closing.wait(backoff_s * random.uniform(0.5, 1.0))
            backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)

    def _connect_once(self) -> None:
        """Make one connection and stay until it ends."""
        self._answered = False
        reached = False
        try:
            client = self._make_client()
            client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
            reached = True
            self._client = client
            if not self._closing.is_set():
                self._stay(client)
        except (OSError, ValueError) as error:  # refused, unknown host, TLS; paho raises ValueError for a bad host
            self.failure = str(error)
        finally:
            self.online = False
            self._client = None
        if reached and not self._answered and not self._closing.is_set():
            self.failure = f"no answer to an MQTT {self._protocol} CONNECT"
            if self._broker.protocol == "5":  # some brokers leave a version 5 CONNECT without a word: try them in turn
                self._protocol = "3.1.1" if self._protocol == "5" else "5"
        self._wake()

    def _stay(self, client: mqtt.Client) -> None:
        """Serve the connection until it ends; give up on a broker that does not answer the CONNECT."""
        patience = threading.Timer(ANSWER_S, lambda: None if self._answered else client.disconnect())
        patience.start()
        try:
            client.loop_forever()
        finally:
            patience.cancel()

    def _make_client(self) -> mqtt.Client:
        broker = self._broker
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"logger-{self._logger}",
            protocol=PROTOCOLS[self._protocol],
            reconnect_on_failure=False,
        )
        if broker.tls:
            client.tls_set_context(ssl.create_default_context())
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        client.max_inflight_messages_set(MAX_INFLIGHT)
        client.max_queued_messages_set(MAX_QUEUED)
        self._last_will = will = self._will()
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: mqtt.Client, userdata: object, flags: mqtt.ConnectFlags, reason: ReasonCode, properties: object
    ) -> None:
        self._answered = True
        if reason.is_failure:
            self.failure = f"refused: {reason}"
            if str(reason) == "Unsupported protocol version":
                self._protocol = "3.1.1"
        else:
            self.failure = None
            self.online = True
            self.generation += 1
        self._wake()

    def _on_disconnect(
        self, client: mqtt.Client, userdata: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        self.online = False
        if self._answered and self.failure is None and not self._closing.is_set():
            self.failure = str(reason)
        self._wake()

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == f"{self._topic}/down/ack":  # amqtt sends retained messages of other topics as well
            self._put(Arrived(self._logger, bytes(message.payload)))

    def _wake(self) -> None:
        self._put(None)

    def _put(self, item: Arrived | None) -> None:
        try:
            self._inbox.put_nowait(item)
        except queue.Full:
            return  # the loop is awake as it is, and a lost acknowledgement only means a resend
