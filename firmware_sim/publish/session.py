"""MQTT sessions: a thread for each connection, whose callbacks do nothing but leave word.

Every connection is a new client. So the birth is the first message of each connection (paho would send its own
leftovers first), the last will carries the time of this connection, and what is resent is the logger's decision alone.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from firmware_sim.device import Message
from firmware_sim.publish.broker import Broker
from firmware_sim.publish.client import MAX_INFLIGHT, cut, make_client
from firmware_sim.publish.tls import Tls

KEEPALIVE_S = 30
FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 5.0
STEADY_S = 10.0  # a connection that lasted so long was a good one: the next attempt comes soon
ANSWER_S = 3.0  # from the CONNECT to the broker's answer; paho itself would wait for ever


@dataclass(frozen=True, slots=True)
class Watcher:
    """Whom a session tells: `changed` that the connection came or went, `arrived` (topic, payload) what came by it.

    Both are called in the session's thread and only leave word. `will` makes the last will for a connection that is
    made now; None where there is none.
    """

    will: Callable[[], Message] | None
    changed: Callable[[], None]
    arrived: Callable[[str, bytes], None]


class Session:
    """One MQTT connection, kept up from `want` to `end`, again and again; `close` is for good.

    `generation` counts connections: whoever sees it changed knows that there was a break, however short. `failure`
    says why there is no connection although it is wanted, `never` why there was none so far, `refusal` why the broker
    did not take a message. The back-off between attempts is forgotten only after a connection that lasted, so two
    sessions under one client id throw each other out at the slowest every max_backoff_s.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        watcher: Watcher,
        tls: Tls | None = None,
        max_backoff_s: float = MAX_BACKOFF_S,
    ) -> None:
        self.generation = 0
        self.online = False
        self.failure: str | None = None
        self.never: str | None = None
        self.refusal: str | None = None
        self._broker = broker
        self._client_id = client_id
        self._watcher = watcher
        self._tls = tls
        self._max_backoff_s = max_backoff_s
        self._protocol = broker.protocol
        self._answered = False  # a CONNACK came on this connection
        self._handed = self._confirmed = 0  # messages of this connection, the latter with a PUBACK
        self._client: mqtt.Client | None = None
        self._lock = threading.Lock()  # of _client, _ended and _wanted together
        self._ended = 0  # how often `end` was called: a connection made before is not wanted any more
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def want(self) -> None:
        """Connect, for ever anew, until `end`."""
        self._wanted.set()
        if self._thread is None and not self._closing.is_set():
            self.never = "no answer in time"
            self._thread = threading.Thread(target=self._run, name=f"mqtt-{self._client_id}", daemon=True)
            self._thread.start()

    def end(self, farewell: Message | None = None, *, orderly: bool = True) -> None:
        """End the connection, with a last message if there is one; returns at once.

        Not orderly: without a DISCONNECT, as when the power or the network fails, so the broker sends the last will.
        So it does when the farewell has to wait behind MAX_INFLIGHT messages that the broker has not confirmed.
        """
        if farewell is not None:
            self.publish(farewell)
        with self._lock:
            client, self._client = self._client, None
            self._ended += 1
            self._wanted.clear()
            self.online = False
            self.failure = None
        if client is not None and orderly and self._handed - self._confirmed <= MAX_INFLIGHT:
            client.disconnect()
        elif client is not None:
            cut(client)

    def close(self) -> None:
        """End for good; the thread stops by itself, see `join`."""
        self._closing.set()
        self.end()
        self._wanted.set()  # so that the thread sees it

    def join(self, limit_s: float) -> None:
        """Wait for the thread after `close`, at most limit_s."""
        if self._thread is not None:
            self._thread.join(max(0.0, limit_s))

    def is_confirmed(self) -> bool:
        """Return whether the broker has everything that was published, or never will on this connection."""
        return not self.online or self._handed == self._confirmed

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 0: a lost acknowledgement only means a resend."""
        client = self._client
        if client is not None:
            client.subscribe([(topic, 0) for topic in topics])

    def publish(self, message: Message) -> None:
        """Hand a message to the connection; without one it goes nowhere and the logger resends it later."""
        client = self._client
        if client is None or not self.online:
            return
        info = client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._handed += 1

    def _run(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        while not self._closing.is_set():
            self._wanted.wait()
            ended, began_s = self._ended, time.monotonic()
            self._connect_once(ended)
            if ended != self._ended or time.monotonic() - began_s >= STEADY_S:
                backoff_s = FIRST_BACKOFF_S
            if ended == self._ended:
                self._closing.wait(backoff_s * random.uniform(0.5, 1.0))
                backoff_s = min(2 * backoff_s, self._max_backoff_s)

    def _connect_once(self, ended: int) -> None:
        """Make one connection and stay until it ends."""
        self._answered = False
        reached = False
        try:
            client = self._make_client()
            client.connect(self._broker.host, self._broker.port, keepalive=KEEPALIVE_S)
            reached = True
            if self._adopt(client, ended):
                self._stay(client)
        except OSError as error:  # refused, unknown host, TLS
            self._fail(ended, str(error) if self._tls is None else self._tls.why(error))
        except ValueError as error:  # paho's word for a bad host
            self._fail(ended, str(error))
        finally:
            with self._lock:
                self.online = False
                self._client = None
        if reached and not self._answered and ended == self._ended:
            self._fail(ended, self._unanswered())
        self._watcher.changed()

    def _unanswered(self) -> str:
        """Return why there is no answer to a CONNECT, and try the other version next if that may be it."""
        broker, said = self._broker, f"no answer to an MQTT {self._protocol} CONNECT"
        refused = None if self._tls is None else self._tls.last_word(broker.host, broker.port)
        if refused is None and broker.protocol == "5":  # some leave a version 5 CONNECT without a word
            self._protocol = "3.1.1" if self._protocol == "5" else "5"
        return refused or (said if broker.tls else f"{said}; is it a port for mqtts://?")

    def _adopt(self, client: mqtt.Client, ended: int) -> bool:
        """Take the connection as the present one, unless `end` came while it was made."""
        with self._lock:
            is_wanted = ended == self._ended and not self._closing.is_set()
            if is_wanted:
                self._client = client
                self._handed = self._confirmed = 0
        if not is_wanted:
            client.disconnect()
        return is_wanted

    def _fail(self, ended: int, why: str) -> None:
        with self._lock:
            if ended == self._ended:
                self._note(why)

    def _note(self, why: str) -> None:
        self.failure = why
        if not self.generation:
            self.never = why

    def _stay(self, client: mqtt.Client) -> None:
        """Serve the connection until it ends; give up on a broker that does not answer the CONNECT."""
        patience = threading.Timer(ANSWER_S, lambda: None if self._answered else client.disconnect())
        patience.daemon = True
        patience.start()
        try:
            client.loop_forever()
        finally:
            patience.cancel()

    def _make_client(self) -> mqtt.Client:
        will = None if self._watcher.will is None else self._watcher.will()
        client = make_client(self._broker, self._protocol, self._client_id, self._tls, will)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = lambda _client, _data, message: self._watcher.arrived(message.topic, bytes(message.payload))
        return client

    def _on_connect(
        self, client: mqtt.Client, data: object, flags: mqtt.ConnectFlags, reason: ReasonCode, properties: object
    ) -> None:
        self._answered = True
        with self._lock:
            if client is not self._client:
                return  # ended meanwhile
            if reason.is_failure:
                self._note(f"refused: {reason}")
            else:
                self.failure = self.never = None
                self.online = True
                self.generation += 1
        if str(reason) == "Unsupported protocol version":
            self._protocol = "3.1.1"
        self._watcher.changed()

    def _on_disconnect(
        self, client: mqtt.Client, data: object, flags: object, reason: ReasonCode, properties: object
    ) -> None:
        with self._lock:
            if client is not self._client:
                return
            self.online = False
            if self._answered and self.failure is None:
                self.failure = str(reason)
        self._watcher.changed()

    def _on_publish(self, client: mqtt.Client, data: object, mid: int, reason: ReasonCode, properties: object) -> None:
        if client is self._client:
            self._confirmed += 1
            if reason.is_failure:
                self.refusal = f"{self._client_id}: {reason}"
