"""The one writer of `journal.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from monitor.journal.arrival import Arrival, Commit, Refused, Usable
from monitor.journal.boots import Boots
from monitor.journal.chain import GENESIS, Field, digest, link
from monitor.journal.schema import (
    JOURNAL_MIGRATIONS,
    JOURNAL_TABLES,
    JOURNAL_VERSION,
    Checkpoint,
    damaged,
    open_for_writing,
)
from monitor.journal.settle import Settlement
from monitor.model.errors import JournalError

MAX_REASON = 500
_INSERT_RECORD = "INSERT INTO records VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_QUARANTINE = "INSERT INTO quarantine VALUES(?, ?, ?, ?, ?, ?, ?)"


class Journal:
    """Appends in one order; durable when `append` returns, and only then may anything be acknowledged.

    A failed write raises JournalError and ends the process: a commit whose fsync failed is never tried again.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "journal.db"
        self._connection = open_for_writing(
            self._path, JOURNAL_TABLES, version=JOURNAL_VERSION, migrations=JOURNAL_MIGRATIONS
        )
        try:
            self._boots = Boots(self._connection)
            self.pos, self._chain = self._last("records")
            self.quarantine_pos, self._quarantine_chain = self._last("quarantine")
        except sqlite3.Error as error:
            raise damaged(self._path, error) from None
        self._rows: list[tuple[Field, ...]] = []
        self._checkpoint = Checkpoint(self._connection)

    def append(self, arrivals: Sequence[Usable | Refused]) -> Commit:
        """Take what loggers sent, in order, in one transaction."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            settlement = Settlement(self._boots, self)
            for arrival in arrivals:
                settlement.take(arrival)
            self._flush()
            self._boots.save()
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failure(error) from None
        self._checkpoint.committed()
        return settlement.finish()

    def append_own(self, kind: str, received_ns: int, payload: bytes, container: str | None = None) -> None:
        """Append a record of the daemon itself: `config`, `tick`, or `operator` of its `container`.

        A tick ends the waits that are over: what waited is given out just before it.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._append_row(received_ns, container, None, None, None, kind, None, payload)
            self._flush()
            if kind == "tick":
                for logger, boot in self._boots.end_waits(received_ns):
                    self.release(logger, boot)
                self._boots.save()
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failure(error) from None

    def open_containers(self) -> list[str] | None:
        """The containers of which records may still come that belong before others; None for too many to name."""
        return self._boots.open_containers()

    def idle(self) -> None:
        """Use a moment in which nothing waits."""
        try:
            self._checkpoint.idle()
        except sqlite3.Error as error:
            raise self._failure(error) from None

    def add(self, arrival: Usable, boot: int, seq: int | None) -> None:
        """Put a record behind the last one (inside the transaction of `append`)."""
        self._append_row(
            arrival.received_ns,
            arrival.container,
            arrival.logger,
            boot,
            seq,
            arrival.kind,
            arrival.topic,
            arrival.payload,
        )

    def hold(self, logger: str, boot: int) -> None:
        """The record put last waits until its boot has an anchor (inside the transaction of `append`)."""
        self._connection.execute("INSERT INTO waiting VALUES(?, ?, ?, NULL)", (self.pos, logger, boot))

    def release(self, logger: str, boot: int) -> None:
        """What waits of a boot is given out just before the record put last (inside a transaction)."""
        self._connection.execute(
            "UPDATE waiting SET until_pos = ? WHERE logger = ? AND boot = ? AND until_pos IS NULL",
            (self.pos, logger, boot),
        )

    def quarantine(self, arrival: Arrival, reason: str) -> None:
        """Keep the bytes of a message that cannot be used (inside the transaction of `append`)."""
        self.quarantine_pos += 1
        row = (self.quarantine_pos, arrival.received_ns, arrival.topic, arrival.payload, reason[:MAX_REASON])
        row_digest = digest(row)
        self._quarantine_chain = link(self._quarantine_chain, row_digest)
        self._connection.execute(_INSERT_QUARANTINE, (*row, row_digest, self._quarantine_chain))

    def payload_of(self, logger: str, boot: int, seq: int) -> bytes | None:
        """The payload stored under an identity, None when there is none."""
        self._flush()
        row = self._connection.execute(
            "SELECT payload FROM records WHERE logger = ? AND boot = ? AND seq = ?", (logger, boot, seq)
        ).fetchone()
        return row[0] if row else None

    def last_status(self, logger: str) -> bytes | None:
        """The payload of a logger's last status, None when it never sent one."""
        self._flush()
        row = self._connection.execute(
            "SELECT payload FROM records WHERE kind = 'status' AND logger = ? ORDER BY pos DESC LIMIT 1", (logger,)
        ).fetchone()
        return row[0] if row else None

    def last_config(self) -> bytes | None:
        """The configuration journalled last, None in a new journal."""
        row = self._connection.execute(
            "SELECT payload FROM records WHERE kind = 'config' ORDER BY pos DESC LIMIT 1"
        ).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Give the file back; SQLite's last checkpoint leaves it whole without its WAL."""
        self._connection.close()

    def _append_row(self, *fields: Field) -> None:
        self.pos += 1
        row = (self.pos, *fields)
        row_digest = digest(row)
        self._chain = link(self._chain, row_digest)
        self._rows.append((*row, row_digest, self._chain))

    def _flush(self) -> None:
        if self._rows:
            self._connection.executemany(_INSERT_RECORD, self._rows)
            self._rows.clear()

    def _last(self, table: str) -> tuple[int, bytes]:
        row = self._connection.execute(f"SELECT pos, chain FROM {table} ORDER BY pos DESC LIMIT 1").fetchone()
        return row if row else (0, GENESIS)

    def _failure(self, error: sqlite3.Error) -> JournalError:
        hint = "nothing of it was acknowledged; free or repair the disk, then start the daemon again"
        return JournalError("append", str(self._path), str(error), hint)
