"""Reading the journal behind a cursor: read-only, one batch a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitor.journal.schema import IDENTITY_CONFLICT, open_for_reading
from monitor.model.errors import JournalError
from monitor.model.record import Record

MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 8 << 20  # 35 events of 37 000 samples, or 500 blocks of 16 kB: what a step may hold in memory
MAX_CACHED_ANCHORS = 100_000  # about 150 bytes each
_COLUMNS = "pos, received_ns, container, logger, boot, seq, kind, topic, payload"


class JournalReader:
    """One consumer's read-only view of `journal.db`."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "journal.db"
        self._connection = open_for_reading(self._path)
        self._anchors: dict[tuple[str, int], int] = {}

    def read(self, after_pos: int, limit: int = MAX_BATCH_RECORDS, limit_bytes: int = MAX_BATCH_BYTES) -> list[Record]:
        """The next records behind `after_pos` in order, at most `limit` and little over `limit_bytes` of payload."""
        batch: list[Record] = []
        size_bytes = 0
        try:
            cursor = self._connection.execute(
                f"SELECT {_COLUMNS} FROM records WHERE pos > ? ORDER BY pos LIMIT ?", (after_pos, limit)
            )
            for row in cursor:
                batch.append(Record(*row))
                size_bytes += len(row[8] or b"")
                if size_bytes >= limit_bytes:
                    break
            cursor.close()
        except sqlite3.Error as error:
            place = f"{self._path} behind position {batch[-1].pos if batch else after_pos}"
            raise JournalError("read", place, str(error), "the file is damaged: restore it from a backup") from None
        return batch

    def anchor_ns(self, logger: str, boot: int) -> int | None:
        """Calendar time minus `mono` of a boot, None while it has none; once set it never changes."""
        key = (logger, boot)
        if key not in self._anchors:
            row = self._connection.execute("SELECT anchor_ns FROM boots WHERE logger = ? AND boot = ?", key).fetchone()
            if row is None or row[0] is None:
                return None
            if len(self._anchors) >= MAX_CACHED_ANCHORS:
                self._anchors.clear()
            self._anchors[key] = row[0]
        return self._anchors[key]

    def head(self) -> tuple[int, str]:
        """Position and chain (hex) of the last record; (0, 64 zeros) of an empty journal."""
        row = self._connection.execute("SELECT pos, chain FROM records ORDER BY pos DESC LIMIT 1").fetchone()
        return (row[0], row[1].hex()) if row else (0, bytes(32).hex())

    def last_config(self, at_pos: int | None = None) -> bytes | None:
        """The configuration in force, or in force at `at_pos`; None when none was journalled by then."""
        row = self._connection.execute(
            "SELECT payload FROM records WHERE kind = 'config' AND pos <= ? ORDER BY pos DESC LIMIT 1",
            ((1 << 62) if at_pos is None else at_pos,),
        ).fetchone()
        return row[0] if row else None

    def conflicts(self, after: int, upto: int) -> Iterator[tuple[int, int, str, bytes]]:
        """(position in quarantine, received ns, topic, payload) of identity conflicts behind `after` up to `upto`."""
        return self._connection.execute(
            f"SELECT pos, received_ns, topic, payload FROM quarantine WHERE reason = '{IDENTITY_CONFLICT}' "
            "AND pos > ? AND pos <= ? ORDER BY pos",
            (after, upto),
        )

    def quarantined(self) -> int:
        """Number of rows in quarantine."""
        return int(self._connection.execute("SELECT coalesce(max(pos), 0) FROM quarantine").fetchone()[0])

    def records(self) -> int:
        """Number of env and shock records."""
        return int(self._connection.execute("SELECT count(*) FROM records WHERE seq IS NOT NULL").fetchone()[0])

    def gaps(self) -> dict[str, int]:
        """Number of records in gaps of each state."""
        rows = self._connection.execute('SELECT state, sum("to" - "from" + 1) FROM gaps GROUP BY state').fetchall()
        return {"open": 0, "requested": 0, "filled": 0, "lost": 0} | dict(rows)

    def loggers(self) -> list[dict[str, Any]]:
        """Each logger's latest boot: container, logger, boot, upto, next, seen_ns, gap_records (open, of all boots)."""
        rows = self._connection.execute(
            """SELECT container, logger, boot, upto, next, max(seen_ns),
            (SELECT coalesce(sum("to" - "from" + 1), 0) FROM gaps
             WHERE gaps.logger = boots.logger AND state IN ('open', 'requested'))
            FROM boots GROUP BY logger ORDER BY container, logger"""
        ).fetchall()
        names = ("container", "logger", "boot", "upto", "next", "seen_ns", "gap_records")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def last_statuses(self) -> dict[str, bytes]:
        """The payload of each logger's last status."""
        rows = self._connection.execute(
            """SELECT logger, payload FROM records WHERE kind = 'status' AND pos IN
            (SELECT max(pos) FROM records WHERE kind = 'status' GROUP BY logger)"""
        ).fetchall()
        return dict(rows)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
