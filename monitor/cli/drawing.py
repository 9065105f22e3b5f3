"""Readings as a drawing of characters: braille dots, two to a character's width and four to its height, or plain ASCII.

Every line of it is plain text: it reads the same in a pipe, and without colour.
"""

from __future__ import annotations

import locale
from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from statistics import median
from typing import NamedTuple

from monitor.model.clock import MINUTE_NS, NS_PER_S, rfc3339

HEIGHT = 12  # lines of the drawing itself
LABEL = 11  # characters left of the axis: -1.2346e-05
MIN_COLUMNS = 30  # of the drawing: narrower it says nothing, and has no room for the time
JOINED = 3.0  # times the usual spacing: readings that are further apart are not joined, there is a gap
MARGIN = 0.05  # of the range, above and below
SHORT_NS = MINUTE_NS  # below, times are told in ms
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # bit of each row and column of a character

Point = tuple[int, float]  # time in ns UTC, value


class Style(NamedTuple):
    """Dots to a character, across and down; what axis, limit and readings are drawn in ("": in braille)."""

    across: int
    down: int
    axis: str
    limit: str
    reading: str


FINE = Style(2, 4, "│", "─", "")
PLAIN = Style(1, 1, "|", "-", "*")


def style_for(encoding: str | None) -> Style:
    """The finest that an output of this encoding can show; under the locale C a terminal shows but ASCII, as a rule."""
    try:
        for each in (encoding or "ascii", locale.getencoding()):
            f"{FINE.axis}{FINE.limit}{chr(BRAILLE + 0xFF)}".encode(each)
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return FINE


def draw(points: Sequence[Point], limit: float | None, width: int, style: Style) -> list[str]:
    """Lines of at most `width` characters: points in order of time, joined where they follow one another.

    A value that is NaN breaks the line; the limit goes across. No lines where no value is finite.
    """
    values = [value for _, value in points if isfinite(value)]
    columns = width - LABEL - 1
    if not values or columns < MIN_COLUMNS:
        return []
    lowest, highest = _range([*values, *([] if limit is None else [limit])])
    canvas = _Canvas(style, columns, (points[0][0], points[-1][0]), (lowest, highest))
    reach_ns = JOINED * _spacing_ns(points)
    for point, following in pairwise([*points, points[-1]]):
        is_joined = isfinite(following[1]) and following[0] - point[0] <= reach_ns
        if isfinite(point[1]):
            canvas.line(point, following if is_joined else point)
    labels = {0: highest, HEIGHT - 1: lowest}
    if limit is not None:
        labels[canvas.row(limit)] = limit
    lines = [
        f"{f'{labels[row]:.5g}' if row in labels else '':>{LABEL}}{style.axis}{text}".rstrip()
        for row, text in enumerate(canvas.rows(limit))
    ]
    return [*lines, _time_axis(points[0][0], points[-1][0], columns)]


class _Canvas:
    """Dots of the drawing, by character."""

    def __init__(self, style: Style, columns: int, span_ns: tuple[int, int], values: tuple[float, float]) -> None:
        self._style, self._columns = style, columns
        self._from_ns, self._span_ns = span_ns[0], max(span_ns[1] - span_ns[0], 1)
        self._highest, self._size = values[1], values[1] - values[0]
        self._cells = [[0] * columns for _ in range(HEIGHT)]

    def line(self, begin: Point, end: Point) -> None:
        """A line between two points."""
        (x, y), (to_x, to_y) = self._dot(begin), self._dot(end)
        steps = max(abs(to_x - x), abs(to_y - y), 1)
        for step in range(steps + 1):
            self._mark(round(x + (to_x - x) * step / steps), round(y + (to_y - y) * step / steps))

    def row(self, value: float) -> int:
        """The line that a value lies on."""
        return self._dot((self._from_ns, value))[1] // self._style.down

    def rows(self, limit: float | None) -> list[str]:
        """The lines, with the limit where nothing else is."""
        limit_row = None if limit is None else self.row(limit)
        return [
            "".join(self._character(bits, self._style.limit if row == limit_row else " ") for bits in cells)
            for row, cells in enumerate(self._cells)
        ]

    def _dot(self, point: Point) -> tuple[int, int]:
        across, down = self._columns * self._style.across - 1, HEIGHT * self._style.down - 1
        time_ns, value = point
        return (
            round((time_ns - self._from_ns) / self._span_ns * across),
            round((self._highest - value) / self._size * down),
        )

    def _mark(self, x: int, y: int) -> None:
        column, row = x // self._style.across, y // self._style.down
        self._cells[row][column] |= DOTS[y % self._style.down][x % self._style.across]

    def _character(self, bits: int, otherwise: str) -> str:
        if not bits:
            return otherwise
        return self._style.reading or chr(BRAILLE + bits)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Least and largest with a margin; something around a value that stands alone."""
    lowest, highest = min(values), max(values)
    margin = MARGIN * (highest - lowest) or max(abs(highest) * MARGIN, MARGIN)
    return lowest - margin, highest + margin


def _spacing_ns(points: Sequence[Point]) -> float:
    """The usual distance of two readings; of thinned ones two stand for each stretch, so the wider is meant."""
    spacings = [later[0] - earlier[0] for earlier, later in pairwise(points)]
    return median(max(pair) for pair in pairwise([*spacings, spacings[-1]])) if spacings else 0.0


def _time_axis(from_ns: int, to_ns: int, columns: int) -> str:
    """When it begins, and ends where there is room for it, UTC."""
    is_short = to_ns - from_ns < SHORT_NS
    begin, end = _moment(from_ns, is_short), _moment(to_ns, is_short)
    room = columns - len(begin)
    return f"{'':{LABEL + 1}}{begin}" + (f"{end:>{room}}" if len(end) < room else "")


def _moment(time_ns: int, is_short: bool) -> str:
    unit_ns = NS_PER_S // 1000 if is_short else NS_PER_S
    return rfc3339(time_ns // unit_ns * unit_ns)
