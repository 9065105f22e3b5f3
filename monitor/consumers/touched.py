"""Table `touched` of `store.db`: the minutes of which the store has confirmed readings that the copy may lack.

A row is an hour of a series. What is touched again gets a new number, so whoever has brought the rows up to a number
to the copy may drop them all, whatever was touched meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monitor.journal.schema import open_for_reading
from monitor.model.batch import Points, Table
from monitor.model.clock import NS_PER_S

COPIED = ("env", "derived")  # measurements
MINUTE_NS = 60 * NS_PER_S
MINUTES = 60  # of an hour, a bit each: they fit int64
TOUCHED_TABLE = """
CREATE TABLE IF NOT EXISTS touched(
    n INTEGER PRIMARY KEY AUTOINCREMENT, measurement TEXT NOT NULL, container TEXT NOT NULL, logger TEXT NOT NULL,
    hour INTEGER NOT NULL, minutes INTEGER NOT NULL, UNIQUE(measurement, container, logger, hour));
"""
_TOUCH = """
INSERT OR REPLACE INTO touched(measurement, container, logger, hour, minutes)
VALUES(?1, ?2, ?3, ?4, ?5 | coalesce((SELECT minutes FROM touched
    WHERE measurement = ?1 AND container = ?2 AND logger = ?3 AND hour = ?4), 0))
"""
_ROWS = "SELECT n, measurement, container, logger, hour, minutes FROM touched WHERE n > ? ORDER BY n LIMIT ?"

SeriesHour = tuple[str, str, str, int]  # measurement, container, logger, hours since 1970
Touched = dict[SeriesHour, int]  # the minutes, bit 0 is the first of the hour


class TouchedHour(NamedTuple):
    """A row: `minutes` is a bit for each minute of the hour that begins `hour` hours after 1970."""

    n: int
    measurement: str
    container: str
    logger: str
    hour: int
    minutes: int

    @property
    def from_ns(self) -> int:
        """The beginning of its first minute, ns UTC."""
        first = (self.minutes & -self.minutes).bit_length() - 1
        return (self.hour * MINUTES + first) * MINUTE_NS

    @property
    def to_ns(self) -> int:
        """The end of its last minute, ns UTC."""
        return (self.hour * MINUTES + self.minutes.bit_length()) * MINUTE_NS


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


def note_touched(connection: sqlite3.Connection, touched: Sequence[Touched], copied: int) -> None:
    """Drop what the copy has, rows up to number `copied`, and add what was touched; in the caller's transaction."""
    connection.execute("DELETE FROM touched WHERE n <= ?", (copied,))
    connection.executemany(_TOUCH, [(*key, minutes) for each in touched for key, minutes in each.items()])


class TouchedReader:
    """The table as the copy reads it."""

    def __init__(self, state_dir: Path, version: int) -> None:
        self._connection = open_for_reading(state_dir / "store.db", version)

    def after(self, n: int, limit: int) -> list[TouchedHour]:
        """The first rows behind number `n`, in the order of their numbers."""
        return [TouchedHour(*row) for row in self._connection.execute(_ROWS, (n, limit))]

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
