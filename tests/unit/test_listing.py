"""Lists of alerts: SQLite finds what a plain look at each alert finds."""

from __future__ import annotations

import json
import sqlite3
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.listing import Listing
from monitor.alerts.query import AlertQuery
from monitor.alerts.tables import ALERT_TABLES
from monitor.model.clock import parse_rfc3339, rfc3339
from monitor.model.errors import WireError

S = 10**9
NAMES = st.sampled_from(["C-1", "C-2", "D-1", "hot", "hot-2", "warm"])
GLOBS = st.sampled_from(["C-1", "C-*", "?-1", "hot*", "[hw]*", "*", "nothing"])
SEVERITIES = st.sampled_from(["info", "warning", "alarm"])
STATES = st.sampled_from(["firing", "acknowledged", "cleared"])
TIMES = st.integers(0, 5).map(lambda number: number * S)
ALERTS = st.lists(
    st.fixed_dictionaries({
        "container": NAMES, "rule": NAMES, "severity": SEVERITIES, "state": STATES, "occurred_at": TIMES.map(rfc3339),
    }),
    max_size=12,
)  # fmt: skip
QUERIES = st.builds(
    AlertQuery,
    state=st.none() | STATES | st.just("open"),
    container=st.none() | GLOBS,
    severity=st.none() | SEVERITIES,
    rule=st.none() | GLOBS,
    since_ns=st.none() | TIMES,
    limit=st.integers(1, 6),
)


def listing(alerts: list[dict[str, Any]]) -> Listing:
    """A file with these alerts."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(ALERT_TABLES)
    columns = [name for _, name, _, is_required, *_ in connection.execute("PRAGMA table_info(alerts)") if is_required]
    for alert in alerts:
        known = {
            "id": alert["id"],
            "chain": alert["id"],
            "container": alert["container"],
            "state": alert["state"],
            "occurred_ns": parse_rfc3339(alert["occurred_at"]),
            "opened_ns": parse_rfc3339(alert["occurred_at"]),
            "is_last": True,
            "body": json.dumps(alert),
        }
        marks, values = ", ".join("?" * len(columns)), [known.get(column, 0) for column in columns]
        connection.execute(f"INSERT INTO alerts({', '.join(columns)}) VALUES({marks})", values)
    return Listing(connection)


def is_meant(query: AlertQuery, alert: dict[str, Any]) -> bool:
    """Whether an alert is among those that are asked for, but for the limit."""
    return (
        query.state in (None, alert["state"], "cleared" if alert["state"] == "cleared" else "open")
        and query.severity in (None, alert["severity"])
        and (query.container is None or fnmatchcase(alert["container"], query.container))
        and (query.rule is None or fnmatchcase(alert["rule"], query.rule))
        and (query.since_ns is None or parse_rfc3339(alert["occurred_at"]) >= query.since_ns)
    )


@given(ALERTS, QUERIES)
def test_a_list_has_the_latest_of_those_that_are_meant(alerts: list[dict[str, Any]], query: AlertQuery) -> None:
    alerts = [alert | {"id": f"{number:02}"} for number, alert in enumerate(alerts)]
    latest_first = sorted(alerts, key=lambda alert: (-parse_rfc3339(alert["occurred_at"]), alert["id"]))
    expected = [alert["id"] for alert in latest_first if is_meant(query, alert)][: query.limit][::-1]
    assert [alert["id"] for alert in listing(alerts).alerts(query)] == expected


@given(ALERTS)
def test_open_alerts_are_counted_by_container_and_severity(alerts: list[dict[str, Any]]) -> None:
    counts = listing([alert | {"id": f"{number:02}"} for number, alert in enumerate(alerts)]).open_by_container()
    for container in {alert["container"] for alert in alerts}:
        for severity in ("info", "warning", "alarm"):
            found = [
                alert
                for alert in alerts
                if (alert["container"], alert["severity"]) == (container, severity) and alert["state"] != "cleared"
            ]
            assert counts.get(container, {}).get(severity, 0) == len(found)


@pytest.mark.parametrize(
    ("given_keys", "said"),
    [
        ({"state": "shut"}, "state: expected one of open, firing, acknowledged, cleared"),
        ({"severity": "red"}, "severity: expected one of info, warning, alarm"),
        ({"rule": "x" * 101}, "rule: expected at most 100 characters"),
        ({"since": "2026-11-23T06:00:00"}, "since: expected a time with its zone"),
        ({"since": "9999-01-01T00:00:00Z"}, "since: expected a time from 1970 to 2262"),
        ({"limit": "10001"}, "limit: expected a whole number from 1 to 10000"),
        ({"limit": "-1"}, "limit: expected a whole number"),
        ({"sate": "firing"}, "'sate': expected one of the keys state, container"),
    ],
)
def test_what_cannot_be_meant_is_refused(given_keys: dict[str, str], said: str) -> None:
    with pytest.raises(WireError) as error:
        AlertQuery.read(given_keys)
    assert said in str(error.value)


def test_what_is_empty_is_not_asked_for() -> None:
    assert AlertQuery.read({"state": "", "container": "", "since": "", "limit": ""}) == AlertQuery()
