"""A gateway with notifiers, part by part."""

from __future__ import annotations

import random
from pathlib import Path

from monitor.config import Config, JournalSettings, MqttSettings, Rules, StoreSettings, WebSettings
from monitor.parts import Parts
from tests.notifiers import Receiver, webhook
from tests.simulation.broker import Broker
from tests.simulation.clock import S, SimClock
from tests.simulation.gateway import RULES
from tests.simulation.server import Jobs, Server


class Gateway:
    """The parts of a daemon, stepped by one thread under a clock that is set; without a broker, which is away."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.clock, rng = SimClock(), random.Random(1)
        self.receivers = {name: Receiver(self.clock) for name in names}
        config = Config(
            *(Rules.model_validate(RULES), folder, MqttSettings(url="mqtt://127.0.0.1"), StoreSettings()),
            *(WebSettings(), JournalSettings()),
            notifiers=tuple(webhook(name) for name in names),
        )
        self.parts = Parts(
            *(config, self.clock, Server(rng, self.clock).sink(), Jobs()),
            client_type=Broker(rng).client,  # type: ignore[arg-type]  # as much of paho.Client as is used
            opening=lambda settings: self.receivers[settings.name],
        )

    def run(self, for_s: int) -> None:
        for _ in range(for_s):
            self.clock.true_ns += S
            for step in (
                self.parts.intake.step,
                self.parts.watch.step,
                *(each.step for each in self.parts.notifiers.each),
            ):
                while step():
                    pass

    def told(self, name: str) -> list[tuple[str, str, str]]:
        """(rule, logger, state) of what somebody was told."""
        told = [alert for notification in self.receivers[name].told for alert in notification.alerts]
        return [(alert["rule"], alert["logger"], alert["state"]) for alert in told]
