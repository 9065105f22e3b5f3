"""Rules that are judged on a grid of minutes."""

from __future__ import annotations

from monitor.model.errors import ConfigError
from monitor.model.leg import Container, Logger
from monitor.model.limit import Profile


class View:
    """One profile for all containers but `unlimited`."""

    def __init__(self, *rules: dict[str, object]) -> None:
        tables = [{"severity": "alarm"} | rule for rule in rules]
        self._profile = Profile.model_validate({"name": "p", "rule": tables})

    def profile(self, container_id: str) -> Profile:
        if container_id == "unlimited":
            raise ConfigError("find limits", container_id)
        return self._profile

    def phase_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        return ()

    def leg_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        return ()

    def logger(self, container_id: str, logger_id: str) -> Logger:
        return Logger(id=logger_id)

    def container(self, container_id: str) -> Container:
        return Container(id=container_id, free_gas_volume_m3=10.0 if container_id == "volume" else None)

    def accuracy(self, container_id: str, logger_id: str, channel: str) -> float | None:
        return None
