"""The alerts that one notifier follows, from the first that it is to tell of them to their end, in `notify.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from monitor import bulk
from monitor.model.alert import ACKNOWLEDGED, CLEARED, FIRING
from monitor.notify.grouping import Tally, Window
from monitor.notify.routing import SEVERITIES, Key

# Why an alert that fires is not told now: by a graver one of the same stream, by an operator, until nobody has
# acknowledged it for long enough, until all that came late is there.
COVERED, SILENCED, WAITING, LATE = "covered", "silenced", "waiting", "late"
AGAIN = "again"  # stands for what was told of an alert that is to be told once more
OVER = "over"  # state of an event, such as a shock, that nobody has acknowledged
TO_ACKNOWLEDGE = (FIRING, OVER)
_UNTOLD = "mark <> told AND held = ''"
_OF_KEY = f"{_UNTOLD} AND container = ? AND cause = ?"
_HELD = "held = ? AND held <> ''"  # the index has only rows of which SQLite sees that they are held


class Followed(NamedTuple):
    """A row: where an alert belongs, its state, what there is to tell (`mark`) and what was told, "" for nothing.

    `since_ns` is when it was reported or, held as late, seen; `told_ns` when it was told last; both in steady time.
    """

    alert: str
    container: str
    cause: str
    rule: str
    logger: str
    channel: str
    rank: int
    occurred_ns: int
    escalates: str | None
    state: str
    mark: str
    told: str
    held: str
    since_ns: int
    told_ns: int

    @property
    def key(self) -> Key:
        """With what it is told together."""
        return Key(self.container, self.cause)

    @property
    def is_untold(self) -> bool:
        """Whether there is something to tell, and nothing that forbids it now."""
        return self.mark != self.told and not self.held


class Batch:
    """The rows of some alerts in memory, None for one that is not followed, and who covers whom."""

    def __init__(self, rows: dict[str, Followed | None], covering: dict[str, str]) -> None:
        self.rows, self._covering = rows, covering
        self.changed: dict[str, None] = {}

    def put(self, alert: str, row: Followed | None) -> None:
        """A row is so now."""
        self.rows[alert] = row
        self.changed[alert] = None
        self._covering.pop(alert, None)
        if row is not None and row.escalates and row.state != CLEARED and row.held != SILENCED:
            self._covering[alert] = row.escalates

    def covers(self, alert: str) -> bool:
        """Whether any covers an alert."""
        return alert in self._covering.values()


class FollowedBook:
    """Writes inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, notifier: str) -> None:
        self._connection, self._notifier = connection, notifier
        self._batch: Batch | None = None

    @contextmanager
    def at_once(self, alerts: Collection[str]) -> Iterator[None]:
        """The rows of these alerts are read together, and written together at the end.

        Meanwhile single alerts only may be asked for.
        """
        if not alerts:
            yield
            return
        kept: dict[str, Followed | None] = dict.fromkeys(alerts)
        kept |= {row.alert: row for row in self._rows(f"alert {bulk.ANY}", bulk.listed(list(alerts)))}
        covering = self._rows("escalates IS NOT NULL AND state <> ? AND held <> ?", CLEARED, SILENCED)
        self._batch = Batch(kept, {row.alert: row.escalates for row in covering if row.escalates})
        try:
            yield
            self._write({alert: self._batch.rows[alert] for alert in self._batch.changed})
        finally:
            self._batch = None

    def get(self, alert: str) -> Followed | None:
        """The row of an alert, None where it is not followed."""
        if self._batch is not None and alert in self._batch.rows:
            return self._batch.rows[alert]
        return next(self._rows("alert = ?", alert), None)

    def put(self, row: Followed) -> None:
        """Enter a row or put it in the place of the one before."""
        self._put(row.alert, row)

    def drop(self, alert: str) -> None:
        """Follow an alert no longer."""
        self._put(alert, None)

    def covers(self, alert: str) -> bool:
        """Whether an open alert that is followed, and that nobody silenced, escalates this one."""
        if self._batch is not None:
            return self._batch.covers(alert)
        statement = "SELECT 1 FROM followed WHERE notifier = ? AND escalates = ? AND state <> ? AND held <> ?"
        return self._connection.execute(statement, (self._notifier, alert, CLEARED, SILENCED)).fetchone() is not None

    def tallies(self) -> dict[Key, Tally]:
        """What there is to tell of each container and cause."""
        untold = f"FROM followed WHERE notifier = ? AND {_UNTOLD} GROUP BY container, cause"
        rows = self._connection.execute(f"SELECT container, cause, {_TALLY} {untold}", (self._notifier,))
        return {Key(container, cause): Tally(*numbers) for container, cause, *numbers in rows}

    def late_tallies(self) -> dict[Key, Tally]:
        """What is held as late, of each container and cause."""
        held = f"FROM followed WHERE notifier = ? AND {_HELD} GROUP BY container, cause"
        rows = self._connection.execute(f"SELECT container, cause, {_TALLY} {held}", (self._notifier, LATE))
        return {Key(container, cause): Tally(*numbers) for container, cause, *numbers in rows}

    def late_ns(self) -> tuple[int, int, int | None] | None:
        """When the first and the last of what is held as late was seen, and the first alarm that fires, None for none.

        In steady time; None when nothing is held.
        """
        urgent = f"min(CASE WHEN state = '{FIRING}' AND rank = {len(SEVERITIES) - 1} THEN since_ns END)"
        statement = f"SELECT min(since_ns), max(since_ns), {urgent} FROM followed WHERE notifier = ? AND {_HELD}"
        first_ns, last_ns, urgent_ns = self._connection.execute(statement, (self._notifier, LATE)).fetchone()
        return None if first_ns is None else (first_ns, last_ns, urgent_ns)

    def late(self, key: Key, limit: int) -> list[Followed]:
        """Of a container and cause what is held as late, the gravest and oldest first, at most `limit` rows."""
        where = f"{_HELD} AND container = ? AND cause = ? ORDER BY rank DESC, occurred_ns LIMIT ?"
        return list(self._rows(where, LATE, *key, limit))

    def untold(self, key: Key, limit: int = -1) -> list[Followed]:
        """Of a container and cause what there is to tell, the gravest and oldest first, at most `limit` rows."""
        return list(self._rows(f"{_OF_KEY} ORDER BY rank DESC, occurred_ns LIMIT ?", *key, limit))

    def all_untold(self, limit: int) -> list[Followed]:
        """Whatever there is to tell, the oldest first, at most `limit` rows."""
        return list(self._rows(f"{_UNTOLD} ORDER BY occurred_ns LIMIT ?", limit))

    def held(self, why: str, upto_ns: int, limit: int = -1) -> list[Followed]:
        """What is held for a reason since `upto_ns` (steady time) or longer, the gravest and oldest first."""
        return list(
            self._rows(f"{_HELD} AND since_ns <= ? ORDER BY rank DESC, occurred_ns LIMIT ?", why, upto_ns, limit)
        )

    def hushed_page(self, after: str, limit: int) -> list[Followed]:
        """What is silenced or covered, in order of ids, `limit` rows behind the id `after`."""
        return list(self._rows("held IN (?, ?) AND alert > ? ORDER BY alert LIMIT ?", SILENCED, COVERED, after, limit))

    def open_page(self, after: str, limit: int) -> list[str]:
        """Ids of told alerts that are open, in order, `limit` of them behind the id `after`."""
        where = "notifier = ? AND alert > ? AND state NOT IN (?, ?) AND told <> '' LIMIT ?"
        values = (self._notifier, after, CLEARED, OVER, limit)
        return [row[0] for row in self._connection.execute(f"SELECT alert FROM followed WHERE {where}", values)]

    def hold(self, rows: list[Followed], why: str) -> None:
        """Hold rows for a reason, "" to hold them no longer."""
        changed = {row.alert: row._replace(held=why) for row in rows}
        if self._batch is None:
            self._write(changed)
            return
        for alert, row in changed.items():
            self._batch.put(alert, row)

    def told(self, key: Key, now_ns: int) -> None:
        """All there was to tell of a container and cause is told."""
        self._end(_OF_KEY, key, now_ns)

    def told_late(self, now_ns: int) -> None:
        """All that was held as late is told."""
        self._end(_HELD, (LATE,), now_ns)

    def repeat(self, upto_ns: int) -> bool:
        """What was told last at `upto_ns` or before and nobody acknowledged is told again, with all of its key."""
        waiting = "notifier = ?1 AND state IN (?3, ?4) AND mark = told AND held = ''"
        due = f"SELECT container, cause FROM followed WHERE {waiting} AND told_ns <= ?2"
        statement = f"UPDATE followed SET told = ?5 WHERE {waiting} AND (container, cause) IN ({due})"
        return self._connection.execute(statement, (self._notifier, upto_ns, *TO_ACKNOWLEDGE, AGAIN)).rowcount > 0

    def forget_events(self, upto_ns: int) -> None:
        """Nobody is reminded any more of events that were reported at `upto_ns` (steady time) or before."""
        statement = "DELETE FROM followed WHERE notifier = ? AND state = ? AND since_ns <= ?"
        self._connection.execute(statement, (self._notifier, OVER, upto_ns))

    def windows(self) -> dict[Key, Window]:
        """The windows that go on."""
        statement = "SELECT container, cause, due_ns, width_ns, rank FROM windows WHERE notifier = ?"
        rows = self._connection.execute(statement, (self._notifier,))
        return {Key(container, cause): Window(*numbers) for container, cause, *numbers in rows}

    def open_window(self, key: Key, window: Window) -> None:
        """A window begins, in the place of the one before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO windows VALUES(?, ?, ?, ?, ?, ?)", (self._notifier, *key, *window)
        )

    def close_window(self, key: Key) -> None:
        """A window ends, and nothing follows."""
        statement = "DELETE FROM windows WHERE notifier = ? AND container = ? AND cause = ?"
        self._connection.execute(statement, (self._notifier, *key))

    def rewind(self, now_ns: int) -> None:
        """Nothing happened after `now_ns`: the calendar was set back while no process ran, or on another machine."""
        name = self._notifier
        statement = "UPDATE followed SET since_ns = min(since_ns, ?1), told_ns = min(told_ns, ?1) WHERE notifier = ?2"
        self._connection.execute(statement, (now_ns, name))
        statement = "UPDATE windows SET due_ns = min(due_ns, ?1 + width_ns) WHERE notifier = ?2"
        self._connection.execute(statement, (now_ns, name))

    def _end(self, where: str, values: tuple[str, ...], now_ns: int) -> None:
        """Rows are told as they stand; those of cleared alerts are followed no longer."""
        where = f"WHERE notifier = ? AND {where}"
        self._connection.execute(f"DELETE FROM followed {where} AND state = '{CLEARED}'", (self._notifier, *values))
        statement = f"UPDATE followed SET told = mark, held = '', told_ns = ? {where}"
        self._connection.execute(statement, (now_ns, self._notifier, *values))

    def _put(self, alert: str, row: Followed | None) -> None:
        if self._batch is None:
            self._write({alert: row})
        else:
            self._batch.put(alert, row)

    def _write(self, changed: Mapping[str, Followed | None]) -> None:
        """Write what became of alerts."""
        rows = [(self._notifier, *row) for row in changed.values() if row is not None]
        bulk.write(self._connection, "INSERT OR REPLACE INTO followed VALUES {}", rows)
        gone = [alert for alert, row in changed.items() if row is None]
        if gone:
            statement = f"DELETE FROM followed WHERE notifier = ? AND alert {bulk.ANY}"
            self._connection.execute(statement, (self._notifier, bulk.listed(gone)))

    def _rows(self, where: str, *values: Any) -> Iterator[Followed]:
        """Rows in the order that SQLite gives them."""
        columns = ", ".join(Followed._fields)
        rows = f"SELECT {columns} FROM followed WHERE notifier = ? AND {where}"
        statement = f"SELECT json_group_array(json_array({columns})) FROM ({rows})"
        return (Followed(*row) for row in bulk.read(self._connection, statement, (self._notifier, *values)))


# In the order of Tally's fields.
_IS_OPENED = f"(told <> '{AGAIN}' AND (told = '' OR state = '{FIRING}'))"
_TALLY = f"""
    coalesce(max(CASE WHEN {_IS_OPENED} THEN rank END), max(rank)),
    sum(state NOT IN ('{CLEARED}', '{OVER}')),
    sum({_IS_OPENED}),
    sum(told NOT IN ('', '{AGAIN}') AND state IN ('{CLEARED}', '{OVER}') OR told = '{AGAIN}' AND state = '{CLEARED}'),
    sum(told <> '' AND state = '{ACKNOWLEDGED}'),
    sum(told = '{AGAIN}' AND state IN ('{FIRING}', '{OVER}')),
    sum({_IS_OPENED} AND mark GLOB '* 0 *')
"""  # a mark has how often the alert opened again
