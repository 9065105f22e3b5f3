"""What lies around a record in its logger's stream: by the index of identities, so a few rows of millions are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from monitor.journal.reader import JournalReader
from monitor.model.record import Record

MAX_RECORDS = 4_000  # of a stretch: 66 h of blocks of a minute, decoded in 0.2 s; of a longer one every n-th is taken
MAX_BYTES = 16 << 20  # of their payloads, as blocks may have up to a megabyte
MAX_LOGGERS = 16  # of a container, for what is computed of all of them
MAX_BOOTS = 8  # of a logger within a stretch: one that starts anew more often has another trouble
_COLUMNS = "pos, received_ns, container, logger, boot, seq, kind, topic, payload"


class Sender(NamedTuple):
    """One boot of a logger; within it times follow `seq`."""

    logger: str
    boot: int


class Stretch(NamedTuple):
    """Positions of the env records of a sender in order of seq: one of each `step` where they are too many.

    What came before them `is_dropped` by retention; `awaited` and `lost` records lie in gaps between them.
    """

    positions: list[int]
    step: int
    is_dropped: bool
    awaited: int
    lost: int


def senders(reader: JournalReader, container: str, logger: str | None, since_ns: int) -> list[Sender]:
    """Boots of a container's loggers, or of one: of each the MAX_BOOTS that may tell of `since_ns` (ns UTC) the most.

    These are the first that were heard then or later; with a clock that is wrong it may be others.
    """
    rows = reader.connection.execute(
        "SELECT DISTINCT logger FROM boots WHERE container = ?1 AND (?2 IS NULL OR logger = ?2) "
        "ORDER BY logger LIMIT ?3",
        (container, logger, MAX_LOGGERS),
    ).fetchall()
    statement = "SELECT boot FROM boots WHERE logger = ?1 ORDER BY seen_ns < ?2, abs(seen_ns - ?2) LIMIT ?3"
    return [
        Sender(name, boot)
        for (name,) in rows
        for (boot,) in reader.connection.execute(statement, (name, since_ns, MAX_BOOTS)).fetchall()
    ]


def first_seq(reader: JournalReader, sender: Sender, upto: int | None, is_early: Callable[[Record], bool]) -> int:
    """The first seq behind all that are early, at most `upto`; by halving, so some 20 records are looked at of 10^6.

    What lost its payload counts as early: retention drops the oldest first.
    """
    lowest, highest = reader.connection.execute(
        "SELECT min(seq), max(seq) FROM records WHERE logger = ? AND boot = ? AND seq IS NOT NULL", sender
    ).fetchone()
    if lowest is None:
        return 0
    low, high = int(lowest), int(highest) + 1 if upto is None else min(int(highest) + 1, upto)
    while low < high:
        middle = (low + high) // 2
        record = _next(reader, sender, middle, high)
        if record is not None and (record.payload is None or is_early(record)):
            assert record.seq is not None  # as the index has it
            low = record.seq + 1
        else:
            high = middle
    return low


def stretch(reader: JournalReader, sender: Sender, first: int, last: int) -> Stretch:
    """The env records of seqs `first` to before `last`, at most MAX_RECORDS of about MAX_BYTES."""
    place = (*sender, first, last)
    where = "logger = ? AND boot = ? AND seq >= ? AND seq < ?"
    count, size_bytes = reader.connection.execute(
        f"SELECT count(*), total(length(payload)) FROM records WHERE {where} AND kind = 'env'", place
    ).fetchone()
    step = max(1, -(-count // MAX_RECORDS), -int(-size_bytes // MAX_BYTES))
    rows = reader.connection.execute(
        f"SELECT pos FROM (SELECT pos, row_number() OVER (ORDER BY seq) AS n FROM records WHERE {where} "
        "AND kind = 'env' AND payload IS NOT NULL) WHERE (n - 1) % ? = 0",
        (*place, step),
    ).fetchall()
    awaited, lost = reader.connection.execute(
        """SELECT total(iif(state = 'lost', 0, n)), total(iif(state = 'lost', n, 0)) FROM (
        SELECT state, min("to", ?4 - 1) - max("from", ?3) + 1 AS n FROM gaps
        WHERE logger = ?1 AND boot = ?2 AND "from" < ?4 AND "to" >= ?3 AND state IN ('open', 'requested', 'lost'))""",
        place,
    ).fetchone()
    before = reader.connection.execute(
        "SELECT payload IS NULL FROM records WHERE logger = ? AND boot = ? AND seq < ? ORDER BY seq DESC LIMIT 1",
        (*sender, first),
    ).fetchone()
    return Stretch([pos for (pos,) in rows], step, before == (1,), int(awaited), int(lost))


def configs_before(reader: JournalReader, pos: int, limit: int) -> list[bytes]:
    """The configuration in force at a position and those before it, the latest first, at most `limit`."""
    rows = reader.connection.execute(
        "SELECT payload FROM records WHERE kind = 'config' AND pos <= ? ORDER BY pos DESC LIMIT ?", (pos, limit)
    ).fetchall()
    return [payload for (payload,) in rows if payload is not None]


def record_or_none(reader: JournalReader, pos: int) -> Record | None:
    """The record at a position, None where there is none; its payload is None where retention dropped it."""
    row = reader.connection.execute(f"SELECT {_COLUMNS} FROM records WHERE pos = ?", (pos,)).fetchone()
    return Record(*row) if row else None


def _next(reader: JournalReader, sender: Sender, seq: int, before: int) -> Record | None:
    row = reader.connection.execute(
        f"SELECT {_COLUMNS} FROM records WHERE logger = ? AND boot = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT 1",
        (*sender, seq, before),
    ).fetchone()
    return Record(*row) if row else None
