"""Reading whole points back from InfluxDB: statements in InfluxQL, and what answers say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.model.batch import Points
from monitor.model.clock import NS_PER_S
from monitor.sinks.stored import PLACE, TAGS, Columns, Tags, merged

PAGE_POINTS = 100_000  # of one answer with one field: about 4 MB of JSON
PAGE_ROWS = 20_000  # of one answer: of 64 fields 20 MB of JSON
PAGE_SERIES = 10_000  # names of 200 bytes
_UNITS_S = {"h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(\d+)([hms])")
Query = Callable[[str], dict[str, Any]]  # the one result of a statement


def quoted(text: str) -> str:
    """Text to stand between quotes, single or double, in InfluxQL."""
    for character in ("\\", "'", '"'):
        text = text.replace(character, "\\" + character)
    return text.replace("\n", "\\n")


def read_series(
    query: Query, measurement: str, series: tuple[str, str, str], from_ns: int, to_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Times and values of one field (container, logger, field), `from_ns` <= time < `to_ns`, in pages."""
    container, logger, field = map(quoted, series)
    source = (
        f'SELECT "{field}" FROM "{quoted(measurement)}" WHERE "container" = \'{container}\' AND "logger" = \'{logger}\''
    )
    pages: list[list[list[Any]]] = []
    while True:
        page, is_cut = _page(
            query(f"{source} AND time >= {from_ns} AND time < {to_ns} ORDER BY time LIMIT {PAGE_POINTS}")
        )
        last_ns = page[-1][0] if page else from_ns
        if not is_cut or last_ns == from_ns:
            pages.append(page)
            break
        # Other series may have points at the last time too: the next page starts with that time again.
        pages.append([row for row in page if row[0] < last_ns])
        from_ns = last_ns
    rows = [row for page in pages for row in page]
    return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float64)


def _page(result: dict[str, Any]) -> tuple[list[list[Any]], bool]:
    """Rows [time, value] of one answer, and whether more may follow."""
    found = result.get("series", [])
    rows: list[list[Any]] = found[0]["values"] if found else []
    # `partial`: the server's own max-row-limit cut the answer.
    return rows, len(rows) >= PAGE_POINTS or any(one.get("partial") for one in found)


def read_columns(
    query: Query, measurement: str, container: str, logger: str, from_ns: int, to_ns: int
) -> tuple[Columns, int]:
    """What a logger has of a measurement from `from_ns` on, and the time before which that is all of it.

    ValueError when more points than an answer holds are at one time.
    """
    result = query(
        f'SELECT * FROM "{quoted(measurement)}" WHERE "container" = \'{quoted(container)}\''
        f" AND \"logger\" = '{quoted(logger)}' AND time >= {from_ns} AND time < {to_ns} ORDER BY time LIMIT {PAGE_ROWS}"
    )
    found = result.get("series", [])
    if not found:
        return {}, to_ns
    names, rows = found[0]["columns"], found[0]["values"]
    # Where the answer was cut other series may have points at the last time too: it is asked for again.
    reached_ns = rows[-1][0] if len(rows) >= PAGE_ROWS or found[0].get("partial") else to_ns
    if reached_ns == from_ns:
        raise ValueError(f"more than {len(rows)} points of {measurement} of {container} {logger} at {from_ns}")
    return _columns(measurement, names, [row for row in rows if row[0] < reached_ns]), reached_ns


def read_minutes(
    query: Query, measurement: str, container: str, logger: str, from_ns: int, to_ns: int
) -> Points | None:
    """What a logger's minutes come to: fields `<field>_min`, `<field>_mean` and `<field>_max`; None without readings.

    A minute stands at its beginning, `from_ns` <= time < `to_ns`, both whole minutes; one without readings is left out.
    ValueError when the server cuts the answer.
    """
    # Of one logger: ten by OR take InfluxDB 1.6 three times as long as one after the other.
    result = query(
        f'SELECT min(*), mean(*), max(*) FROM "{quoted(measurement)}" WHERE "container" = \'{quoted(container)}\''
        f" AND \"logger\" = '{quoted(logger)}' AND time >= {from_ns} AND time < {to_ns} GROUP BY time(1m) fill(none)"
    )
    found = result.get("series", [])
    if not found:
        return None
    if found[0].get("partial"):
        raise ValueError(f"the server cuts its answer (max-row-limit): {measurement} of {container} {logger}")
    times_ns, *columns = zip(*found[0]["values"], strict=True)
    names = (name.partition("_") for name in found[0]["columns"][1:])  # `min_temperature_air_c`
    fields: dict[str, Any] = {
        f"{field}_{kind}": np.array(column, np.float64) for (kind, _, field), column in zip(names, columns, strict=True)
    }
    return Points(
        0, measurement, tuple(zip(PLACE, (container, logger), strict=True)), np.array(times_ns, np.int64), fields
    )


