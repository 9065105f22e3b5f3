"""The table of alerts and the append-only table of their transitions, in `watch.db`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from itertools import count
from typing import Any

from monitor.alerts.reconcile import Change, Told
from monitor.alerts.wording import ended
from monitor.model.alert import ACKNOWLEDGED, CLEARED, FIRING, OPEN_STATES, Alert, alert_id, in_json, stored_alert
from monitor.model.batch import Finding
from monitor.model.clock import rfc3339

ALERT_TABLES = """
CREATE TABLE IF NOT EXISTS alerts(
    id TEXT PRIMARY KEY, container TEXT NOT NULL, state TEXT NOT NULL, occurred_ns INTEGER NOT NULL,
    cleared_ns INTEGER, exceedance TEXT, by_arrival INTEGER NOT NULL, merged_into TEXT, body TEXT NOT NULL)
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_by_state ON alerts(state, occurred_ns);
CREATE INDEX IF NOT EXISTS alerts_by_exceedance ON alerts(exceedance) WHERE state <> 'cleared';
CREATE INDEX IF NOT EXISTS alerts_by_container ON alerts(container) WHERE merged_into IS NULL;
CREATE TABLE IF NOT EXISTS transitions(
    n INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, state TEXT NOT NULL, at_ns INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS transitions_by_alert ON transitions(alert_id, state);
"""
# In version 1 an alert belonged to one exceedance for ever, that of its id, and had but one transition of each state.
ALERT_MIGRATION = """
ALTER TABLE alerts RENAME TO alerts_before;
ALTER TABLE transitions RENAME TO transitions_before;
DROP INDEX alerts_by_state;
CREATE TABLE alerts(
    id TEXT PRIMARY KEY, container TEXT NOT NULL, state TEXT NOT NULL, occurred_ns INTEGER NOT NULL,
    cleared_ns INTEGER, exceedance TEXT, by_arrival INTEGER NOT NULL, merged_into TEXT, body TEXT NOT NULL)
    WITHOUT ROWID;
INSERT INTO alerts SELECT id, container, state, occurred_ns,
    CAST(strftime('%s', json_extract(body, '$.cleared_at')) AS INTEGER) * 1000000000,
    iif(json_extract(body, '$.rule') LIKE 'monitor.%', NULL, id), 0, NULL, body FROM alerts_before;
CREATE TABLE transitions(
    n INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, state TEXT NOT NULL, at_ns INTEGER NOT NULL,
    body TEXT NOT NULL);
INSERT INTO transitions SELECT * FROM transitions_before;
DROP TABLE alerts_before;
DROP TABLE transitions_before;
"""
MAX_LISTED = 10_000


def exceedance_id(finding: Finding) -> str:
    """Identity of the exceedance that a finding tells of."""
    return alert_id(finding.rule, finding.container, finding.logger, finding.channel, finding.start_ns)


class AlertBook:
    """Writes inside the caller's transaction, in one order: the same changes have the same numbers in every file.

    An alert belongs to the exceedance in column `exceedance`, until it is cleared and found one with another.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fire(self, alert: Alert, at_ns: int) -> None:
        """Enter a new alert of no exceedance; one that is known already stays as it is."""
        if not self._knows(alert.id):
            self._enter(alert.to_json(), (alert.occurred_ns, alert.cleared_ns, None), at_ns)

    def report(self, alert: Alert, at_ns: int, *, by_arrival: bool = False) -> None:
        """Enter the alert of an exceedance that fires; its id is another where one had the same start.

        What depends on when records arrive (`by_arrival`) is never settled.
        """
        body = alert.to_json()
        body["id"] = self._free_id(alert.id)
        self._enter(body, (alert.occurred_ns, alert.cleared_ns, alert.id), at_ns, by_arrival=by_arrival)

    def follow(self, finding: Finding) -> bool:
        """Apply a `peak` or `cleared` finding to the alert of its exceedance; False when none is open."""
        row = self._connection.execute(
            "SELECT id, body FROM alerts WHERE exceedance = ? AND state <> 'cleared' ORDER BY id LIMIT 1",
            (exceedance_id(finding),),
        ).fetchone()
        if row is None:
            return False  # judged under other limits before the journal's earliest snapshot
        key, body = row[0], stored_alert(row[1])
        body["peak"] = in_json(finding.peak)
        if finding.change == "cleared":
            end(body, finding)
            self._change(key, "cleared_ns = ?", (cleared_ns(finding),), body)
            # Later than the start, whatever the clock did: a store keeps but one point of a series at a time.
            self._transition(key, CLEARED, max(finding.time_ns, finding.start_ns + 1), body)
        else:
            self._change(key, "cleared_ns = NULL", (), body)
        return True

    def told(self, container: str) -> list[Told]:
        """The alerts of a container's exceedances by readings, merged ones left out, in order of their ids."""
        rows = self._connection.execute(
            "SELECT id, exceedance, occurred_ns, cleared_ns, body, "
            "EXISTS (SELECT 1 FROM transitions WHERE alert_id = id AND transitions.state = ?), "
            "(SELECT min(n) FROM transitions WHERE alert_id = id) FROM alerts "
            "WHERE container = ? AND merged_into IS NULL AND exceedance IS NOT NULL AND NOT by_arrival ORDER BY id",
            (ACKNOWLEDGED, container),
        )
        return [
            Told(exceedance, occurred_ns, cleared_ns, stored_alert(body), key, bool(was_acknowledged), number)
            for key, exceedance, occurred_ns, cleared_ns, body, was_acknowledged, number in rows
        ]

    def copy_from(self, other: AlertBook, is_wanted: Callable[[int], bool]) -> None:
        """Enter the alerts of another book whose evidence stands at a position that is wanted, as they are there now.

        They fire in the order in which they did.
        """
        rows = other._connection.execute(
            "SELECT alerts.*, min(n), at_ns FROM transitions JOIN alerts ON alert_id = id GROUP BY id ORDER BY min(n)"
        )
        for *row, _, at_ns in rows:
            body = stored_alert(row[-1])
            if is_wanted(body["evidence"]["pos"]) and not self._knows(row[0]):
                self._connection.execute("INSERT INTO alerts VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
                self._transition(row[0], FIRING, at_ns, body)

    def apply(self, changes: list[Change], at_ns: int) -> None:
        """Enter what a settlement found, at `at_ns` and the nanoseconds after it: no two points of a series at one."""
        times_ns = count(at_ns)
        for change in changes:
            body, told = change.body, change.told
            place = (told.occurred_ns, told.cleared_ns, told.exceedance)
            if change.kind == FIRING:
                body["id"] = self._free_id(told.exceedance)
                self._enter(body | {"state": FIRING, "cleared_at": None}, place, next(times_ns))
                if body["state"] != CLEARED:
                    continue
            update = "occurred_ns = ?, cleared_ns = ?, exceedance = ?, merged_into = ?"
            self._change(body["id"], update, (*place, body["merged_into"]), body)
            self._transition(body["id"], CLEARED if change.kind == FIRING else change.kind, next(times_ns), body)

    def alerts(
        self, state: str | None = None, container: str | None = None, limit: int = MAX_LISTED
    ) -> list[dict[str, Any]]:
        """Published alerts in order of occurrence, the latest `limit` of them (-1: all)."""
        rows = self._connection.execute(
            "SELECT body FROM alerts WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR container = ?2) "
            "ORDER BY occurred_ns DESC, id LIMIT ?3",
            (state, container, limit),
        )
        return [stored_alert(row[0]) for row in rows][::-1]

    def open_page(self, after: str, limit: int) -> list[dict[str, Any]]:
        """Open alerts in order of their ids, `limit` of them behind the id `after`."""
        rows = self._connection.execute(
            "SELECT body FROM alerts WHERE state <> 'cleared' AND id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [stored_alert(row[0]) for row in rows]

    def transitions(self, after: int, limit: int) -> list[tuple[int, int, dict[str, Any]]]:
        """(number, time ns, alert as it was then) behind number `after`, in the order in which they happened."""
        rows = self._connection.execute(
            "SELECT n, at_ns, body FROM transitions WHERE n > ? ORDER BY n LIMIT ?", (after, limit)
        ).fetchall()
        return [(n, at_ns, stored_alert(body)) for n, at_ns, body in rows]

    def last_transition(self) -> int:
        """Number of the latest transition, 0 before the first."""
        return self._connection.execute("SELECT coalesce(max(n), 0) FROM transitions").fetchone()[0]  # type: ignore[no-any-return]  # SQLite rows are untyped

    def open_counts(self) -> dict[str, int]:
        """Number of alerts in each open state."""
        rows = self._connection.execute("SELECT state, count(*) FROM alerts GROUP BY state").fetchall()
        counts = dict(rows)
        return {state: counts.get(state, 0) for state in OPEN_STATES}

    def body(self, key: str) -> dict[str, Any] | None:
        """The alert of an id as it stands, None where there is none."""
        row = self._connection.execute("SELECT body FROM alerts WHERE id = ?", (key,)).fetchone()
        return None if row is None else stored_alert(row[0])

    def _knows(self, key: str) -> bool:
        return self._connection.execute("SELECT 1 FROM alerts WHERE id = ?", (key,)).fetchone() is not None

    def _free_id(self, key: str) -> str:
        """The id itself for the first exceedance that has it, others by their number."""
        free, number = key, 1
        while self._knows(free):
            number += 1
            free = alert_id(key, "", "", "", number)
        return free

    def _enter(
        self, body: dict[str, Any], place: tuple[int, int | None, str | None], at_ns: int, *, by_arrival: bool = False
    ) -> None:
        row = (body["id"], body["container"], body["state"], *place, by_arrival, json.dumps(body))
        self._connection.execute("INSERT INTO alerts VALUES(?, ?, ?, ?, ?, ?, ?, NULL, ?)", row)
        self._transition(body["id"], FIRING, at_ns, body)

    def _change(self, key: str, update: str, values: tuple[Any, ...], body: dict[str, Any]) -> None:
        self._connection.execute(
            f"UPDATE alerts SET {update}, state = ?, body = ? WHERE id = ?",
            (*values, body["state"], json.dumps(body), key),
        )

    def _transition(self, key: str, state: str, at_ns: int, body: dict[str, Any]) -> None:
        self._connection.execute(
            "INSERT INTO transitions(alert_id, state, at_ns, body) VALUES(?, ?, ?, ?)",
            (key, state, at_ns, json.dumps(body)),
        )


def cleared_ns(finding: Finding) -> int:
    """When an exceedance ended (ns UTC), not before it began, as a reading by a clock that was set back would have it.

    `finding` is its `cleared` one.
    """
    return max(finding.start_ns, finding.time_ns)


def end(body: dict[str, Any], finding: Finding) -> None:
    """Clear an alert by the `cleared` finding of its exceedance."""
    time_ns = cleared_ns(finding)
    body["state"], body["cleared_at"] = CLEARED, rfc3339(time_ns)
    body["message"] += ended(body, time_ns, finding.note)
