"""The flash of a logger, and the few bytes beside it that a brown-out cannot take.

The flash is a ring: written one record after another, the oldest overwritten when it is full. A settled record stays
where it is until then; only its place is remembered here, as nobody asks for its bytes again. So the oldest record in
the flash follows from what was recorded, not from when an acknowledgement came.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

MAX_HELD_RANGES = 1_024  # the wire's; there is one for each boot, so beyond it are only a thousand restarts unheard
MAX_LEDGER_BOOTS = 64  # 16 bytes each: 1 KiB of FRAM


class Fate(StrEnum):
    """What became of a record."""

    ACKNOWLEDGED = "acknowledged"
    LOST = "lost"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it stands in memory. kind: "env" or "shock". t0_ns: ns UTC by the logger's clock.

    spare_bytes: of its place in the flash that the payload does not fill.
    """

    boot: int
    seq: int
    kind: str
    t0_ns: int
    payload: bytes
    spare_bytes: int = 0

    @property
    def size(self) -> int:
        """Return the bytes of its place in the flash."""
        return len(self.payload) + self.spare_bytes


@dataclass(slots=True)
class Run:
    """Records of one size that lie one after another in the flash: seq `first` to `last` of a boot."""

    boot: int
    first: int
    last: int
    size: int


@dataclass(slots=True)
class Backlog:
    """What is not settled of a boot: seq `first` and all after it, as settling and overwriting begin at the oldest."""

    first: int
    records: dict[int, Record] = field(default_factory=dict)


class Ring:
    """What the flash holds, oldest first, of all boots. Its length is the number of records not settled.

    Methods that destroy records return those that were not settled, oldest first: they are lost.
    """

    __slots__ = ("_backlogs", "_capacity_bytes", "_runs", "_unsettled_bytes", "_used_bytes")

    def __init__(self, capacity_bytes: int) -> None:
        self._unsettled_bytes = 0
        self._used_bytes = 0
        self._runs: deque[Run] = deque()
        self._backlogs: dict[int, Backlog] = {}  # by boot, oldest first; none is empty
        self.shrink(capacity_bytes)

    def __len__(self) -> int:
        return sum(len(backlog.records) for backlog in self._backlogs.values())

    @property
    def unsettled_pct(self) -> float:
        """Return the share of the flash that what is not settled takes."""
        return 100.0 * self._unsettled_bytes / self._capacity_bytes

    def make_room(self, size: int) -> list[Record]:
        """Overwrite the oldest records until `size` bytes fit. Raises ValueError if they never will."""
        if size > self._capacity_bytes:
            raise ValueError(f"flash: a record of up to {size} bytes does not fit into {self._capacity_bytes} bytes")
        lost = []
        while self._used_bytes + size > self._capacity_bytes:
            lost += self._overwrite()
        return lost

    def add(self, record: Record) -> None:
        """Write a record, the next of its boot, into room that was made for it."""
        size = record.size
        self._used_bytes += size
        self._unsettled_bytes += size
        last = self._runs[-1] if self._runs else None
        if last is not None and (last.boot, last.last + 1, last.size) == (record.boot, record.seq, size):
            last.last = record.seq
        else:
            self._runs.append(Run(record.boot, record.seq, record.seq, size))
        backlog = self._backlogs.get(record.boot)
        if backlog is None:
            backlog = self._backlogs[record.boot] = Backlog(record.seq)
        backlog.records[record.seq] = record

    def settle(self, boot: int, upto: int) -> list[Record]:
        """Take every seq <= upto of a boot as settled and return those that were not yet."""
        backlog = self._backlogs.get(boot)
        if backlog is None:
            return []
        end = min(upto + 1, backlog.first + len(backlog.records))
        return [self._forget(boot, seq) for seq in range(backlog.first, end)]

    def tear(self, records: int) -> list[Record]:
        """Destroy the newest `records` records, whose sector was being written when the power failed."""
        lost = []
        for _ in range(records):
            if not self._runs:
                break
            run = self._runs[-1]
            lost += self._destroy(run, run.last)
            run.last -= 1
            if run.last < run.first:
                self._runs.pop()
        return lost[::-1]

    def shrink(self, capacity_bytes: int) -> list[Record]:
        """Lose part of the flash, and with it the oldest records that no longer fit. Raises ValueError below 1."""
        if capacity_bytes < 1:
            raise ValueError(f"flash: capacity_bytes is {capacity_bytes}, expected at least 1")
        self._capacity_bytes = capacity_bytes
        return self.make_room(0)

    def get(self, boot: int, seq: int) -> Record | None:
        """Return a record that is not settled; None if there is no such."""
        backlog = self._backlogs.get(boot)
        return None if backlog is None else backlog.records.get(seq)

    def oldest(self, boot: int, next_seq: int) -> int:
        """Return the oldest seq in the flash of the boot that is recording, settled or not; next_seq if it has none."""
        if not self._runs:
            return next_seq
        oldest = self._runs[0]
        return oldest.first if oldest.boot == boot else 0  # behind another boot's nothing of this one is overwritten

    def unsettled(self) -> Iterator[Record]:
        """Yield the records that are not settled, oldest first."""
        for backlog in self._backlogs.values():
            for seq in range(backlog.first, backlog.first + len(backlog.records)):
                yield backlog.records[seq]

    def held(self) -> list[tuple[int, int, int]]:
        """Return what is not settled as (boot, first, last), oldest first, of the newest MAX_HELD_RANGES boots."""
        newest = list(self._backlogs.items())[-MAX_HELD_RANGES:]
        return [(boot, backlog.first, backlog.first + len(backlog.records) - 1) for boot, backlog in newest]

    def _overwrite(self) -> list[Record]:
        run = self._runs[0]
        lost = self._destroy(run, run.first)
        run.first += 1
        if run.last < run.first:
            self._runs.popleft()
        return lost

    def _destroy(self, run: Run, seq: int) -> list[Record]:
        self._used_bytes -= run.size
        return [] if self.get(run.boot, seq) is None else [self._forget(run.boot, seq)]

    def _forget(self, boot: int, seq: int) -> Record:
        """Drop the first or the last record of a backlog."""
        backlog = self._backlogs[boot]
        record = backlog.records.pop(seq)
        self._unsettled_bytes -= record.size
        if seq == backlog.first:
            backlog.first += 1
        if not backlog.records:
            del self._backlogs[boot]
        return record


class Ledger:
    """How far each earlier boot had come, in FRAM, until the monitor has settled all of it.

    What the flash lost of such a boot lies below its `next` and outside `held`, so the monitor can declare it lost,
    even if it never heard of the boot. Bounded: MAX_LEDGER_BOOTS, then the oldest is dropped.
    """

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next: dict[int, int] = {}  # by boot, oldest first

    def add(self, boot: int, next_seq: int) -> None:
        """Remember a boot that is over."""
        self._next[boot] = next_seq
        if len(self._next) > MAX_LEDGER_BOOTS:
            del self._next[next(iter(self._next))]

    def settle(self, boot: int, upto: int) -> None:
        """Forget the boot if the monitor has settled all of it."""
        if upto >= self._next.get(boot, upto + 2) - 1:
            del self._next[boot]

    def boots(self) -> list[tuple[int, int]]:
        """Return (boot, next) of each boot remembered, oldest first."""
        return list(self._next.items())
