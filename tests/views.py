"""A configuration as the detector asks for it: one profile for all containers, one plan of phases and legs."""

from __future__ import annotations

from typing import Any

from monitor.model.errors import ConfigError
from monitor.model.leg import Container, Logger
from monitor.model.limit import Profile
from monitor.model.phase import Spans


class View:
    """Rules as the detector is given them; `spans` and `legs` are of container "c", "unlimited" has no limits."""

    def __init__(
        self,
        *rules: dict[str, Any],
        spans: Spans = (),
        legs: Spans = (),
        accuracy: dict[str, float] | None = None,
        volume_m3: float | None = None,
    ) -> None:
        tables = [{"kind": "threshold", "severity": "alarm"} | rule for rule in rules]
        self._profile = Profile.model_validate({"name": "p", "rule": tables})
        self._spans, self._legs, self._accuracy, self._volume_m3 = spans, legs, accuracy or {}, volume_m3

    def profile(self, container_id: str) -> Profile:
        if container_id == "unlimited":
            raise ConfigError("find limits", container_id)
        return self._profile

    def phase_spans(self, container_id: str) -> Spans:
        return self._spans if container_id == "c" else ()

    def leg_spans(self, container_id: str) -> Spans:
        return self._legs if container_id == "c" else ()

    def logger(self, container_id: str, logger_id: str) -> Logger:
        records: Any = {channel: {"accuracy": self._text(channel)} for channel in self._accuracy}
        return Logger(id=logger_id, calibration=records)

    def container(self, container_id: str) -> Container:
        return Container(id=container_id, free_gas_volume_m3=self._volume_m3)

    def accuracy(self, container_id: str, logger_id: str, channel: str) -> float | None:
        return self._accuracy.get(channel)

    def _text(self, channel: str) -> str:
        unit = {"temperature": "K", "humidity": "%"}.get(channel.partition(".")[0], "Pa")
        return f"{self._accuracy[channel]!r} {unit}"
