"""Recovery of a damaged journal: a new one of everything that can be read, in which nothing missing counts as there.

1. Every row that fits its digest is kept with its position, digest and link of the chain.
2. What the boots say was journalled and is not there any more becomes an open gap: its logger is asked for it.
3. Positions go on behind every position that was ever given, so consumers judge nothing twice and pass over nothing.
4. The new file takes the journal's place and owner; the damaged one stays beside it under another name.

Where the configuration is lost that stood before all else, readers take the first behind it for that.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.journal.chain import GENESIS, link
from monitor.journal.check import QUARANTINE, RECORDS, Chained, Verdict, check_journal, row_digest
from monitor.journal.failure import write_failure
from monitor.journal.ledger import rebuild_boots
from monitor.journal.salvage import Columns, Row, Salvage
from monitor.journal.schema import JOURNAL_TABLES, JOURNAL_VERSION, open_for_reading
from monitor.journal.writer import RECOVERED
from monitor.model.clock import Clock
from monitor.model.regular_file import sync

JOURNAL = "journal.db"
MAX_RANGES = 10_000  # of missing positions that are named
_CHECKPOINT: Columns = {
    "pos": (int,),
    "made_ns": (int,),
    "ticks": (int,),
    "chain": (bytes,),
    "quarantine_pos": (int,),
    "quarantine_chain": (bytes,),
}
_WAITING: Columns = {"pos": (int,), "logger": (str,), "boot": (int,), "until_pos": (int, type(None))}


def recover_journal(state_dir: Path, cursors: dict[str, int], clock: Clock) -> dict[str, Any]:
    """Recover the journal of a state directory whose lock the caller holds; the answer of `tcm journal recover --json`.

    `cursors` are the positions that consumers have come to, by file. A journal that is whole, and not behind any of
    them, stays as it is.
    """
    recovered, least_last = state_dir / RECOVERED, max(cursors.values(), default=0)
    try:
        if not recovered.exists():
            verdict = check_journal(state_dir, _unseen)
            if not verdict.problems and verdict.pos >= least_last:
                return _report(state_dir, verdict, None)
            _build(state_dir, least_last, clock)
        damaged = _take_place(state_dir)
        return _report(state_dir, check_journal(state_dir, _unseen), damaged)
    except (sqlite3.Error, OSError) as error:
        raise write_failure("recover", state_dir / JOURNAL, error) from None


def _build(state_dir: Path, least_last: int, clock: Clock) -> None:
    """Make the new file, whole, before anything is moved."""
    path, new = state_dir / JOURNAL, state_dir / f"{JOURNAL}.recovering"
    new.unlink(missing_ok=True)
    with closing(Salvage(path)) as damaged, closing(sqlite3.connect(new, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode=OFF")
        made.execute("PRAGMA synchronous=OFF")
        made.executescript(f"{JOURNAL_TABLES}PRAGMA user_version={JOURNAL_VERSION};BEGIN;")
        last, chain = _copy(damaged, made, RECORDS, least_last)
        quarantine = _copy(damaged, made, QUARANTINE, _told_quarantined(made))
        checkpoints = [row for row in damaged.rows("checkpoints", _CHECKPOINT, "pos") if _fits(made, row)]
        made.executemany("INSERT INTO checkpoints VALUES(?, ?, ?, ?, ?, ?)", checkpoints)
        ends = [(row[0], row[4]) for row in checkpoints]
        end = max([last, least_last, *(pos for pos, _ in ends)])
        quarantine_end = max([quarantine[0], _told_quarantined(made), *(pos for _, pos in ends)])
        if (end, quarantine_end) != (last, quarantine[0]):
            (ticks,) = made.execute("SELECT count(*) FROM records WHERE kind = 'tick'").fetchone()
            ticks = max([ticks, *(row[2] for row in checkpoints)])
            row = (end, clock.now_ns(), ticks, chain, quarantine_end, quarantine[1])
            made.execute("INSERT OR REPLACE INTO checkpoints VALUES(?, ?, ?, ?, ?, ?)", row)
        rebuild_boots(damaged, made)
        _copy_waits(damaged, made, end)
        made.execute("COMMIT")
    _give_to_owner_of(path, new)
    sync(new)
    new.rename(state_dir / RECOVERED)
    sync(state_dir)


def _give_to_owner_of(path: Path, new: Path) -> None:
    """Owner, group and mode as of `path`: an administrator recovers what the daemon's own user is to open."""
    old = path.stat()
    if os.geteuid() == 0:
        os.chown(new, old.st_uid, old.st_gid)
    new.chmod(old.st_mode & 0o777)


