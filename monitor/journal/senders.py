"""Who fills quarantine: counted by the sender that a topic names, bounded, for an alarm of the ticks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from monitor.journal.arrival import Arrival, Owner
from monitor.model.clock import HOUR_NS
from monitor.model.condition import GATEWAY, QUARANTINE_FLOOD, Condition
from monitor.model.errors import WireError
from monitor.wire import parse_topic

WINDOW_NS = HOUR_NS
MAX_REFUSED = 1_000  # messages of a sender within WINDOW_NS; some 200 bytes of each stay for ever
MAX_REFUSED_BYTES = 50_000_000  # of them
MANY_SENDERS = 10  # times as much is too much of all together
MAX_SENDERS = 10_000  # that are counted, some 200 bytes each; then the one unheard of for longest goes
MAX_NAMED = 10  # senders with an alarm at once, those that sent last
MAX_TOPIC = 80  # characters of one that are told
NOBODY: Owner = (GATEWAY, GATEWAY)  # whom a topic names that is none of ours


@dataclass(slots=True)
class _Count:
    """Messages that were refused since `since_ns`."""

    since_ns: int
    messages: int = 0
    bytes: int = 0
    topic: str = ""  # of the last

    @property
    def text(self) -> str:
        return (
            f"{self.messages} messages, {self.bytes / 1e6:.0f} MB, went to quarantine within an hour, the last from "
            f"{self.topic}: stop whoever sends them"
        )


class Senders:
    """Counts in steady time, as far as the ticks tell it; starts anew with the daemon."""

    def __init__(self) -> None:
        self._mono_ns = 0
        self._in_all = _Count(0)
        self._counts: OrderedDict[Owner, _Count] = OrderedDict()
        self._flooding: OrderedDict[Owner, _Count] = OrderedDict()

    def note(self, refused: Iterable[Arrival]) -> None:
        """Messages went to quarantine."""
        for arrival in refused:
            owner = _owner(arrival.topic)
            count = self._counts.setdefault(owner, _Count(self._mono_ns))
            self._counts.move_to_end(owner)
            if len(self._counts) > MAX_SENDERS:
                self._counts.popitem(last=False)
            self._add(owner, count, arrival, 1)
            self._add(NOBODY, self._in_all, arrival, MANY_SENDERS)

    def tick(self, mono_ns: int) -> None:
        """Time has passed."""
        self._mono_ns = mono_ns
        for owner, count in list(self._flooding.items()):
            if mono_ns - count.since_ns >= WINDOW_NS:
                del self._flooding[owner]

    def conditions(self) -> list[Condition]:
        """Who sends too much; any thread may ask."""
        return [Condition(QUARANTINE_FLOOD, *owner, count.text) for owner, count in self._flooding.copy().items()]

    def _add(self, owner: Owner, count: _Count, arrival: Arrival, times: int) -> None:
        if self._mono_ns - count.since_ns >= WINDOW_NS:
            count.since_ns, count.messages, count.bytes = self._mono_ns, 0, 0
        count.messages += 1
        count.bytes += len(arrival.topic) + len(arrival.payload)
        count.topic = arrival.topic[:MAX_TOPIC]
        if count.messages > times * MAX_REFUSED or count.bytes > times * MAX_REFUSED_BYTES:
            self._flooding[owner] = count
            self._flooding.move_to_end(owner)
            if len(self._flooding) > MAX_NAMED:
                self._flooding.popitem(last=False)


def _owner(topic: str) -> Owner:
    try:
        place = parse_topic(topic)
    except WireError:
        return NOBODY
    return place.container, place.logger
