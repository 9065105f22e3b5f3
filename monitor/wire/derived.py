"""Values of other formats become env records of this one, whose identity derives from what they hold.

The record's map has besides the keys of any env record `container`, `logger`, `format` and `raw`: the message as it was
received. So every consumer reads it like any other, and the journal keeps every byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from monitor.model.errors import WireError
from monitor.model.record import NATIVE_TOPICS, SEQ_LIMIT
from monitor.wire.cbor import MAX_CHANNELS, SPAN_LIMIT_NS
from monitor.wire.encode import Origin, encode_env
from monitor.wire.fields import required, text
from monitor.wire.structure import MAX_PAYLOAD_BYTES, load_map
from monitor.wire.topic import parse_topic

MAX_VALUES = 2_048  # of a message; the slowest form, CBOR with decimal fractions, takes 15 us for each: 31 ms
MAX_RAW_BYTES = MAX_VALUES * 64  # 128 KiB; a SenML record with name, time and value takes about 50 bytes of JSON
MAX_LOGGERS = 16  # of a message; each one's record holds the message whole, so that a short one would become very long
MAX_FLOAT32 = float(np.finfo(np.float32).max)
_HEAD_BYTES = 1_024  # keys, numbers and names of a record; channels come on top
_BOOT_BITS = 53  # below SEQ_LIMIT


class Value(NamedTuple):  # thousands in a message
    """One value in its channel's unit; `is_relative` where its time counts from the receipt."""

    logger: str
    channel: str
    time_us: int
    is_relative: bool
    value: float


class Derived(NamedTuple):
    """A record as its logger would have sent it."""

    logger: str
    payload: bytes


def derive_records(container: str, format_name: str, raw: bytes, values: Iterable[Value]) -> list[Derived]:
    """One record for each logger among `values`; WireError when they are too many, or contradict each other.

    All records of a message together are no larger than one of the largest native message.
    """
    tables: dict[str, dict[tuple[int, str], float]] = {}
    for logger, channel, time_us, _, value in values:
        _check(channel, time_us, value)
        table = tables.setdefault(logger, {})
        if len(tables) > MAX_LOGGERS:
            raise WireError(f"loggers: expected at most {MAX_LOGGERS} in a message; send one message for each device")
        if table.setdefault((time_us, channel), value) != value:
            raise WireError(
                f"{channel}: two values of logger {logger} for one time, {table[time_us, channel]:g} and {value:g}"
            )
    if not tables:
        raise WireError("channels: the message holds no value of a configured channel")
    grids = {logger: _grid(table) for logger, table in tables.items()}
    total_bytes = sum(_record_bytes(raw, times, channels) for times, channels in grids.values())
    if total_bytes > MAX_PAYLOAD_BYTES:
        raise WireError(
            f"size: expected records of at most {MAX_PAYLOAD_BYTES} bytes, the message would take {total_bytes}"
        )
    return [
        Derived(logger, _encode(Origin(container, logger, format_name, raw), times, channels, tables[logger]))
        for logger, (times, channels) in grids.items()
    ]


def owner_of(topic: str, payload: bytes) -> tuple[str, str, str]:
    """(container, logger, kind) of a record: by its topic, or where that is not one of ours by its content."""
    if topic.startswith(NATIVE_TOPICS):
        owner = parse_topic(topic)
        return owner.container, owner.logger, owner.kind
    content = load_map(payload)
    names = [text(content, key) or str(required(content, key)) for key in ("container", "logger")]
    return names[0], names[1], "env"


def derived_boot(logger: str, channels: tuple[str, ...]) -> int:
    """The boot of a logger that names none: the first 53 bits of SHA-256 over its name and channels, NUL between."""
    digest = hashlib.sha256("\0".join((logger, *channels)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _BOOT_BITS)


def _check(channel: str, time_us: int, value: float) -> None:
    if not 0 <= time_us < SEQ_LIMIT:
        raise WireError(f"{channel}: expected a time from 1970 to 2255, got {time_us / 1e6:g} s")
    if not abs(value) <= MAX_FLOAT32:
        raise WireError(f"{channel}: expected a value that float32 carries, got {value:g}")


def _grid(table: dict[tuple[int, str], float]) -> tuple[list[int], tuple[str, ...]]:
    """Times (us) and channels in order; the order of a message's values is no part of its identity."""
    channels = tuple(sorted({channel for _, channel in table}))
    if len(channels) > MAX_CHANNELS:
        raise WireError(f"channels: expected at most {MAX_CHANNELS} of a logger, got {len(channels)}")
    times_us = sorted({time_us for time_us, _ in table})
    if (times_us[-1] - times_us[0]) * 1000 >= SPAN_LIMIT_NS:
        raise WireError(f"time: expected readings within 146 years, got {(times_us[-1] - times_us[0]) / 1e6:g} s")
    return times_us, channels


def _record_bytes(raw: bytes, times_us: list[int], channels: tuple[str, ...]) -> int:
    """Not less than what the record takes: an int64 for each row, a float32 for each value."""
    names_bytes = sum(len(channel) + 3 for channel in channels)
    return _HEAD_BYTES + len(raw) + names_bytes + len(times_us) * (8 + 4 * len(channels))


def _encode(
    origin: Origin, times_us: list[int], channels: tuple[str, ...], table: dict[tuple[int, str], float]
) -> bytes:
    rows = {time_us: row for row, time_us in enumerate(times_us)}
    columns = {channel: column for column, channel in enumerate(channels)}
    values = np.full((len(rows), len(columns)), np.nan, np.float32)
    for (time_us, channel), value in table.items():
        values[rows[time_us], columns[channel]] = value
    offsets_us = np.array(times_us, np.int64) - times_us[0]
    boot = derived_boot(origin.logger, channels)
    return encode_env(boot, times_us[0], times_us[0] * 1000, offsets_us, channels, values, origin)
