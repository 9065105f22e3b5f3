"""The whole file of a scenario."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import Field

from firmware_sim.clock import to_ns
from firmware_sim.scenario.faults import Fault, FaultPart
from firmware_sim.scenario.parts import (
    ContainerPart,
    DevicePart,
    DropPart,
    HeatPart,
    LegPart,
    LoggerPart,
    Part,
    ShockPart,
    WeatherPart,
)
from firmware_sim.scenario.values import Length, within

MAX_CONTAINERS = 1000
MAX_LEGS = 1000
MAX_EVENTS = 10_000  # of a kind
MAX_TITLE = 200
MAX_SEED = 2**63 - 1
MIN_SPEED, MAX_SPEED = 0.001, 1e6


class Scenario(Part):
    """`start` absent: now; `duration` absent: for ever; `speed`: virtual seconds in a real one."""

    title: Annotated[str, Field(max_length=MAX_TITLE)]
    start: datetime | None = None
    duration: Length | None = None
    speed: Annotated[float, within(MIN_SPEED, MAX_SPEED)] = 1.0
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    weather: WeatherPart = WeatherPart()
    device: DevicePart = DevicePart()
    container: list[ContainerPart] = Field(min_length=1, max_length=MAX_CONTAINERS)
    leg: list[LegPart] = Field(min_length=1, max_length=MAX_LEGS)
    heat: Annotated[tuple[HeatPart, ...], Field(max_length=MAX_EVENTS)] = ()
    shock: Annotated[tuple[ShockPart, ...], Field(max_length=MAX_EVENTS)] = ()
    drop: Annotated[tuple[DropPart, ...], Field(max_length=MAX_EVENTS)] = ()
    fault: Annotated[tuple[Fault, ...], Field(max_length=MAX_EVENTS)] = ()

    def start_ns(self) -> int | None:
        """Return the start in ns UTC, None for now."""
        return None if self.start is None else to_ns(self.start)

    def loggers(self) -> Iterator[tuple[ContainerPart, LoggerPart]]:
        """Yield every logger with its container."""
        for container in self.container:
            for logger in container.logger:
                yield container, logger

    def legs_of(self, container: ContainerPart) -> list[LegPart]:
        """Return the stretches that a container goes through."""
        return [leg for leg in self.leg if leg.containers is None or container.id in leg.containers]

    def faults_of(self, container: ContainerPart, logger: LoggerPart | None = None) -> list[Fault]:
        """Return what goes wrong with a logger; of a container as a whole, without `logger`."""
        return [fault for fault in self.fault if concerns(fault, container, logger)]


def concerns(fault: FaultPart, container: ContainerPart, logger: LoggerPart | None) -> bool:
    """Return whether a fault is a logger's; a container's as a whole, without `logger`."""
    if fault.containers is not None and container.id not in fault.containers:
        return False
    return fault.loggers is None or logger is None or logger.id in fault.loggers
