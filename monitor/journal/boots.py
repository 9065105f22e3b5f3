"""The boots of all loggers: a bounded cache over the tables `boots` and `gaps`."""

from __future__ import annotations

import sqlite3
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from monitor.journal.arrival import BootId
from monitor.journal.clock import WAIT_NS, BootClock
from monitor.journal.gaps import Gap, Gaps, Range

MAX_OPEN_BOOTS = 64  # of a logger: of which something is awaited; as many as it may name in `boots`
MAX_LOGGER_GAPS = 8_192  # awaited or unmade, of these boots: each status is held against all of them
MAX_OPEN_LOGGERS = 20_000  # of which something is awaited, 1.5 kB each; of any other none is
MAX_OPEN_CONTAINERS = 256  # named in a tick; of more nobody could say what they wait for
MAX_CACHED_BOOTS = 20_000  # about 1 kB each; a boot that is not cached is read back from its row
MAX_CACHED_GAPS = 200_000  # of these boots; 35 MB
_COLUMNS = (
    "container, upto, oldest, next, seen_ns, clk, is_known, successor, "
    "anchor_ns, anchor_mono_ns, least_ns, waiting_since_ns, waiting_bytes"
)
_INSERT = f"INSERT OR REPLACE INTO boots(logger, boot, {_COLUMNS}) VALUES({', '.join('?' * 15)})"


@dataclass(slots=True)
class Boot:
    """One boot of a logger.

    `seen_ns` is the last receipt, `clk` what the last message said of the logger's clock. A boot `is_known` once it was
    heard live or a live status named it: so it began before any boot that is first heard of later. `successor` is the
    later boot of the same logger that speaks of its memory, while it is silent itself.
    """

    container: str
    gaps: Gaps = field(default_factory=Gaps)
    oldest: int = 0
    seen_ns: int = 0
    clk: int | None = None
    is_known: bool = False
    successor: int | None = None
    clock: BootClock = field(default_factory=BootClock)
    stored: tuple[object, ...] = ()
    cached_gaps: int = 0

    @property
    def is_awaited(self) -> bool:
        """Whether any of its records may still be given out: some are missing, or wait for its clock."""
        return self.gaps.is_awaited or self.clock.waiting_since_ns is not None


