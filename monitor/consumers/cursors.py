"""How far the consumers have come, as their files say while no daemon runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from monitor.journal.schema import connect_reading

_CURSORS = {  # by file: the positions of the journal that it has come to
    "watch.db": ("SELECT pos FROM kept", "SELECT pos FROM snapshot"),
    "store.db": ("SELECT n FROM cursors WHERE name = 'journal'",),
}
_FILES = (*_CURSORS, "notify.db")
COUNTED_TABLE = "CREATE TABLE IF NOT EXISTS counted(name TEXT PRIMARY KEY, value TEXT NOT NULL);"


def begins_anew(connection: sqlite3.Connection, name: str, value: str, *statements: str) -> bool:
    """Whether the cursors of a file counted in another `name` than `value` till now; then `statements` take them back.

    Both stand in one transaction. A file that was just made, or by an earlier version, counts in what there is.
    """
    row = connection.execute("SELECT value FROM counted WHERE name = ?", (name,)).fetchone()
    if row == (value,):
        return False
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements if row else ():
            connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO counted VALUES(?, ?)", (name, value))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return row is not None


def read_cursors(state_dir: Path) -> dict[str, int]:
    """The furthest position of each consumer whose file is there; sqlite3.Error for one that cannot be read."""
    cursors = {}
    for name, statements in _CURSORS.items():
        if (state_dir / name).exists():
            with closing(connect_reading(state_dir / name)) as connection:
                rows = [row for statement in statements for row in connection.execute(statement)]
            cursors[name] = max((pos for (pos,) in rows), default=0)
    return cursors


def put_away_unreadable(state_dir: Path) -> list[str]:
    """Rename the consumers' files that are damaged too; the daemon makes them anew from the journal. Their names."""
    names = [name for name in _FILES if (state_dir / name).exists() and not _is_whole(state_dir / name)]
    if "watch.db" in names:  # the others count in its numbers
        names = [name for name in _FILES if (state_dir / name).exists()]
    for name in names:
        for suffix in ("", "-wal", "-shm"):
            path = state_dir / f"{name}{suffix}"
            if path.exists():
                path.replace(path.with_name(f"{name}.damaged{suffix}"))
    return names


def _is_whole(path: Path) -> bool:
    try:
        with closing(connect_reading(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False
