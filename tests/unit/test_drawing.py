"""Drawings of readings: within their width, whatever the readings; what they show stands where it belongs."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.drawing import BRAILLE, FINE, HEIGHT, LABEL, MIN_COLUMNS, PLAIN, Point, Style, draw, style_for

S = 10**9
T0 = 1_795_413_600 * S
NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)
POINTS = st.lists(st.tuples(st.integers(0, 1 << 60), st.just(math.nan) | NUMBERS), min_size=1, max_size=50).map(sorted)


@given(POINTS, st.none() | NUMBERS, st.integers(30, 120), st.sampled_from([FINE, PLAIN]))
def test_whatever_is_drawn_fits(points: list[Point], limit: float | None, width: int, style: Style) -> None:
    """As many lines as are promised and the times; none is wider, none has a character that does not belong."""
    lines = draw(points, limit, width, style)
    is_drawn = any(math.isfinite(value) for _, value in points) and width > LABEL + MIN_COLUMNS
    assert len(lines) == (HEIGHT + 1 if is_drawn else 0)
    assert all(len(line) <= width for line in lines)
    for line in lines[:HEIGHT]:
        extra = {chr(BRAILLE + bits) for bits in range(1, 256)} if style is FINE else {style.reading}
        assert set(line[LABEL + 1 :]) <= extra | {" ", style.limit}


def test_readings_and_limit_stand_where_they_belong() -> None:
    """A step over the limit: low on the left, high on the right, the limit between them with its number."""
    points = [(T0 + at * S, 20.0 if at < 30 else 30.0) for at in range(60)]
    lines = draw(points, 25.0, 60, PLAIN)
    high, low = (next(line for line in lines if line.count("*") > 10) for lines in (lines, lines[::-1]))
    assert lines.index(high) < lines.index(low)
    assert high.index("*") > 30 and low.rindex("*") < 40
    (limit,) = (line for line in lines if "-" * 15 in line)
    assert lines.index(high) < lines.index(limit) < lines.index(low) and limit.startswith(f"{'25':>{LABEL}}|")
    assert lines[-1].split() == ["2026-11-23T06:00:00Z", "2026-11-23T06:00:59Z"]


def test_a_gap_is_left_open() -> None:
    """Readings that are far apart, and those beside one without value, are not joined."""
    apart = [(T0 + at * S, 1.0) for at in (*range(10), *range(50, 60))]
    broken = [(T0 + at * S, math.nan if 20 <= at < 40 else 1.0) for at in range(60)]
    for points in (apart, broken):
        (line,) = (line for line in draw(points, None, 72, PLAIN) if "*" in line)
        assert "*" not in line[LABEL + 25 : LABEL + 35]
    assert "*" * 60 in "".join(draw([(T0 + at * S, 1.0) for at in range(60)], None, 72, PLAIN))


def test_an_event_is_told_in_milliseconds() -> None:
    """So that its two ends differ."""
    lines = draw([(T0, 0.0), (T0 + S // 4, 1.0)], None, 80, FINE)
    assert lines[-1].split() == ["2026-11-23T06:00:00Z", "2026-11-23T06:00:00.250Z"]


def test_the_style_is_what_the_output_can_show() -> None:
    """Only ASCII for whoever shows only that, or of whom nobody knows."""
    assert [style_for(encoding) for encoding in ("ascii", "latin-1", "no such", None)] == [PLAIN] * 4
