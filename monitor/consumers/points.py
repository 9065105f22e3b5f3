"""From records, results and transitions to the points of the InfluxDB schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.consumers.reading import read, read_operator
from monitor.journal import JournalReader
from monitor.journal.statuses import is_stale_will
from monitor.model.batch import Points
from monitor.model.channel import field_name
from monitor.model.operator import OperatorRecord
from monitor.model.operator_text import described, entered, value
from monitor.model.record import SYNCHRONISED, Anchor, Env, Record, Shock, Stamp, Status

MAX_TIME_NS = 1 << 62  # year 2116; a placed record ends below int64 with the longest span that the wire admits
Anchors = Callable[[str, int], Anchor | None]
Fields = dict[str, NDArray[np.float32] | NDArray[np.float64] | list[str] | list[bool]]


def anchor_of(record: Record, stamp: Stamp, anchors: Anchors) -> Anchor | None:
    """What the record's time is placed by, None where that is the logger's own clock."""
    return None if stamp.clk == SYNCHRONISED else anchors(record.logger or "", stamp.boot)


def placed_ns(message: Env | Shock, anchor: Anchor | None) -> int:
    """When the record's first reading was taken, int64 ns UTC."""
    return min(max(message.stamp.time_ns(message.seq, anchor), 0), MAX_TIME_NS)


def record_points(record: Record, journal: JournalReader) -> Iterator[Points]:
    """The points that the store writes of a record of the journal itself; those of its judgement are results."""
    if record.kind == "operator":
        yield from operator_points(record)
        return
    if record.kind not in ("env", "shock", "status"):
        return
    message = read(record)
    if message is None:
        return
    if isinstance(message, Status):
        if not is_stale_will(journal, record.pos, record.logger or "", message):
            yield status_points(record, message)
        return
    anchor = anchor_of(record, message.stamp, journal.anchor)
    start_ns = placed_ns(message, anchor)
    if message.stamp.clk != SYNCHRONISED:
        yield clock_points(record, message.stamp, start_ns)
    if isinstance(message, Shock):
        yield wave_points(record, message, start_ns)
        return
    points = env_points(record, message, start_ns)
    if points.fields:
        yield points


def env_points(record: Record, env: Env, start_ns: int) -> Points:
    """The readings of a block, one point each; channels that the schema does not know stay in the journal only."""
    fields: Fields = {name: env.values[:, column] for column, name in _stored(env.channels)}
    return Points(record.pos, "env", _tags(record), env.offsets_ns + start_ns, fields)


@lru_cache(maxsize=1024)  # loggers of a fleet share a few forms of block; of 64 channels about 5 kB each
def _stored(channels: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Column and field of the channels that the schema knows."""
    names = ((column, field_name(channel)) for column, channel in enumerate(channels))
    return tuple((column, name) for column, name in names if name is not None)


def wave_points(record: Record, shock: Shock, start_ns: int) -> Points:
    """The samples of an event as recorded, sensor axes, one point each."""
    x_g, y_g, z_g = shock.accel_g
    tags = (*_tags(record), ("sensor", shock.accelerometer))
    return Points(record.pos, "shock_wave", tags, shock.offsets_ns + start_ns, {"x_g": x_g, "y_g": y_g, "z_g": z_g})


def status_points(record: Record, status: Status) -> Points:
    """A logger's own state, at the time of receipt: a logger without a clock has no other."""
    fields: dict[str, Any] = {
        "online": status.state == "online",
        "armed": status.armed,
        "battery_pct": status.battery_pct,
        "memory_pct": status.memory_pct,
        "clock": float(status.stamp.clk),
    }
    return one_point(record.pos, "logger", _tags(record), record.received_ns, fields)


def clock_points(record: Record, stamp: Stamp, start_ns: int) -> Points:
    """Marks a record that was placed by its boot's anchor, since its own clock was not set, at its time."""
    return one_point(record.pos, "logger", _tags(record), start_ns, {"clock": float(stamp.clk)})


def operator_points(record: Record) -> Iterator[Points]:
    """What an operator entered, at the time from which it is effective; nothing where it does not decode."""
    said = read_operator(record)
    if said is None:
        return
    document = said.document()
    text = f"{described(document)} {entered(document)}"
    fields = {"text": text, "by": said.by, "value": value(document)}
    tags = (("container", said.container), ("type", said.type))
    yield one_point(record.pos, "operator", tags, _operator_ns(record.pos, said), fields)


def _operator_ns(pos: int, said: OperatorRecord) -> int:
    """Records of one type may be effective at one time, which has whole microseconds: the rest tells them apart."""
    return min(said.effective_ns, MAX_TIME_NS) + pos % 1000


def alert_points(number: int, at_ns: int, alert: dict[str, Any]) -> Points:
    """A change of an alert's state as a point at its time.

    By its number one sees which of two points of an alert is how it stands: an acknowledgement has the time at which it
    was given, a reading that came late, by which the alert cleared, its own.
    """
    tags = tuple((key, str(alert[key])) for key in ("container", "logger", "channel", "rule", "severity"))
    fields = {
        "state": alert["state"],
        "value": float(alert["value"]),
        "limit": float(alert["limit"]),
        "alert_id": alert["id"],
        "message": alert["message"],
        "number": float(number),
    }
    return one_point(number, "alert", tags, at_ns, fields)


def one_point(
    key: int, measurement: str, tags: tuple[tuple[str, str], ...], time_ns: int, fields: dict[str, Any]
) -> Points:
    """A single point; fields that are None are left out."""
    columns: Fields = {name: _column([value]) for name, value in fields.items() if value is not None}
    return Points(key, measurement, tags, np.array([time_ns], dtype=np.int64), columns)


def _column(values: list[Any]) -> NDArray[np.float64] | list[str] | list[bool]:
    """A field's values, all of one kind: flags and text as they are, numbers as float64 with NaN for None."""
    if isinstance(values[0], str | bool):
        return values
    return np.array(values, dtype=np.float64)


def _tags(record: Record) -> tuple[tuple[str, str], ...]:
    return (("container", record.container or ""), ("logger", record.logger or ""))
