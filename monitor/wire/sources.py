"""Sources: which topics carry another format, and how their messages become records of this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from monitor.config import SourceSettings
from monitor.config.inputs import SEPARATORS, logger_name
from monitor.model.channel import field_name
from monitor.model.errors import WireError
from monitor.model.record import NATIVE_TOPICS
from monitor.model.topic_filter import overlap
from monitor.model.unit import conversion
from monitor.wire.derived import MAX_RAW_BYTES, Derived, Value, derive_records
from monitor.wire.fields import shown
from monitor.wire.mapped import Mapping
from monitor.wire.senml import read_pack

NS_PER_US = 1_000


class Sources:
    """The sources of a configuration, by topic."""

    def __init__(self, settings: Iterable[SourceSettings] = ()) -> None:
        self._sources = [Source(one) for one in settings]

    def of(self, topic: str) -> Source | None:
        """The source that takes this topic, None when it is none's; no two filters share a topic."""
        if topic.startswith(NATIVE_TOPICS):
            return None
        return next((source for source in self._sources if overlap(source.filter, topic)), None)


class Source:
    """Reads the messages of one `[[source]]` table."""

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self.filter, self.container = settings.topic, settings.container
        self._mapping = None if settings.is_senml else Mapping(settings)
        self._target = lru_cache(maxsize=1_024)(self._find_target)  # a fleet's names; hostile ones push each other out

    def read(self, topic: str, payload: bytes, received_ns: int, *, is_retained: bool) -> list[Derived]:
        """The records that a message becomes, one for each logger in it; WireError with the path of what is wrong."""
        if len(payload) > MAX_RAW_BYTES:
            raise WireError(
                f"size: expected at most {MAX_RAW_BYTES} bytes of {self._settings.format}, got {len(payload)}"
            )
        logger = self._named_logger(topic)
        received_us = received_ns // NS_PER_US
        read = self._read_json if self._mapping else self._read_senml
        values = list(read(logger, payload, received_us))
        if is_retained and any(value.is_relative for value in values):
            raise WireError("time: retained and without a time of its own, so that nobody knows when it was measured")
        return derive_records(self.container, self._settings.format, payload, values)

    def _named_logger(self, topic: str) -> str | None:
        """The logger by configuration or topic, None when the message names it."""
        settings = self._settings
        if settings.logger_level is None:
            return settings.logger
        levels = topic.split("/")
        if settings.logger_level > len(levels):
            raise WireError(
                f"topic: expected a level {settings.logger_level} that names the logger, got {shown(topic)}"
            )
        return _identifier("topic", levels[settings.logger_level - 1])

    def _read_json(self, logger: str | None, payload: bytes, received_us: int) -> Iterator[Value]:
        assert self._mapping is not None
        for row in self._mapping.read(payload, received_us):
            who = logger or _identifier(self._settings.logger_path or "", row.logger or "")
            for path, number in row.values.items():
                channel = self._settings.channels[path]
                factor, offset = conversion(channel, self._settings.units.get(path))
                yield Value(who, channel, row.time_us, row.is_relative, number * factor + offset)

    def _read_senml(self, logger: str | None, payload: bytes, received_us: int) -> Iterator[Value]:
        is_cbor = self._settings.format == "senml-cbor"
        for name, unit, time_us, is_relative, number in read_pack(payload, is_cbor=is_cbor, received_us=received_us):
            target = self._target(name, unit)
            if target is None:
                continue
            device, channel, factor, offset = target
            who = logger or _identifier(name, device)
            yield Value(who, channel, time_us, is_relative, number * factor + offset)

    def _find_target(self, name: str, unit: str | None) -> tuple[str, str, float, float] | None:
        """Device, channel, factor and offset of a SenML name and unit; None when no channel is meant."""
        settings = self._settings
        cut = max(name.rfind(separator) for separator in SEPARATORS)
        device, short = name[: max(cut, 0)], name[cut + 1 :]
        for full in (name, short):
            for key in (f"{full} {unit}", full):
                if key in settings.channels:
                    return device, *_converted(key, settings.channels[key], unit or settings.units.get(key))
        if field_name(short) is None:
            return None
        return device, *_converted(name, short, unit)


def _converted(name: str, channel: str, unit: str | None) -> tuple[str, float, float]:
    try:
        return channel, *conversion(channel, unit)
    except ValueError as error:
        raise WireError(f"{name}: {error}") from None


def _identifier(place: str, device: str) -> str:
    """A device's name as a logger's; WireError names the place that it was read from."""
    name = logger_name(device)
    if name is None:
        raise WireError(
            f"{place[:80]}: expected a logger's name of 1 to 64 letters, digits or _ . - : /, got {shown(device)}"
        )
    return name
