"""A watch.db of an earlier version is taken up: every alert keeps its id, its life and its numbers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from monitor.consumers import WatchReader
from monitor.consumers.watch_file import WATCH_VERSION
from monitor.model.alert import LATER_KEYS
from monitor.model.clock import rfc3339
from monitor.model.errors import JournalError
from tests.disorder import RULES, Gateway, block, known, ordered, play
from tests.journals import arrival
from tests.messages import T0, S, shock
from tests.stations import HOT, JOLT, Station, readings, rules

# Up to version 3 an alert was one exceedance, and its JSON lacked what LATER_KEYS has.
TO_VERSION_3 = f"""
ALTER TABLE alerts RENAME TO alerts_4;
ALTER TABLE transitions RENAME TO transitions_4;
DROP VIEW published;
CREATE TABLE alerts(
    id TEXT PRIMARY KEY, container TEXT NOT NULL, state TEXT NOT NULL, occurred_ns INTEGER NOT NULL,
    cleared_ns INTEGER, exceedance TEXT, by_arrival INTEGER NOT NULL, merged_into TEXT, body TEXT NOT NULL)
    WITHOUT ROWID;
INSERT INTO alerts SELECT id, container, state, occurred_ns, cleared_ns, exceedance, by_arrival, merged_into,
    json_remove(body, {", ".join(f"'$.{key}'" for key in LATER_KEYS if key not in ("quantity", "margin"))})
    FROM alerts_4 ORDER BY id;
CREATE TABLE transitions(
    n INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL, state TEXT NOT NULL, at_ns INTEGER NOT NULL,
    body TEXT NOT NULL);
INSERT INTO transitions SELECT n, alert_id, state, at_ns,
    json_remove(body, {", ".join(f"'$.{key}'" for key in LATER_KEYS if key not in ("quantity", "margin"))})
    FROM transitions_4 ORDER BY n;
DROP TABLE alerts_4;
DROP TABLE transitions_4;
DROP TABLE joined;
CREATE INDEX alerts_by_state ON alerts(state, occurred_ns);
CREATE INDEX alerts_by_exceedance ON alerts(exceedance) WHERE state <> 'cleared';
CREATE INDEX alerts_by_container ON alerts(container) WHERE merged_into IS NULL;
CREATE INDEX transitions_by_alert ON transitions(alert_id, state);
PRAGMA user_version = 3;
"""


def taken_back(station: Station) -> None:
    """Its watch.db becomes one of version 3."""
    station.watch.close()
    with closing(sqlite3.connect(station.folder / "watch.db", isolation_level=None)) as connection:
        connection.executescript(TO_VERSION_3)


def world(station: Station) -> list[Any]:
    """What version 3 knew of alerts and their transitions."""
    told = [(0, 0, alert) for alert in station.alerts()] + station.watch.book.transitions(0, 10**6)
    return [(number, at_ns, as_then(alert)) for number, at_ns, alert in told]


def as_then(alert: dict[str, Any]) -> dict[str, Any]:
    """An alert as version 3 told it."""
    then = {key: value for key, value in alert.items() if key not in LATER_KEYS}
    return then | {"message": alert["message"].split("; flapping")[0]}


def test_an_old_file_goes_on(tmp_path: Path) -> None:
    """Alerts that are open end; new exceedances within the hold-off are the same alert; events stay apart."""
    station = Station(tmp_path, rules(HOT, JOLT))
    station.run(readings(26.0, 20.0, 27.0), arrival("shock", shock(1, t0=T0 + 15 * S)))
    before = world(station)
    taken_back(station)
    with pytest.raises(JournalError, match="start the daemon on it once"):
        WatchReader(station.folder)
    station.start()
    assert world(station) == before
    copy = sqlite3.connect(station.folder / "watch.db.v3")
    assert copy.execute("PRAGMA user_version").fetchone() == (3,)
    copy.close()
    assert station.rows("PRAGMA user_version") == [(WATCH_VERSION,)]
    station.run(rules(HOT, JOLT, hold_off="2 min"), readings(20.0, 28.0, 20.0, seq=2, t0=T0 + 30 * S))
    first, second = (alert for alert in station.alerts() if alert["rule"] == "hot")
    assert (first["cleared_at"], second["occurred_at"]) == (rfc3339(T0 + 10 * S), rfc3339(T0 + 20 * S))
    assert (second["cleared_at"], second["peak"], second["reopened"]) == (rfc3339(T0 + 50 * S), 28.0, 1)
    assert [number for number, *_ in station.watch.book.transitions(0, 99)] == list(range(1, 9))


@pytest.mark.parametrize("seed", range(6))
def test_an_old_file_is_settled(tmp_path: Path, seed: int) -> None:
    """Whatever was merged, withdrawn or provisional in it: what comes later leads to the same as without a change."""
    gateway, unchanged = Gateway(tmp_path / "old"), Gateway(tmp_path / "new")
    for each in (gateway, unchanged):
        play(each, seed)
        each.append(block(2000, 26, 26, 26, oldest=1999))
        each.judge()
    before = world(gateway)
    taken_back(gateway)
    gateway.start()
    assert world(gateway) == before
    for each in (gateway, unchanged):
        each.append(block(1999, 26, 20, 26, is_fill=True, oldest=1999))
        each.append(
            rules(*RULES, hold_off="2 min"), block(2001, 20, 26, 20, oldest=1999), block(2002, 26, 20, 20, oldest=1999)
        )
        each.settle()
    assert gateway.known() == unchanged.known() == known(ordered(gateway.folder)["alerts"])
    for each in (gateway, unchanged):
        each.watch.close()
        each.journal.close()
