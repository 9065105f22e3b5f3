"""Channels: `<quantity>.<place>`, their units and their names in InfluxDB."""

from __future__ import annotations

import re
from functools import lru_cache

UNITS: dict[str, tuple[str, str]] = {
    # quantity: (unit as shown, last part of the field's name in InfluxDB)
    "temperature": ("degC", "c"),
    "humidity": ("%RH", "pct"),
    "pressure": ("Pa", "pa"),
    "differential": ("Pa", "pa"),
    "acceleration": ("g", "g"),
    "tilt": ("deg", "deg"),
    "light": ("lx", "lx"),
    "voltage": ("V", "v"),
}
IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CHANNEL = re.compile(r"([a-z]+)\.([a-z0-9_]{1,64})")


def is_identifier(text: str) -> bool:
    """Whether `text` may name a container, a logger, a rule or a consignment."""
    return IDENTIFIER.fullmatch(text) is not None


def quantity_of(channel: str) -> str:
    """The part before the dot: `temperature` of `temperature.air`, `shock` of `shock.a`."""
    return channel.partition(".")[0]


def unit_of(channel: str) -> str:
    """The unit of a channel's values, "" for one that is unknown."""
    quantity = quantity_of(channel)
    return "g" if quantity == "shock" else UNITS.get(quantity, ("", ""))[0]


@lru_cache(maxsize=4096)  # a fleet has tens of channel names; a hostile sender must not grow this
def field_name(channel: str) -> str | None:
    """The channel's field in InfluxDB (`temperature_air_c`), None when the channel is unknown.

    An unknown channel stays in the journal and is reported; it is not stored.
    """
    match = _CHANNEL.fullmatch(channel)
    if match is None or match[1] not in UNITS:
        return None
    return f"{match[1]}_{match[2]}_{UNITS[match[1]][1]}"
