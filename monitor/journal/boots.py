"""What is settled of each boot of each logger: the contiguous part, the gaps and their life cycle."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field

from monitor.journal.clock import WAIT_NS, BootClock

OPEN, FILLED, LOST = "open", "filled", "lost"
MAX_GAPS = 4_096  # open and lost ones of a boot; then none is opened or cut in two, only filled from an end
MAX_OPEN_BOOTS = 256  # of a logger: with open gaps; each of its statuses is held against all of them
MAX_OPEN_CONTAINERS = 256  # named in a tick; of more nobody could say what they wait for
MAX_CACHED_BOOTS = 20_000  # about 1 kB each; a boot that is not cached is read back from its row
_COLUMNS = (
    "container, upto, oldest, next, seen_ns, clk, is_known, successor, "
    "anchor_ns, anchor_mono_ns, least_ns, waiting_since_ns, waiting_bytes"
)
_INSERT = f"INSERT OR REPLACE INTO boots(logger, boot, {_COLUMNS}) VALUES({', '.join('?' * 15)})"


@dataclass(slots=True)
class Boot:
    """One boot of a logger. `gaps` are [from, to, state], disjoint, in order; seq < `next` outside them is journalled.

    `seen_ns` is the last receipt, `clk` what the last message said of the logger's clock. A boot `is_known` once it was
    heard live or a live status named it: so it began before any boot that is first heard of later. `successor` is the
    later boot of the same logger that speaks of its memory, while it is silent itself.
    """

    container: str
    oldest: int = 0
    next: int = 0
    seen_ns: int = 0
    clk: int | None = None
    is_known: bool = False
    successor: int | None = None
    clock: BootClock = field(default_factory=BootClock)
    gaps: list[tuple[int, int, str]] = field(default_factory=list)
    stored: tuple[object, ...] = ()
    gaps_changed: bool = False

    @property
    def upto(self) -> int:
        """Every seq up to here is settled; -1 when nothing is contiguous yet."""
        return next((first for first, _, state in self.gaps if state == OPEN), self.next) - 1

    def is_new(self, seq: int) -> bool:
        """Whether `seq` has not been settled by a record of its own: beyond `next` or in an open or lost gap."""
        return seq >= self.next or self._gap_at(seq) is not None

    @property
    def has_open(self) -> bool:
        """Whether anything is missing that may still come."""
        return any(state == OPEN for _, _, state in self.gaps)

    @property
    def is_awaited(self) -> bool:
        """Whether any of its records may still be given out: it has open gaps, or records that wait for its clock."""
        return self.has_open or self.clock.waiting_since_ns is not None

    def can_take(self, seq: int) -> bool:
        """False when `seq` would open one gap more than a boot may have, or cut one in two."""
        if len(self.gaps) < MAX_GAPS or seq == self.next or self._count_missing() < MAX_GAPS:
            return True
        index = self._gap_at(seq)
        return seq < self.next and (index is None or seq in self.gaps[index][:2])

    def settle(self, seq: int) -> None:
        """`seq` is in the journal or in quarantine."""
        if seq >= self.next:
            self.expect(seq)
            self.next = seq + 1
            return
        index = self._gap_at(seq)
        if index is not None:
            first, last, state = self.gaps[index]
            pieces = [(first, seq - 1, state), (seq, seq, FILLED), (seq + 1, last, state)]
            self._replace(index, index + 1, [piece for piece in pieces if piece[0] <= piece[1]])

    def pass_over(self, seq: int) -> None:
        """`next` moves behind `seq` and leaves no gap: of seqs that are times nobody knows which were made."""
        self.next = max(self.next, seq + 1)

    def expect(self, next_seq: int) -> None:
        """Seqs below `next_seq` were made: what is not here yet is an open gap."""
        if next_seq > self.next:
            self._replace(len(self.gaps), len(self.gaps), [(self.next, next_seq - 1, OPEN)])
            self.next = next_seq

    def declare_lost(self, kept: list[tuple[int, int]], below: int) -> None:
        """Open seqs under `below` that lie outside the ranges `kept` are gone from the logger's memory."""
        ranges = _joined([*kept, (below, self.next)])
        pieces: list[tuple[int, int, str]] = []
        for first, last, state in self.gaps:
            if state != OPEN:
                pieces.append((first, last, state))
                continue
            at = first
            for kept_first, kept_last in ranges[bisect_left(ranges, first, key=lambda kept_range: kept_range[1]) :]:
                if kept_first > last:
                    break
                low, high = max(kept_first, at), min(kept_last, last)
                if at < low:
                    pieces.append((at, low - 1, LOST))
                pieces.append((low, high, OPEN))
                at = high + 1
            if at <= last:
                pieces.append((at, last, LOST))
        missing = sum(state != FILLED for _, _, state in pieces)
        is_too_fine = bool(kept) and missing > max(self._count_missing(), MAX_GAPS)  # they stay open: claims nothing
        if pieces != self.gaps and not is_too_fine:
            self._replace(0, len(self.gaps), pieces)

    def _count_missing(self) -> int:
        return sum(state != FILLED for _, _, state in self.gaps)

    def _gap_at(self, seq: int) -> int | None:
        index = bisect_right(self.gaps, seq, key=lambda gap: gap[0]) - 1
        if index >= 0 and seq <= self.gaps[index][1] and self.gaps[index][2] != FILLED:
            return index
        return None

    def _replace(self, start: int, stop: int, pieces: list[tuple[int, int, str]]) -> None:
        """Put `pieces` in place of gaps[start:stop] and join neighbours of one state."""
        low, high = max(start - 1, 0), min(stop + 1, len(self.gaps))
        joined: list[tuple[int, int, str]] = []
        for first, last, state in self.gaps[low:start] + pieces + self.gaps[stop:high]:
            if joined and joined[-1][2] == state and joined[-1][1] + 1 == first:
                joined[-1] = (joined[-1][0], last, state)
            else:
                joined.append((first, last, state))
        self.gaps[low:high] = joined
        if len(self.gaps) > MAX_GAPS:  # a filled gap says no more than that its seqs are journalled, as all outside
            self.gaps = [gap for gap in self.gaps if gap[2] != FILLED]
        self.gaps_changed = True


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same seqs as disjoint ranges in order."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        elif first <= last:
            joined.append((first, last))
    return joined


