"""What everybody may read of the book of alerts: public alerts and their transitions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from monitor.alerts.entries import ENTRY, PUBLIC, Entry, in_public
from monitor.alerts.query import MAX_LISTED
from monitor.model.alert import OPEN_STATES, stored_alert, stored_json, with_later_keys

_AT_ONCE = "SELECT count(*) FROM transitions WHERE alert_id = one.alert_id AND n < one.n AND at_ns = one.at_ns"
Transition = tuple[int, int, dict[str, Any]]  # number, time ns UTC, the alert as it was then


class AlertView:
    """Reads the tables of a connection; an id is that of a public alert, a chain of exceedances."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def alerts(
        self, state: str | None = None, container: str | None = None, limit: int = MAX_LISTED
    ) -> list[dict[str, Any]]:
        """Published alerts in order of occurrence, the latest `limit` of them (-1: all)."""
        rows = self._connection.execute(
            f"SELECT {PUBLIC} FROM published WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR container = ?2) "
            "ORDER BY opened_ns DESC, chain LIMIT ?3",
            (state, container, limit),
        ).fetchall()
        return [in_public(*row) for row in reversed(rows)]

    def open_page(self, after: str, limit: int) -> list[dict[str, Any]]:
        """Open alerts in order of their ids, `limit` of them behind the id `after`."""
        statement = f"SELECT {PUBLIC} FROM alerts WHERE state <> 'cleared' AND chain > ? ORDER BY chain LIMIT ?"
        return [in_public(*row) for row in self._connection.execute(statement, (after, limit))]

    def body(self, key: str) -> dict[str, Any] | None:
        """The alert of an id as it stands, None where there is none."""
        for entry in self._standing(key):
            return entry.public()
        row = self._connection.execute("SELECT body FROM joined WHERE id = ?", (key,)).fetchone()
        return None if row is None else stored_alert(row[0])

    def entries(self, where: str, *values: Any) -> list[Entry]:
        """What the book keeps of single exceedances, chosen by a condition on their columns."""
        rows = self._connection.execute(f"SELECT {ENTRY} FROM alerts WHERE {where}", values)
        return [Entry(*row) for row in rows]

    def _standing(self, key: str) -> list[Entry]:
        """The entry that stands for an alert, nearly always that of the same id; as each has an index of its own."""
        return self.entries("id = ?1 AND chain = ?1 AND is_last", key) or self.entries(
            "chain = ?1 AND chain <> id AND is_last", key
        )

    def open_counts(self) -> dict[str, int]:
        """Number of alerts in each open state."""
        rows = self._connection.execute("SELECT state, count(*) FROM alerts WHERE state <> 'cleared' GROUP BY state")
        counts = dict(rows.fetchall())
        return {state: counts.get(state, 0) for state in OPEN_STATES}

    def transitions(self, after: int, limit: int) -> list[Transition]:
        """Those behind number `after`, in the order in which they happened."""
        return self._transitions("at_ns", after, limit)

    def apart(self, after: int, limit: int) -> list[Transition]:
        """`transitions`, those of one alert at one time a nanosecond apart: a store keeps one point of a time.

        The first has its exact time. All that it went through before counts, so it is the same whenever one asks.
        """
        return self._transitions(f"at_ns + ({_AT_ONCE})", after, limit)

    def changes_of(self, numbers: Sequence[int]) -> list[tuple[str, dict[str, Any]]]:
        """The kinds of the transitions of these numbers, in their order, and the alerts as they were then."""
        where = f"n IN ({', '.join('?' * len(numbers))}) ORDER BY n"
        rows = self._rows("n || ',' || json_quote(state) || ',' || body", where, numbers)
        return [(kind, with_later_keys(body)) for _, kind, body in rows]

    def history(self, key: str, limit: int) -> list[tuple[int, int, str, dict[str, Any]]]:
        """(number, time ns, change, alert as it was then) of an alert's transitions, in order, the latest `limit`."""
        rows = self._connection.execute(
            "SELECT n, at_ns, state, body FROM transitions WHERE alert_id = ? ORDER BY n DESC LIMIT ?", (key, limit)
        ).fetchall()
        return [(n, at_ns, change, stored_alert(body)) for n, at_ns, change, body in reversed(rows)]

    def waiting(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Number and container of each transition behind number `after`, without reading what it says."""
        rows = self._rows("n || ',' || json_quote(container)", "n > ? ORDER BY n LIMIT ?", (after, limit))
        return [(n, container) for n, container in rows]

    def last_transition(self) -> int:
        """Number of the latest transition, 0 before the first."""
        return self._connection.execute("SELECT coalesce(max(n), 0) FROM transitions").fetchone()[0]  # type: ignore[no-any-return]  # SQLite rows are untyped

    def _transitions(self, time: str, after: int, limit: int) -> list[Transition]:
        rows = self._rows(f"n || ',' || ({time}) || ',' || body", "n > ? ORDER BY n LIMIT ?", (after, limit))
        return [(n, at_ns, with_later_keys(body)) for n, at_ns, body in rows]

    def _rows(self, items: str, where: str, values: Sequence[int]) -> list[Any]:
        """Rows of transitions by their numbers, each a JSON array of `items`.

        SQLite makes one text of them: at each row that it hands over, another thread may go on for up to 0.5 ms.
        """
        rows = f"SELECT * FROM transitions WHERE {where}"
        statement = f"SELECT group_concat('[' || {items} || ']') FROM ({rows}) AS one"
        (text,) = self._connection.execute(statement, values).fetchone()
        return [] if text is None else sorted(stored_json(f"[{text}]"), key=itemgetter(0))
