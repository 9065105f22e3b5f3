"""The base: an older state of the judge in `watch.db`, behind which all payloads are needed.

What has to be judged again and has no state of its own begins there: a container whose records came later than anybody
waited for, and everything when the snapshot cannot be used. So watch never needs a payload again that lies before it.
A younger one is kept beside it, to take its place when that has aged for a day itself: so the base is old enough that
little belongs before it.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from monitor.consumers.forks import Fork
from monitor.consumers.judge import Judge
from monitor.journal import JournalReader
from monitor.journal.ordered import needed_from, turn_of

OLD, YOUNG = 1, 2
BASE_TABLE = """
CREATE TABLE IF NOT EXISTS base(
    age INTEGER PRIMARY KEY, pos INTEGER NOT NULL, needed_from INTEGER NOT NULL, made_ns INTEGER NOT NULL,
    state BLOB NOT NULL);
"""


class Base(NamedTuple):
    """The judge's state at `pos`; with the records at `needed_from` and behind, everything can be judged again.

    It was made at `made_ns`, steady time since the journal began.
    """

    pos: int
    needed_from: int
    made_ns: int
    state: bytes


def base_at(reader: JournalReader, pos: int, judge: Judge, state: bytes) -> Base:
    """What `judge` with its snapshot `state` is as a base, having come to `pos`; each of its forks has a state."""
    forks = [judge.forks[container] for container in judge.forks]
    came_to = [turn_of(reader, fork.since_pos) - 1 if fork.since_pos else fork.after_pos for fork in forks]
    return Base(pos, needed_from(reader, min([pos, *came_to])), judge.steady_ns, state)


def find_root(fork: Fork, container: str, base: Base, at_base: Judge) -> None:
    """Give a fork that has no state that of the container in the base, or in the fork that the base has of it."""
    older = at_base.forks.get(container)
    if older is None:
        fork.after_pos, fork.state = base.pos, at_base.snapshot(container)
    else:
        fork.since_pos, fork.after_pos, fork.state = older.since_pos, older.after_pos, older.state


class BaseBook:
    """Writes inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(self) -> Base | None:
        """The base, None before the first."""
        return self._read(OLD)

    def newest(self) -> Base | None:
        """The younger state where there is a base, else that; since it was made the base has been the same."""
        base = self._read(OLD)
        return base and (self._read(YOUNG) or base)

    def newest_ns(self) -> int | None:
        """When the younger state was made, or the base where there is none; None before both."""
        made_ns: int | None = self._connection.execute("SELECT max(made_ns) FROM base").fetchone()[0]
        return made_ns

    def move_on(self, young: Base, *, is_urgent: bool) -> None:
        """The younger state becomes the base, `young` the younger one; where there is none, the base if `is_urgent`."""
        if self._read(YOUNG) is not None:
            self._connection.execute("DELETE FROM base WHERE age = ?", (OLD,))
            self._connection.execute("UPDATE base SET age = ?", (OLD,))
            is_urgent = False
        age = OLD if is_urgent else YOUNG
        self._connection.execute("INSERT OR REPLACE INTO base VALUES(?, ?, ?, ?, ?)", (age, *young))

    def drop(self) -> None:
        """Forget states that cannot be used."""
        self._connection.execute("DELETE FROM base")

    def _read(self, age: int) -> Base | None:
        statement = "SELECT pos, needed_from, made_ns, state FROM base WHERE age = ?"
        row = self._connection.execute(statement, (age,)).fetchone()
        return Base(*row) if row else None
