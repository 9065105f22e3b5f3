"""What loggers declared of their accelerometers, as far as it bears on their events: the sensor's own low-pass."""

from __future__ import annotations

from typing import Any

from monitor.model.batch import Event
from monitor.model.record import Status

# 1 000 loggers x 2 accelerometers, and 16 times that: 10 MB at about 300 bytes is what invented names can cost.
MAX_SENSORS = 1 << 15
Sensor = tuple[str, str, str]  # container, logger, accelerometer


class Declared:
    """The last word of each accelerometer; further ones than MAX_SENSORS are not remembered."""

    def __init__(self) -> None:
        self._lowpass_hz: dict[Sensor, float] = {}

    def take(self, container: str, logger: str, status: Status) -> None:
        """Take up a status; an accelerometer that it names without a low-pass has none any more."""
        for name, settings in status.accelerometers.items():
            self._lowpass_hz.pop((container, logger, name), None)
            if "lp_hz" in settings:
                self._remember((container, logger, name), settings["lp_hz"])

    def lowpass_hz(self, event: Event) -> float | None:
        """The corner of the low-pass of the accelerometer that recorded an event, None where nobody declared it."""
        return self._lowpass_hz.get((event.container, event.logger, event.shock.accelerometer))

    def snapshot(self, container: str | None) -> list[list[Any]]:
        """What is remembered of a container (None: of all), for `adopt`."""
        return [[*key, hz] for key, hz in sorted(self._lowpass_hz.items()) if container in (None, key[0])]

    def adopt(self, content: list[list[Any]]) -> None:
        """Go on with what is remembered; TypeError or ValueError when it is none."""
        for container, logger, name, hz in content:
            self._remember((container, logger, name), float(hz))

    def forget(self, container: str) -> None:
        """Remember nothing more of a container."""
        self._lowpass_hz = {key: hz for key, hz in self._lowpass_hz.items() if key[0] != container}

    def _remember(self, key: Sensor, hz: float) -> None:
        if key in self._lowpass_hz or len(self._lowpass_hz) < MAX_SENSORS:
            self._lowpass_hz[key] = hz
