"""The chain that proves the journal: recomputed by other code, broken by any change, the same for any commits."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.journal import Journal
from tests.journals import CHAINED, MESSAGES, contents, fill, message, rows
from tests.tables import first_break


@pytest.mark.parametrize("table", CHAINED)
def test_digests_and_chain_are_those_of_the_architecture(tmp_path: Path, table: str) -> None:
    """Recomputed by other code from the rows alone, across a restart."""
    fill(tmp_path)
    assert len(rows(tmp_path, f"SELECT pos FROM {table}")) == {"records": 12, "quarantine": 4}[table]
    assert first_break(tmp_path, table) is None


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in CHAINED.items() for column in columns.split(", ")[1:]]
)
def test_any_changed_field_breaks_the_chain(tmp_path: Path, table: str, column: str) -> None:
    """One column of the second row changed by hand, its digest left as it was."""
    fill(tmp_path)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        (value,) = connection.execute(f"SELECT {column} FROM {table} WHERE pos = 2").fetchone()
        changed = value + 1000 if isinstance(value, int) else value[:-1] + type(value)(value[:1])
        changed = changed if changed != value else value + value
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE pos = 2", (changed,))
    assert first_break(tmp_path, table) == 2


@pytest.mark.parametrize("table", CHAINED)
def test_a_row_taken_out_breaks_the_chain(tmp_path: Path, table: str) -> None:
    """Every digest is right by itself, the chain is not."""
    fill(tmp_path)
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute(f"DELETE FROM {table} WHERE pos = 2")
    assert first_break(tmp_path, table) == 3


@pytest.mark.parametrize("table", CHAINED)
def test_neighbouring_fields_cannot_be_shifted(table: str, tmp_path: Path) -> None:
    """The lengths in the digest tell ("ab", "c") from ("a", "bc")."""
    fill(tmp_path)
    before = rows(tmp_path, f"SELECT digest FROM {table} WHERE pos = 1")
    pair = {"records": ("kind", "payload"), "quarantine": ("topic", "reason")}[table]
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        first, second = connection.execute(f"SELECT {pair[0]}, {pair[1]} FROM {table} WHERE pos = 1").fetchone()
        second = second.decode() if isinstance(second, bytes) else second
        moved = (first + second[:1], second[1:].encode())
        connection.execute(f"UPDATE {table} SET {pair[0]} = ?, {pair[1]} = ? WHERE pos = 1", moved)
    assert before == rows(tmp_path, f"SELECT digest FROM {table} WHERE pos = 1")
    assert first_break(tmp_path, table) == 1


@settings(max_examples=40)
@given(MESSAGES, st.data())
def test_commits_and_restarts_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, scene: list[tuple[str, int, int, int, bool]], data: st.DataObject
) -> None:
    """However arrivals are cut into transactions and daemons: the same rows, chains, boots and gaps."""
    whole, pieces = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("pieces")
    arrivals = [message(*item) for item in scene]
    journal = Journal(whole)
    journal.append(arrivals)
    journal.close()
    journal = Journal(pieces)
    while arrivals:
        size = data.draw(st.integers(1, len(arrivals)))
        journal.append(arrivals[:size])
        arrivals = arrivals[size:]
        if data.draw(st.booleans()):
            journal.close()
            journal = Journal(pieces)
    journal.close()
    assert contents(whole) == contents(pieces)
    assert first_break(whole, "records") is first_break(whole, "quarantine") is None
