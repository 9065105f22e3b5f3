"""One persistent MQTT session: QoS 1, acknowledged by hand, subscribed again at every connect.

Facts of paho 2 and MQTT 5 that shape this file: a session survives a restart of the process only with
`clean_start=False` at every connect; an exception in a callback would end the network thread without a word.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from monitor.config.certificates import tls_context
from monitor.config.settings import MqttSettings
from monitor.ingest.client import Client
from monitor.ingest.inbox import Delivery, Inbox
from monitor.ingest.probe import Probe
from monitor.ingest.receipts import Receipts
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.errors import TcmError
from monitor.model.record import NATIVE_TOPICS
from monitor.wire import FILL_PROBE, LIVE_PROBE

KEEPALIVE_S = 10  # a broker that hangs is missed after twice that at the latest
RECEIVE_MAXIMUM = 4_000  # what slow messages of one sender that wait for their turn may keep in front of the others
MAX_PACKET_BYTES = 16 << 20  # larger than any message, so that an oversize one reaches quarantine and not the memory
SESSION_EXPIRY_S = 0xFFFF_FFFF  # never: a gateway may stay switched off for the length of a storage
RECONNECT_MIN_S, RECONNECT_MAX_S = 1, 2  # one gateway is no crowd: a broker that is back is found at once
SETTLE_NS = 2 * NS_PER_S  # after a connect to a kept session the broker's queued messages come first
MAX_OUTGOING = 1_000
CATCH_UP_NS = 5 * NS_PER_S  # between connections made anew for what found no room
SUBSCRIBE_AGAIN_NS = 10 * NS_PER_S  # a broker that refuses or does not answer may do so for a moment only
REFUSED = "refused: "  # and the broker's reason
_UNSPECIFIED = "Unspecified error"

log = logging.getLogger(__name__)


class Session:
    """Connects for ever; `run` is the body of a thread of its own and only returns after `stop`.

    `granted` is set while the subscription stands, `problem` says what is wrong, "" for nothing. `tried` is set once
    the first attempt failed, or it is known whether anything comes. A session on trial leaves nothing behind on the
    broker.
    """

    def __init__(
        self,
        name: str,
        settings: MqttSettings,
        client_id: str,
        topic_filters: tuple[str, ...],
        inbox: Inbox,
        clock: Clock,
        *,
        is_fill: bool = False,
        is_trial: bool = False,
        client_type: Callable[..., Client] = Client,
    ) -> None:
        self.name = name
        self._settings, self._filters, self._inbox, self._clock = settings, topic_filters, inbox, clock
        self._is_fill, self._is_trial = is_fill, is_trial
        self._settled_at_ns = 0
        self._is_stopping = self._is_refused = False
        self.granted = threading.Event()
        self.tried = threading.Event()
        self.on_granted: Callable[[bool], None] = lambda _is_new: None
        self._is_new = False
        self._subscribe_ns = 0
        self._is_behind = False  # whether this connection brought what the inbox had no room for
        self._connected_ns = 0
        self._probe = Probe(FILL_PROBE if is_fill else LIVE_PROBE, clock)
        self.problem = "not connected yet"
        self.dropped = 0
        self.refusals, self.refusal = 0, ""  # publications that the broker did not take (MQTT 5), and why the last
        self._client = self._make_client(client_id, client_type)
        self._receipts = Receipts(self._client.acknowledge)

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands and the subscription is granted."""
        return self._client.is_connected() and self.granted.is_set()

    @property
    def generation(self) -> int:
        """Another number after each connect and each break."""
        return self._receipts.generation

    @property
    def is_settled(self) -> bool:
        """Whether the connection stands long enough that what the broker had queued has come."""
        return self.is_connected and self._clock.mono_ns() >= self._settled_at_ns

    def run(self) -> None:
        """Serve the connection until `stop`; a broker that is not there is tried again for ever."""
        properties = None
        if self._client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
            properties.SessionExpiryInterval = 0 if self._is_trial else SESSION_EXPIRY_S
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        clean: dict[str, Any] = {"clean_start": False, "properties": properties} if properties else {}
        self._client.connect_async(self._settings.host, self._settings.port, KEEPALIVE_S, **clean)
        self._client.loop_forever(retry_first_connection=True)

    def stop(self) -> None:
        """Disconnect; the broker keeps the session and all that is not acknowledged."""
        self._is_stopping = True  # a connection that is just being made ends in its callback
        self._client.disconnect()

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> paho.MQTTMessageInfo:
        """Hand a message to the broker; TcmError while there is no connection (nothing is queued then)."""
        if not self._client.is_connected():
            raise TcmError("publish", topic, f"broker {self._settings.url}: {self.problem or 'not connected'}")
        return self._client.publish(topic, payload, qos=qos, retain=retain)

    def _make_client(self, client_id: str, client_type: Callable[..., Client]) -> Client:
        settings = self._settings
        is_v5 = settings.protocol == "5"
        client = client_type(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if is_v5 else self._is_trial,
            protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        client.max_queued_messages_set(MAX_OUTGOING)
        client.reconnect_delay_set(RECONNECT_MIN_S, RECONNECT_MAX_S)
        if settings.username:
            client.username_pw_set(settings.username, settings.password())
        if settings.tls:
            client.tls_set_context(tls_context(settings.ca_file, settings.cert_file, settings.key_file))
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_look = self._look
        return client

    def _on_connect(self, client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if self._is_stopping:
            client.disconnect()
            return
        self._is_refused = reason.is_failure
        if reason.is_failure:
            self.problem = f"{REFUSED}{reason}"
            self.tried.set()
            log.warning("connect to %s: %s (check user, password and rights)", self._settings.url, self.problem)
            return
        self._receipts.begin_anew()
        self.problem = "subscription not granted yet"
        self._is_behind, self._connected_ns = False, self._clock.mono_ns()
        self._is_new = not flags.session_present
        self._settled_at_ns = self._clock.mono_ns() + (SETTLE_NS if flags.session_present else 0)
        if not self._is_trial:
            state = "kept" if flags.session_present else "new: what is missing comes again"
            log.info("%s session connected to %s, %s", self.name, self._settings.url, state)
        self._subscribe()

    def _subscribe(self) -> None:
        self._subscribe_ns = self._clock.mono_ns() + SUBSCRIBE_AGAIN_NS
        self._client.subscribe([(topic_filter, 1) for topic_filter in self._filters])

    def _look(self) -> None:
        """At least once a second, by paho's thread: what time alone makes due."""
        if self._is_stopping or not self._client.is_connected():
            return
        if not self.granted.is_set():
            if self._clock.mono_ns() >= self._subscribe_ns:
                self._subscribe()
            return
        if self._is_behind and self._may_catch_up():
            self._client.cut()
            return
        if self._probe.is_due():
            self._client.publish(self._probe.topic)
        self.problem = self._probe.problem
        if self._probe.is_decided:
            self.tried.set()

    def _may_catch_up(self) -> bool:
        """Whether to connect anew: only then the broker sends again what was not taken."""
        is_time = self._clock.mono_ns() >= self._connected_ns + CATCH_UP_NS
        return is_time and self._inbox.has_room(is_fill=self._is_fill)

    def _on_connect_fail(self, client: paho.Client, _data: Any) -> None:
        if not self.tried.is_set() and not self._is_trial:
            log.warning("%s session: no answer from %s; trying again", self.name, self._settings.url)
        self.problem = f"no answer from {self._settings.url}"
        self.tried.set()
        if self._is_stopping:
            client.disconnect()

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._receipts.begin_anew()
        self.granted.clear()
        if self._is_refused:  # then the broker ends the connection, which is no news
            return
        said = str(reason)  # paho's word for a connection that ended without one
        self.problem = f"connection lost: {'the broker closed it or is gone' if said == _UNSPECIFIED else said}"
        self.tried.set()
        if not self._is_stopping and not self._is_trial:
            log.warning("%s session: %s", self.name, self.problem)

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: int, codes: list[Any], _properties: Any) -> None:
        refused = [
            f"{topic_filter} ({code})"
            for topic_filter, code in zip(self._filters, codes, strict=False)
            if code.is_failure
        ]
        if len(codes) == len(self._filters) and not refused:
            self.problem = self._probe.problem
            self._probe.begin()
            self.granted.set()
            self.on_granted(self._is_new)
        else:
            self.problem = f"subscription refused: {', '.join(refused) or 'no answer for each filter'}"
            self.tried.set()

    def _on_publish(self, _client: paho.Client, _data: Any, _mid: int, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.refusal = str(reason)
            self.refusals += 1

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            delivery = self._delivery(message)
            if delivery.topic.startswith(NATIVE_TOPICS):
                self._probe.heard()
            if delivery.topic == self._probe.topic:
                delivery.acknowledge()
            elif self._is_behind or not self._inbox.offer(delivery, is_fill=self._is_fill):
                self._is_behind = True  # nothing that came later goes before it
                self.dropped += 1
        except Exception:  # an exception here would end paho's thread silently; the message stays
            self.dropped += 1
            log.exception("take message from %s (it was not acknowledged and comes again)", self._settings.url)

    def _delivery(self, message: paho.MQTTMessage) -> Delivery:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = message._topic.decode(errors="replace")
        is_settled = self._inbox.is_drained and self._clock.mono_ns() >= self._settled_at_ns
        return Delivery(
            received_ns=self._clock.now_ns(),
            topic=topic,
            payload=bytes(message.payload),
            is_retained=bool(message.retain),
            is_prompt=is_settled and not message.retain and not self._is_fill,
            acknowledge=self._receipts.take(message.mid) if message.qos else lambda: None,  # QoS 0: none
        )
