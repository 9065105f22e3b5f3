"""Shock events of a journal for whoever looks back at them: read-only, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from monitor.journal.reader import JournalReader
from monitor.journal.statuses import MAX_WILLS, statuses
from monitor.model.record import Record

MAX_SCAN = 50_000  # positions looked through at once: 0.05 s in which nothing of the journal's log is given free
_COLUMNS = "pos, received_ns, container, logger, boot, seq, kind, topic, payload"


def shock_records(
    reader: JournalReader, container: str | None, logger: str | None, progress: Callable[[int, int], None]
) -> Iterator[Record]:
    """The shock records up to the journal's present head, in order of arrival; of a container, a logger (None: all).

    A payload is None where retention dropped it. `progress` is told the position reached, and the last one.
    """
    pos, head = 0, reader.head()[0]
    while pos < head:
        until_pos = min(pos + MAX_SCAN, head)
        rows = reader.connection.execute(
            "SELECT pos FROM records WHERE pos > ?1 AND pos <= ?2 AND kind = 'shock' "
            "AND (?3 IS NULL OR container = ?3) AND (?4 IS NULL OR logger = ?4) ORDER BY pos",
            (pos, until_pos, container, logger),
        ).fetchall()
        for (found_pos,) in rows:  # one at a time: an event has up to a megabyte
            yield record_at(reader, found_pos)
            progress(found_pos, head)
        progress(until_pos, head)
        pos = until_pos


def record_at(reader: JournalReader, pos: int) -> Record:
    """The record at a position that is there."""
    return Record(*reader.connection.execute(f"SELECT {_COLUMNS} FROM records WHERE pos = ?", (pos,)).fetchone())


def find_shock(reader: JournalReader, logger: str, boot: int, seq: int) -> Record | None:
    """The shock record of an identity, None where there is none."""
    row = reader.connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE logger = ? AND boot = ? AND seq = ? AND kind = 'shock'",
        (logger, boot, seq),
    ).fetchone()
    return Record(*row) if row else None


def lowpass_hz(reader: JournalReader, logger: str, sensor: str, before_pos: int) -> float | None:
    """The corner of an accelerometer's own low-pass as its logger last declared before a position; None: never."""
    for status in statuses(reader, logger, before_pos, MAX_WILLS):
        if sensor in status.accelerometers:
            return status.accelerometers[sensor].get("lp_hz")
    return None
