"""The one writer of `journal.db`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from monitor.config import JournalSettings
from monitor.journal.arrival import NOTHING_ASKED, Arrival, Asked, Commit, Refused, Usable
from monitor.journal.boots import Boots
from monitor.journal.chain import GENESIS, Field, digest, link
from monitor.journal.failure import write_failure
from monitor.journal.floods import Floods
from monitor.journal.gaps import Range
from monitor.journal.room import Room
from monitor.journal.schema import (
    JOURNAL_MIGRATIONS,
    JOURNAL_TABLES,
    JOURNAL_VERSION,
    Checkpoint,
    open_for_writing,
)
from monitor.journal.senders import Senders
from monitor.journal.settle import Settlement
from monitor.model.condition import Condition
from monitor.model.errors import DiskFull, JournalError
from monitor.wire.cbor import MAX_WANT

MAX_REASON = 500
BEFORE_TICKS_NS = 2**62  # later than any clock says: what begins to wait before the first tick waits from there on
RECOVERED = "journal.db.recovered"  # what `tcm journal recover` made, until it has taken the journal's place
ROW = "pos, received_ns, container, logger, boot, seq, kind, topic, payload"  # what a digest covers
_INSERT_RECORD = "INSERT INTO records VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_QUARANTINE = "INSERT INTO quarantine VALUES(?, ?, ?, ?, ?, ?, ?)"


class Heads(NamedTuple):
    """Position and chain of the last record, and of the last row of quarantine."""

    pos: int
    chain: bytes
    quarantine_pos: int
    quarantine_chain: bytes


class Journal:
    """Appends in one order; durable when `append` returns, and only then may anything be acknowledged.

    Where there is no room a write raises DiskFull, nothing of it is there, and the same may be appended again. Any
    other failed write raises JournalError and ends the process: a commit whose fsync failed is never tried again.
    """

    def __init__(self, state_dir: Path, settings: JournalSettings | None = None) -> None:
        self._path = state_dir / "journal.db"
        if (state_dir / RECOVERED).exists():
            cause, hint = "its recovery was interrupted", f"finish it: tcm journal recover {state_dir}"
            raise JournalError("open", str(self._path), cause, hint)
        self._connection = open_for_writing(
            self._path, JOURNAL_TABLES, version=JOURNAL_VERSION, migrations=JOURNAL_MIGRATIONS
        )
        self._rows: list[tuple[Field, ...]] = []
        self._floods, self._senders = Floods(), Senders()
        self._refused: list[Arrival] = []  # of the batch under way
        self.mono_ns = BEFORE_TICKS_NS  # of the last tick
        self.pos = self.quarantine_pos = 0
        self._chain = self._quarantine_chain = GENESIS
        self._checkpoint = Checkpoint(self._connection)
        try:
            self._read_back()
            self.room = Room(self._connection, state_dir, settings or JournalSettings())
        except sqlite3.Error as error:
            raise write_failure("open", self._path, error) from None

    def append(self, arrivals: Sequence[Usable | Refused]) -> Commit:
        """Take what loggers sent, in order, in one transaction."""
        self._refused.clear()
        with self.transaction("append"):
            settlement = Settlement(self._boots, self, self._floods)
            for arrival in arrivals:
                settlement.take(arrival)
        self._checkpoint.committed()
        self._floods.committed()
        self._senders.note(self._refused)  # not before: a batch that a full disk refuses comes again
        return settlement.finish()

    def append_own(self, kind: str, received_ns: int, payload: bytes, container: str | None = None) -> None:
        """Append a record of the daemon itself: `config`, or `operator` of its `container`."""
        with self.transaction("append"):
            self._append_row(received_ns, container, None, None, None, kind, None, payload)

    def append_tick(self, received_ns: int, mono_ns: int, payload: bytes, asked: Asked = NOTHING_ASKED) -> None:
        """Append a tick, and what time has brought: loggers were asked for records, some of them in vain.

        It ends the waits that are over by the steady time `mono_ns`: what waited is given out just before it.
        """
        with self.transaction("append"):
            self._append_row(received_ns, None, None, None, None, "tick", None, payload)
            for logger, boot in self._boots.end_waits(mono_ns):
                self.release(logger, boot)
            for key, ranges in asked.requested.items():
                self._boots.get("", *key).gaps.request(ranges)
            for key, ranges in asked.in_vain.items():
                self._boots.get("", *key).gaps.give_up(ranges)
        self.mono_ns = mono_ns
        self._floods.tick(mono_ns)
        self._senders.tick(mono_ns)

    def awaited(self, logger: str, boot: int) -> tuple[int, list[Range]]:
        """Up to which seq a boot is settled, and the oldest ranges that may still come, as many as are asked for."""
        return self._boots.awaited(logger, boot, MAX_WANT)

    def next_open(self, loggers: int) -> dict[str, list[int]]:
        """The boots of which something may still come, of so many loggers: those whose turn it is."""
        return self._boots.next_open(loggers)

    @contextmanager
    def transaction(self, operation: str) -> Iterator[sqlite3.Connection]:
        """What is done inside is durable behind it, or nothing of it is there: DiskFull, JournalError."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._flush()
            self._boots.save()
            self._connection.execute("COMMIT")
            self._boots.committed()
        except sqlite3.Error as error:
            failure = write_failure(operation, self._path, error)
            if isinstance(failure, DiskFull):
                self._fall_back()
            raise failure from None

    def has_room(self) -> bool:
        """Whether more may be taken from the loggers: below the budget, and the reserve is free on the disk."""
        try:
            return self.room.measure()
        except (sqlite3.Error, OSError) as error:
            raise write_failure("measure", self._path, error) from None

    def conditions(self) -> list[Condition]:
        """What somebody has to see; any thread may ask."""
        return [*self.room.conditions(), *self._floods.conditions(), *self._senders.conditions()]

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file, for the other writers of this package."""
        return self._connection

    @property
    def heads(self) -> Heads:
        """Where both chains end."""
        return Heads(self.pos, self._chain, self.quarantine_pos, self._quarantine_chain)

    def open_containers(self) -> list[str] | None:
        """The containers of which records may still come that belong before others; None for too many to name."""
        return self._boots.open_containers()

    def idle(self) -> None:
        """Use a moment in which nothing waits."""
        try:
            self._checkpoint.idle()
        except sqlite3.Error as error:
            raise write_failure("checkpoint", self._path, error) from None

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
        self._refused.append(arrival)
        self.quarantine_pos += 1
        row = (self.quarantine_pos, arrival.received_ns, arrival.topic, arrival.payload, reason[:MAX_REASON])
        row_digest = digest(row)
        self._quarantine_chain = link(self._quarantine_chain, row_digest)
        self._connection.execute(_INSERT_QUARANTINE, (*row, row_digest, self._quarantine_chain))

    def is_stored(self, payload: bytes, logger: str, boot: int, seq: int) -> bool | None:
        """Whether `payload` is what is stored under an identity, None when nothing is.

        Where retention dropped what was stored its digest tells.
        """
        self._flush()
        row = self._connection.execute(
            f"SELECT {ROW}, digest FROM records WHERE logger = ? AND boot = ? AND seq = ?", (logger, boot, seq)
        ).fetchone()
        if row is None:
            return None
        *fields, stored, row_digest = row
        return bool(digest((*fields, payload)) == row_digest if stored is None else payload == stored)

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

    def _fall_back(self) -> None:
        """Memory is as the file, without the transaction that found no room."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._rows.clear()
            self._read_back()
            self._floods.fall_back()
            self._checkpoint.make_room()
        except sqlite3.Error as error:
            raise write_failure("roll back", self._path, error) from None

    def _read_back(self) -> None:
        self._boots = Boots(self._connection)
        self.pos, self._chain = self._last("records", "pos, chain")
        self.quarantine_pos, self._quarantine_chain = self._last("quarantine", "quarantine_pos, quarantine_chain")

    def _last(self, table: str, of_checkpoint: str) -> tuple[int, bytes]:
        """The end of a chain; a checkpoint is ahead of the rows where a recovery could not find them."""
        row = self._connection.execute(
            f"""SELECT * FROM (SELECT pos, chain FROM {table} ORDER BY pos DESC LIMIT 1) UNION ALL
            SELECT * FROM (SELECT {of_checkpoint} FROM checkpoints ORDER BY pos DESC LIMIT 1) ORDER BY 1 DESC LIMIT 1"""
        ).fetchone()
        return row if row else (0, GENESIS)
