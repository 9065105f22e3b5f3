"""Webhook: the notification as JSON, signed, with a key by which the receiver knows it again."""

from __future__ import annotations

import hashlib
import hmac

import orjson

from monitor.config.alerting import WebhookNotifier
from monitor.model.clock import NS_PER_S, Clock
from monitor.notify.notification import Notification
from monitor.notify.receiver import Receiver

SIGNATURE, IDEMPOTENCY_KEY = "TCM-Signature", "Idempotency-Key"


def signature(secret: str, time_s: int, body: bytes) -> str:
    """The signature of a body sent at a time (s UTC): `t=<time>,v1=<HMAC-SHA256 of "<time>.<body>" in hex>`."""
    digest = hmac.new(secret.encode(), b"%d." % time_s + body, hashlib.sha256).hexdigest()
    return f"t={time_s},v1={digest}"


class Webhook:
    """POSTs each notification to one address; whatever answers 2xx has it."""

    def __init__(self, settings: WebhookNotifier, clock: Clock) -> None:
        self._secret, self._clock = settings.secret(), clock
        self._receiver = Receiver(settings.url, settings.ca_file, self._secret)

    def send(self, notification: Notification) -> None:
        """Return once the receiver has taken it; NotTaken or Refused else."""
        body = orjson.dumps(notification.to_json())
        headers = {"Content-Type": "application/json", IDEMPOTENCY_KEY: notification.id}
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, self._clock.now_ns() // NS_PER_S, body)
        self._receiver.ask("POST", body=body, headers=headers)

    def reach(self) -> None:
        """Return when the address takes connections; any request would tell somebody, so none is made."""
        self._receiver.reach()

    def close(self) -> None:
        """Cut what is under way and give the connection back."""
        self._receiver.close()
