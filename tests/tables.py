"""What stands in the tables of a journal: which records, and where digests or chain do not fit them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.journals import CHAINED, Row, rows


def stored(folder: Path) -> list[Row]:
    return rows(folder, "SELECT kind, boot, seq FROM records ORDER BY pos")


def measured(value: object) -> bytes:
    """A field with its length before it: u32 big-endian; numbers are 8 bytes big-endian, NULL is nothing."""
    if value is None:
        data = b""
    elif isinstance(value, int):
        data = value.to_bytes(8, "big")
    else:
        data = value.encode() if isinstance(value, str) else bytes(value)  # type: ignore[call-overload]  # BLOB
    return len(data).to_bytes(4, "big") + data


def first_break(folder: Path, table: str) -> int | None:
    """Recompute digests and chain of a table from its rows alone; the position of the first that does not fit."""
    before = bytes(32)
    for row in rows(folder, f"SELECT {CHAINED[table]}, digest, chain FROM {table} ORDER BY pos"):
        *fields, digest, chain = row
        wanted = hashlib.sha256(b"".join(map(measured, fields))).digest()
        before = hashlib.sha256(before + wanted).digest()
        if (digest, chain) != (wanted, before):
            return int(row[0])
    return None
