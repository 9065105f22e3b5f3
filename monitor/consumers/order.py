"""What watch remembers of each logger: its declared interval and how far its records have come, in order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from monitor.consumers.reading import read_status
from monitor.journal.ordered import Row
from monitor.journal.succession import MAX_LOGGERS, Owner, Ranked, Successions
from monitor.model.record import Record, Status

T = TypeVar("T")

MAX_DERIVED = 20_000  # about 300 bytes each; a further one takes the place of that unheard of for longest


def ranked(rows: Iterable[Row], boots: Successions) -> Iterator[Row]:
    """Rows in the order of reading, each with its boot in place of the status that it may be."""
    for row in rows:
        if not row.container or not row.logger or row.boot is None or row.is_derived:
            yield row
            continue
        owner = (row.container, row.logger)
        _hear(boots, owner, row.boot, row.pos, row.status, is_memory=row.is_memory)
        yield Row(*row[:-2], status=None, ranked=boots.get(owner, row.boot))


def _hear(boots: Successions, owner: Owner, boot: int, pos: int, status: bytes | None, *, is_memory: bool) -> bool:
    """Take up what a record says of its logger's boots; whether one moved past another.

    A last will says nothing: it was written when its logger connected.
    """
    if status is None:
        return boots.hear(owner, boot, is_memory=is_memory)
    message = read_status(pos, status)
    if message is None or message.state == "offline":
        return False
    named = [number for number, *_ in (*(message.boots or ()), *(message.held or ()))]
    return boots.hear(owner, boot, is_memory=False, earlier=named)


class Order:
    """Tells late records from those that continue a logger's stream; the same in every replay of the journal.

    A derived boot is a set of channels, of which a sender makes as many as it likes: they have a table of their own, so
    that no logger loses its place to them.
    """

    def __init__(self) -> None:
        self.boots = Successions()
        self._intervals_ns: dict[Owner, int] = {}
        self._heads: dict[Owner, tuple[int, int]] = {}  # boot, seq
        self._derived: OrderedDict[tuple[Owner, int], int] = OrderedDict()

    def take_status(self, owner: Owner, status: Status) -> None:
        """A status declares the interval of readings."""
        if status.interval_us:
            self._remember(self._intervals_ns, owner, status.interval_us * 1000)

    def hear(self, owner: Owner, record: Record) -> bool:
        """Take up what a record says of its logger's boots; whether some were judged in another order till now."""
        if record.is_derived or record.boot is None:
            return False
        status, is_memory = record.payload if record.kind == "status" else None, record.is_fill or record.has_waited
        return _hear(self.boots, owner, record.boot, record.pos, status, is_memory=is_memory)

    def continues(self, owner: Owner, record: Record) -> bool:
        """Whether a record follows what was judged of its logger without a break.

        After one, something may come later that belongs before this record. A boot begins with one: of the boot before
        nobody knows its end. A status stays in its place, and breaks nothing.
        """
        if record.seq is None:
            return True
        if record.is_derived:
            return record.seq >= self._derived.get((owner, record.boot or 0), 0)
        head = self._heads.get(owner)
        if head is None:
            return record.seq == 0
        return (record.boot, record.seq) == (head[0], head[1] + 1)

    def precedes(self, owner: Owner, record: Record) -> bool:
        """Whether it is certain that a record with a seq belongs before one that was judged."""
        assert record.boot is not None  # as it has a seq
        assert record.seq is not None
        if record.is_derived:
            return not self.continues(owner, record)
        is_known = self.boots.get(owner, record.boot) is not None
        return is_known and self._is_before_head(owner, record.boot, record.seq)

    def is_late(self, owner: Owner, boot: int, seq: int) -> bool:
        """Whether a later record of the logger was judged before this one, whose boot was heard."""
        if self._is_before_head(owner, boot, seq):
            return True
        self.follow(owner, boot, seq)
        return False

    def follow(self, owner: Owner, boot: int, seq: int) -> None:
        """A record is given in official order."""
        self._remember(self._heads, owner, (boot, seq))

    def take_over(self, container: str, official: Order) -> None:
        """The streams of a container have come as far as in another order, which was given all in official order."""
        for owner in [owner for owner in self._heads if owner[0] == container]:
            del self._heads[owner]
        for owner, head in official._heads.items():
            if owner[0] == container:
                self._remember(self._heads, owner, head)

    def _is_before_head(self, owner: Owner, boot: int, seq: int) -> bool:
        """Whether a record belongs before the head; of boots that nobody remembers it is taken for that."""
        head = self._heads.get(owner)
        if head is None or head[0] == boot:
            return head is not None and seq <= head[1]
        this, last = self.boots.get(owner, boot), self.boots.get(owner, head[0])
        return this is None or last is None or this.rank < last.rank

    def is_late_derived(self, owner: Owner, boot: int, seq: int) -> bool:
        """Whether a later record of the derived boot was judged before: each has an order, as several take turns."""
        head_seq = self._derived.get((owner, boot), seq)
        self._derived[owner, boot] = max(head_seq, seq)
        self._derived.move_to_end((owner, boot))
        if len(self._derived) > MAX_DERIVED:
            self._derived.popitem(last=False)
        return seq < head_seq

    def interval_ns(self, owner: Owner) -> int | None:
        """The interval that the logger declared, None before it did."""
        return self._intervals_ns.get(owner)

    def heads(self) -> list[Row]:
        """How far each stream has come, as rows."""
        native = [
            Row(0, *owner, *head, is_derived=False, ranked=self.boots.get(owner, head[0]) or Ranked(head[0], True))
            for owner, head in self._heads.items()
        ]
        return native + [Row(0, *owner, boot, seq, is_derived=True) for (owner, boot), seq in self._derived.items()]

    def snapshot(self, container: str | None = None) -> dict[str, Any]:
        """The state for `restore`, or that of a container; derived boots in the order in which they were heard."""
        intervals = [(*owner, ns) for owner, ns in self._intervals_ns.items() if container in (None, owner[0])]
        heads = [(*owner, *head) for owner, head in self._heads.items() if container in (None, owner[0])]
        derived = [(*o, boot, seq) for (o, boot), seq in self._derived.items() if container in (None, o[0])]
        return {"intervals": intervals, "heads": heads, "derived": derived, "boots": self.boots.snapshot(container)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the state of a snapshot."""
        self._intervals_ns = {(container, logger): ns for container, logger, ns in state["intervals"]}
        self._heads = {(container, logger): (boot, seq) for container, logger, boot, seq in state["heads"]}
        self.boots.restore(state["boots"])
        derived = (((container, logger), boot, seq) for container, logger, boot, seq in state["derived"])
        self._derived = OrderedDict(((owner, boot), seq) for owner, boot, seq in derived)

    @staticmethod
    def _remember(table: dict[Owner, T], owner: Owner, value: T) -> None:
        if owner in table or len(table) < MAX_LOGGERS:
            table[owner] = value
