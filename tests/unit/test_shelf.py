"""The book's shelf: however many findings are entered together, the tables are the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts import AlertBook, Origin, enter
from monitor.alerts.tables import ALERT_TABLES
from monitor.config import Rules
from monitor.model.batch import Finding
from tests.messages import T0, S

LOGGERS, LIMITS = ("A", "B"), {"warm": ("25 degC", "warning"), "hot": ("30 degC", "alarm")}
RULES = [
    {"id": name, "kind": "threshold", "channel": "temperature.*", "above": limit, "severity": severity}
    for name, (limit, severity) in LIMITS.items()
]
STUCK = {"id": "stuck", "kind": "health", "check": "stuck", "channel": "temperature.*", "for": "1 h"}
PROFILE = {"name": "p", "rule": [*RULES, STUCK | {"severity": "warning"}]}
ORIGIN = Origin(T0, 0.1, is_latest=False)
Change = tuple[str, str, int]  # rule, logger, seconds since the change before
CHANGES = st.lists(
    st.tuples(st.sampled_from([*LIMITS, "stuck"]), st.sampled_from(LOGGERS), st.sampled_from([0, 1, 30, 200])),
    max_size=60,
)


def findings(changes: Sequence[Change]) -> list[Finding]:
    """An exceedance of a rule and logger begins, grows and ends by turns; one after the other, or at one time."""
    going: dict[tuple[str, str], tuple[int, int]] = {}  # start, and how many findings of it came
    found, now_ns = [], T0
    for pos, (rule, logger, later_s) in enumerate(changes, 1):
        now_ns += later_s * S
        start_ns, count = going.get((rule, logger), (now_ns, 0))
        change = ("fired", "peak", "cleared")[count]
        row = (change, rule, "C", logger, "temperature.air", None, start_ns, now_ns, 31.0, 31.0 + count, pos, 1, pos)
        found.append(Finding(*row))
        going[rule, logger] = (start_ns, count + 1)
        if change == "cleared":
            del going[rule, logger]
    return found


def entered(found: Sequence[Finding], together: int) -> list[Any]:
    """What the tables have, so many findings at once."""
    rules = Rules.model_validate({"ingest": {"default_limits": "p"}, "profiles": {"p": PROFILE}})
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(ALERT_TABLES)
    book = AlertBook(connection)
    origins = {finding.pos: ORIGIN for finding in found}
    for start in range(0, len(found), together):
        assert enter(book, found[start : start + together], rules, origins) == []
    tables = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("alerts", "transitions", "joined")]
    connection.close()
    return tables


@given(CHANGES, st.integers(2, 60))
def test_findings_entered_together_are_as_one_by_one(changes: list[Change], together: int) -> None:
    """Chains, escalation, doubt and flapping included."""
    found = findings(changes)
    assert entered(found, together) == entered(found, 1)


def test_a_step_that_fails_leaves_nothing_behind() -> None:
    """What the transaction takes back is not on the shelf either: the same is entered by the next try."""
    found = findings([("hot", "A", 0), ("hot", "B", 1)])
    rules = Rules.model_validate({"ingest": {"default_limits": "p"}, "profiles": {"p": PROFILE}})
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(ALERT_TABLES)
    book = AlertBook(connection)
    connection.execute("BEGIN")
    with pytest.raises(KeyError):
        enter(book, found, rules, {1: ORIGIN})
    connection.execute("ROLLBACK")
    connection.execute("BEGIN")
    enter(book, found, rules, {1: ORIGIN, 2: ORIGIN})
    connection.execute("ROLLBACK")
    enter(book, found, rules, {1: ORIGIN, 2: ORIGIN})
    assert connection.execute("SELECT number, state FROM alerts").fetchall() == [(1, "firing"), (2, "firing")]
    assert len(book.transitions(0, 9)) == 2