def read_next_ns(query: Query, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> int | None:
    """The time of a logger's first point, `from_ns` <= time < `to_ns`, None without any."""
    found = query(
        f'SELECT * FROM "{quoted(measurement)}" WHERE "container" = \'{quoted(container)}\''
        f" AND \"logger\" = '{quoted(logger)}' AND time >= {from_ns} AND time < {to_ns} ORDER BY time LIMIT 1"
    ).get("series", [])
    return int(found[0]["values"][0][0]) if found else None


def read_owners(query: Query, measurement: str) -> set[tuple[str, str]]:
    """(container, logger) of every series of a measurement."""
    owners: set[tuple[str, str]] = set()
    offset = 0
    while True:
        statement = f'SHOW SERIES FROM "{quoted(measurement)}" LIMIT {PAGE_SERIES} OFFSET {offset}'
        keys = [row[0] for series in query(statement).get("series", []) for row in series["values"]]
        owners |= {owner for key in keys if (owner := _owner(measurement, key)) is not None}
        if len(keys) < PAGE_SERIES:
            return owners
        offset += PAGE_SERIES


def read_retention_ns(query: Query, database: str) -> int:
    """How long the database keeps points, 0 for ever."""
    return next((kept_ns(policy) for policy in read_policies(query, database) if policy["default"]), 0)


def read_policies(query: Query, database: str) -> list[dict[str, Any]]:
    """The retention policies of a database: name, duration, whether one is the default ..."""
    found = query(f'SHOW RETENTION POLICIES ON "{quoted(database)}"').get("series", [])
    return [dict(zip(one["columns"], row, strict=True)) for one in found for row in one.get("values", [])]


def kept_ns(policy: dict[str, Any]) -> int:
    """How long a retention policy keeps points, 0 for ever."""
    return sum(int(count) * _UNITS_S[unit] for count, unit in _DURATION.findall(policy["duration"])) * NS_PER_S


def bucket_retention_ns(answer: Any) -> int | None:
    """The same of a bucket, from the answer of /api/v2/buckets; None where it does not say so."""
    try:
        rules = answer["buckets"][0]["retentionRules"]
        return sum(int(rule["everySeconds"]) for rule in rules if rule["type"] == "expire") * NS_PER_S
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _columns(measurement: str, names: list[str], rows: list[list[Any]]) -> Columns:
    """Rows of time, fields and tags by the tags of the measurement and by field."""
    places = [names.index(name) if name in names else None for name in TAGS[measurement]]
    series: dict[Tags, list[list[Any]]] = {}
    for row in rows:
        texts = ("" if at is None else row[at] or "" for at in places)
        series.setdefault(tuple(zip(TAGS[measurement], texts, strict=True)), []).append(row)
    columns: Columns = {}
    for tags, held in series.items():
        times_ns = np.array([row[0] for row in held], dtype=np.int64)
        for at, name in enumerate(names):
            if at and at not in places:
                column = merged([(times_ns, _values([row[at] for row in held]))])
                if column.times_ns.size:
                    columns[tags, name] = column
    return columns


def _values(values: list[Any]) -> NDArray[Any]:
    """A field's values, all of one kind: numbers as float64 with NaN for None, text and flags as objects."""
    first = next((value for value in values if value is not None), None)
    return np.array(values, dtype=object if isinstance(first, str | bool) else np.float64)


def _owner(measurement: str, key: str) -> tuple[str, str] | None:
    """Container and logger of a series key; their names hold nothing that is escaped. None for a series of others.

    What is of a container as a whole has "" for the logger, which InfluxQL says of a tag that is not there.
    """
    tags = dict(part.split("=", 1) for part in key.split(",")[1:] if "=" in part)
    container, logger = (tags.get(name, None if name in TAGS[measurement] else "") for name in PLACE)
    return (container, logger) if container is not None and logger is not None else None
