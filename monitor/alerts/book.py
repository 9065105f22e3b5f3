"""The table of alerts and the append-only table of their transitions, in `watch.db`."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from monitor.model.alert import CLEARED, FIRING, OPEN_STATES, Alert, alert_id, in_json
from monitor.model.batch import Finding
from monitor.model.clock import NS_PER_S, rfc3339

ALERT_TABLES = """
CREATE TABLE IF NOT EXISTS alerts(
    id TEXT PRIMARY KEY, container TEXT NOT NULL, state TEXT NOT NULL, occurred_ns INTEGER NOT NULL,
    body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_by_state ON alerts(state, occurred_ns);
CREATE TABLE IF NOT EXISTS transitions(
    n INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, state TEXT NOT NULL, at_ns INTEGER NOT NULL,
    body TEXT NOT NULL, UNIQUE(alert_id, state));
"""
MAX_LISTED = 10_000


class AlertBook:
    """Writes inside the caller's transaction; every write is idempotent, so a batch may be judged twice.

    Nor does it use up a number then (`INSERT OR IGNORE` would): a file made again from the journal has the same.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fire(self, alert: Alert, at_ns: int) -> None:
        """Enter a new alert; one that is known already stays as it is."""
        body = json.dumps(alert.to_json())
        row = (alert.id, alert.container, alert.state, alert.occurred_ns, body)
        self._connection.execute("INSERT OR IGNORE INTO alerts VALUES(?, ?, ?, ?, ?)", row)
        self._transition(alert.id, FIRING, at_ns, body)

    def follow(self, finding: Finding) -> None:
        """Apply a `peak` or `cleared` finding to the alert that the exceedance raised."""
        key = alert_id(finding.rule, finding.container, finding.logger, finding.channel, finding.start_ns)
        row = self._connection.execute("SELECT body FROM alerts WHERE id = ?", (key,)).fetchone()
        if row is None:
            return  # judged under other limits before the journal's earliest snapshot
        body = json.loads(row[0])
        if body["state"] == CLEARED:
            return
        body["peak"] = in_json(finding.peak)
        if finding.change == "cleared":
            body["state"], body["cleared_at"] = CLEARED, rfc3339(finding.time_ns)
            until = rfc3339(finding.time_ns // NS_PER_S * NS_PER_S)
            body["message"] += f" until {until}, peak {finding.peak:.4g} {body['unit']}"
        text = json.dumps(body)
        self._connection.execute("UPDATE alerts SET state = ?, body = ? WHERE id = ?", (body["state"], text, key))
        if finding.change == "cleared":
            self._transition(key, CLEARED, finding.time_ns, text)

    def alerts(
        self, state: str | None = None, container: str | None = None, limit: int = MAX_LISTED
    ) -> list[dict[str, Any]]:
        """Published alerts in order of occurrence, the latest `limit` of them (-1: all)."""
        rows = self._connection.execute(
            "SELECT body FROM alerts WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR container = ?2) "
            "ORDER BY occurred_ns DESC, id LIMIT ?3",
            (state, container, limit),
        )
        return [json.loads(row[0]) for row in rows][::-1]

    def transitions(self, after: int, limit: int) -> list[tuple[int, int, dict[str, Any]]]:
        """(number, time ns, alert as it was then) behind number `after`, in the order in which they happened."""
        rows = self._connection.execute(
            "SELECT n, at_ns, body FROM transitions WHERE n > ? ORDER BY n LIMIT ?", (after, limit)
        ).fetchall()
        return [(n, at_ns, json.loads(body)) for n, at_ns, body in rows]

    def last_transition(self) -> int:
        """Number of the latest transition, 0 before the first."""
        return self._connection.execute("SELECT coalesce(max(n), 0) FROM transitions").fetchone()[0]  # type: ignore[no-any-return]  # SQLite rows are untyped

    def open_counts(self) -> dict[str, int]:
        """Number of alerts in each open state."""
        rows = self._connection.execute("SELECT state, count(*) FROM alerts GROUP BY state").fetchall()
        counts = dict(rows)
        return {state: counts.get(state, 0) for state in OPEN_STATES}

    def _transition(self, key: str, state: str, at_ns: int, body: str) -> None:
        self._connection.execute(
            "INSERT INTO transitions(alert_id, state, at_ns, body) SELECT ?1, ?2, ?3, ?4 "
            "WHERE NOT EXISTS (SELECT 1 FROM transitions WHERE alert_id = ?1 AND state = ?2)",
            (key, state, at_ns, body),
        )
