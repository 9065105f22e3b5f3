"""A run in official order: its own judge, its alerts in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from monitor.alerts import AlertBook, raise_alert
from monitor.alerts.book import ALERT_TABLES
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged
from monitor.consumers.order import Head
from monitor.consumers.points import MAX_TIME_NS, anchor_of, placed_ns
from monitor.consumers.reading import read
from monitor.journal import JournalReader
from monitor.journal.ordered import Began, dropped_upto, first_of
from monitor.model.batch import Finding
from monitor.model.record import Record, Status


def began_by(reader: JournalReader, upto_pos: int, heads: Iterable[Head] = ()) -> Began:
    """When boots began: the time of the lowest seq that was journalled of each; of one without records the latest.

    Where there is none, or retention has dropped it, what `heads` say of the boot goes before.
    """
    noted_ns = {(head.logger, head.boot): head.began_ns for head in heads}

    def began_ns(logger: str, boot: int) -> int:
        record = first_of(reader, logger, boot, upto_pos)
        if record is None or not record.payload:
            if (logger, boot) in noted_ns:
                return noted_ns[logger, boot]
            record = first_of(reader, logger, boot, upto_pos, dropped_upto(reader))
        message = None if record is None else read(record)
        if record is None or message is None or isinstance(message, Status):
            return MAX_TIME_NS
        return placed_ns(message, anchor_of(record, message.stamp, reader.anchor))

    return began_ns


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
            for finding in judged.findings:
                if finding.change == "fired":
                    self.book.report(raise_alert(finding, judged.rules, judged.origins[finding.pos]), finding.time_ns)
                elif not self.book.follow(finding):
                    self.unknown.append(finding)
            yield judged


def _book_in_memory() -> AlertBook:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(ALERT_TABLES)
    return AlertBook(connection)


def _at(positions: list[int], finding: Finding) -> Finding:
    """The finding with its position in the journal; an end by other rules may be that of an earlier record."""
    return finding._replace(pos=positions[finding.pos]) if finding.pos < len(positions) else finding
