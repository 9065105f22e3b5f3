"""The table of what watch computed for the store, in `watch.db`: a row for each run of records."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from monitor.consumers.points import Fields
from monitor.journal import Place
from monitor.model.batch import Table

RESULT_TABLES = """
CREATE TABLE IF NOT EXISTS results(
    n INTEGER PRIMARY KEY AUTOINCREMENT, pos INTEGER NOT NULL, upto INTEGER, is_again INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS results_by_pos ON results(pos);
"""
# In version 1 a row was one point, in version 2 points of one series and record. They go on as rows of their own, all
# to be confirmed before anything new; what the store had confirmed of them is sent once more.
RESULT_MIGRATION_1 = """
ALTER TABLE results RENAME COLUMN time_ns TO times_ns;
UPDATE results SET times_ns = '[' || times_ns || ']';
"""
RESULT_MIGRATION_2 = f"""
ALTER TABLE results RENAME TO results_of_one;
{RESULT_TABLES}
INSERT INTO results SELECT n, (SELECT max(pos) FROM results_of_one), NULL, 0, json_array(json_object(
    'measurement', measurement, 'series', json_array(json(tags)), 'of', 0, 'pos', pos, 'times_ns', json(times_ns),
    'fields', json(fields))) FROM results_of_one ORDER BY n;
UPDATE results SET upto = pos WHERE n = (SELECT max(n) FROM results);
DROP TABLE results_of_one;
"""
MAX_ROW_POINTS = 4_000  # of a table; of 5 numbers each 300 kB of JSON. Those of one record stay together
MAX_DROPPED = 1_000  # rows at once, every 10 s: a day of a store that was down is gone in minutes, and no commit lasts


class ResultRow(NamedTuple):
    """What a run of records led to.

    With it everything up to position `upto` is told (None: more is to come of those records). `is_again`: it takes the
    place of what was told before.
    """

    number: int
    upto: int | None
    is_again: bool
    tables: list[Table]


class ResultBook:
    """Writes inside the caller's transaction.

    A row bears the position at which it was made, since the cut into rows is that of a moment: after a power loss the
    same results may stand in other rows, under other numbers, but what is told up to a position is the same.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def enter(self, tables: Iterable[Table], reached: Place, *, is_again: bool = False) -> None:
        """Enter what the records up to `reached` led to."""
        pos = reached.pos + bool(reached.given)  # amid what waited for the position behind it
        rows = [(pos, is_again, _text(part)) for part in _parts([table for table in tables if table.of.size])]
        self._connection.executemany("INSERT INTO results(pos, is_again, body) VALUES(?, ?, ?)", rows)

    def finish(self, reached: Place) -> None:
        """All that the records up to `reached` led to is entered."""
        self._connection.execute(
            "UPDATE results SET upto = ? WHERE n = (SELECT max(n) FROM results) AND pos = ?",
            (reached.pos, reached.pos + bool(reached.given)),
        )

    def before(self, pos: int) -> int:
        """The number before that of the first row that tells of anything behind a position."""
        (number,) = self._connection.execute("SELECT min(n) FROM results WHERE pos > ?", (pos,)).fetchone()
        return self._last() if number is None else int(number) - 1

    def first_pos(self) -> int | None:
        """The position of the first row that is still there."""
        (pos,) = self._connection.execute("SELECT min(pos) FROM results").fetchone()
        return None if pos is None else int(pos)

    def after(self, number: int, limit_bytes: int) -> list[ResultRow]:
        """The rows behind `number`, in order: of about `limit_bytes`, at least one, and one alone that `is_again`."""
        rows = self._connection.execute("SELECT n, upto, is_again, body FROM results WHERE n > ? ORDER BY n", (number,))
        found: list[ResultRow] = []
        size = 0
        for n, upto, is_again, body in rows:
            if found and (is_again or size + len(body) > limit_bytes):
                break
            found.append(ResultRow(n, upto, bool(is_again), _tables(body)))
            size += len(body)
            if is_again:
                break
        rows.close()
        return found

    def has_after(self, number: int) -> bool:
        """Whether there is any row behind `number`."""
        return self._last() > number

    def drop(self, upto: int) -> None:
        """Drop what the store has confirmed, up to a position; watch keeps nothing twice (see its `kept`)."""
        self._connection.execute(
            "DELETE FROM results WHERE n IN (SELECT n FROM results WHERE pos <= ? ORDER BY n LIMIT ?)",
            (upto, MAX_DROPPED),
        )

    def _last(self) -> int:
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'results'").fetchone()
        return int(row[0]) if row else 0


def _parts(tables: Sequence[Table]) -> Iterator[list[Table]]:
    """Tables cut into rows of about MAX_ROW_POINTS; all of one record stands in one, as a store may keep it by that."""
    total = sum(table.of.size for table in tables)
    if total <= MAX_ROW_POINTS:
        yield from [list(tables)] if total else []
        return
    positions, counts = np.unique(np.concatenate([table.pos for table in tables]), return_counts=True)
    part_of = (np.cumsum(counts) - counts) // MAX_ROW_POINTS
    for number in np.unique(part_of).tolist():
        held = positions[part_of == number]
        picked = [np.flatnonzero(np.isin(table.pos, held)) for table in tables]
        yield [table.take(rows) for table, rows in zip(tables, picked, strict=True) if rows.size]


def _text(tables: Sequence[Table]) -> str:
    """Tables as JSON: a number gets the fewest digits that come back as the same float32 or float64."""
    return orjson.dumps(
        [
            {
                "measurement": table.measurement,
                "series": [dict(tags) for tags in table.series],
                "of": table.of,
                "pos": table.pos,
                "times_ns": table.times_ns,
                "fields": table.fields,
            }
            for table in tables
        ],
        option=orjson.OPT_SERIALIZE_NUMPY,
    ).decode()


def _tables(text: str) -> list[Table]:
    return [_table(content) for content in orjson.loads(text)]


def _table(content: dict[str, Any]) -> Table:
    """A table as it was written; in rows of earlier versions one value may hold for all points."""
    times_ns = np.array(content["times_ns"], dtype=np.int64)
    of, pos = (np.broadcast_to(np.array(content[name], dtype=np.int64), times_ns.shape) for name in ("of", "pos"))
    fields: Fields = {
        name: _column(value if isinstance(value, list) else [value] * len(times_ns))
        for name, value in content["fields"].items()
        if value is not None
    }
    series = tuple(tuple(tags.items()) for tags in content["series"])
    return Table(content["measurement"], series, of, pos, times_ns, fields)


def _column(values: list[Any]) -> NDArray[np.float64] | list[str] | list[bool]:
    """A field's values, all of one kind: flags and text as they are, numbers as float64 with NaN for None."""
    if isinstance(values[0], str | bool):
        return values
    return np.array(values, dtype=np.float64)
