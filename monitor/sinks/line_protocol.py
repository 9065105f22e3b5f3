"""Points as InfluxDB line protocol: one line a point, the same points always the same bytes.

This is the hottest code of the daemon. Points with the same fields are put together, whoever they are of; orjson prints
a whole column at once, each number with the fewest digits that come back as the same float32 or float64, and one `join`
makes lines of the pieces: 0.31 us for a row of 4 fields, where blocks of 60 rows by themselves take 0.41 and `%` 0.45.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from monitor.model.batch import Points, Table

# Rows put together by one `join`. It bounds the transient: 1000 rows x 65 values x (65 B text + 2 pointers) = 5.3 MB.
_ROWS_AT_ONCE = 1000
_SERIES_MAX = 16_384  # of 1 600 loggers, or of 400 with events, whose spectra are 26; about 400 B each, 6.5 MB in all
_NAMES_MAX = 4_096  # names of loggers, channels, rules and fields; about 200 B each
_MISSING = "null"  # orjson's word for NaN and infinities; text fields are quoted, so none can read like it

_Column = tuple[str, list[str]]  # name, printed values
_Form = tuple[str, tuple[tuple[str, Any], ...]]  # measurement, name and type of each field


def lines(points: Sequence[Points | Table]) -> bytes:
    """Line protocol of `points` in UTF-8, each line ended by a newline, times in ns.

    Numbers are floats, flags `true` or `false`, text is quoted. A NaN or an infinity (which InfluxDB refuses) is left
    out; a row without any field gives no line. Points with the same fields stand together; of two rows of one series
    and time the later one stands behind the other, as what is written last counts.
    Raises ValueError for columns of unequal length and for tags that would change the series (empty, with a
    backslash or a line break), TypeError for a value that is neither float, text nor bool.
    """
    forms = [_form(one) for one in points]
    texts: list[str] = []
    for part in _runs(points, forms):
        alike: dict[_Form, list[Points | Table]] = {}
        for index in part:
            alike.setdefault(forms[index], []).append(points[index])
        texts += [text for form, group in alike.items() if form[1] for text in _texts(form, group)]
    return "".join(texts).encode()


def _runs(points: Sequence[Points | Table], forms: Sequence[_Form]) -> Iterator[range]:
    """Runs of points within which those with the same fields may stand together: no time of a series goes back then."""
    form_of: dict[Hashable, _Form] = {}
    keys = [_series_of(one) for one in points]
    if all(form_of.setdefault(key, form) == form for each, form in zip(keys, forms, strict=True) for key in each):
        yield range(len(points))
        return
    places: dict[_Form, int] = {}
    spans: dict[Hashable, dict[int, tuple[int, int]]] = {}  # of each series, first and last time by place of the form
    start = 0
    for index, (each, form, (first_ns, last_ns)) in enumerate(zip(keys, forms, _spans(points), strict=True)):
        place = places.setdefault(form, len(places))
        if any(_meets(spans.get(key, {}), place, first_ns, last_ns) for key in each):
            yield range(start, index)
            start, place, places, spans = index, 0, {form: 0}, {}
        for key in each:
            before = spans.setdefault(key, {}).get(place, (first_ns, last_ns))
            spans[key][place] = min(before[0], first_ns), max(before[1], last_ns)
    yield range(start, len(points))


def _spans(points: Sequence[Points | Table]) -> list[tuple[int, int]]:
    """First and last time of each; of none (0, -1), which meets nothing."""
    counts = np.array([len(one.times_ns) for one in points])
    spans = np.tile(np.array([0, -1]), (len(points), 1))
    is_filled = counts > 0
    if is_filled.any():
        times_ns, starts = np.concatenate([one.times_ns for one in points]), (np.cumsum(counts) - counts)[is_filled]
        spans[is_filled] = np.stack([np.minimum.reduceat(times_ns, starts), np.maximum.reduceat(times_ns, starts)], 1)
    return [(first_ns, last_ns) for first_ns, last_ns in spans.tolist()]


def _series_of(points: Points | Table) -> list[Hashable]:
    series = (points.tags,) if isinstance(points, Points) else points.series
    return [(points.measurement, tags) for tags in series]


def _meets(spans: dict[int, tuple[int, int]], place: int, first_ns: int, last_ns: int) -> bool:
    """Whether any time of these is one of a form that is written later."""
    return any(later > place and first_ns <= last and last_ns >= first for later, (first, last) in spans.items())


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
    rows_of = zip(*(printed for _, printed in columns), strict=True)
    patterns = [tuple([value != _MISSING for value in values]) for values in rows_of]
    groups: list[tuple[tuple[bool, ...], list[int]]] = []
    for part in _row_runs(series, times_ns, patterns):
        alike: dict[tuple[bool, ...], list[int]] = {}
        for row in part:
            alike.setdefault(patterns[row], []).append(row)
        groups += alike.items()
    for pattern, rows in groups:
        kept = [column for column, is_present in zip(columns, pattern, strict=True) if is_present]
        picked = [(name, [printed[row] for row in rows]) for name, printed in kept]
        yield _block([series[row] for row in rows], picked, [times_ns[row] for row in rows])


def _row_runs(series: list[str], times_ns: list[str], patterns: Sequence[Hashable]) -> Iterator[range]:
    """Runs of rows within which none is of a series and time that another with other fields has."""
    start, last, seen = 0, len(patterns), dict[tuple[str, str], Hashable]()
    for row, (key, pattern) in enumerate(zip(zip(series, times_ns, strict=True), patterns, strict=True)):
        if seen.setdefault(key, pattern) != pattern:
            yield range(start, row)
            start, seen = row, {key: pattern}
    yield range(start, last)


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
