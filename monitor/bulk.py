"""Many rows of SQLite in few statements.

What counts is the number of statements, and of rows that SQLite hands over: at each another thread may go on, for up to
half a millisecond. A storm of 10 000 alerts that asks for each of them takes seconds, with this some tenths.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

import orjson

MAX_ROWS = 500  # of one statement: 11 000 parameters of the widest table, a third of what SQLite takes
ANY = "IN (SELECT value FROM json_each(?))"  # of a list as `listed` gives it


def listed(values: Sequence[Any]) -> str:
    """Values as one parameter of a statement."""
    return orjson.dumps(values).decode()


def read(connection: sqlite3.Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    """The rows of a statement that makes one JSON array of them."""
    (text,) = connection.execute(statement, values).fetchone()
    rows: list[Any] = orjson.loads(text)
    return rows


def write(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute an INSERT for all rows, which stand where `statement` has {}."""
    for start in range(0, len(rows), MAX_ROWS):
        piece = rows[start : start + MAX_ROWS]
        marks = f"({', '.join('?' * len(piece[0]))})"
        connection.execute(statement.format(", ".join([marks] * len(piece))), list(chain(*piece)))
