"""Channels: `<quantity>.<place>`, their units and their names in InfluxDB."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase
from functools import lru_cache

UNITS: dict[str, tuple[str, str]] = {
    # quantity that loggers send: (unit as shown, last part of the field's name in InfluxDB)
    "temperature": ("degC", "c"),
    "humidity": ("%RH", "pct"),
    "pressure": ("Pa", "pa"),
    "differential": ("Pa", "pa"),
    "acceleration": ("g", "g"),
    "tilt": ("deg", "deg"),
    "light": ("lx", "lx"),
    "voltage": ("V", "v"),
}
DERIVED: dict[str, tuple[str, str]] = {
    # quantity that is computed here: the same; rules may name it, loggers may not send it
    "dew_point": ("degC", "c"),
    "absolute_humidity": ("g/m3", "g_m3"),
    "dew_margin": ("K", "k"),
    "pressure_norm": ("Pa", "pa"),
}
QUANTITIES = UNITS | DERIVED
COMPUTED_DIFFERENTIAL = "differential.computed"
ALL_LOGGERS = "-"  # stands for the logger of what concerns a container as a whole; none may bear the name
PHYSICAL_RANGE: dict[str, tuple[float, float]] = {
    # What a sensor of the quantity can have measured, in the channel's unit: beyond, it is the sensor that is wrong.
    "temperature": (-90.0, 150.0),  # coldest air on Earth -89.2 degC; above 150 degC no logger works
    "humidity": (-5.0, 105.0),  # sensors accurate to 2 or 3 % read below 0 in dry gas, and up to 105 % in fog
    "pressure": (1_000.0, 400_000.0),  # 31 km to 4 bar, above any container's relief valve
    "differential": (-100_000.0, 300_000.0),  # a vacuum inside, and as above
    "acceleration": (-10_000.0, 10_000.0),  # the largest range of piezoelectric sensors in loggers
    "tilt": (-360.0, 360.0),
    "light": (-1.0, 200_000.0),  # direct sunlight is 120 000 lx; -1 is a dark sensor's offset
    "voltage": (-1_000.0, 1_000.0),
}
IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_OWN = "#"  # in no name that loggers or rules may use
_PLACE = r"[a-z0-9_]{1,64}"
_CHANNEL = re.compile(rf"([a-z]+)\.({_PLACE})")
_DERIVED = re.compile(rf"([a-z_]+)\.({_PLACE})")
_PLACE_GLOB = re.compile(r"[a-z0-9_*?\[\]!-]{1,64}")


def is_identifier(text: str) -> bool:
    """Whether `text` may name a container, a logger, a rule or a consignment; "-" alone names all loggers."""
    return text != ALL_LOGGERS and IDENTIFIER.fullmatch(text) is not None


def quantity_of(channel: str) -> str:
    """The part before the dot: `temperature` of `temperature.air`, `shock` of `shock.a`."""
    return channel.partition(".")[0]


def place_of(channel: str) -> str:
    """The part behind the dot: `air` of `temperature.air`."""
    return channel.partition(".")[2]


def unit_of(channel: str) -> str:
    """The unit of a channel's values, "" for one that is unknown."""
    quantity = quantity_of(channel)
    return "g" if quantity == "shock" else QUANTITIES.get(quantity, ("", ""))[0]


def is_glob(text: str) -> bool:
    """Whether `text` is `<quantity>.<place>` with a known quantity and a place in which * ? [ ] may stand."""
    return quantity_of(text) in QUANTITIES and _PLACE_GLOB.fullmatch(place_of(text)) is not None


@lru_cache(maxsize=4096)  # as below
def covers(glob: str, channel: str) -> bool:
    """Whether `glob` covers `channel`; letters count as they are, whatever the system does with file names.

    What is computed for one rule (`own_channel`) no glob of another covers.
    """
    return _OWN not in channel and fnmatchcase(channel, glob)


def own_channel(shown: str, *inputs: object) -> str:
    """The internal name of what is computed of `inputs` for the rules that ask for just these: `<shown>#<digest>`.

    The digest is 8 hex digits (32 bits) of SHA-256 of the inputs as Python writes them, floats exactly.
    """
    return f"{shown}{_OWN}{hashlib.sha256(repr(inputs).encode()).hexdigest()[:8]}"


def shown_channel(channel: str) -> str:
    """A channel as people know it, without what `own_channel` added."""
    return channel.partition(_OWN)[0]


@lru_cache(maxsize=4096)  # a fleet has tens of channel names; a hostile sender must not grow this
def field_name(channel: str) -> str | None:
    """The channel's field in InfluxDB (`temperature_air_c`), None when no logger can send such a channel.

    An unknown channel stays in the journal and is reported; it is not stored. The computed over-pressure is such, too.
    """
    if channel == COMPUTED_DIFFERENTIAL:
        return None
    match = _CHANNEL.fullmatch(channel)
    if match is None or match[1] not in UNITS:
        return None
    return f"{match[1]}_{match[2]}_{UNITS[match[1]][1]}"


def derived_field_name(channel: str) -> str | None:
    """The field of a derived channel in measurement `derived` (`dew_point_air_c`), None for any other channel."""
    if channel == COMPUTED_DIFFERENTIAL:
        return "differential_computed_pa"
    match = _DERIVED.fullmatch(channel)
    if match is None or match[1] not in DERIVED:
        return None
    if match[1] == "dew_margin":  # the margin of the container's hardware, one for a logger
        return "dew_margin_k"
    return f"{match[1]}_{match[2]}_{DERIVED[match[1]][1]}"


def inputs_of(channel: str) -> tuple[str, ...]:
    """The channels that a derived one is computed from, () for a channel that is measured."""
    place = place_of(channel)
    if channel == COMPUTED_DIFFERENTIAL:
        return ("pressure.inside", "pressure.outside")
    return {
        "dew_point": (f"temperature.{place}", f"humidity.{place}"),
        "absolute_humidity": (f"temperature.{place}", f"humidity.{place}"),
        "dew_margin": (f"temperature.{place}", f"humidity.{place}", "temperature.hardware"),
        "pressure_norm": (f"pressure.{place}", "temperature.air"),
    }.get(quantity_of(channel), ())