def _copy(damaged: Salvage, made: sqlite3.Connection, table: Chained, least_last: int) -> tuple[int, bytes]:
    """Keep the rows of a table that are whole; where its chain ends.

    No digest covers the chain itself: that of the first row behind a hole is right when the next row follows from it,
    else the row goes.
    """
    columns = f"{table.columns}, digest, chain"
    insert = f"INSERT OR IGNORE INTO {table.name} VALUES({', '.join('?' * len(columns.split(', ')))})"
    pos, chain, is_proven = 0, GENESIS, True
    for row in damaged.by_position(table.name, columns, least_last):
        is_next = row[0] == pos + 1
        kept = _checked(table, row, chain if is_next and is_proven else None)
        if kept is None or not made.execute(insert, kept).rowcount:
            continue
        if is_next and not is_proven and link(chain, kept[-2]) != kept[-1]:
            made.execute(f"DELETE FROM {table.name} WHERE pos = ?", (pos,))
            is_next = False
        pos, chain, is_proven = kept[0], kept[-1], is_next
    return pos, chain


def _checked(table: Chained, row: Row, before: bytes | None) -> Row | None:
    """The row, None when it is not what was written; `before` is the chain of the row just before it, if that is there.

    Of a row whose payload was dropped only the chain can tell.
    """
    *fields, digest, chain = row
    if not isinstance(digest, bytes) or not isinstance(chain, bytes):
        return None
    expected = chain if before is None else link(before, digest)
    if fields[table.payload] is None:
        return row if expected == chain else None
    return (*fields, digest, expected) if row_digest(fields) == digest else None


def _fits(made: sqlite3.Connection, checkpoint: Row) -> bool:
    """Whether the chain at a checkpoint is that of the row, as far as that is there."""
    pos, _, _, chain, *_ = checkpoint
    row = made.execute("SELECT chain FROM records WHERE pos = ?", (pos,)).fetchone()
    return row is None or bool(row[0] == chain)


def _told_quarantined(made: sqlite3.Connection) -> int:
    """How many rows of quarantine the last tick told of."""
    row = made.execute(
        "SELECT payload FROM records WHERE kind = 'tick' AND payload IS NOT NULL ORDER BY pos DESC LIMIT 1"
    ).fetchone()
    return int(json.loads(row[0] or b"{}").get("quarantined", 0)) if row else 0


def _copy_waits(damaged: Salvage, made: sqlite3.Connection, end: int) -> None:
    """What waited is given out where its wait ended, or at the next position that is there; the last, behind all."""
    for pos, logger, boot, until_pos in damaged.rows("waiting", _WAITING, "pos"):
        if made.execute("SELECT 1 FROM records WHERE pos = ?", (pos,)).fetchone() is None:
            continue
        wait = "SELECT 1 FROM boots WHERE logger = ? AND boot = ? AND waiting_since_ns IS NOT NULL"
        if until_pos is not None or made.execute(wait, (logger, boot)).fetchone() is None:
            at = pos + 1 if until_pos is None else until_pos
            until_pos = made.execute("SELECT min(pos) FROM records WHERE pos >= ?", (at,)).fetchone()[0] or end + 1
        made.execute("INSERT INTO waiting VALUES(?, ?, ?, ?)", (pos, logger, boot, until_pos))


def _take_place(state_dir: Path) -> Path:
    """Put the damaged file aside, then the new one in its place. A crash in between: the daemon refuses to start, and
    the next recovery goes on here.
    """
    path = state_dir / JOURNAL
    names = (state_dir / f"{JOURNAL}.damaged{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 1_000))))
    aside = next(name for name in names if not name.exists())
    for suffix in ("-wal", ""):  # a WAL is taken for that of any file of its name
        source = state_dir / f"{JOURNAL}{suffix}"
        if suffix and source.exists() and not source.stat().st_size:
            source.unlink()  # nothing is in it
        elif source.exists():
            source.rename(aside.with_name(f"{aside.name}{suffix}"))
    (state_dir / f"{JOURNAL}-shm").unlink(missing_ok=True)
    sync(state_dir)
    (state_dir / RECOVERED).rename(path)
    sync(state_dir)
    return aside


def _report(state_dir: Path, verdict: Verdict, damaged: Path | None) -> dict[str, Any]:
    with closing(open_for_reading(state_dir / JOURNAL, JOURNAL_VERSION)) as connection:
        gaps = connection.execute('SELECT total("to" - "from" + 1) FROM gaps WHERE state = \'open\'').fetchone()[0]
        return {
            "records": verdict.records,
            "quarantined": verdict.quarantined,
            "head": verdict.document()["head"],
            "missing": list(_missing(connection, RECORDS)),
            "missing_quarantine": list(_missing(connection, QUARANTINE)),
            "awaited": int(gaps),
            "damaged": None if damaged is None else str(damaged),
        }


def _unseen(_done: int, _total: int) -> None:
    """No bar."""


def _missing(connection: sqlite3.Connection, table: Chained) -> Iterator[tuple[int, int]]:
    """Ranges of positions that are not there."""
    yield from connection.execute(
        f"""SELECT before + 1, pos - 1 FROM (SELECT pos, lag(pos, 1, 0) OVER (ORDER BY pos) AS before FROM {table.name})
        WHERE pos > before + 1 ORDER BY pos LIMIT {MAX_RANGES}"""
    )
    (last,) = connection.execute(f"SELECT coalesce(max(pos), 0) FROM {table.name}").fetchone()
    (end,) = connection.execute(f"SELECT coalesce(max({table.checkpoint_pos}), 0) FROM checkpoints").fetchone()
    if end > last:
        yield last + 1, end
