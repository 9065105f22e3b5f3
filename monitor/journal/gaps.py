"""The seqs of one boot: which are settled, which are missing, and what became of those that were."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

OPEN, REQUESTED, FILLED, LOST, UNMADE = "open", "requested", "filled", "lost", "unmade"
AWAITED = (OPEN, REQUESTED)  # what may still come; only the logger's word, or asking in vain, makes it lost
MAX_GAPS = 4_096  # awaited or unmade, of a boot; then none is opened or cut in two, only filled from an end
MAX_LOST = 65_536  # gaps of a boot that are not filled, lost ones included: 12 MB; then as with MAX_GAPS
MAX_AHEAD = 256  # seqs that one record may open: as many as a logger sends without an acknowledgement

Range = tuple[int, int]  # from, to
Gap = tuple[int, int, str]  # from, to, state


class Gaps:
    """Every seq below `next` is journalled or in quarantine, but those in `ranges`, which say what became of them.

    `ranges` are disjoint and in order, none touches another of its state. They are read when they are first needed: a
    boot of which nothing is awaited goes on without. What is settled stays settled, so `upto` never goes back, but for
    what was only believed to be made (`retract`).

    A changed byte in one seq must not settle what its logger has yet to make. So a record far ahead of all others lies
    aside: what it leaves out is `UNMADE`, neither awaited nor ever lost, and `upto` stops there. It is made once its
    logger says so, or once a second record lies near the first.
    """

    __slots__ = ("_changed", "_counts", "_load", "_ranges", "_upto", "next")

    def __init__(self, next_seq: int = 0, upto: int = -1, load: Callable[[], list[Gap]] = list) -> None:
        self.next, self._upto, self._load = next_seq, upto, load
        self._ranges: list[Gap] | None = None
        self._counts: Counter[str] = Counter()  # gaps of each state
        self._changed: set[int] = set()  # where a range began or begins that is not saved as it is

    @property
    def ranges(self) -> list[Gap]:
        """The gaps."""
        if self._ranges is None:
            self._ranges = self._load()
            self._counts = _counts(self._ranges)
        return self._ranges

    @property
    def missing(self) -> int:
        """How many gaps are not filled, lost ones included."""
        return len(self.ranges) - self._counts[FILLED]

    @property
    def pending(self) -> int:
        """How many gaps are awaited or unmade."""
        return self.missing - self._counts[LOST]

    @property
    def size(self) -> int:
        """How many gaps are in memory."""
        return len(self._ranges or ())

    @property
    def upto(self) -> int:
        """Every seq up to here is settled; -1 when nothing is contiguous yet."""
        if self._upto < self.next - 1:
            unsettled = (*AWAITED, UNMADE)
            self._upto = next((first for first, _, state in self._behind(self._upto) if state in unsettled), self.next)
            self._upto -= 1
        return self._upto

    @property
    def is_awaited(self) -> bool:
        """Whether anything is missing that may still come."""
        return self.upto < self.next - 1 and any(state in AWAITED for _, _, state in self._behind(self.upto))

    def is_new(self, seq: int) -> bool:
        """Whether `seq` has not been settled by a record of its own: beyond `next` or in a gap that is not filled."""
        return seq >= self.next or self._gap_at(seq) is not None

    def can_take(self, seq: int, *, may_open: bool = True) -> bool:
        """False when `seq` would open one gap more than a boot may have, or cut one in two; or when none may be."""
        if seq == self.next or (may_open and self.pending < MAX_GAPS and self.missing < MAX_LOST):
            return True
        index = self._gap_at(seq)
        return seq < self.next and (index is None or seq in self.ranges[index][:2])

    def settle(self, seq: int) -> None:
        """`seq` is in the journal or in quarantine."""
        if seq >= self.next:
            if seq <= self.next + MAX_AHEAD:
                self.expect(seq)
            else:
                self._append(seq, UNMADE)
            self.next = seq + 1
            return
        index = self._gap_at(seq)
        if index is None:
            return
        first, last, state = self.ranges[index]
        if state == UNMADE and first + MAX_AHEAD < seq and last <= seq + MAX_AHEAD:
            self._vouch(last + 1)  # the second record near the one above
            self.settle(seq)
            return
        below = OPEN if state == UNMADE and seq <= first + MAX_AHEAD else state
        pieces = [(first, seq - 1, below), *([(seq, seq, FILLED)] if state != UNMADE else []), (seq + 1, last, state)]
        self._replace(index, index + 1, _whole(pieces))

    def pass_over(self, seq: int) -> None:
        """`next` moves behind `seq` and leaves no gap: of seqs that are times nobody knows which were made."""
        self.next = max(self.next, seq + 1)

    def expect(self, next_seq: int) -> None:
        """Seqs below `next_seq` were made: what is not here yet is an open gap."""
        self._vouch(next_seq)
        self._append(next_seq, OPEN)

    def lose_below(self, oldest: int) -> None:
        """Seqs below `oldest` were made and are gone from the logger's memory."""
        if self.missing < MAX_LOST:
            self._append(oldest, LOST)
        self.declare_lost([], below=oldest)

    def retract(self, next_seq: int) -> None:
        """Seqs from `next_seq` on are not made yet, says their logger.

        One record above lies aside then: a byte of it was changed. Several prove the word old, and nothing changes.
        """
        if next_seq >= self.next:
            return
        start = bisect_left(self.ranges, next_seq, key=_last)
        gaps = self.ranges[start:]
        missing = sum(last + 1 - max(first, next_seq) for first, last, state in gaps if state != FILLED)
        if self.next - next_seq - missing > 1:
            return
        pieces: list[Gap] = []
        for first, last, state in gaps:
            above = state if state == FILLED else UNMADE
            pieces += _whole([(first, min(last, next_seq - 1), state), (max(first, next_seq), last, above)])
        self._replace(start, len(self.ranges), pieces)
        if self.ranges and self.ranges[-1][1:] == (self.next - 1, UNMADE):
            self.next = self.ranges[-1][0]
            self._put(len(self.ranges) - 1, len(self.ranges), self.ranges[-1:], [])
        self._upto = min(self._upto, next_seq - 1)

    def declare_lost(self, kept: list[Range], below: int, *, may_open: bool = True) -> None:
        """Awaited seqs under `below` that lie outside the ranges `kept` are gone from the logger's memory."""
        if not self.is_awaited:
            return
        gone = list(_between(kept, below))
        cuts = sum(self._is_cut(edge) for first, last in gone for edge in (first, last + 1))
        if kept and cuts and (not may_open or self.pending + cuts > MAX_GAPS):
            return  # too fine: they stay as they are, which claims nothing
        for first, last in gone:
            self._turn(first, last, LOST)

    def request(self, ranges: Sequence[Range]) -> None:
        """The logger was asked for what is awaited within `ranges`."""
        for first, last in ranges:
            self._turn(first, last, REQUESTED)

    def give_up(self, ranges: Sequence[Range]) -> None:
        """What is still awaited within `ranges` was asked for in vain: it is lost."""
        for first, last in ranges:
            self._turn(first, last, LOST)

    def awaited(self, limit: int) -> list[Range]:
        """The first `limit` ranges of seqs that are awaited, oldest first; no two touch."""
        joined: list[Range] = []
        if not self.is_awaited:
            return joined
        for first, last, state in self._behind(self.upto):
            if state not in AWAITED:
                continue
            if joined and joined[-1][1] + 1 == first:
                joined[-1] = (joined[-1][0], last)
            elif len(joined) == limit:
                break
            else:
                joined.append((first, last))
        return joined

    def take_changes(self) -> tuple[list[int], list[Gap]]:
        """What changed since the last call: where ranges began that are no more, and ranges as they are now."""
        gone, written = [], []
        for first in sorted(self._changed):
            index = bisect_left(self.ranges, first, key=_first)
            if index < len(self.ranges) and self.ranges[index][0] == first:
                written.append(self.ranges[index])
            else:
                gone.append(first)
        self._changed.clear()
        return gone, written

    def _behind(self, seq: int) -> Iterator[Gap]:
        """The gaps that end behind `seq`."""
        ranges = self.ranges
        return (ranges[index] for index in range(bisect_right(ranges, seq, key=_last), len(ranges)))

    def _gap_at(self, seq: int) -> int | None:
        index = bisect_right(self.ranges, seq, key=_first) - 1
        if index >= 0 and seq <= self.ranges[index][1] and self.ranges[index][2] != FILLED:
            return index
        return None

    def _is_cut(self, edge: int) -> bool:
        """Whether something awaited lies on both sides of `edge`, in one gap."""
        index = self._gap_at(edge)
        return index is not None and self.ranges[index][2] in AWAITED and self.ranges[index][0] < edge

    def _append(self, next_seq: int, state: str) -> None:
        """Put what lies between `next` and `next_seq` behind the last gap."""
        if next_seq > self.next:
            end = len(self.ranges)
            self._replace(end, end, [(self.next, next_seq - 1, state)])
            self.next = next_seq

    def _vouch(self, next_seq: int) -> None:
        """Seqs below `next_seq` were made."""
        if self.upto == self.next - 1 or not (self.ranges and self._counts[UNMADE]):
            return
        stop = bisect_left(self.ranges, next_seq, key=_first)
        pieces: list[Gap] = []
        for first, last, state in self.ranges[:stop]:
            below = OPEN if state == UNMADE else state
            pieces += _whole([(first, min(last, next_seq - 1), below), (max(first, next_seq), last, state)])
        if pieces != self.ranges[:stop]:
            self._replace(0, stop, pieces)

    def _turn(self, first: int, last: int, state: str) -> None:
        """What is awaited from `first` to `last` is in `state` from now on."""
        first = max(first, self.upto + 1)
        start = bisect_left(self.ranges, first, key=_last)
        stop = bisect_right(self.ranges, last, key=_first)
        pieces: list[Gap] = []
        for gap in self.ranges[start:stop]:
            low, high, was = gap
            if was not in AWAITED:
                pieces.append(gap)
                continue
            pieces += _whole([(low, first - 1, was), (max(low, first), min(high, last), state), (last + 1, high, was)])
        if pieces != self.ranges[start:stop]:
            self._replace(start, stop, pieces)

    def _replace(self, start: int, stop: int, pieces: list[Gap]) -> None:
        """Put `pieces` in place of ranges[start:stop] and join neighbours of one state."""
        low, high = max(start - 1, 0), min(stop + 1, len(self.ranges))
        before, joined = self.ranges[low:high], list[Gap]()
        for first, last, state in self.ranges[low:start] + pieces + self.ranges[stop:high]:
            if joined and joined[-1][2] == state and joined[-1][1] + 1 == first:
                joined[-1] = (joined[-1][0], last, state)
            else:
                joined.append((first, last, state))
        self._put(low, high, before, joined)
        if self._counts[FILLED] > MAX_GAPS:  # a filled one says no more than that its seqs are here, as all outside
            self._put(0, len(self.ranges), self.ranges, [gap for gap in self.ranges if gap[2] != FILLED])

    def _put(self, low: int, high: int, before: list[Gap], after: list[Gap]) -> None:
        self._changed |= {first for first, _, _ in set(before) ^ set(after)}
        self._counts.update(_counts(after))
        self._counts.subtract(_counts(before))
        self.ranges[low:high] = after


def _first(gap: Gap) -> int:
    return gap[0]


def _last(gap: Gap) -> int:
    return gap[1]


def _counts(gaps: list[Gap]) -> Counter[str]:
    return Counter(state for _, _, state in gaps)


def _whole(pieces: list[Gap]) -> list[Gap]:
    """Those that are not empty."""
    return [piece for piece in pieces if piece[0] <= piece[1]]


def _between(kept: list[Range], below: int) -> Iterator[Range]:
    """The ranges under `below` that `kept` leaves out."""
    at = 0
    for first, last in sorted(kept):
        if at < min(first, below):
            yield at, min(first, below) - 1
        at = max(at, last + 1)
    if at < below:
        yield at, below - 1
