"""The official order: the journal's, with each late record just before the first that its logger made after it.

So what came in order stands as it was judged live, ticks and configurations in between, and what came late stands where
the stream broke off. Of a logger boots follow one another by the time of the lowest seq that is there of each; derived
boots, whose seqs are times, each have an order of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.journal.reader import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, JournalReader
from monitor.model.errors import TcmError
from monitor.model.record import NATIVE_TOPICS, Record

MAX_ORDERED_RECORDS = 2_000_000  # about 100 bytes each while they are put in order; ten loggers for 139 days
MAX_SCAN = 100_000  # positions looked at at once: some 50 ms
Index = NDArray[np.int64]
Began = Callable[[str, int], int]  # logger, boot -> when its first record was made, ns UTC
_LAST_POS = 1 << 62


class Row(NamedTuple):
    """What the order of a record depends on; `seq` is None where it has none and stays in its place."""

    pos: int
    container: str | None
    logger: str | None
    boot: int | None
    seq: int | None
    is_derived: bool


def scan(reader: JournalReader, after_pos: int, upto_pos: int, container: str | None) -> list[Row]:
    """Rows of a stretch of the journal in the order in which they are read: what waited, behind its wait.

    Of a container (None: of all) its own and the daemon's; operators' are left out, as they are known beforehand.
    """
    rows = reader.connection.execute(
        f"""SELECT pos, container, logger, boot, seq, seq IS NOT NULL AND topic NOT LIKE '{NATIVE_TOPICS}%', turn FROM (
            SELECT *, 2 * pos + 1 AS turn FROM records WHERE pos > ?1 AND pos <= ?2
                AND pos NOT IN (SELECT pos FROM waiting WHERE pos > ?1 AND pos <= ?2)
            UNION ALL SELECT records.*, 2 * until_pos AS turn FROM waiting JOIN records USING(pos)
                WHERE until_pos > ?1 AND until_pos <= ?2)
        WHERE (?3 IS NULL OR container = ?3 OR container IS NULL) AND kind <> 'operator' ORDER BY turn, pos""",
        (after_pos, upto_pos, container),
    )
    return [
        Row(pos, owner, logger, boot, seq, bool(is_derived)) for pos, owner, logger, boot, seq, is_derived, _ in rows
    ]


def turn_of(reader: JournalReader, pos: int) -> int:
    """The position before which a record was read: its own, or that with which its wait ended."""
    row = reader.connection.execute("SELECT until_pos FROM waiting WHERE pos = ?", (pos,)).fetchone()
    return int(row[0]) if row else pos


def needed_from(reader: JournalReader, pos: int) -> int:
    """The first position that is still to be read by whoever has come to `pos`: what waits lies before it."""
    row = reader.connection.execute(
        "SELECT min(pos) FROM waiting WHERE pos <= ?1 AND (until_pos IS NULL OR until_pos > ?1)", (pos,)
    ).fetchone()
    return min(pos + 1, pos + 1 if row[0] is None else int(row[0]))


def dropped_upto(reader: JournalReader) -> int:
    """The position up to which retention has dropped payloads, 0 for none."""
    row = reader.connection.execute("SELECT pos FROM dropped").fetchone()
    return int(row[0]) if row else 0


def received_ns(reader: JournalReader, pos: int) -> int:
    """When a record was received, ns UTC; 0 where there is none."""
    row = reader.connection.execute("SELECT received_ns FROM records WHERE pos = ?", (pos,)).fetchone()
    return int(row[0]) if row else 0


def official_order(rows: list[Row], began_ns: Began) -> Index:
    """Indices of `rows` in official order, int64 [n]."""
    at = np.array([i for i, row in enumerate(rows) if row.seq is not None], dtype=np.int64)
    order = np.arange(len(rows))
    if at.size == 0:
        return order
    streams: dict[tuple[str | None, str | None, int | None], int] = {}
    boots: dict[tuple[str | None, int | None], int] = {}
    keys = np.array([_keys(rows[i], streams, boots) for i in at.tolist()], dtype=np.int64)
    stream, boot, seq, boot_index = keys.T
    of_logger = Counter(logger for logger, _ in boots)
    ranks = np.array(
        [began_ns(logger or "", number or 0) if of_logger[logger] > 1 else 0 for logger, number in boots] or [0]
    )
    rank = np.where(boot_index < 0, 0, ranks[boot_index])
    by_stream = np.lexsort((seq, boot, rank, stream))
    sequence, base = at[by_stream], stream[by_stream] * len(rows)
    followed = np.minimum.accumulate((sequence + base)[::-1])[::-1] - base  # the first that comes at or behind it
    turn, place = np.arange(len(rows)), np.arange(len(rows))
    turn[sequence], place[sequence] = followed, np.arange(len(sequence))
    return np.lexsort((place, turn))


def _keys(
    row: Row,
    streams: dict[tuple[str | None, str | None, int | None], int],
    boots: dict[tuple[str | None, int | None], int],
) -> tuple[int, int, int, int]:
    """Number of the stream, boot, seq, and number of the boot (-1 where it needs no rank)."""
    assert row.boot is not None  # as it has a seq
    assert row.seq is not None
    stream = streams.setdefault((row.container, row.logger, row.boot if row.is_derived else None), len(streams))
    boot = -1 if row.is_derived else boots.setdefault((row.logger, row.boot), len(boots))
    return stream, row.boot, row.seq, boot


def first_of(reader: JournalReader, logger: str, boot: int, upto_pos: int, after_pos: int = 0) -> Record | None:
    """The record of the lowest seq of a boot behind a position, up to another; None for none."""
    row = reader.connection.execute(
        "SELECT pos, received_ns, container, logger, boot, seq, kind, topic, payload FROM records "
        "WHERE logger = ? AND boot = ? AND seq IS NOT NULL AND pos > ? AND pos <= ? ORDER BY seq LIMIT 1",
        (logger, boot, after_pos, upto_pos),
    ).fetchone()
    return Record(*row) if row else None


def batches(reader: JournalReader, positions: Index, limit_bytes: int = MAX_BATCH_BYTES) -> Iterator[list[Record]]:
    """The records at positions, in that order, a bounded number of them at a time."""
    batch: list[Record] = []
    size_bytes = 0
    for pos in positions.tolist():
        row = reader.connection.execute(
            "SELECT pos, received_ns, container, logger, boot, seq, kind, topic, payload FROM records WHERE pos = ?",
            (pos,),
        ).fetchone()
        batch.append(Record(*row))
        size_bytes += len(row[8] or b"")
        if size_bytes >= limit_bytes or len(batch) == MAX_BATCH_RECORDS:
            yield batch
            reader.batches_again += 1
            batch, size_bytes = [], 0
    if batch:
        yield batch


def too_many(place: str, count: int) -> TcmError:
    """The error of more records than can be put in order."""
    cause = f"{count} records, at most {MAX_ORDERED_RECORDS} can be put in order"
    return TcmError("put in order", place, cause, "what was told live stands; see docs/definitions.md")
