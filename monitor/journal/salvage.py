"""What can still be read of a damaged SQLite file: row by row where whole stretches cannot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from monitor.journal.schema import read_only
from monitor.model.errors import JournalError

Row = tuple[Any, ...]
Columns = Mapping[str, tuple[type, ...]]  # the types that the daemon writes into each


class Salvage:
    """A damaged file, read-only, its WAL included; JournalError when not even its tables are known any more."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(read_only(path), uri=True, isolation_level=None)
        try:
            self._connection.execute("PRAGMA writable_schema=ON")  # else SQLite refuses a file that is cut short
            names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        except sqlite3.Error as error:
            self._connection.close()
            raise _lost(path, str(error)) from None
        self._tables = {name for (name,) in names}
        if "records" not in self._tables:
            self._connection.close()
            raise _lost(path, "its tables are gone")

    def by_position(self, table: str, columns: str, least_last: int) -> Iterator[Row]:
        """Rows by position, the first of `columns`; positions are looked for up to `least_last` at least."""
        at, last = 0, least_last
        while True:
            try:
                for row in self._connection.execute(f"SELECT {columns} FROM {table} WHERE pos > ? ORDER BY pos", (at,)):
                    if row[0] <= at:
                        break  # a page that leads astray
                    yield row
                    at = row[0]
                else:
                    if at >= last:
                        return
            except sqlite3.Error:
                last = max(last, self._last(table))
            found = self._next(table, columns, at, last)
            if found is None:
                return
            yield found
            at = found[0]

    def rows(self, table: str, columns: Columns, key: str) -> list[Row]:
        """The rows of a small table as far as they can be read, from both ends of its `key`.

        No digest covers them; on a page that is cut short they hold values of other types.
        """
        found: dict[Row, None] = {}
        names = _names(columns)
        for order in ("ASC", "DESC") if table in self._tables else ():
            keys = ", ".join(f"{name} {order}" for name in key.split(", "))
            try:
                for row in self._connection.execute(f"SELECT {names} FROM {table} ORDER BY {keys}"):
                    if _is_sound(row, columns):
                        found[row] = None
            except sqlite3.Error:
                continue
            return list(found)
        return list(found)

    def row(self, table: str, columns: Columns, **key: object) -> Row | None:
        """The row of a key, None when it is not there or cannot be read."""
        where = " AND ".join(f"{name} = ?" for name in key)
        with suppress(sqlite3.Error):
            row: Row | None = self._connection.execute(
                f"SELECT {_names(columns)} FROM {table} WHERE {where}", tuple(key.values())
            ).fetchone()
            return row if row is not None and _is_sound(row, columns) else None
        return None

    def columns(self, table: str) -> list[str]:
        """The columns that a table had in the version that wrote it."""
        return [row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")]

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _next(self, table: str, columns: str, after: int, last: int) -> Row | None:
        """The next single row that can be read."""
        for pos in range(after + 1, last + 1):
            with suppress(sqlite3.Error):
                row: Row | None = self._connection.execute(
                    f"SELECT {columns} FROM {table} WHERE pos = ?", (pos,)
                ).fetchone()
                if row is not None and row[0] == pos:
                    return row
        return None

    def _last(self, table: str) -> int:
        """The last position that anything in the file tells of."""
        last = 0
        indices = ["NOT INDEXED", *(("INDEXED BY ticks", "INDEXED BY identity") if table == "records" else ())]
        conditions = {"INDEXED BY ticks": "WHERE kind = 'tick'", "INDEXED BY identity": "WHERE seq IS NOT NULL"}
        for index in indices:
            order = "" if index == "INDEXED BY identity" else "ORDER BY pos DESC LIMIT 1"
            statement = f"SELECT pos FROM {table} {index} {conditions.get(index, '')} {order}"
            with suppress(sqlite3.Error):
                for (pos,) in self._connection.execute(statement):
                    last = max(last, pos)
        return last


def _names(columns: Columns) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _is_sound(row: Row, columns: Columns) -> bool:
    return all(isinstance(value, types) for value, types in zip(row, columns.values(), strict=True))


def _lost(path: Path, cause: str) -> JournalError:
    hint = "restore a backup; without one move the whole state directory away and start anew"
    return JournalError("recover", str(path), f"nothing of it can be read: {cause}", hint)
