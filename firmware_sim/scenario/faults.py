"""What goes wrong, each fault switched on at a time; `[[fault]]` with a `kind`."""

from typing import Annotated, Literal

from pydantic import Field

from firmware_sim.scenario.parts import Part
from firmware_sim.scenario.values import Channel, Duration, Length, Names, Share, within

MAX_VALUE = 1e6  # of any channel, or its drift an hour: ten times the air's pressure in Pa
MAX_STEP_S = 10 * 366 * 86_400.0  # ten years


class FaultPart(Part):
    """When, and whom it concerns (absent: all)."""

    at: Duration
    containers: Names | None = None
    loggers: Names | None = None


class LinkFault(FaultPart):
    """No network, or a broker that refuses the connection."""

    kind: Literal["network", "refused"]
    length: Length = Field(alias="for")


class DeliveryFault(FaultPart):
    """Messages sent twice, after their successor, or with a byte changed on the way; share of the messages."""

    kind: Literal["duplicated", "reordered", "corrupted"]
    length: Length = Field(alias="for")
    share: Share = 0.1


class SensorFaultPart(FaultPart):
    """A sensor that holds its value, drifts (value: unit per hour), gives nothing, or is cut (value: highest)."""

    kind: Literal["stuck", "drift", "dropout", "clip"]
    length: Length = Field(alias="for")
    channel: Channel
    value: Annotated[float, within(-MAX_VALUE, MAX_VALUE)] = 0.0


class PowerFault(FaultPart):
    """The power fails in mid write and comes back after a time; torn: records of the sector that are destroyed."""

    kind: Literal["brown-out"]
    length: Length = Field(alias="for")
    torn: Annotated[int, Field(ge=0, le=10_000)] = 0


class FlashFault(FaultPart):
    """The flash shrinks to so many bytes, and is soon overrun."""

    kind: Literal["flash"]
    bytes: Annotated[int, Field(ge=4096, le=2**32)]


class ClockFault(FaultPart):
    """The logger's clock steps by so many seconds, backwards when negative."""

    kind: Literal["clock-step"]
    step_s: Annotated[float, within(-MAX_STEP_S, MAX_STEP_S)]


class CloneFault(FaultPart):
    """A second logger of the same name is switched on; at the very start it even draws the same boot number."""

    kind: Literal["clone"]


class HvacFault(FaultPart):
    """The heating and cooling of hold or truck fails."""

    kind: Literal["hvac"]
    length: Length = Field(alias="for")


Fault = Annotated[
    LinkFault | DeliveryFault | SensorFaultPart | PowerFault | FlashFault | ClockFault | CloneFault | HvacFault,
    Field(discriminator="kind"),
]
