"""Points as InfluxDB line protocol: one line a point, the same points always the same bytes.

This is the hottest code of the daemon. A whole block is formatted by a single `%` over one flat tuple, which takes
0.6 of the time of a `%` for each line: what remains is nearly all the printing of the digits themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np

from monitor.model.batch import Points

# Nine significant digits carry every float32 exactly; a float64 is printed with the fewest digits that carry it.
_FLOAT32, _FLOAT64, _TEXT = "%.9g", "%r", "%s"
# Rows formatted by one `%`. It bounds the transient: 1000 rows x 65 values x (32 B object + 8 B pointer) = 2.6 MB.
_ROWS_AT_ONCE = 1000
_TEMPLATES_MAX = 4096  # one for each series and set of fields: of 4 fields 200 B (0.8 MB in all), of 64 fields 6 kB

_Column = tuple[str, str, list[Any]]  # name, conversion, values


def lines(points: Sequence[Points]) -> bytes:
    """Line protocol of `points` in UTF-8, each line ended by a newline, times in ns.

    Numbers are floats, flags `true` or `false`, text is quoted. A NaN or an infinity (which InfluxDB refuses) is left
    out; a row without any field gives no line. In a block with such values, rows with the same fields stand together.
    Raises ValueError for columns of unequal length and for tags that would change the series (empty, with a
    backslash or a line break), TypeError for a value that is neither float, text nor bool.
    """
    return "".join([text for one in points for text in _texts(one)]).encode()


def _texts(points: Points) -> Iterator[str]:
    times_ns = points.times_ns.tolist()
    columns = [_column(name, values) for name, values in points.fields.items()]
    for name, _, values in columns:
        if len(values) != len(times_ns):
            raise ValueError(f"field {name}: {len(values)} values for {len(times_ns)} times")
    for start in range(0, len(times_ns), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        part = [(name, conversion, values[rows]) for name, conversion, values in columns]
        # A sum is finite only if each term is. float32 cannot overflow it; a float64 that does only takes the detour.
        if all(conversion == _TEXT or isfinite(sum(values)) for _, conversion, values in part):
            yield _block(points, times_ns[rows], part)
        else:
            yield from _gappy(points, times_ns[rows], part)


def _block(points: Points, times_ns: list[int], columns: list[_Column]) -> str:
    """Lines of rows that have all of `columns`."""
    if not columns:
        return ""
    width = len(columns) + 1
    flat: list[Any] = [None] * (width * len(times_ns))
    for index, column in enumerate(columns):
        flat[index::width] = column[2]
    flat[width - 1 :: width] = times_ns
    template = _template(points.measurement, points.tags, tuple([column[:2] for column in columns]))
    return template * len(times_ns) % tuple(flat)


def _gappy(points: Points, times_ns: list[int], columns: list[_Column]) -> Iterator[str]:
    """Lines of rows that lack fields: rows with the same fields are a block of their own."""
    present = [[conversion == _TEXT or isfinite(value) for value in values] for _, conversion, values in columns]
    groups: dict[tuple[bool, ...], list[int]] = {}
    for row, pattern in enumerate(zip(*present, strict=True)):
        groups.setdefault(pattern, []).append(row)
    for pattern, rows in groups.items():
        kept = [column for column, is_present in zip(columns, pattern, strict=True) if is_present]
        part = [(name, conversion, [values[row] for row in rows]) for name, conversion, values in kept]
        yield _block(points, [times_ns[row] for row in rows], part)


def _column(name: str, values: Any) -> _Column:
    if isinstance(values, np.ndarray):
        if values.dtype == np.float32:
            return name, _FLOAT32, values.tolist()
        if values.dtype == np.float64:
            return name, _FLOAT64, values.tolist()
        raise TypeError(f"field {name}: an array of {values.dtype}; give float32 or float64")
    return name, _TEXT, [_literal(name, value) for value in values]


def _literal(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    raise TypeError(f"field {name}: a {type(value).__name__} in a list; give text or bool, numbers as an array")


@lru_cache(maxsize=_TEMPLATES_MAX)
def _template(measurement: str, tags: tuple[tuple[str, str], ...], fields: tuple[tuple[str, str], ...]) -> str:
    """The format of one line: `env,container=C,logger=L a=%.9g,b=%.9g %s` with its newline."""
    series = ",".join([_escaped(measurement), *(f"{_escaped(name)}={_escaped(value)}" for name, value in tags)])
    pairs = ",".join(f"{_escaped(name)}={conversion}" for name, conversion in fields)
    return f"{series} {pairs} %s\n"


def _escaped(text: str) -> str:
    """A measurement, tag or field name as it stands in a `%` format; ValueError when it would not come back."""
    if not text or "\\" in text or "\n" in text or "\r" in text:
        raise ValueError(f"{text!r} as name or tag would change the series: empty, a backslash or a line break")
    for character in ",= ":
        text = text.replace(character, "\\" + character)
    return text.replace("%", "%%")
