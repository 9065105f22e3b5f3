"""A run in official order: its own judge, its alerts in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from monitor.alerts import AlertBook, enter
from monitor.alerts.tables import ALERT_TABLES
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged
from monitor.model.batch import Finding
from monitor.model.record import Record


class OrderedRun:
    """Judges records in official order, in which their positions need not grow, and keeps a book of their alerts."""

    def __init__(self, judge: Judge, book: AlertBook | None = None) -> None:
        """Without `book` it has one of its own in memory."""
        self.judge = judge
        self.book = book or _book_in_memory()
        self.unknown: list[Finding] = []  # peaks and ends of what fired before the run

    def step(self, records: Sequence[Record]) -> Iterator[Judged]:
        """Judge records; what it leads to tells of their positions in the journal."""
        positions = [record.pos for record in records]
        in_journal = np.array(positions, dtype=np.int64)
        for judged in self.judge.step([record._replace(pos=number) for number, record in enumerate(records)]):
            judged.origins = {positions[number]: origin for number, origin in judged.origins.items()}
            judged.findings = [_at(positions, finding) for finding in judged.findings]
            judged.results = [replace(table, pos=in_journal[table.pos]) for table in judged.results]
            self.unknown += enter(self.book, judged.findings, judged.rules, judged.origins)
            yield judged


def _book_in_memory() -> AlertBook:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(ALERT_TABLES)
    return AlertBook(connection)


def _at(positions: list[int], finding: Finding) -> Finding:
    """The finding with its position in the journal; an end by other rules may be that of an earlier record."""
    return finding._replace(pos=positions[finding.pos]) if finding.pos < len(positions) else finding
