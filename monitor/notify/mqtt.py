"""MQTT: each notification as one message of QoS 1, over a connection of its own that lasts as long as it takes.

Notifications are rare and their broker may be another than the loggers': a kept connection would need a thread to
keep it alive, and say no more than the next one does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from monitor.config.alerting import MqttNotifier
from monitor.config.certificates import tls_context
from monitor.model.clock import NS_PER_S, Clock
from monitor.notify.notification import Notification, NotTaken, Refused

CONNECT_S = 5.0
ANSWER_S = 10.0  # from the connection to the broker's confirmation
KEEPALIVE_S = 60  # never reached
LOOK_S = 0.05  # how soon `close` is noticed
TOO_LARGE = 149  # MQTT 5: what will never be taken; all else that a broker refuses somebody has to allow


class Mqtt:
    """Publishes notifications, not retained; used by one thread, `close` by any."""

    def __init__(self, settings: MqttNotifier, clock: Clock) -> None:
        self._settings, self._clock, self._password = settings, clock, settings.secret()
        self._is_closed = False
        self._session()  # certificates that cannot be used are found now

    def send(self, notification: Notification) -> None:
        """Return once the broker has confirmed it; NotTaken or Refused else."""
        session = self._session()
        session.connect()
        session.publish(self._settings.topic, orjson.dumps(notification.to_json()))
        session.disconnect()

    def reach(self) -> None:
        """Return when the broker takes the login; nothing is published. NotTaken else."""
        session = self._session()
        session.connect()
        session.disconnect()

    def close(self) -> None:
        """End what is under way, which is then not taken, and take no others."""
        self._is_closed = True

    def _session(self) -> _Session:
        return _Session(self._settings, self._password, self._clock, lambda: self._is_closed)


class _Session:
    """One connection to the broker, served by whoever waits for it."""

    def __init__(
        self, settings: MqttNotifier, password: str | None, clock: Clock, is_closed: Callable[[], bool]
    ) -> None:
        self._settings, self._clock, self._is_closed = settings, clock, is_closed
        self._answers: dict[str, Any] = {}  # the broker's reason for connecting and for publishing
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id or "",  # the broker gives it one
            protocol=MQTTProtocolVersion.MQTTv5 if settings.protocol == "5" else MQTTProtocolVersion.MQTTv311,
        )
        client.connect_timeout = CONNECT_S
        client.username_pw_set(settings.username, password)
        if settings.tls:
            client.tls_set_context(tls_context(settings.ca_file, settings.cert_file, settings.key_file))
        client.on_connect = lambda _client, _data, _flags, reason, _properties: self._hear("connect", reason)
        client.on_publish = lambda _client, _data, _mid, reason, _properties: self._hear("publish", reason)

    def connect(self) -> None:
        """Return once the broker has taken the login."""
        try:
            self._client.connect(self._settings.host, self._settings.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:  # the latter: a name that is none
            cause = getattr(error, "strerror", None) or str(error)
            raise self._not_taken("connect", cause, "is it up?") from error
        reason = self._answer("connect")
        if reason.is_failure:
            raise self._not_taken("connect", f"refused: {reason}", "check username, secret and rights")

    def publish(self, topic: str, payload: bytes) -> None:
        """Return once the broker has confirmed it."""
        self._client.publish(topic, payload, qos=1)
        reason = self._answer("publish")
        if reason.is_failure and reason.value == TOO_LARGE:
            raise Refused("notify: publish", self._place, f"refused: {reason}")
        if reason.is_failure:
            raise self._not_taken("publish", f"refused: {reason}", "give this user the right to publish there")

    def disconnect(self) -> None:
        """Say goodbye."""
        self._client.disconnect()
        self._client.loop(0)

    def _hear(self, what: str, reason: Any) -> None:
        self._answers[what] = reason

    def _answer(self, what: str) -> Any:
        """The broker's reason; NotTaken when none comes in time."""
        end_ns = self._clock.mono_ns() + round(ANSWER_S * NS_PER_S)
        while what not in self._answers:
            if self._is_closed() or self._clock.mono_ns() > end_ns:
                raise self._not_taken(what, f"no answer within {ANSWER_S:g} s")
            if self._client.loop(LOOK_S) != MQTTErrorCode.MQTT_ERR_SUCCESS and what not in self._answers:
                raise self._not_taken(what, "the broker closed the connection", "check username, secret and rights")
        return self._answers[what]

    @property
    def _place(self) -> str:
        return f"{self._settings.url} {self._settings.topic}"

    def _not_taken(self, what: str, cause: str, hint: str = "") -> NotTaken:
        return NotTaken(f"notify: {what}", self._place, cause, hint)
