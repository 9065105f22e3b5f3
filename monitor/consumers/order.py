"""What watch remembers of each logger: its declared interval and how far its records have come, in order."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, TypeVar

from monitor.model.record import Status

T = TypeVar("T")

MAX_LOGGERS = 20_000  # about 300 bytes each; of further ones nothing is remembered
MAX_DERIVED = 20_000  # about 300 bytes each; a further one takes the place of that unheard of for longest


class Order:
    """Tells late records from those that continue a logger's stream; the same in every replay of the journal.

    A derived boot is a set of channels, of which a sender makes as many as it likes: they have a table of their own, so
    that no logger loses its place to them.
    """

    def __init__(self) -> None:
        self._intervals_ns: dict[str, int] = {}
        self._heads: dict[str, tuple[int, int]] = {}
        self._derived: OrderedDict[tuple[str, int], int] = OrderedDict()

    def take_status(self, logger: str, status: Status) -> None:
        """A status declares the interval of readings; a birth begins a boot."""
        if status.interval_us:
            self._remember(self._intervals_ns, logger, status.interval_us * 1000)
        head = self._heads.get(logger)
        if status.state == "online" and (head is None or head[0] != status.stamp.boot):
            self._remember(self._heads, logger, (status.stamp.boot, -1))

    def is_late(self, logger: str, boot: int, seq: int, *, is_fill: bool) -> bool:
        """Whether a later record of the logger was judged before this one: a lower seq, or memory of an older boot."""
        head_boot, head_seq = self._heads.get(logger, (boot, -1))
        if (boot == head_boot and seq < head_seq) or (boot != head_boot and is_fill):
            return True
        self._remember(self._heads, logger, (boot, seq))
        return False

    def is_late_derived(self, logger: str, boot: int, seq: int) -> bool:
        """Whether a later record of the derived boot was judged before: each has an order, as several take turns."""
        head_seq = self._derived.get((logger, boot), seq)
        self._derived[logger, boot] = max(head_seq, seq)
        self._derived.move_to_end((logger, boot))
        if len(self._derived) > MAX_DERIVED:
            self._derived.popitem(last=False)
        return seq < head_seq

    def interval_ns(self, logger: str) -> int | None:
        """The interval that the logger declared, None before it did."""
        return self._intervals_ns.get(logger)

    def snapshot(self) -> dict[str, Any]:
        """The state for `restore`; derived boots stand in the order in which they were heard."""
        derived = [(logger, boot, seq) for (logger, boot), seq in self._derived.items()]
        return {"intervals": self._intervals_ns, "heads": self._heads, "derived": derived}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the state of a snapshot."""
        self._intervals_ns = state["intervals"]
        self._heads = {logger: (boot, seq) for logger, (boot, seq) in state["heads"].items()}
        self._derived = OrderedDict(((logger, boot), seq) for logger, boot, seq in state["derived"])

    @staticmethod
    def _remember(table: dict[str, T], logger: str, value: T) -> None:
        if logger in table or len(table) < MAX_LOGGERS:
            table[logger] = value