class Boots:
    """Changes are held back until `save`, inside the caller's transaction; `committed` when that is durable."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cache: OrderedDict[BootId, Boot] = OrderedDict()
        self._cached_gaps = 0
        self._touched: dict[BootId, None] = {}
        self._unlisted: dict[BootId, None] = {}  # touched since the two lists below were brought up to date
        self._awaited: dict[BootId, str] = {}  # the container of each boot that `is_awaited`
        self._containers: Counter[str] = Counter()  # of these
        self._open: OrderedDict[str, dict[int, int]] = OrderedDict()  # by logger: `pending` of each boot with awaited
        self._pending: Counter[str] = Counter()  # their sum
        for row in connection.execute(
            "SELECT container, logger, boot FROM boots WHERE upto < next - 1 OR waiting_since_ns IS NOT NULL"
        ).fetchall():
            self._list(row[1:], self._load(*row))

    def get(self, container: str, logger: str, boot: int) -> Boot:
        """The state of a boot, to be changed by the caller; a new one when it was never seen."""
        key = (logger, boot)
        self._touched[key] = self._unlisted[key] = None
        state = self._cache.get(key)
        if state is None:
            state = self._cache[key] = self._load(container, logger, boot)
        self._cache.move_to_end(key)
        return state

    def open_boots(self, logger: str) -> dict[int, int]:
        """The boots of a logger of which something is awaited, and how many gaps of each are awaited or unmade."""
        self._bring_up_to_date()
        return self._open.get(logger, {})

    def can_open(self, logger: str, boot: int) -> bool:
        """Whether one gap more of this boot may be awaited; for whoever has it from `get` and is about to change it."""
        others = self.open_boots(logger)
        if (logger, boot) in self._touched:
            self._unlisted[logger, boot] = None
        if not others and len(self._open) >= MAX_OPEN_LOGGERS:
            return False
        is_one_of_few = boot in others or len(others) < MAX_OPEN_BOOTS
        return is_one_of_few and self._pending.get(logger, 0) < MAX_LOGGER_GAPS

    def next_open(self, limit: int) -> dict[str, list[int]]:
        """The boots of which something is awaited, of so many loggers that have it; all have their turns."""
        self._bring_up_to_date()
        loggers = list(islice(self._open, limit))
        for logger in loggers:
            self._open.move_to_end(logger)
        return {logger: list(self._open[logger]) for logger in loggers}

    def is_there(self, logger: str, boot: int) -> bool:
        """Whether anything is known of a boot."""
        select = "SELECT 1 FROM boots WHERE logger = ? AND boot = ?"
        return (logger, boot) in self._cache or self._connection.execute(select, (logger, boot)).fetchone() is not None

    def open_containers(self) -> list[str] | None:
        """The containers of which records may still be given out that belong before others; None for too many."""
        self._bring_up_to_date()
        return sorted(self._containers) if len(self._containers) <= MAX_OPEN_CONTAINERS else None

    def awaited(self, logger: str, boot: int, limit: int) -> tuple[int, list[Range]]:
        """`upto` of a boot, and its first ranges that are awaited; changes nothing."""
        state = self._cache.get((logger, boot)) or self._load("", logger, boot)
        return state.gaps.upto, state.gaps.awaited(limit)

    def end_waits(self, mono_ns: int) -> list[BootId]:
        """Anchor the boots whose records have waited long enough; those of before the machine's start wait anew.

        `mono_ns` is the tick's: waits are counted in steady time, as calendar time may step.
        """
        rows = self._connection.execute(
            "SELECT container, logger, boot, waiting_since_ns FROM boots WHERE waiting_since_ns IS NOT NULL "
            "AND waiting_since_ns NOT BETWEEN ? AND ?",
            (mono_ns - WAIT_NS + 1, mono_ns),
        ).fetchall()
        ended = []
        for *key, since_ns in rows:
            clock = self.get(*key).clock
            if since_ns > mono_ns:
                clock.waiting_since_ns = mono_ns
            else:
                clock.end_wait()
                ended.append((key[1], key[2]))
        return ended

    def save(self) -> None:
        """Write what changed since the last save; the caller's transaction makes it durable."""
        self._bring_up_to_date()
        rows = []
        for key in self._touched:
            state = self._cache[key]
            row = (*key, *_columns(state))
            if row != state.stored:
                rows.append(row)
                state.stored = row
            self._save_gaps(key, state.gaps)
        self._connection.executemany(_INSERT, rows)

    def committed(self) -> None:
        """What was saved is durable."""
        for key in self._touched:
            state = self._cache[key]
            self._cached_gaps += state.gaps.size - state.cached_gaps
            state.cached_gaps = state.gaps.size
        self._touched.clear()
        while len(self._cache) > MAX_CACHED_BOOTS or self._cached_gaps > MAX_CACHED_GAPS:
            _, state = self._cache.popitem(last=False)
            self._cached_gaps -= state.cached_gaps

    def _bring_up_to_date(self) -> None:
        for key in self._unlisted:
            self._list(key, self._cache[key])
        self._unlisted.clear()

    def _list(self, key: BootId, state: Boot) -> None:
        logger, boot = key
        was_in = self._awaited.pop(key, None)
        if was_in is not None:
            self._containers[was_in] -= 1
            if not self._containers[was_in]:
                del self._containers[was_in]
        if state.is_awaited:
            self._awaited[key] = state.container
            self._containers[state.container] += 1
        boots = self._open.setdefault(logger, {})
        self._pending[logger] -= boots.pop(boot, 0)
        if state.gaps.is_awaited:
            boots[boot] = state.gaps.pending
            self._pending[logger] += boots[boot]
        if not boots:
            del self._open[logger], self._pending[logger]

    def _save_gaps(self, key: BootId, gaps: Gaps) -> None:
        gone, written = gaps.take_changes()
        delete = 'DELETE FROM gaps WHERE logger = ? AND boot = ? AND "from" = ?'
        self._connection.executemany(delete, [(*key, first) for first in gone])
        rows = [(*key, *gap) for gap in written]
        self._connection.executemany("INSERT OR REPLACE INTO gaps VALUES(?, ?, ?, ?, ?)", rows)

    def _load(self, container: str, logger: str, boot: int) -> Boot:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM boots WHERE logger = ? AND boot = ?", (logger, boot)
        ).fetchone()
        if row is None:
            return Boot(container)
        container, upto, oldest, next_seq, seen_ns, clk, is_known, successor, *clock = row
        gaps = Gaps(next_seq, upto, lambda: self._load_gaps(logger, boot))
        state = Boot(container, gaps, oldest, seen_ns, clk, bool(is_known), successor, BootClock(*clock))
        state.stored = (logger, boot, *row)
        return state

    def _load_gaps(self, logger: str, boot: int) -> list[Gap]:
        select = 'SELECT "from", "to", state FROM gaps WHERE logger = ? AND boot = ? ORDER BY "from"'
        return self._connection.execute(select, (logger, boot)).fetchall()


def _columns(state: Boot) -> tuple[Any, ...]:
    gaps, clock = state.gaps, state.clock
    return (
        *(state.container, gaps.upto, state.oldest, gaps.next, state.seen_ns),
        *(state.clk, int(state.is_known), state.successor),
        *(clock.anchor_ns, clock.anchor_mono_ns, clock.least_ns, clock.waiting_since_ns, clock.waiting_bytes),
    )
