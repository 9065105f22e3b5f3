"""Whether a journal is whole: both chains and every payload, checkpoints, pages, and what boots and gaps say of it.

Read-only and in short transactions, so it may run beside the daemon; only SQLite's own look at the pages is one long
one, during which the WAL grows by what is written meanwhile.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from monitor.journal.accounts import check_accounts
from monitor.journal.chain import GENESIS, digest, link
from monitor.journal.failure import Unreachable
from monitor.journal.lock import rest
from monitor.journal.schema import JOURNAL_VERSION, open_for_reading
from monitor.journal.writer import ROW
from monitor.model.errors import JournalError

FILE = "journal.db"
MAX_PAGE_ROWS = 1_000
MAX_PAGE_BYTES = 8 << 20
MAX_FAULTS = 20  # of pages, that SQLite looks for
Progress = Callable[[int, int], None]  # rows done, of how many


class Chained(NamedTuple):
    """A table with a chain: the columns that a digest covers, which of them is the payload, and where its end stands in
    a checkpoint.
    """

    name: str
    columns: str
    payload: int
    checkpoint_pos: str
    checkpoint_chain: str

    def has_lost(self, row: tuple[Any, ...]) -> bool:
        """Whether the payload of a row is gone that retention never drops."""
        return row[self.payload] is None and self.name == "records" and row[6] in KEPT_KINDS


KEPT_KINDS = ("config", "operator")
RECORDS = Chained("records", ROW, 8, "pos", "chain")
QUARANTINE = Chained(
    *("quarantine", "pos, received_ns, topic, payload, reason", 3), "quarantine_pos", "quarantine_chain"
)


@dataclass(slots=True)
class Verdict:
    """What was found; `problems` names the first position of each kind of problem of each table."""

    records: int = 0
    quarantined: int = 0
    pos: int = 0
    head: str = GENESIS.hex()
    checked_payloads: int = 0
    dropped_payloads: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    _known: dict[tuple[str, str], tuple[dict[str, Any], int]] = field(default_factory=dict)

    def report(self, table: str, kind: str, position: int | None, text: str) -> None:
        """Note a problem; of those of a kind the first is told, and how many more there are."""
        problem, count = self._known.get((table, kind), ({}, 0))
        if not count:
            problem = {"file": FILE, "position": position, "problem": f"{table}: {text}"}
            self.problems.append(problem)
        elif count == 1:
            problem["problem"] += ", and more of the kind behind it"
        self._known[table, kind] = problem, count + 1

    def document(self) -> dict[str, Any]:
        """The answer of `tcm journal check --json`."""
        numbers = ("records", "quarantined", "pos", "head", "checked_payloads", "dropped_payloads", "problems")
        is_whole = not self.problems
        # Behind a hole the chain goes on: its end proves nothing of what is missing.
        return {"ok": is_whole} | {name: getattr(self, name) for name in numbers} | ({} if is_whole else {"head": None})


def check_journal(state_dir: Path, progress: Progress) -> Verdict:
    """Check the journal of a state directory, as far as it had come when this began.

    Raises JournalError where there is none, or this user may not open it; DiskFull where it takes room that is not
    there. A daemon that starts while the file is read without a lock may make it look damaged: JournalError too.
    """
    path, verdict = state_dir / FILE, Verdict()
    if not path.exists():
        raise JournalError("check", str(path), "there is no journal", "is this the daemon's state directory?")
    before = rest(path)
    try:
        with closing(open_for_reading(path, JOURNAL_VERSION)) as connection:
            _check(connection, verdict, progress)
    except Unreachable:
        raise
    except (JournalError, sqlite3.Error) as error:
        cause = error.cause if isinstance(error, JournalError) else str(error)
        verdict.report("file", "unreadable", None, cause)
    if verdict.problems and before is not None and rest(path) != before:
        raise JournalError("check", str(path), "a daemon wrote to it meanwhile", "check again")
    return verdict


def _check(connection: sqlite3.Connection, verdict: Verdict, progress: Progress) -> None:
    walks = [_Walk(connection, table, verdict) for table in (RECORDS, QUARANTINE)]
    total = sum(walk.head for walk in walks)
    done = 0
    for walk in walks:
        for rows in walk.run():
            done += rows
            progress(min(done, total), total)
    records, quarantine = walks
    verdict.records, verdict.pos, verdict.head = records.count, records.pos, records.chain.hex()
    verdict.quarantined = quarantine.count
    check_accounts(connection, verdict.report)
    _check_pages(connection, verdict)


class _Walk:
    """Goes along the chain of a table, up to where it ended when this was made."""

    def __init__(self, connection: sqlite3.Connection, table: Chained, verdict: Verdict) -> None:
        self._connection, self._table, self._verdict = connection, table, verdict
        self.pos, self.chain, self.count = 0, GENESIS, 0
        self._dropped_pos = 0
        columns = f"{table.checkpoint_pos}, {table.checkpoint_chain}"
        self._checkpoints = dict(connection.execute(f"SELECT {columns} FROM checkpoints").fetchall())
        self.head: int = connection.execute(f"SELECT coalesce(max(pos), 0) FROM {table.name}").fetchone()[0]

    def run(self) -> Iterator[int]:
        """Yields numbers of rows that were checked."""
        name = self._table.name
        try:
            while self.pos < self.head and (page := self._page()):
                for row in page:
                    self._check(row)
                yield len(page)
        except sqlite3.Error as error:
            self._report("unreadable", f"cannot be read behind position {self.pos}: {error}")
            return
        self._expect_next(max(self._checkpoints, default=0) + 1)
        # What was dropped while this ran lies behind a checkpoint that was made meanwhile.
        newest = f"SELECT coalesce(max({self._table.checkpoint_pos}), 0) FROM checkpoints"
        if self._dropped_pos > self._connection.execute(newest).fetchone()[0]:
            self._verdict.report(name, "uncovered", self._dropped_pos, "payload gone without a checkpoint")

    def _page(self) -> list[tuple[Any, ...]]:
        statement = f"SELECT {self._table.columns}, digest, chain FROM {self._table.name} WHERE pos > ? ORDER BY pos"
        page, size_bytes = [], 0
        with closing(self._connection.execute(f"{statement} LIMIT {MAX_PAGE_ROWS}", (self.pos,))) as rows:
            for row in rows:
                page.append(row)
                size_bytes += len(row[self._table.payload] or b"")
                if size_bytes >= MAX_PAGE_BYTES:
                    break
        return page

    def _check(self, row: tuple[Any, ...]) -> None:
        *fields, stored, chain = row
        pos, payload = fields[0], fields[self._table.payload]
        is_next = self._expect_next(pos)
        self.pos = pos
        if self._table.has_lost(row):
            self._report("lost", "the payload is gone, which retention never drops")
        elif payload is None:
            self._verdict.dropped_payloads += 1
            self._dropped_pos = pos
        else:
            self._verdict.checked_payloads += 1
            if row_digest(fields) != stored:
                self._report("digest", "the row does not fit its digest")
        if is_next and _link(self.chain, stored) != chain:
            self._report("chain", "the chain does not follow from the row before")
        if self._checkpoints.get(pos, chain) != chain:
            self._report("checkpoint", "the chain is not that of the checkpoint")
        self.chain, self.count = chain, self.count + 1

    def _expect_next(self, pos: int) -> bool:
        """Whether no position is left out before `pos`; behind a hole the chain goes on as the row says."""
        if pos > self.pos + 1:
            self._verdict.report(
                self._table.name, "hole", self.pos + 1, f"positions {self.pos + 1} to {pos - 1} are missing"
            )
        return pos == self.pos + 1

    def _report(self, kind: str, text: str) -> None:
        self._verdict.report(self._table.name, kind, self.pos, text)


def row_digest(fields: list[Any]) -> bytes | None:
    """The digest of a row as read from a file, None where a column holds what the daemon never writes."""
    try:
        return digest(tuple(fields))
    except (struct.error, AttributeError, TypeError, ValueError):
        return None


def _link(before: Any, stored: Any) -> bytes | None:
    is_usable = isinstance(before, bytes) and isinstance(stored, bytes)
    return link(before, stored) if is_usable else None


def _check_pages(connection: sqlite3.Connection, verdict: Verdict) -> None:
    """SQLite's own look: first at each page, then at the indices too."""
    for pragma in ("quick_check", "integrity_check"):
        try:
            found = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}({MAX_FAULTS})")]
        except sqlite3.Error as error:
            found = [str(error)]
        if found != ["ok"]:
            for fault in found:
                verdict.report("pages", "pages", None, fault)
            return
