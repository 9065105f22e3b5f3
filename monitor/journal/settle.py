"""One transaction of the journal: which arrivals become records, which are duplicates, which go to quarantine.

What a status declares lost, since a seq so declared is freed by its logger and never comes again:

1. of its own boot: what is below its `next` and outside its `held`;
2. of each boot that it names in `held` or `boots`: whatever of it is outside `held`. A logger can name only boots that
   ended before, and memory is only ever freed, so this holds however late, queued, copied or retained the status is;
3. of boots that it does not name: nothing when it has `boots`, which names every earlier one not wholly settled. A
   logger without `boots` speaks of those that its own boot succeeded: known before the first live word of it, or named
   by it once, and not heard live since. So neither the late birth of an older boot nor a retained one that overtakes
   the queue says anything about boots that are newer, nor does a second device under the same names, after its first
   word, of one that goes on sending.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from monitor.journal.arrival import Arrival, BootKey, Commit, Refused, Traffic, Usable
from monitor.journal.boots import Boot, Boots
from monitor.journal.floods import Floods
from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.model.record import SYNCHRONISED, Status

MAX_ANSWERED_BOOTS = 16  # at once after a status; a logger that still misses one asks again with its next
TOO_MANY_GAPS = "seq: the boot, or its logger, has as many gaps as it may have; send the missing records first"


class Shelf(Protocol):
    """Where a transaction puts its rows and looks up what lies there already, itself included.

    `mono_ns` is the steady time of the last tick.
    """

    mono_ns: int

    def add(self, arrival: Usable, boot: int, seq: int | None) -> None:
        """Put a record behind the last one."""

    def hold(self, logger: str, boot: int) -> None:
        """The record put last waits until its boot has an anchor."""

    def release(self, logger: str, boot: int) -> None:
        """What waits of a boot is given out just before the record put last."""

    def quarantine(self, arrival: Arrival, reason: str) -> None:
        """Keep the bytes of a message that cannot be used."""

    def is_stored(self, payload: bytes, logger: str, boot: int, seq: int) -> bool | None:
        """Whether a payload is what is stored under an identity, None when nothing is."""

    def last_status(self, logger: str) -> bytes | None:
        """The payload of a logger's last status."""


