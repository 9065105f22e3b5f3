"""Who is notified: what was sent to him, whatever he answered to it."""

from __future__ import annotations

import random
from typing import Any

from monitor.notify import Notification, NotTaken


class Receiver:
    """`notified` is every notification that came, by its id; while he `is_ill` he takes some and says that of none."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.notified: dict[str, dict[str, Any]] = {}
        self.is_ill = False

    def send(self, notification: Notification) -> None:
        """Take it; or not, or take it and lose the answer."""
        if self.is_ill and self._rng.random() < 0.5:
            raise NotTaken("notify", "ops", "connection refused")
        content = notification.to_json()
        known = self.notified.setdefault(notification.id, content)
        if known != content:
            raise AssertionError(f"I9 two notifications with one id: {known} {content}")
        if self.is_ill:
            raise NotTaken("notify", "ops", "no answer")

    def close(self) -> None:
        """Nothing is open."""
