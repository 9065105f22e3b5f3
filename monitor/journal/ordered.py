"""The official order: the journal's, with each late record just before the first that its logger made after it.

So what came in order stands as it was judged live, ticks and configurations in between, and what came late stands where
the stream broke off. Of a logger boots follow one another as in their succession; derived boots, whose seqs are times,
each have an order of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.journal.reader import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, JournalReader
from monitor.journal.succession import Ranked
from monitor.model.errors import TcmError
from monitor.model.record import NATIVE_TOPICS, Record

MAX_ORDERED_RECORDS = 2_000_000  # about 200 bytes each while they are put in order; ten loggers for 139 days
MAX_SCAN = 50_000  # positions looked at at once: 0.2 s where all are of one container
Index = NDArray[np.int64]
FIRST_RANK = -1  # of a boot that was forgotten as soon as it was heard


class Row(NamedTuple):
    """What the order of a record depends on; `seq` is None where it has none and stays in its place.

    It `is_memory` when it was not read as it was made; `status` is the payload of one. `ranked` is its boot.
    """

    pos: int
    container: str | None
    logger: str | None
    boot: int | None
    seq: int | None
    is_derived: bool
    is_memory: bool = False
    status: bytes | None = None
    ranked: Ranked | None = None


def scan(reader: JournalReader, after_pos: int, upto_pos: int, container: str | None) -> list[Row]:
    """Rows of a stretch of the journal in the order in which they are read: what waited, behind its wait.

    Of a container (None: of all) its own and the daemon's; operators' are left out, as they are known beforehand. At
    the journal's beginning a configuration comes first, as for a reader.
    """
    rows = reader.connection.execute(
        f"""SELECT pos, container, logger, boot, seq, ifnull(topic NOT LIKE '{NATIVE_TOPICS}%', FALSE),
            turn <> 2 * pos + 1 OR instr(topic, '/up/fill/') > 0, iif(kind = 'status', payload, NULL), turn FROM (
            SELECT *, 2 * pos + 1 AS turn FROM records WHERE pos > ?1 AND pos <= ?2
                AND pos NOT IN (SELECT pos FROM waiting WHERE pos > ?1 AND pos <= ?2)
            UNION ALL SELECT records.*, 2 * until_pos AS turn FROM waiting JOIN records USING(pos)
                WHERE until_pos > ?1 AND until_pos <= ?2)
        WHERE (?3 IS NULL OR container = ?3 OR container IS NULL) AND kind <> 'operator' ORDER BY turn, pos""",
        (after_pos, upto_pos, container),
    )
    found = reader.found_config() if after_pos == 0 else []
    return [Row(record.pos, None, None, None, None, is_derived=False) for record in found] + [
        Row(pos, owner, logger, boot, seq, bool(is_derived), bool(is_memory), status)
        for pos, owner, logger, boot, seq, is_derived, is_memory, status, _ in rows
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


def official_order(rows: list[Row]) -> Index:
    """Indices of `rows` in official order, int64 [n]."""
    at = np.array([i for i, row in enumerate(rows) if row.seq is not None], dtype=np.int64)
    order = np.arange(len(rows))
    if at.size == 0:
        return order
    streams: dict[tuple[str | None, str | None, int | None], int] = {}
    keys = np.array([_keys(rows[i], streams) for i in at.tolist()], dtype=np.int64)
    stream, rank, boot, seq = keys.T
    by_stream = np.lexsort((seq, boot, rank, stream))
    sequence, base = at[by_stream], stream[by_stream] * len(rows)
    followed = np.minimum.accumulate((sequence + base)[::-1])[::-1] - base  # the first that comes at or behind it
    turn, place = np.arange(len(rows)), np.arange(len(rows))
    turn[sequence], place[sequence] = followed, np.arange(len(sequence))
    return np.lexsort((place, turn))


def _keys(row: Row, streams: dict[tuple[str | None, str | None, int | None], int]) -> tuple[int, int, int, int]:
    """Number of the stream, and what its records are in order of."""
    assert row.boot is not None  # as it has a seq
    assert row.seq is not None
    stream = streams.setdefault((row.container, row.logger, row.boot if row.is_derived else None), len(streams))
    return stream, FIRST_RANK if row.ranked is None else row.ranked.rank, row.boot, row.seq


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
            reader.gave_again()
            batch, size_bytes = [], 0
    if batch:
        yield batch
        reader.gave_again()


def too_many(place: str, count: int) -> TcmError:
    """The error of more records than can be put in order."""
    cause = f"{count} records, at most {MAX_ORDERED_RECORDS} can be put in order"
    return TcmError("put in order", place, cause, "what was told live stands; see docs/definitions.md")
