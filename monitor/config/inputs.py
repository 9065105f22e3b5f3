"""The `[[source]]` tables of monitor.toml: loggers that already exist and speak SenML or a JSON of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from monitor.model.channel import field_name, is_identifier
from monitor.model.json_path import parse_path
from monitor.model.limit import Identifier, Strict
from monitor.model.record import NATIVE_TOPICS
from monitor.model.topic_filter import filter_fault, overlap
from monitor.model.unit import conversion

MAX_SOURCES = 64
MAX_SOURCE_CHANNELS = 64  # of the wire format: they become columns of one record
NATIVE = f"{NATIVE_TOPICS}#"
SEPARATORS = ":/"  # of a SenML name: behind the last one stands what is measured, before it who measures


_IDENTIFIER_SIGN = "-"  # stands in a logger's name for each separator of the name that it comes from


def logger_name(device: str) -> str | None:
    """What a device's name is as a logger's, with `-` in place of each : and /; None when that is no identifier."""
    for separator in SEPARATORS:
        device = device.replace(separator, _IDENTIFIER_SIGN)
    return device if is_identifier(device) else None


def _check_path(text: str) -> str:
    parse_path(text)
    return text


PathText = Annotated[str, AfterValidator(_check_path)]


class SourceSettings(Strict):
    """One source: which topics, what they carry, and which container, logger and channels that becomes.

    `channels` maps a SenML name or a JSON path to a channel; `units` has the units of values that carry none.
    """

    topic: str
    format: Literal["senml-json", "senml-cbor", "json"]
    container: Identifier
    logger: Identifier | None = None
    logger_level: Annotated[int, Field(ge=1)] | None = None
    logger_path: PathText | None = None
    channels: dict[str, str] = Field(default_factory=dict, max_length=MAX_SOURCE_CHANNELS)
    units: dict[str, str] = Field(default_factory=dict)
    rows: PathText | None = None
    time: PathText | None = None
    time_unit: Literal["s", "ms", "us", "ns", "rfc3339"] | None = None

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, topic: str) -> str:
        fault = filter_fault(topic)
        if not fault and overlap(topic, NATIVE):
            fault = f"expected a filter that takes nothing of {NATIVE}"
        if fault:
            raise ValueError(f"{fault}, got {topic!r}")
        return topic

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, channels: dict[str, str]) -> dict[str, str]:
        strange = {name: channel for name, channel in channels.items() if field_name(channel) is None}
        if strange:
            expected = "expected a channel such as temperature.air"
            raise ValueError("\n".join(f"{name}: {expected}, got {channel!r}" for name, channel in strange.items()))
        return channels

    @field_validator("units")
    @classmethod
    def _check_units(cls, units: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        faults = list(_unit_faults(units, info.data.get("channels", {})))
        if faults and "channels" in info.data:  # else its own errors come first
            raise ValueError("\n".join(faults))
        return units

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        faults = [*self._logger_faults(), *self._format_faults()]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def is_senml(self) -> bool:
        """Whether its messages are SenML packs."""
        return self.format != "json"

    def _logger_faults(self) -> Iterator[str]:
        given = [key for key in ("logger", "logger_level", "logger_path") if getattr(self, key) is not None]
        if len(given) > 1:
            yield f"{given[1]}: expected only one of logger, logger_level and logger_path, got {given[0]} too"
        if not given and not self.is_senml:
            yield "logger: missing; expected logger, logger_level or logger_path with format json"
        if not given and any(set(name) & set(SEPARATORS) for name in self.channels):
            yield "logger: missing; expected logger or logger_level, as channels has full names with : or /"
        if self.logger_level is not None:
            yield from self._level_faults(self.logger_level, self.topic.split("/"))

    def _level_faults(self, number: int, levels: list[str]) -> Iterator[str]:
        if number > len(levels) and levels[-1] != "#":
            yield f"logger_level: expected a level of {self.topic!r} from 1 to {len(levels)}, got {number}"
        level = levels[number - 1] if number <= len(levels) else "#"
        if level not in ("+", "#") and logger_name(level) is None:
            yield f"logger_level: expected a level that can name a logger, {number} of {self.topic!r} is {level!r}"

    def _format_faults(self) -> Iterator[str]:
        if self.is_senml:
            for key in ("logger_path", "rows", "time", "time_unit"):
                if getattr(self, key) is not None:
                    yield f"{key}: expected only with format json; a SenML record says it itself"
            return
        if not self.channels:
            yield "channels: missing; expected a table of paths and channels with format json"
        if (self.time is None) != (self.time_unit is None):
            yield "time_unit: expected both time and time_unit, or neither (then the time of receipt counts)"
        seen: set[str] = set()
        for name, channel in self.channels.items():
            try:
                parse_path(name)
            except ValueError as error:
                yield f"channels: {error}"
            if channel in seen:
                yield f"channels.{name}: expected a channel of its own, got {channel} twice"
            seen.add(channel)


def _unit_faults(units: dict[str, str], channels: dict[str, str]) -> Iterator[str]:
    for name, unit in units.items():
        if name not in channels:
            yield f"{name}: expected a key of channels"
            continue
        try:
            conversion(channels[name], unit)
        except ValueError as error:
            yield f"{name}: {error}"
