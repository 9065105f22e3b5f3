"""What all tables of the configuration are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

from monitor.model.channel import IDENTIFIER
from monitor.model.quantity import format_quantity, parse_quantity

Identifier = Annotated[str, StringConstraints(pattern=rf"^{IDENTIFIER.pattern}$")]
Severity = Literal["info", "warning", "alarm"]


class Strict(BaseModel):
    """A table of the configuration: an unknown key is an error, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def reader(dimension: str) -> BeforeValidator:
    """Reads text with a unit of `dimension`."""
    return BeforeValidator(lambda value: parse_quantity(value, dimension))


def writer(dimension: str) -> PlainSerializer:
    """Writes JSON as the files are written, so that what was dumped can be read back."""
    return PlainSerializer(lambda value: format_quantity(value, dimension), when_used="json-unless-none")


Seconds = Annotated[float, reader("time"), writer("time")]
Hertz = Annotated[float, reader("frequency"), Field(gt=0), writer("frequency")]
Acceleration = Annotated[float, reader("acceleration"), Field(gt=0), writer("acceleration")]
Kelvin = Annotated[float, reader("temperature difference"), writer("temperature difference")]
Pascal = Annotated[float, reader("pressure"), writer("pressure")]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True)]