class Boots:
    """The boots of all loggers: a bounded cache over the tables `boots` and `gaps`.

    Changes are held back until `save`, which the journal calls inside its transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cache: OrderedDict[tuple[str, int], Boot] = OrderedDict()
        self._touched: dict[str, set[int]] = {}  # by logger
        self._awaited: dict[tuple[str, int], str] = self._load_awaited()  # the container of each boot that `is_awaited`

    def get(self, container: str, logger: str, boot: int) -> Boot:
        """The state of a boot, to be changed by the caller; a new one when it was never seen."""
        key = (logger, boot)
        self._touched.setdefault(logger, set()).add(boot)
        state = self._cache.get(key)
        if state is None:
            state = self._cache[key] = self._load(container, logger, boot)
        self._cache.move_to_end(key)
        return state

    def with_open_gaps(self, logger: str) -> set[int]:
        """The boots of a logger that have open gaps."""
        rows = self._connection.execute("SELECT DISTINCT boot FROM gaps WHERE logger = ? AND state = ?", (logger, OPEN))
        touched = self._touched.get(logger, set())  # what was saved of these may be out of date
        return ({row[0] for row in rows} - touched) | {boot for boot in touched if self._cache[logger, boot].has_open}

    def open_containers(self) -> list[str] | None:
        """The containers of which records may still be given out that belong before others; None for too many."""
        containers = sorted(set(self._awaited.values()))
        return containers if len(containers) <= MAX_OPEN_CONTAINERS else None

    def end_waits(self, now_ns: int) -> list[tuple[str, int]]:
        """Anchor the boots whose records have waited long enough, or longer than a clock that stepped back can say."""
        rows = self._connection.execute(
            "SELECT container, logger, boot FROM boots WHERE waiting_since_ns IS NOT NULL "
            "AND waiting_since_ns NOT BETWEEN ? AND ?",
            (now_ns - WAIT_NS + 1, now_ns),
        ).fetchall()
        for row in rows:
            self.get(*row).clock.end_wait()
        return [(logger, boot) for _, logger, boot in rows]

    def save(self) -> None:
        """Write what changed since the last save; the caller's transaction makes it durable."""
        rows, changed = [], []
        for key in [(logger, boot) for logger, boots in self._touched.items() for boot in boots]:
            state = self._cache[key]
            self._awaited.pop(key, None)
            if state.is_awaited:
                self._awaited[key] = state.container
            row = (*key, *_columns(state))
            if row != state.stored:
                rows.append(row)
                state.stored = row
            if state.gaps_changed:
                changed.append((key, state))
                state.gaps_changed = False
        self._touched.clear()
        self._connection.executemany(_INSERT, rows)
        for key, state in changed:
            self._connection.execute("DELETE FROM gaps WHERE logger = ? AND boot = ?", key)
            self._connection.executemany("INSERT INTO gaps VALUES(?, ?, ?, ?, ?)", [(*key, *gap) for gap in state.gaps])
        while len(self._cache) > MAX_CACHED_BOOTS:
            self._cache.popitem(last=False)

    def _load_awaited(self) -> dict[tuple[str, int], str]:
        rows = self._connection.execute(
            "SELECT logger, boot, container FROM boots WHERE waiting_since_ns IS NOT NULL UNION "
            "SELECT logger, boot, container FROM (SELECT DISTINCT logger, boot FROM gaps WHERE state = ?) "
            "JOIN boots USING(logger, boot)",
            (OPEN,),
        )
        return {(logger, boot): container for logger, boot, container in rows}

    def _load(self, container: str, logger: str, boot: int) -> Boot:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM boots WHERE logger = ? AND boot = ?", (logger, boot)
        ).fetchone()
        if row is None:
            return Boot(container)
        gaps = self._connection.execute(
            'SELECT "from", "to", state FROM gaps WHERE logger = ? AND boot = ? ORDER BY "from"', (logger, boot)
        ).fetchall()
        container, _, oldest, next_seq, seen_ns, clk, is_known, successor, *clock = row
        state = Boot(container, oldest, next_seq, seen_ns, clk, bool(is_known), successor, BootClock(*clock), gaps)
        state.stored = (logger, boot, *row)
        return state


def _columns(state: Boot) -> tuple[object, ...]:
    clock = state.clock
    return (
        *(state.container, state.upto, state.oldest, state.next, state.seen_ns),
        *(state.clk, int(state.is_known), state.successor),
        *(clock.anchor_ns, clock.anchor_mono_ns, clock.least_ns, clock.waiting_since_ns, clock.waiting_bytes),
    )
