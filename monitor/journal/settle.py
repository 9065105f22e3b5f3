"""One transaction of the journal: which arrivals become records, which are duplicates, which go to quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from monitor.journal.boots import Boot, Boots
from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.model.record import SYNCHRONISED, Message, Status

TOO_MANY_GAPS = "seq: the boot has as many gaps as it may have; send the missing records first"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came, with what the intake could make of it.

    `is_prompt` says that it was neither retained nor queued, so that its time of receipt may anchor the boot's clock.
    """

    received_ns: int
    topic: str
    payload: bytes
    is_retained: bool = False
    is_prompt: bool = False


@dataclass(frozen=True, slots=True)
class Usable(Arrival):
    """An arrival that decodes."""

    container: str = ""
    logger: str = ""
    kind: str = ""
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Refused(Arrival):
    """An arrival for quarantine; `settles` is the (container, logger, boot, seq) that it settles all the same."""

    reason: str = ""
    settles: tuple[str, str, int, int] | None = None


BootKey = tuple[str, str, int]  # container, logger, boot


@dataclass(slots=True)
class Commit:
    """What a transaction did.

    `upto` has the boots that are due an acknowledgement; `births` those among them that are due it at once.
    """

    inserted: int = 0
    statuses: int = 0
    duplicates: int = 0
    quarantined: int = 0
    last_reason: str = ""
    upto: dict[BootKey, int] = field(default_factory=dict)
    births: set[BootKey] = field(default_factory=set)


class Shelf(Protocol):
    """Where a transaction puts its rows and looks up what lies there already, itself included."""

    def add(self, arrival: Usable, boot: int, seq: int | None) -> None:
        """Put a record behind the last one."""

    def quarantine(self, arrival: Arrival, reason: str) -> None:
        """Keep the bytes of a message that cannot be used."""

    def payload_of(self, logger: str, boot: int, seq: int) -> bytes | None:
        """The payload stored under an identity."""

    def last_status(self, logger: str) -> bytes | None:
        """The payload of a logger's last status."""


class Settlement:
    """Applies arrivals in order to the boots and the shelf of one transaction."""

    def __init__(self, boots: Boots, shelf: Shelf) -> None:
        self._boots, self._shelf = boots, shelf
        self._touched: dict[BootKey, Boot] = {}
        self.commit = Commit()

    def take(self, arrival: Usable | Refused) -> None:
        """Settle one arrival."""
        if isinstance(arrival, Refused):
            self._quarantine(arrival, arrival.reason)
            if arrival.settles is not None:
                container, logger, number, seq = arrival.settles
                boot = self._boot(container, logger, number, arrival)
                if boot.can_take(seq):
                    boot.settle(seq)
        elif isinstance(arrival.message, Status):
            self._take_status(arrival, arrival.message)
        elif arrival.message is not None:
            self._take_record(arrival, arrival.message.stamp.boot, arrival.message.seq, arrival.message.oldest)

    def finish(self) -> Commit:
        """What was done, once every arrival is taken."""
        self.commit.upto = {key: boot.upto for key, boot in self._touched.items()}
        return self.commit

    def _take_record(self, arrival: Usable, number: int, seq: int, oldest: int) -> None:
        boot = self._boot(arrival.container, arrival.logger, number, arrival)
        if not boot.is_new(seq):
            known = self._shelf.payload_of(arrival.logger, number, seq)
            if known == arrival.payload:
                self.commit.duplicates += 1
                return
            if known is not None:
                self._quarantine(arrival, IDENTITY_CONFLICT)
                return
        oldest = min(oldest, seq)  # the record itself was held when it was made
        if oldest > boot.oldest:
            boot.oldest = oldest
            boot.declare_lost([], below=oldest)
        if not boot.can_take(seq):
            self._quarantine(arrival, TOO_MANY_GAPS)
            return
        boot.settle(seq)
        boot.declare_lost([], below=boot.oldest)
        self._anchor(boot, arrival)
        self._add(arrival, number, seq)

    def _take_status(self, arrival: Usable, status: Status) -> None:
        if arrival.is_retained and self._shelf.last_status(arrival.logger) == arrival.payload:
            self.commit.duplicates += 1
            return
        number = status.stamp.boot
        self._anchor(self._boot(arrival.container, arrival.logger, number, arrival), arrival)
        if status.next_seq is not None and status.held is not None:
            for key in self._take_memory(arrival, number, status.next_seq, status.held):
                self.commit.births.add(key)
        if status.state == "online":
            self.commit.births.add((arrival.container, arrival.logger, number))
        self._add(arrival, number, None)
        self.commit.statuses += 1

    def _take_memory(
        self, arrival: Usable, number: int, next_seq: int, held: tuple[tuple[int, int, int], ...]
    ) -> Iterator[BootKey]:
        """What the logger says it made and still holds, of all its boots; yields the boots it still holds of."""
        ranges: dict[int, list[tuple[int, int]]] = {number: []}
        for boot_number, first, last in held:
            ranges.setdefault(boot_number, []).append((first, last))
        for other in sorted({*ranges, *self._boots.with_open_gaps(arrival.logger)}):
            boot = self._boot(arrival.container, arrival.logger, other, arrival)
            kept = ranges.get(other, [])
            made = max([next_seq if other == number else boot.next, *(last + 1 for _, last in kept)])
            if boot.can_take(made):
                boot.expect(made)
            boot.declare_lost(kept, below=next_seq if other == number else made)
            if other in ranges:
                yield arrival.container, arrival.logger, other

    def _boot(self, container: str, logger: str, number: int, arrival: Arrival) -> Boot:
        key = (container, logger, number)
        boot = self._touched.get(key)
        if boot is None:
            boot = self._touched[key] = self._boots.get(*key)
        boot.seen_ns = arrival.received_ns
        return boot

    @staticmethod
    def _anchor(boot: Boot, arrival: Usable) -> None:
        """Place the boot's clock, once: at its first prompt message, or when a reading needs it and none came."""
        message = arrival.message
        if message is None or boot.anchor_ns is not None:
            return
        needed = not isinstance(message, Status) and message.stamp.clk != SYNCHRONISED
        if arrival.is_prompt or needed:
            boot.anchor_ns = arrival.received_ns - message.stamp.mono_ns

    def _add(self, arrival: Usable, boot: int, seq: int | None) -> None:
        self._shelf.add(arrival, boot, seq)
        self.commit.inserted += 1

    def _quarantine(self, arrival: Arrival, reason: str) -> None:
        self._shelf.quarantine(arrival, reason)
        self.commit.quarantined += 1
        self.commit.last_reason = f"{arrival.topic[:200]}: {reason}"
