"""From the settings of a notifier to its transport, and what is sent to try one."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol

from monitor.config.alerting import (
    AlertmanagerNotifier,
    AppriseNotifier,
    MqttNotifier,
    NotifierSettings,
    SmtpNotifier,
    WebhookNotifier,
)
from monitor.model.alert import FIRING, Alert, Evidence
from monitor.model.clock import Clock, rfc3339
from monitor.model.condition import GATEWAY
from monitor.notify.notification import Notification, Transport

TEST_RULE = "notifier-test"


class Reachable(Transport, Protocol):
    """A transport that can be tried. `close` may be called by another thread: what is under way is then not taken."""

    def reach(self) -> None:
        """Return when the receiver could be told, without telling anybody; NotTaken or Refused else."""


def open_transport(
    settings: NotifierSettings,
    clock: Clock,
    instance: str,
    marking_of: Callable[[str], str],
    evidence_of: Callable[[dict[str, Any]], dict[str, Any] | None],
) -> Reachable:
    """The transport that the settings name; the receiver need not answer yet, ConfigError when a secret cannot be used.

    `marking_of` says how a container is marked, "" for not; `evidence_of` what there is of an alert (its JSON).
    """
    match settings:
        case WebhookNotifier():
            from monitor.notify.webhook import Webhook

            return Webhook(settings, clock)
        case AlertmanagerNotifier():
            from monitor.notify.alertmanager import Alertmanager

            return Alertmanager(settings, instance)
        case SmtpNotifier():
            from monitor.notify.mail import Mail

            return Mail(settings, marking_of, evidence_of)
        case MqttNotifier():
            from monitor.notify.mqtt import Mqtt

            return Mqtt(settings, clock)
        case AppriseNotifier():
            from monitor.notify.apprise import Apprise

            return Apprise(settings, marking_of)


def trial(settings: NotifierSettings, instance: str, now_ns: int) -> Notification:
    """A notification of an alert that is none, as everybody can read."""
    message = f"test of notifier {settings.name} of {instance} at {rfc3339(now_ns)}: nothing is wrong"
    alert = Alert(
        id=secrets.token_hex(8),
        rule=TEST_RULE,
        kind="test",
        container=GATEWAY,
        logger=GATEWAY,
        serial=None,
        place=None,
        channel="",
        axis=None,
        severity="info",
        state=FIRING,
        occurred_ns=now_ns,
        reported_ns=now_ns,
        cleared_ns=None,
        value=0.0,
        peak=0.0,
        limit=0.0,
        unit="",
        uncertainty=None,
        decision="",
        clock_uncertainty_s=None,
        phase="",
        profile_digest="",
        evidence=Evidence(0, 0, 0),
        message=message,
    )
    return Notification(
        id=secrets.token_hex(16),
        notifier=settings.name,
        reason="test",
        title=message,
        container=None,
        cause=None,
        severity=alert.severity,
        at_ns=now_ns,
        count=1,
        firing=1,
        alerts=(alert.to_json(),),
    )
