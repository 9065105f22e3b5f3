"""Alertmanager: each alert by itself through API v2; grouping, repeating and silencing are its own."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from monitor.config.alerting import AlertmanagerNotifier
from monitor.config.secret import token_fault
from monitor.model.alert import OPEN_STATES
from monitor.model.clock import NS_PER_S, parse_rfc3339, rfc3339
from monitor.model.errors import ConfigError
from monitor.notify.notification import Notification
from monitor.notify.receiver import Receiver
from monitor.notify.text import facts

HOLDS_S = 240  # an open alert that is not sent again for so long counts as resolved: four times the minute it takes
LABELS = ("container", "logger", "channel", "axis", "severity", "kind")  # beside alertname, instance and alert_id
ANNOTATIONS = ("value", "limit", "peak", "unit", "uncertainty", "decision", "phase", "custodian", "place", "serial")


class Alertmanager:
    """Tells of every alert of a notification under the address of an Alertmanager."""

    def __init__(self, settings: AlertmanagerNotifier, instance: str) -> None:
        self._instance, secret = instance, settings.secret()
        self._receiver = Receiver(settings.url, settings.ca_file, secret)
        fault = token_fault(secret) if settings.username is None and secret else ""
        if fault:
            raise ConfigError("notify: alertmanager", settings.name, fault, "check secret_file")
        self._headers = _authorization(settings.username, secret)

    def send(self, notification: Notification) -> None:
        """Return once Alertmanager has taken all alerts; NotTaken or Refused else."""
        alerts = [posted(alert, self._instance, notification.at_ns) for alert in notification.alerts]
        headers = self._headers | {"Content-Type": "application/json"}
        self._receiver.ask("POST", "/api/v2/alerts", orjson.dumps(alerts), headers)

    def reach(self) -> None:
        """Return when Alertmanager says how it is; NotTaken or Refused else."""
        self._receiver.ask("GET", "/api/v2/status", headers=self._headers)

    def close(self) -> None:
        """Cut what is under way and give the connection back."""
        self._receiver.close()


def posted(alert: dict[str, Any], instance: str, at_ns: int) -> dict[str, Any]:
    """An alert (its JSON, as it stood at a time in ns UTC) as API v2 takes it.

    What is said of time is of the alert, so sending late or twice tells nothing else.
    """
    is_open = alert["state"] in OPEN_STATES
    known_ns = max(at_ns, parse_rfc3339(alert["occurred_at"]))  # a logger's clock may be ahead
    labels = {"alertname": alert["rule"], "instance": instance, "alert_id": alert["id"]}
    return {
        "labels": labels | {name: alert[name] for name in LABELS if alert.get(name)},
        "annotations": {"summary": alert["message"], "description": "\n".join(facts(alert))} | _annotations(alert),
        "startsAt": alert["occurred_at"],
        "endsAt": rfc3339(known_ns + HOLDS_S * NS_PER_S) if is_open else alert["cleared_at"],
    }


def _annotations(alert: dict[str, Any]) -> dict[str, str]:
    """What else is known, as text; Alertmanager drops empty ones."""
    return {name: str(alert[name]) for name in ANNOTATIONS if alert.get(name) not in (None, "")}


def _authorization(username: str | None, secret: str | None) -> dict[str, str]:
    """The header for a password where there is a user, else for a token."""
    if not secret:
        return {}
    if username is None:
        return {"Authorization": f"Bearer {secret}"}
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{secret}".encode()).decode()}
