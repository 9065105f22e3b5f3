"""Which minutes the copy has yet to be brought: any way of noting them comes to the same set."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.consumers import touched
from monitor.consumers.store_book import STORE_VERSION, StoreBook
from monitor.consumers.touched import (
    ALL_MINUTES,
    MINUTES,
    Copied,
    SeriesHour,
    Touched,
    TouchedReader,
    touched_by,
)
from monitor.model.batch import Points, Table
from monitor.model.clock import HOUR_NS, MINUTE_NS

S = 10**9
SERIES = st.sampled_from([(("container", "C"), ("logger", logger)) for logger in ("L-1", "L-2", "L-3")])
TIMES = st.lists(st.integers(0, 4 * HOUR_NS), max_size=8)
MEASUREMENTS = st.sampled_from(["env", "derived", "logger"])


def one_series(measurement: str, tags: tuple[tuple[str, str], ...], times_ns: list[int]) -> Points:
    return Points(1, measurement, tags, np.array(times_ns, np.int64), {})


@st.composite
def tables(draw: st.DrawFn) -> Table:
    series = tuple(draw(st.lists(SERIES, min_size=1, max_size=3)))
    times_ns = np.array(draw(TIMES), np.int64)
    of = [draw(st.integers(0, len(series) - 1)) for _ in times_ns]
    return Table(draw(MEASUREMENTS), series, np.array(of, np.int64), np.ones(len(of), np.int64), times_ns, {})


BODIES = st.lists(st.one_of(st.builds(one_series, MEASUREMENTS, SERIES, TIMES), tables()), max_size=5)


def plain(points: list[Points | Table]) -> Touched:
    """`touched_by`, one reading after the other."""
    touched: Touched = {}
    for one in points:
        for row, time_ns in enumerate(one.times_ns.tolist()):
            tags = one.series[int(one.of[row])] if isinstance(one, Table) else one.tags
            if one.measurement in ("env", "derived"):
                key = one.measurement, tags[0][1], tags[1][1], time_ns // HOUR_NS
                touched[key] = touched.get(key, 0) | 1 << time_ns % HOUR_NS // MINUTE_NS
    return touched


@given(BODIES)
def test_each_minute_with_a_reading_is_noted_and_no_other(points: list[Points | Table]) -> None:
    """Of what is copied; as the plain twin says."""
    assert touched_by(points) == plain(points)


KEY: SeriesHour = ("env", "C", "L-1", 7)
OTHER: SeriesHour = ("env", "C", "L-2", 7)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[StoreBook]:
    with closing(StoreBook(tmp_path)) as one:
        yield one


def test_what_is_touched_meanwhile_is_not_dropped(tmp_path: Path, book: StoreBook) -> None:
    """It has a number that whoever read the row before does not know; minutes of an hour that wait are put together."""
    with closing(TouchedReader(tmp_path, STORE_VERSION)) as reader:
        book.save({"journal": 1}, [], [{KEY: 0b1}, {OTHER: 0b100}])
        read = reader.after(0, 10)
        assert [(row.logger, row.minutes) for row in read] == [("L-1", 0b1), ("L-2", 0b100)]
        book.save({"journal": 2}, [], [{KEY: 0b1000}])
        again = reader.after(read[-1].n, 10)
        assert [(row.logger, row.minutes) for row in again] == [("L-1", 0b1001)]
        book.save({"journal": 3}, [], [{KEY: 0b10}], Copied(again[-1].n))
        assert [(row.logger, row.minutes) for row in reader.after(0, 10)] == [("L-1", 0b10)]


def test_a_row_says_from_when_to_when(tmp_path: Path, book: StoreBook) -> None:
    """From the beginning of the first minute to the end of the last, also of the last in an hour."""
    book.save({}, [], [{KEY: 1 << 2 | 1 << 59}])
    with closing(TouchedReader(tmp_path, STORE_VERSION)) as reader:
        (row,) = reader.after(0, 10)
    assert (row.from_ns, row.to_ns) == (7 * HOUR_NS + 2 * MINUTE_NS, 8 * HOUR_NS)


def test_a_file_of_the_version_before_is_taken_up(tmp_path: Path, book: StoreBook) -> None:
    """What it has come to stands, and from there on is noted."""
    book.save({"journal": 5}, [])
    book.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.executescript("DROP TABLE touched; PRAGMA user_version = 3;")
    with closing(StoreBook(tmp_path)) as later:
        assert later.cursors() == {"journal": 5}
        later.save({}, [], [{KEY: 1}])


HOURS = st.dictionaries(
    st.tuples(st.sampled_from(["env", "derived"]), st.just("C"), st.sampled_from(["L-1", "L-2"]), st.integers(0, 50)),
    st.integers(1, ALL_MINUTES),
    min_size=1,
    max_size=6,
)


@given(st.lists(HOURS, min_size=1, max_size=8))
def test_with_too_many_hours_none_is_left_out(noted: list[Touched]) -> None:
    """Each touched minute stands in a row of its series, and there are no more rows than there may be."""
    with (
        TemporaryDirectory() as folder,
        patch.object(touched, "MAX_TOUCHED", 5),
        closing(StoreBook(Path(folder))) as book,
    ):
        for each in noted:
            book.save({}, [], [each])
        with closing(TouchedReader(Path(folder), STORE_VERSION)) as reader:
            rows = reader.after(0, 1000)
            assert reader.waiting(0) == len(rows) <= 5
    for (*series, hour), minutes in ((key, minutes) for each in noted for key, minutes in each.items()):
        for minute in (hour * MINUTES + bit for bit in range(MINUTES) if minutes >> bit & 1):
            own = [row for row in rows if row.series == tuple(series)]
            assert any(row.from_ns <= minute * MINUTE_NS < row.to_ns for row in own)


def test_what_is_set_aside_is_not_dropped(tmp_path: Path, book: StoreBook) -> None:
    """Whatever else the copy has, up to it and behind it."""
    book.save({}, [], [{("env", "C", "L", hour): 1 for hour in range(5)}])
    with closing(TouchedReader(tmp_path, STORE_VERSION)) as reader:
        numbers = [row.n for row in reader.after(0, 10)]
        book.save({}, [], [{KEY: 1}], Copied(numbers[3], (numbers[0], numbers[2])))
        assert [row.hour for row in reader.after(0, 10)] == [0, 2, 4, 7]


def test_hours_of_a_series_are_found_by_time(tmp_path: Path, book: StoreBook) -> None:
    """Those that lie in the hours of a time, of that series alone."""
    book.save({}, [], [{("env", "C", "L", hour): ALL_MINUTES for hour in range(5)} | {OTHER: 1}])
    with closing(TouchedReader(tmp_path, STORE_VERSION)) as reader:
        found = reader.spans(("env", "C", "L"), HOUR_NS, 3 * HOUR_NS - 1)
    assert sorted(found) == [(HOUR_NS, 2 * HOUR_NS), (2 * HOUR_NS, 3 * HOUR_NS)]


def test_hours_of_a_file_of_the_version_before_stand(tmp_path: Path, book: StoreBook) -> None:
    """As the single ones that they were."""
    book.save({"journal": 5}, [], [{KEY: 0b110}])
    book.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.executescript("ALTER TABLE touched DROP COLUMN hours; PRAGMA user_version = 4;")
    with closing(StoreBook(tmp_path)), closing(TouchedReader(tmp_path, STORE_VERSION)) as reader:
        assert [(row.hour, row.minutes, row.hours) for row in reader.after(0, 10)] == [(7, 0b110, 1)]