class Settlement:
    """Applies arrivals in order to the boots and the shelf of one transaction."""

    def __init__(self, boots: Boots, shelf: Shelf, floods: Floods) -> None:
        self._boots, self._shelf, self._floods = boots, shelf, floods
        self._touched: dict[BootKey, Boot] = {}
        self._unanswered: set[BootKey] = set()
        self.commit = Commit()

    def take(self, arrival: Usable | Refused) -> None:
        """Settle one arrival."""
        if isinstance(arrival, Refused):
            self._quarantine(arrival, arrival.reason)
            if arrival.settles is not None:
                container, logger, number, seq = arrival.settles
                boot = self._heard(container, logger, number, arrival)
                if self._can_take(boot, logger, number, seq):
                    boot.gaps.settle(seq)
                else:
                    self._floods.note_gaps(container, logger, number)
        elif isinstance(arrival.message, Status):
            self._take_status(arrival, arrival.message)
        elif arrival.message is not None:
            self._take_record(arrival, arrival.message.stamp.boot, arrival.message.seq, arrival.message.oldest)

    def finish(self) -> Commit:
        """What was done, once every arrival is taken."""
        self.commit.upto = {key: boot.gaps.upto for key, boot in self._touched.items() if key not in self._unanswered}
        return self.commit

    def _take_record(self, arrival: Usable, number: int, seq: int, oldest: int) -> None:
        boot = self._heard(arrival.container, arrival.logger, number, arrival)
        if arrival.is_derived:
            boot.gaps.pass_over(seq)
            self._unanswered.add((arrival.container, arrival.logger, number))
        if not boot.gaps.is_new(seq):
            is_same = self._shelf.is_stored(arrival.payload, arrival.logger, number, seq)
            if is_same is not None:
                self._note_repeated(arrival, number, seq)
            if is_same:
                self.commit.duplicates += 1
                return
            if is_same is not None:
                self._quarantine(arrival, IDENTITY_CONFLICT)
                return
        if oldest > seq:
            self._floods.note_oldest(arrival.container, arrival.logger, number, seq, oldest)
            oldest = 0  # the record itself was held when it was made: this says nothing
        if oldest > boot.oldest:
            boot.oldest = oldest
            boot.gaps.lose_below(oldest)
        if not self._can_take(boot, arrival.logger, number, seq):
            self._floods.note_gaps(arrival.container, arrival.logger, number)
            self._quarantine(arrival, TOO_MANY_GAPS)
            return
        boot.gaps.settle(seq)
        boot.gaps.declare_lost([], below=boot.oldest)
        if not arrival.is_live and not arrival.is_derived:
            self._traffic(arrival.container, arrival.logger).is_filling = True
        self._add(arrival, number, seq)
        self._tell_clock(boot, arrival)

    def _note_repeated(self, arrival: Usable, number: int, seq: int) -> None:
        if not arrival.is_live:
            repeated = self._traffic(arrival.container, arrival.logger).repeated
            repeated[number] = max(repeated.get(number, -1), seq)

    def _can_take(self, boot: Boot, logger: str, number: int, seq: int) -> bool:
        """False when `seq` would open a gap beyond what a boot or a logger may have."""
        return boot.gaps.can_take(seq, may_open=seq == boot.gaps.next or self._boots.can_open(logger, number))

    def _take_status(self, arrival: Usable, status: Status) -> None:
        if arrival.is_retained and self._shelf.last_status(arrival.logger) == arrival.payload:
            self.commit.duplicates += 1
            return
        number = status.stamp.boot
        key = (arrival.container, arrival.logger, number)
        is_will = status.state == "offline"  # written when its logger connected: it says nothing of the present
        if status.state != "sleeping":
            self._traffic(arrival.container, arrival.logger).is_connecting = True
        boot = self._boot(*key) if is_will else self._heard(*key, arrival)
        if status.next_seq is not None and status.held is not None:
            named = self._take_memory(arrival, status, status.next_seq, status.held)
            self.commit.births |= set(list(named)[:MAX_ANSWERED_BOOTS])
        if status.state == "online":
            self.commit.births.add(key)
        self._add(arrival, number, None)
        if not is_will:
            self._tell_clock(boot, arrival)
        self.commit.statuses += 1

    def _take_memory(
        self, arrival: Usable, status: Status, next_seq: int, held: tuple[tuple[int, int, int], ...]
    ) -> Iterator[BootKey]:
        """What the logger says it made and still holds, of all its boots; yields the boots that it names."""
        number = status.stamp.boot
        ranges: dict[int, list[tuple[int, int]]] = {number: []}
        for boot_number, first, last in held:
            ranges.setdefault(boot_number, []).append((first, last))
        ended = dict(status.boots or ())
        named = {*ranges, *ended}
        before = set(self._boots.open_boots(arrival.logger))
        for other in sorted(named | self._unnamed(arrival, status, before)):
            can_open = self._boots.can_open(arrival.logger, other)
            if other != number and other not in before and not (can_open and self._may_begin(arrival, other)):
                continue  # nothing is expected of it, which claims nothing
            boot = self._boot(arrival.container, arrival.logger, other)
            kept = ranges.get(other, [])
            made = next_seq if other == number else ended.get(other, max([0, *(last + 1 for _, last in kept)]))
            if other == number and arrival.is_live:
                boot.gaps.retract(made)
                boot.oldest = min(boot.oldest, made)
            if can_open and boot.gaps.can_take(made):
                boot.gaps.expect(made)
            boot.gaps.declare_lost(kept, made if other == number else max(made, boot.gaps.next), may_open=can_open)
            if other in named:
                boot.is_known |= arrival.is_live
                if other != number and arrival.is_live:
                    boot.successor = number
                yield arrival.container, arrival.logger, other

    def _may_begin(self, arrival: Usable, boot: int) -> bool:
        """Whether a boot that a status names may be taken note of: not every new one while there is a flood of them."""
        is_flooding = self._floods.is_flooding(arrival.container, arrival.logger)
        return not is_flooding or self._boots.is_there(arrival.logger, boot)

    def _unnamed(self, arrival: Usable, status: Status, with_gaps: set[int]) -> set[int]:
        """The boots that a status speaks of by not naming them: what was open of them is no longer held."""
        if status.boots is not None or not arrival.is_live:
            return set()
        owner, number = (arrival.container, arrival.logger), status.stamp.boot
        is_first_word = not self._boots.get(*owner, number).is_known
        succeeded = set()
        for other in with_gaps - {number}:
            boot = self._boots.get(*owner, other)
            if boot.container != arrival.container:
                continue  # a second device may have the name
            if is_first_word and boot.is_known:
                boot.successor = number
            if boot.successor == number:
                succeeded.add(other)
        return succeeded

    def _traffic(self, container: str, logger: str) -> Traffic:
        """What is noted of a logger's messages in this transaction."""
        return self.commit.traffic.setdefault((container, logger), Traffic())

    def _heard(self, container: str, logger: str, number: int, arrival: Arrival) -> Boot:
        """The boot that a message came from."""
        boot = self._boot(container, logger, number)
        if not arrival.is_retained:  # a retained status is the broker's word, however long the logger is gone
            self._traffic(container, logger).is_heard = True
            boot.seen_ns = arrival.received_ns
        if arrival.is_live:
            boot.container = container
            boot.successor = None  # it goes on: another boot only seemed to be its successor
        return boot

    def _boot(self, container: str, logger: str, number: int) -> Boot:
        key = (container, logger, number)
        boot = self._boots.get(*key)
        if not boot.stored and key not in self._touched:
            self._floods.note_boot(container, logger)
        self._touched[key] = boot
        return boot

    def _tell_clock(self, boot: Boot, arrival: Usable) -> None:
        """What the message put last says of its boot's clock, and whether it has to wait for that."""
        assert arrival.message is not None  # it was put because it decodes
        stamp, clock = arrival.message.stamp, boot.clock
        if arrival.is_live or boot.clk is None:
            boot.clk = stamp.clk
        boot.is_known |= arrival.is_live
        if clock.anchor_ns is not None:
            return
        is_waited_for = clock.waiting_since_ns is not None
        clock.hear(arrival.received_ns, stamp.mono_ns, is_prompt=arrival.is_prompt)
        needs_anchor = stamp.clk != SYNCHRONISED and not isinstance(arrival.message, Status)
        if needs_anchor and clock.anchor_ns is None:
            clock.wait(self._shelf.mono_ns, len(arrival.payload))
            if clock.anchor_ns is None:
                self._shelf.hold(arrival.logger, stamp.boot)
        if is_waited_for and clock.anchor_ns is not None:
            self._shelf.release(arrival.logger, stamp.boot)

    def _add(self, arrival: Usable, boot: int, seq: int | None) -> None:
        self._shelf.add(arrival, boot, seq)
        self.commit.inserted += 1

    def _quarantine(self, arrival: Arrival, reason: str) -> None:
        self._shelf.quarantine(arrival, reason)
        self.commit.quarantined += 1
        self.commit.last_reason = f"{arrival.topic[:200]}: {reason}"
