"""Transitions as a store takes them: no two of an alert are one point, whoever asks and in whatever pieces."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.tables import ALERT_TABLES
from monitor.alerts.view import AlertView, Transition

S = 10**9
CHANGES = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 3)), max_size=12)


def view(changes: Sequence[tuple[str, int]]) -> AlertView:
    """A file with these changes, of an alert at a time in seconds each."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(ALERT_TABLES)
    rows = [(alert, "C", "firing", at_s * S, f'{{"id": "{alert}"}}') for alert, at_s in changes]
    statement = "INSERT INTO transitions(alert_id, container, state, at_ns, body) VALUES(?, ?, ?, ?, ?)"
    connection.executemany(statement, rows)
    return AlertView(connection)


def in_pieces(book: AlertView, size: int) -> list[Transition]:
    """All of them, `size` at once."""
    found: list[Transition] = []
    while piece := book.apart(found[-1][0] if found else 0, size):
        found += piece
    return found


@given(CHANGES, st.integers(1, 5))
def test_changes_of_one_alert_at_one_time_are_apart(changes: list[tuple[str, int]], size: int) -> None:
    book = view(changes)
    apart = in_pieces(book, size)
    assert len({(body["id"], at_ns) for _, at_ns, body in apart}) == len(changes)
    exact = book.transitions(0, 99)
    assert [(n, body, at_ns // S) for n, at_ns, body in apart] == [(n, body, at_ns // S) for n, at_ns, body in exact]
    firsts = {(body["id"], at_ns): n for n, at_ns, body in reversed(exact)}
    assert {n for n, at_ns, _ in apart if at_ns % S == 0} == set(firsts.values())
