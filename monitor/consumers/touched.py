"""Table `touched` of `store.db`: the minutes of which the store has confirmed readings that the copy may lack.

A row is an hour of a series. What is touched again gets a new number, so whoever has brought the rows up to a number
to the copy may drop them all, whatever was touched meanwhile. Where there are too many, the hours of a series become
one row, from the first to the last of them: then more is made anew than was touched, and nothing is left out.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monitor.journal.schema import open_for_reading
from monitor.model.batch import Points, Table
from monitor.model.clock import HOUR_NS, MINUTE_NS

COPIED = ("env", "derived")  # measurements
MINUTES = 60  # of an hour, a bit each: they fit int64
ALL_MINUTES = (1 << MINUTES) - 1
# Rows, in 15 MB: with the copy away 12 loggers have 576 a day and come to it in half a year, 240 loggers in nine days.
MAX_TOUCHED = 100_000
TOUCHED_TABLE = """
CREATE TABLE IF NOT EXISTS touched(
    n INTEGER PRIMARY KEY AUTOINCREMENT, measurement TEXT NOT NULL, container TEXT NOT NULL, logger TEXT NOT NULL,
    hour INTEGER NOT NULL, minutes INTEGER NOT NULL, hours INTEGER NOT NULL DEFAULT 1,
    UNIQUE(measurement, container, logger, hour));
"""
_BEFORE = "FROM touched WHERE measurement = ?1 AND container = ?2 AND logger = ?3 AND hour = ?4"
_TOUCH = f"""
INSERT OR REPLACE INTO touched(measurement, container, logger, hour, minutes, hours)
VALUES(?1, ?2, ?3, ?4, ?5 | coalesce((SELECT minutes {_BEFORE}), 0), coalesce((SELECT hours {_BEFORE}), 1))
"""
_DROP = "DELETE FROM touched WHERE n <= ? AND n NOT IN (SELECT value FROM json_each(?))"
_TOGETHER = f"""
SELECT measurement, container, logger, min(hour), {ALL_MINUTES}, max(hour + hours) - min(hour)
FROM touched GROUP BY measurement, container, logger
"""
_PUT = "INSERT INTO touched(measurement, container, logger, hour, minutes, hours) VALUES(?, ?, ?, ?, ?, ?)"
_COLUMNS = "SELECT n, measurement, container, logger, hour, minutes, hours FROM touched"
_ROWS = f"{_COLUMNS} WHERE n > ? ORDER BY n LIMIT ?"
_OF_SERIES = f"{_COLUMNS} WHERE measurement = ? AND container = ? AND logger = ? AND hour <= ? AND hour + hours > ?"

Series = tuple[str, str, str]  # measurement, container, logger
SeriesHour = tuple[str, str, str, int]  # measurement, container, logger, hours since 1970
Touched = dict[SeriesHour, int]  # the minutes, bit 0 is the first of the hour


class Copied(NamedTuple):
    """What the copy has: rows up to number `upto`, but those that are set `aside`."""

    upto: int = 0
    aside: tuple[int, ...] = ()


class TouchedHour(NamedTuple):
    """A row: `minutes` is a bit for each minute of the hour that begins `hour` hours after 1970.

    One that stands for several `hours` has all their minutes.
    """

    n: int
    measurement: str
    container: str
    logger: str
    hour: int
    minutes: int
    hours: int = 1

    @property
    def series(self) -> Series:
        """Measurement, container and logger."""
        return self.measurement, self.container, self.logger

    @property
    def from_ns(self) -> int:
        """The beginning of its first minute, ns UTC."""
        first = (self.minutes & -self.minutes).bit_length() - 1
        return (self.hour * MINUTES + first) * MINUTE_NS

    @property
    def to_ns(self) -> int:
        """The end of its last minute, ns UTC."""
        return ((self.hour + self.hours - 1) * MINUTES + self.minutes.bit_length()) * MINUTE_NS


def touched_by(points: Iterable[Points | Table]) -> Touched:
    """The minutes in which points of what is copied lie."""
    copied = [one for one in points if one.measurement in COPIED and len(one.times_ns)]
    if not copied:
        return {}
    series: list[tuple[str, dict[str, str]]] = []
    numbers = []
    for one in copied:
        of = one.of if isinstance(one, Table) else np.zeros(len(one.times_ns), np.int64)
        numbers.append(of + len(series))
        series += [(one.measurement, dict(tags)) for tags in (one.series if isinstance(one, Table) else (one.tags,))]
    of, minutes = np.concatenate(numbers), np.concatenate([one.times_ns for one in copied]) // MINUTE_NS
    hours = minutes // MINUTES
    starts = np.flatnonzero(np.append(True, (of[1:] != of[:-1]) | (hours[1:] != hours[:-1])))
    bits = np.bitwise_or.reduceat(np.int64(1) << minutes % MINUTES, starts)
    touched: Touched = {}
    for number, hour, bit in zip(of[starts].tolist(), hours[starts].tolist(), bits.tolist(), strict=True):
        measurement, tags = series[number]
        key = measurement, tags["container"], tags["logger"], hour
        touched[key] = touched.get(key, 0) | bit
    return touched


def note_touched(connection: sqlite3.Connection, touched: Sequence[Touched], copied: Copied) -> None:
    """Drop what the copy has, and add what was touched; in the caller's transaction."""
    connection.execute(_DROP, (copied.upto, json.dumps(copied.aside)))
    connection.executemany(_TOUCH, [(*key, minutes) for each in touched for key, minutes in each.items()])
    (count,) = connection.execute("SELECT count(*) FROM touched").fetchone()
    if count > MAX_TOUCHED:
        rows = connection.execute(_TOGETHER).fetchall()
        connection.execute("DELETE FROM touched")
        connection.executemany(_PUT, rows)


class TouchedReader:
    """The table as the copy reads it."""

    def __init__(self, state_dir: Path, version: int) -> None:
        self._connection = open_for_reading(state_dir / "store.db", version)

    def after(self, n: int, limit: int) -> list[TouchedHour]:
        """The first rows behind number `n`, in the order of their numbers."""
        return [TouchedHour(*row) for row in self._connection.execute(_ROWS, (n, limit))]

    def waiting(self, n: int) -> int:
        """How many there are behind number `n`."""
        (count,) = self._connection.execute("SELECT count(*) FROM touched WHERE n > ?", (n,)).fetchone()
        return int(count)

    def spans(self, series: Series, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """Beginning and end of what there is of a series (measurement, container, logger) in the hours of a time."""
        hours = to_ns // HOUR_NS, from_ns // HOUR_NS
        rows = [TouchedHour(*row) for row in self._connection.execute(_OF_SERIES, (*series, *hours))]
        return [(row.from_ns, row.to_ns) for row in rows]

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
