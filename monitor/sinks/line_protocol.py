"""Points as InfluxDB line protocol: one line a point, the same points always the same bytes.

This is the hottest code of the daemon. Points with the same fields are put together, whoever they are of; orjson prints
a whole column at once, each number with the fewest digits that come back as the same float32 or float64, and one `join`
makes lines of the pieces: 0.31 us for a row of 4 fields, where blocks of 60 rows by themselves take 0.41 and `%` 0.45.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from monitor.model.batch import Points, Table

# Rows put together by one `join`. It bounds the transient: 1000 rows x 65 values x (65 B text + 2 pointers) = 5.3 MB.
_ROWS_AT_ONCE = 1000
_SERIES_MAX = 16_384  # of 1 600 loggers; about 400 B each, 6.5 MB in all
_NAMES_MAX = 4_096  # names of loggers, channels, rules and fields; about 200 B each
_MISSING = "null"  # orjson's word for NaN and infinities; text fields are quoted, so none can read like it

_Column = tuple[str, list[str]]  # name, printed values
_Form = tuple[str, tuple[tuple[str, Any], ...]]  # measurement, name and type of each field


def lines(points: Sequence[Points | Table]) -> bytes:
    """Line protocol of `points` in UTF-8, each line ended by a newline, times in ns.

    Numbers are floats, flags `true` or `false`, text is quoted. A NaN or an infinity (which InfluxDB refuses) is left
    out; a row without any field gives no line. Points with the same fields stand together, in their order.
    Raises ValueError for columns of unequal length and for tags that would change the series (empty, with a
    backslash or a line break), TypeError for a value that is neither float, text nor bool.
    """
    alike: dict[_Form, list[Points | Table]] = {}
    for one in points:
        alike.setdefault(_form(one), []).append(one)
    return "".join([text for form, group in alike.items() if form[1] for text in _texts(form, group)]).encode()


def _form(points: Points | Table) -> _Form:
    """What points that are put together have in common."""
    total, kinds = len(points.times_ns), []
    for name, values in points.fields.items():
        if len(values) != total:
            raise ValueError(f"field {name}: {len(values)} values for {total} times")
        kinds.append((name, values.dtype.char if isinstance(values, np.ndarray) else list))
    return points.measurement, tuple(kinds)


def _texts(form: _Form, group: Sequence[Points | Table]) -> Iterator[str]:
    measurement, kinds = form
    times_ns = np.concatenate([points.times_ns for points in group])
    columns = {name: _joined([points.fields[name] for points in group]) for name, _ in kinds}
    series = [text for points in group for text in _series(measurement, points)]
    for start in range(0, len(times_ns), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        printed = [_printed(name, values[rows]) for name, values in columns.items()]
        block = (series[rows], [(name, texts) for name, texts, _ in printed], _numbers(times_ns[rows])[0])
        if any(is_gappy for _, _, is_gappy in printed):
            yield from _gappy(*block)
        else:
            yield _block(*block)


def _series(measurement: str, points: Points | Table) -> list[str]:
    """How the line of each row begins."""
    if isinstance(points, Points):
        return [_beginning(measurement, points.tags)] * len(points.times_ns)
    beginnings = [_beginning(measurement, tags) for tags in points.series]
    return [beginnings[number] for number in points.of.tolist()]


def _joined(columns: list[Any]) -> Any:
    """Columns of one kind end to end."""
    if isinstance(columns[0], np.ndarray):
        return np.concatenate(columns)
    return [value for column in columns for value in column]


def _block(series: list[str], columns: list[_Column], times_ns: list[str]) -> str:
    """Lines of rows that have all of `columns`."""
    if not columns:
        return ""
    frame = [""]
    for index, (name, _) in enumerate(columns):
        frame += [f"{',' if index else ' '}{_escaped(name)}=", ""]
    frame += [" ", "", "\n"]
    pieces = frame * len(times_ns)
    pieces[:: len(frame)] = series
    for index, (_, printed) in enumerate(columns):
        pieces[2 * index + 2 :: len(frame)] = printed
    pieces[len(frame) - 2 :: len(frame)] = times_ns
    return "".join(pieces)


def _gappy(series: list[str], columns: list[_Column], times_ns: list[str]) -> Iterator[str]:
    """Lines of rows that lack fields: rows with the same fields are a block of their own."""
    groups: dict[tuple[bool, ...], list[int]] = {}
    for row, values in enumerate(zip(*(printed for _, printed in columns), strict=True)):
        groups.setdefault(tuple([value != _MISSING for value in values]), []).append(row)
    for pattern, rows in groups.items():
        kept = [column for column, is_present in zip(columns, pattern, strict=True) if is_present]
        part = [(name, [printed[row] for row in rows]) for name, printed in kept]
        yield _block([series[row] for row in rows], part, [times_ns[row] for row in rows])


def _printed(name: str, values: Any) -> tuple[str, list[str], bool]:
    """A field's name, its values as they stand in a line, and whether any is missing."""
    if not isinstance(values, np.ndarray):
        return name, [_literal(name, value) for value in values], False
    if values.dtype not in (np.float32, np.float64):
        raise TypeError(f"field {name}: an array of {values.dtype}; give float32 or float64")
    return name, *_numbers(values)


def _numbers(values: np.ndarray[Any, Any]) -> tuple[list[str], bool]:
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode()
    return text.split(","), _MISSING in text


def _literal(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    raise TypeError(f"field {name}: a {type(value).__name__} in a list; give text or bool, numbers as an array")


@lru_cache(maxsize=_SERIES_MAX)
def _beginning(measurement: str, tags: tuple[tuple[str, str], ...]) -> str:
    """Measurement and tags: `env,container=C,logger=L`."""
    return ",".join([_escaped(measurement), *(f"{_escaped(name)}={_escaped(value)}" for name, value in tags)])


@lru_cache(maxsize=_NAMES_MAX)
def _escaped(text: str) -> str:
    """A measurement, tag or field name as it stands in a line; ValueError when it would not come back."""
    if not text or "\\" in text or "\n" in text or "\r" in text:
        raise ValueError(f"{text!r} as name or tag would change the series: empty, a backslash or a line break")
    for character in ",= ":
        text = text.replace(character, "\\" + character)
    return text
