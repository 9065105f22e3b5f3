"""Notifications in short, and the notifier of a program, which is told of every change by itself."""

from __future__ import annotations

from typing import Any

from monitor.config.alerting import WebhookNotifier
from monitor.notify import Notification
from tests.notifiers import webhook


def programs(**keys: Any) -> WebhookNotifier:
    """One that is told of every change by itself."""
    return webhook(window="0 s", **keys)


def ids(notification: Notification) -> list[str]:
    return [alert["id"] for alert in notification.alerts]
