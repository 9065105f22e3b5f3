"""What watch remembers of each logger: its declared interval and how far its records have come, in order."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple, TypeVar

from monitor.model.record import Record, Status

T = TypeVar("T")
Owner = tuple[str, str]  # container, logger

MAX_LOGGERS = 20_000  # about 300 bytes each; of further ones nothing is remembered
MAX_DERIVED = 20_000  # about 300 bytes each; a further one takes the place of that unheard of for longest


class Head(NamedTuple):
    """How far a stream has come: the last record of `logger` in order; `is_derived` of the derived boot alone.

    `began_ns` is the time of the first record that was judged of the boot, or of its birth.
    """

    logger: str
    boot: int
    seq: int
    is_derived: bool
    began_ns: int = 0


class Order:
    """Tells late records from those that continue a logger's stream; the same in every replay of the journal.

    A derived boot is a set of channels, of which a sender makes as many as it likes: they have a table of their own, so
    that no logger loses its place to them.
    """

    def __init__(self) -> None:
        self._intervals_ns: dict[Owner, int] = {}
        self._heads: dict[Owner, tuple[int, int, int]] = {}  # boot, seq, when the boot began
        self._derived: OrderedDict[tuple[Owner, int], int] = OrderedDict()

    def take_status(self, owner: Owner, status: Status, start_ns: int = 0) -> None:
        """A status of `start_ns` (ns UTC) declares the interval of readings; a birth begins a boot."""
        if status.interval_us:
            self._remember(self._intervals_ns, owner, status.interval_us * 1000)
        head = self._heads.get(owner)
        if status.state == "online" and (head is None or head[0] != status.stamp.boot):
            self._remember(self._heads, owner, (status.stamp.boot, -1, start_ns))

    def continues(self, owner: Owner, record: Record) -> bool:
        """Whether a record follows what was judged of its logger without a break.

        After one, something may come later that belongs before this record. A boot begins with one: of the boot before
        nobody knows its end.
        """
        if record.is_derived:
            return (record.seq or 0) >= self._derived.get((owner, record.boot or 0), 0)
        head = self._heads.get(owner)
        if head is None:
            return not record.seq
        return record.boot == head[0] and record.seq in (None, head[1] + 1)

    def precedes(self, owner: Owner, record: Record) -> bool:
        """Whether it is certain that a record belongs before one that was judged: a lower seq of the same boot."""
        if record.is_derived:
            return not self.continues(owner, record)
        head_boot, head_seq, _ = self._heads.get(owner, (record.boot, -1, 0))
        return record.boot == head_boot and record.seq is not None and record.seq <= head_seq

    def is_late(self, owner: Owner, boot: int, seq: int, start_ns: int = 0, *, is_fill: bool) -> bool:
        """Whether a later record of the logger was judged before this one: a lower seq, or memory of an older boot."""
        head_boot, head_seq, began_ns = self._heads.get(owner, (boot, -1, 0))
        if (boot == head_boot and seq < head_seq) or (boot != head_boot and is_fill):
            return True
        is_first = boot != head_boot or head_seq < 0
        self._remember(self._heads, owner, (boot, seq, start_ns if is_first else began_ns))
        return False

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

    def heads(self) -> list[Head]:
        """How far each stream has come."""
        native = [Head(logger, boot, seq, False, began) for (_, logger), (boot, seq, began) in self._heads.items()]
        return native + [Head(logger, boot, seq, True) for ((_, logger), boot), seq in self._derived.items()]

    def snapshot(self, container: str | None = None) -> dict[str, Any]:
        """The state for `restore`, or that of a container; derived boots in the order in which they were heard."""
        intervals = [(*owner, ns) for owner, ns in self._intervals_ns.items() if container in (None, owner[0])]
        heads = [(*owner, *head) for owner, head in self._heads.items() if container in (None, owner[0])]
        derived = [(*o, boot, seq) for (o, boot), seq in self._derived.items() if container in (None, o[0])]
        return {"intervals": intervals, "heads": heads, "derived": derived}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the state of a snapshot."""
        self._intervals_ns = {(container, logger): ns for container, logger, ns in state["intervals"]}
        self._heads = {
            (container, logger): (boot, seq, began) for container, logger, boot, seq, began in state["heads"]
        }
        derived = (((container, logger), boot, seq) for container, logger, boot, seq in state["derived"])
        self._derived = OrderedDict(((owner, boot), seq) for owner, boot, seq in derived)

    @staticmethod
    def _remember(table: dict[Owner, T], owner: Owner, value: T) -> None:
        if owner in table or len(table) < MAX_LOGGERS:
            table[owner] = value
