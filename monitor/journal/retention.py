"""Retention: payloads that nobody needs any more are dropped when the journal's budget runs short, or they are old.

A row stays where it is, with its identity, digest and link of the chain; before its payload goes a checkpoint says what
the chain was. Boots, gaps, configurations and operators' records stay whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from monitor.journal.room import ENOUGH_SHARE, SHORT_SHARE
from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.journal.statuses import MAX_WILLS
from monitor.journal.writer import Journal
from monitor.model.clock import MINUTE_NS, NS_PER_S, Clock

MAX_PIECE_ROWS = 500  # 8 to 15 ms, measured: no commit waits longer
MAX_PIECE_BYTES = 2 << 20  # of payload; to let it go its pages have to be read
LOOK_NS = MINUTE_NS  # payloads age by days
CHECKPOINT_SPACING_NS = 2 * NS_PER_S  # 5 MB a day while there is no room at all
RELIEF_NS = MINUTE_NS  # after which dropping does not help: consumers had their time to confirm more
MAX_DROPPED_TOPIC = 200  # characters that stay of one; all of a valid one, which has three names of 64
# Age is counted in ticks, one every 10 s of watching. A wall clock that was wrong for an hour would drop everything.
TICK_S = 10
TICKS_PER_CHECKPOINT = 86_400 // TICK_S  # one a day, whatever is dropped

KEPT_STATUSES = MAX_WILLS + 1  # of a logger: as far back as a reader looks for what it said last
_PIECE = f"""SELECT pos, received_ns, container, logger, boot, seq, kind, topic, CASE
    WHEN kind IN ('env', 'shock', 'tick') THEN NULL WHEN kind = 'status' AND {KEPT_STATUSES} <= (
        SELECT count(*) FROM (SELECT 1 FROM records AS later WHERE later.kind = 'status'
        AND later.logger = records.logger AND later.pos > records.pos AND later.pos <= ?3 LIMIT {KEPT_STATUSES}))
    THEN NULL ELSE payload END, digest, chain FROM records WHERE pos > ?1 AND pos <= ?2"""
_QUARANTINE_PIECE = f"""SELECT pos, received_ns, substr(topic, 1, {MAX_DROPPED_TOPIC}), NULL, reason, digest, chain
    FROM quarantine WHERE pos > ?1 AND pos <= ?2"""
# Nobody reads what was refused but for conflicts: those watch looks at.
_REFUSED_PIECE = f"""{_QUARANTINE_PIECE} AND reason <> '{IDENTITY_CONFLICT}' UNION ALL
    SELECT * FROM quarantine WHERE pos > ?1 AND pos <= ?2 AND reason = '{IDENTITY_CONFLICT}' ORDER BY pos"""
_ANY_REFUSED = f"""SELECT 1 FROM quarantine WHERE pos > ? AND pos <= ? AND reason <> '{IDENTITY_CONFLICT}'
    AND payload IS NOT NULL LIMIT 1"""
_ANY_QUARANTINED = "SELECT 1 FROM quarantine WHERE pos > ? AND pos <= ? AND payload IS NOT NULL LIMIT 1"
# A tick tells the consumers of the rows in quarantine before it.
_TOLD = """SELECT quarantine_pos FROM checkpoints WHERE pos <= ?1
    AND pos < (SELECT max(pos) FROM records WHERE kind = 'tick' AND pos <= ?2) ORDER BY pos DESC LIMIT 1"""

Rows = Sequence[tuple[Any, ...]]


class Retention:
    """One `step`: drop the payloads of one piece, oldest first; stepped by whoever writes the journal.

    `confirmed` says up to which position no consumer needs a payload again.
    """

    def __init__(self, journal: Journal, clock: Clock, keep_s: float | None, confirmed: Callable[[], int]) -> None:
        self._journal, self._clock, self._keep_s, self._confirmed = journal, clock, keep_s, confirmed
        dropped = self._ask("SELECT pos, quarantine_pos FROM dropped")
        checkpoint = self._ask("SELECT pos, ticks, quarantine_pos FROM checkpoints ORDER BY pos DESC LIMIT 1")
        self._pos: int = dropped[0] if dropped else 0
        self._quarantine_pos: int = dropped[1] if dropped else 0
        self._checkpoint_pos: int = checkpoint[0] if checkpoint else 0
        self._ticks: int = checkpoint[1] if checkpoint else 0  # up to there
        self._checkpoint_quarantine_pos: int = checkpoint[2] if checkpoint else 0
        self._refused_pos = self._quarantine_pos  # what was refused up to here is dropped, but for conflicts
        self._old_pos = 0  # payloads up to here are older than `keep_s`
        self._next_look_ns = self._next_checkpoint_ns = clock.mono_ns()
        self.is_short = False  # room is, until enough is dropped
        self._relief_ns = clock.mono_ns() + RELIEF_NS  # until when more may be dropped, as something was of late
        journal.room.is_dropping = journal.room.used_share >= SHORT_SHARE

    def step(self) -> bool:
        """Drop one piece; False when nothing is to be dropped. Raises what the journal raises."""
        self._look()
        share, was_short = self._journal.room.used_share, self.is_short
        self.is_short = share >= (ENOUGH_SHARE if was_short else SHORT_SHARE)
        did = self._drop()
        if did or self.is_short > was_short:
            self._relief_ns = self._clock.mono_ns() + RELIEF_NS
        self._journal.room.is_dropping = self.is_short and self._clock.mono_ns() < self._relief_ns
        return did

    def _drop(self) -> bool:
        if not self.is_short and not self._old_pos:
            return False
        confirmed = self._confirmed()
        if not self.is_short:
            return self._drop_records(self._old_pos, confirmed) or self._drop_quarantine(self._old_pos, confirmed)
        # What cannot be used goes first: whoever sends much of it shortens nobody else's evidence.
        return (
            self._drop_refused()
            or self._drop_quarantine(self._checkpoint_pos, confirmed)
            or self._drop_records(self._journal.pos if self._is_checkpoint_due() else self._checkpoint_pos, confirmed)
        )

    def _look(self) -> None:
        """Once a minute: whether a checkpoint is due, and which payloads are too old."""
        now_ns = self._clock.mono_ns()
        if now_ns < self._next_look_ns:
            return
        self._next_look_ns = now_ns + LOOK_NS
        self._journal.has_room()
        ticks = self._count_ticks()
        if ticks - self._ticks >= TICKS_PER_CHECKPOINT:
            with self._journal.transaction("write checkpoint"):
                self._write_checkpoint()
            self._checkpointed()
        if self._keep_s is not None:
            old = self._ask("SELECT max(pos) FROM checkpoints WHERE ticks <= ?", ticks - int(self._keep_s / TICK_S))
            self._old_pos = old[0] or 0

    def _is_checkpoint_due(self) -> bool:
        """Whether payloads behind the last checkpoint may go too, with a new one ahead of them."""
        return self._clock.mono_ns() >= self._next_checkpoint_ns

    def _drop_records(self, limit: int, confirmed: int) -> bool:
        # What waits for its boot's clock is read later than its turn: nothing passes it.
        (waiting,) = self._ask("SELECT min(pos) FROM waiting WHERE until_pos IS NULL OR until_pos > ?", confirmed)
        limit = min(limit, confirmed, confirmed if waiting is None else waiting - 1)
        start, end = self._pos, self._end("records", self._pos, limit)
        if end == start:
            return False
        needs_checkpoint = end > self._checkpoint_pos
        with self._journal.transaction("drop payloads") as connection:
            if needs_checkpoint:
                self._write_checkpoint()
            rows = connection.execute(_PIECE, (start, end, confirmed)).fetchall()
            _rewrite(connection, "records", start, end, rows)
            self._note(end, self._quarantine_pos)
        if needs_checkpoint:
            self._checkpointed()
        self._pos = end
        self._journal.has_room()
        return True

    def _drop_refused(self) -> bool:
        """What was refused, as soon as a checkpoint is ahead of it; conflicts stay."""
        limit = self._journal.quarantine_pos if self._is_checkpoint_due() else self._checkpoint_quarantine_pos
        start, end = self._refused_pos, self._end("quarantine", self._refused_pos, limit)
        if end == start:
            return False
        if self._ask(_ANY_REFUSED, start, end):
            needs_checkpoint = end > self._checkpoint_quarantine_pos
            with self._journal.transaction("drop payloads") as connection:
                if needs_checkpoint:
                    self._write_checkpoint()
                rows = connection.execute(_REFUSED_PIECE, (start, end)).fetchall()
                _rewrite(connection, "quarantine", start, end, rows)
            if needs_checkpoint:
                self._checkpointed()
        self._refused_pos = end
        self._journal.has_room()
        return True

    def _drop_quarantine(self, limit: int, confirmed: int) -> bool:
        """All of quarantine that a checkpoint up to `limit` covers and watch has looked at."""
        told = self._ask(_TOLD, limit, confirmed)
        start, end = self._quarantine_pos, self._end("quarantine", self._quarantine_pos, told[0] if told else 0)
        if end == start:
            return False
        if self._ask(_ANY_QUARANTINED, start, end):
            with self._journal.transaction("drop payloads") as connection:
                rows = connection.execute(_QUARANTINE_PIECE, (start, end)).fetchall()
                _rewrite(connection, "quarantine", start, end, rows)
                self._note(self._pos, end)
        self._quarantine_pos = end
        self._journal.has_room()
        return True

    def _end(self, table: str, after: int, limit: int) -> int:
        """The last position of the next piece, `after` for none."""
        end, size_bytes = after, 0
        room_bytes = min(MAX_PIECE_BYTES, self._journal.room.excess_bytes) if self.is_short else MAX_PIECE_BYTES
        rows = self._journal.connection.execute(
            f"SELECT pos, ifnull(length(payload), 0) + ifnull(length(topic), 0) FROM {table} "
            f"WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT {MAX_PIECE_ROWS}",
            (after, limit),
        )
        for pos, length in rows.fetchall():
            size_bytes += length
            if size_bytes > room_bytes and end > after:
                break
            end = pos
        return end

    def _count_ticks(self) -> int:
        """Ticks since the journal began; what is journalled behind the last checkpoint is at most a day."""
        since = "SELECT count(*) FROM records WHERE kind = 'tick' AND pos > ?"
        return int(self._ticks + self._ask(since, self._checkpoint_pos)[0])

    def _write_checkpoint(self) -> None:
        """Inside a transaction; `_checkpointed` follows when it is durable."""
        heads, made_ns = self._journal.heads, self._clock.now_ns()
        row = (heads.pos, made_ns, self._count_ticks(), heads.chain, heads.quarantine_pos, heads.quarantine_chain)
        self._journal.connection.execute("INSERT OR REPLACE INTO checkpoints VALUES(?, ?, ?, ?, ?, ?)", row)

    def _checkpointed(self) -> None:
        self._ticks, self._checkpoint_pos = self._count_ticks(), self._journal.pos
        self._checkpoint_quarantine_pos = self._journal.quarantine_pos
        self._next_checkpoint_ns = self._clock.mono_ns() + CHECKPOINT_SPACING_NS

    def _note(self, pos: int, quarantine_pos: int) -> None:
        self._journal.connection.execute("INSERT OR REPLACE INTO dropped VALUES(1, ?, ?)", (pos, quarantine_pos))

    def _ask(self, statement: str, *arguments: int) -> Any:
        return self._journal.connection.execute(statement, arguments).fetchone()


def _rewrite(connection: sqlite3.Connection, table: str, after: int, upto: int, rows: Rows) -> None:
    """Put shorter rows in place of a stretch of a table.

    Not by UPDATE: that leaves each row on its page, and a page that is a third full is never given back.
    """
    connection.execute(f"DELETE FROM {table} WHERE pos > ? AND pos <= ?", (after, upto))
    connection.executemany(f"INSERT INTO {table} VALUES({', '.join('?' * len(rows[0]))})", rows)
