"""What all tables of the configuration are made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
)

from monitor.model.channel import IDENTIFIER
from monitor.model.quantity import format_quantity, parse_quantity, possible_quantity

Identifier = Annotated[str, StringConstraints(pattern=rf"^{IDENTIFIER.pattern}$")]
JOURNALLED: dict[str, Any] = {"journalled": True}  # context of validation: see is_journalled
Severity = Literal["info", "warning", "alarm"]


class Strict(BaseModel):
    """A table of the configuration: an unknown key is an error, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def is_journalled(info: ValidationInfo) -> bool:
    """Whether this is read back from the journal: what an earlier version took is not refused there for its sense."""
    return bool(info.context and info.context.get("journalled"))


def read_quantity(value: object, dimension: str, info: ValidationInfo) -> float:
    """Read text with a unit of `dimension`; ValueError, too, for what can never be, but not when it is journalled."""
    return parse_quantity(value, dimension) if is_journalled(info) else possible_quantity(value, dimension)


def reader(dimension: str) -> BeforeValidator:
    """Reads text with a unit of `dimension`."""

    def read(value: object, info: ValidationInfo) -> float:
        return read_quantity(value, dimension, info)

    return BeforeValidator(read)


def writer(dimension: str) -> PlainSerializer:
    """Writes JSON as the files are written, so that what was dumped can be read back."""
    return PlainSerializer(lambda value: format_quantity(value, dimension), when_used="json-unless-none")


Seconds = Annotated[float, reader("time"), writer("time")]
Hertz = Annotated[float, reader("frequency"), Field(gt=0), writer("frequency")]
Acceleration = Annotated[float, reader("acceleration"), Field(gt=0), writer("acceleration")]
Velocity = Annotated[float, reader("velocity"), Field(gt=0), writer("velocity")]
Length = Annotated[float, reader("length"), Field(gt=0), writer("length")]
Bytes = Annotated[float, reader("size"), writer("size")]
Pascal = Annotated[float, reader("pressure"), writer("pressure")]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True)]
