"""The table of what watch computed for the store, in `watch.db`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

RESULT_TABLES = """
CREATE TABLE IF NOT EXISTS results(
    n INTEGER PRIMARY KEY AUTOINCREMENT, pos INTEGER NOT NULL, measurement TEXT NOT NULL, tags TEXT NOT NULL,
    times_ns TEXT NOT NULL, fields TEXT NOT NULL, UNIQUE(pos, measurement, tags));
"""
# In version 1 a result was one point. The numbers go on, as the store's cursor is one of them.
RESULT_MIGRATION = """
CREATE TABLE results_of_points(
    n INTEGER PRIMARY KEY AUTOINCREMENT, pos INTEGER NOT NULL, measurement TEXT NOT NULL, tags TEXT NOT NULL,
    times_ns TEXT NOT NULL, fields TEXT NOT NULL, UNIQUE(pos, measurement, tags));
INSERT INTO results_of_points SELECT n, pos, measurement, tags, '[' || time_ns || ']', fields FROM results;
DROP TABLE results;
ALTER TABLE results_of_points RENAME TO results;
"""
MAX_DROPPED = 50_000  # at once, every 10 s: a day of a store that was down is gone in minutes, and no commit lasts long


@dataclass(frozen=True, slots=True)
class Result:
    """What watch computed of a record, for the store: points of one series of `measurement`.

    A field is a list with a value for each time (None where there is none), or one value that holds for all.
    """

    pos: int
    measurement: str
    tags: tuple[tuple[str, str], ...]
    times_ns: list[int]
    fields: dict[str, Any]


class ResultBook:
    """Writes inside the caller's transaction; what is known stays as it is and uses up no number (see AlertBook)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def enter(self, results: Iterable[Result]) -> None:
        """Enter results; there is one of each measurement and tags for a record."""
        self._connection.executemany(
            "INSERT INTO results(pos, measurement, tags, times_ns, fields) SELECT ?1, ?2, ?3, ?4, ?5 "
            "WHERE NOT EXISTS (SELECT 1 FROM results WHERE pos = ?1 AND measurement = ?2 AND tags = ?3)",
            _rows(results),
        )

    def replace(self, results: Iterable[Result]) -> None:
        """Enter results in place of those of the same measurement, tags and record, under numbers of their own."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO results(pos, measurement, tags, times_ns, fields) VALUES(?, ?, ?, ?, ?)",
            _rows(results),
        )

    def after(self, number: int, limit: int, limit_bytes: int) -> list[tuple[int, Result]]:
        """(number, result) behind `number`, in order: at most `limit`, of about `limit_bytes`, at least one."""
        rows = self._connection.execute(
            "SELECT n, pos, measurement, tags, times_ns, fields FROM results WHERE n > ? ORDER BY n LIMIT ?",
            (number, limit),
        )
        found: list[tuple[int, Result]] = []
        size = 0
        for n, pos, measurement, tags, times_ns, fields in rows:
            tag_items = tuple(json.loads(tags).items())
            found.append((n, Result(pos, measurement, tag_items, json.loads(times_ns), json.loads(fields))))
            size += len(times_ns) + len(fields)
            if size >= limit_bytes:
                break
        rows.close()
        return found

    def last(self) -> int:
        """Number of the latest result, also when it was dropped since; 0 before the first."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'results'").fetchone()
        return int(row[0]) if row else 0

    def drop(self, upto: int, upto_pos: int) -> None:
        """Drop what the store has confirmed, up to a number, of records that are never judged again."""
        self._connection.execute(
            "DELETE FROM results WHERE n IN (SELECT n FROM results WHERE n <= ? AND pos <= ? ORDER BY n LIMIT ?)",
            (upto, upto_pos, MAX_DROPPED),
        )


def _rows(results: Iterable[Result]) -> list[tuple[int, str, str, str, str]]:
    """In the order of their records, so that they get the same numbers however the journal was cut."""
    return [_row(result) for result in sorted(results, key=lambda each: (each.pos, each.measurement, each.tags))]


def _row(result: Result) -> tuple[int, str, str, str, str]:
    tags = json.dumps(dict(result.tags), sort_keys=True)
    return result.pos, result.measurement, tags, json.dumps(result.times_ns), json.dumps(result.fields)
