"""Config: the whole configuration of a gateway, loaded and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from monitor.config.alerting import NotifierSettings
from monitor.config.rules import Rules
from monitor.config.settings import JournalSettings, MqttSettings, StoreSettings, WebSettings


@dataclass(frozen=True)
class Config:
    """What may change a result is in `rules`, which is journalled; the rest says where things are on this machine.

    `files` tells where a profile, container or consignment is written, ("containers", id) to the file: for messages.
    """

    rules: Rules
    state_dir: Path
    mqtt: MqttSettings
    store: StoreSettings
    web: WebSettings
    journal: JournalSettings
    notifiers: tuple[NotifierSettings, ...] = ()
    files: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def instance(self) -> str:
        """The gateway's name."""
        return self.rules.instance

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the rules: another digest means that results may differ from here on."""
        return self.rules.digest
