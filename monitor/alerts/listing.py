"""Lists of alerts out of `watch.db`, for people: filtered and bounded by SQLite, however many there are."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from monitor.alerts.entries import PUBLIC, in_public
from monitor.alerts.query import OPEN, AlertQuery
from monitor.model.alert import stored_alert

_LIST = f"""
SELECT {PUBLIC} FROM published
WHERE (:state IS NULL OR state = :state OR :state = '{OPEN}' AND state <> 'cleared')
AND (:container IS NULL OR container GLOB :container)
AND (:severity IS NULL OR json_extract(body, '$.severity') = :severity)
AND (:rule IS NULL OR json_extract(body, '$.rule') GLOB :rule) AND (:since_ns IS NULL OR opened_ns >= :since_ns)
ORDER BY opened_ns DESC, chain LIMIT :limit
"""
_OPEN = """
SELECT container, json_extract(body, '$.severity'), count(*) FROM alerts WHERE state <> 'cleared' GROUP BY 1, 2
"""
_OPEN_RULES = """
SELECT DISTINCT container, json_extract(body, '$.logger'), json_extract(body, '$.rule') FROM alerts
WHERE state <> 'cleared' AND json_extract(body, '$.kind') = ?
"""


class Change(NamedTuple):
    """A transition of an alert: its number, when it became known (ns UTC), its kind, the alert's JSON after it."""

    number: int
    at_ns: int
    kind: str
    alert: dict[str, Any]


class Listing:
    """Reads only; any thread may ask."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def alerts(self, query: AlertQuery) -> list[dict[str, Any]]:
        """The alerts that are asked for, in order of occurrence."""
        rows = self._connection.execute(_LIST, query._asdict()).fetchall()
        return [in_public(*row) for row in reversed(rows)]

    def changes(self, after: int, limit: int) -> list[Change]:
        """Those behind number `after`, in the order in which they happened."""
        statement = "SELECT n, at_ns, state, body FROM transitions WHERE n > ? ORDER BY n LIMIT ?"
        rows = self._connection.execute(statement, (after, limit)).fetchall()
        return [Change(number, at_ns, kind, stored_alert(body)) for number, at_ns, kind, body in rows]

    def open_by_container(self) -> dict[str, dict[str, int]]:
        """Number of open alerts by container and severity."""
        counts: dict[str, dict[str, int]] = {}
        for container, severity, number in self._connection.execute(_OPEN).fetchall():
            counts.setdefault(container, {})[severity] = number
        return counts

    def open_rules(self, kind: str) -> set[tuple[str, str, str]]:
        """Container, logger and rule of every open alert of a kind of rules."""
        return set(self._connection.execute(_OPEN_RULES, (kind,)))
