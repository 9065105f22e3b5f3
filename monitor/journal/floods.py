"""Loggers that send what no sound one would: what is remembered of them, bounded, for the alarms of the ticks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from monitor.journal.arrival import Owner
from monitor.model.clock import HOUR_NS, NS_PER_S
from monitor.model.condition import BOOT_FLOOD, FALSE_OLDEST, GAP_FLOOD, MAX_RULE_CONDITIONS, Condition

MAX_BOOTS = 100  # that a logger may begin within WINDOW_NS; one that starts anew every 36 s is broken
WINDOW_NS = HOUR_NS
STAND_NS = 600 * NS_PER_S  # that an alarm stands after the last message that gave rise to it
MAX_COUNTED = 10_000  # loggers whose boots are counted, 200 bytes each; then the one that began none for longest goes


@dataclass(slots=True)
class _Count:
    """Boots that a logger began since `since_ns`."""

    since_ns: int
    boots: int = 0


class Floods:
    """Counts in steady time, as far as the ticks tell it; starts anew with the daemon."""

    def __init__(self) -> None:
        self._mono_ns = 0
        self._counts: OrderedDict[Owner, _Count] = OrderedDict()
        self._begun: list[_Count] = []  # once for each boot in the transaction
        self._standing: OrderedDict[tuple[str, Owner], tuple[int, str]] = OrderedDict()  # until when, and the text

    def note_boot(self, container: str, logger: str) -> None:
        """Of a boot of a logger the first word came: its own, or another's that names it."""
        owner = (container, logger)
        count = self._counts.setdefault(owner, _Count(self._mono_ns))
        self._counts.move_to_end(owner)
        if self._mono_ns - count.since_ns >= WINDOW_NS:
            count.since_ns, count.boots = self._mono_ns, 0
        count.boots += 1
        self._begun.append(count)
        if count.boots > MAX_BOOTS:
            text = f"more than {MAX_BOOTS} boots within an hour: is its battery empty, or does its firmware crash?"
            self._stand(BOOT_FLOOD, owner, text)
        if len(self._counts) > MAX_COUNTED:
            self._counts.popitem(last=False)

    def is_flooding(self, container: str, logger: str) -> bool:
        """Whether a logger has begun more boots than it may."""
        count = self._counts.get((container, logger))
        return count is not None and count.boots > MAX_BOOTS and self._mono_ns - count.since_ns < WINDOW_NS

    def committed(self) -> None:
        """What was noted is in the journal."""
        self._begun.clear()

    def fall_back(self) -> None:
        """What was noted since `committed` is not there, and comes again."""
        for count in self._begun:
            count.boots -= 1
        self._begun.clear()

    def note_gaps(self, container: str, logger: str, boot: int) -> None:
        """A record was refused because it would have opened one gap more than its boot or its logger may have."""
        text = f"boot {boot} has as many gaps as it may have; records that would open another are in quarantine"
        self._stand(GAP_FLOOD, (container, logger), text)

    def note_oldest(self, container: str, logger: str, boot: int, seq: int, oldest: int) -> None:
        """A record said that nothing as old as itself is held any more."""
        text = f"boot {boot} seq {seq} says that the oldest one held is {oldest}, which is ignored: check its firmware"
        self._stand(FALSE_OLDEST, (container, logger), text)

    def tick(self, mono_ns: int) -> None:
        """Time has passed."""
        self._mono_ns = mono_ns
        while self._standing and next(iter(self._standing.values()))[0] <= mono_ns:
            self._standing.popitem(last=False)

    def conditions(self) -> list[Condition]:
        """What stands; any thread may ask."""
        return [Condition(rule, *owner, text) for (rule, owner), (_, text) in self._standing.copy().items()]

    def _stand(self, rule: str, owner: Owner, text: str) -> None:
        if (rule, owner) not in self._standing and sum(one == rule for one, _ in self._standing) >= MAX_RULE_CONDITIONS:
            return  # those that stand go on: no alarm makes another come and go
        self._standing[rule, owner] = (self._mono_ns + STAND_NS, text)
        self._standing.move_to_end((rule, owner))
