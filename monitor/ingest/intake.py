"""The writer's work: judge what waits, commit it, and only then acknowledge."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Protocol

from monitor.ingest.answers import Answers
from monitor.ingest.desk import Desk
from monitor.ingest.inbox import Delivery, Inbox
from monitor.ingest.reading import Judged, Reading, is_status
from monitor.journal import Journal
from monitor.journal.retention import TICK_S
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.condition import Condition, told
from monitor.wire import Sources
from monitor.wire.structure import MAX_PAYLOAD_BYTES

log = logging.getLogger(__name__)

MAX_COMMIT_RECORDS = 500
MAX_COMMIT_BYTES = 8 << 20  # of topic and payload, derived ones counted; decoded it is twice as much memory
TICK_NS = TICK_S * NS_PER_S
MAX_JUDGING_NS = NS_PER_S // 50  # of a commit; a slow message goes with what was judged before it, nothing behind it
STATUS_WEIGHT = 512  # a byte of what a logger says of its memory takes as long to settle as so many of a record
MAX_SLOW = 64  # messages with the decoder, one of each sender: 8 MiB
ROOM_NS = NS_PER_S // 20  # until the journal's room is looked at again: 20 MB come meanwhile at the very most
QUIET_NS = NS_PER_S // 2  # without a missing record from memory: a broker that had one would have sent it


class Link(Protocol):
    """What the intake needs of a session."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands and the subscription is granted."""

    @property
    def generation(self) -> int:
        """Another number after each connect and each break."""


def _everybody(_container: str, _logger: str) -> bool:
    """Every logger's records are taken."""
    return True


class Intake:
    """One `step` is one commit:

    1. take deliveries, loggers by turns, while records, bytes and time of a commit last;
    2. decode each; what cannot be used becomes a row of quarantine;
    3. append them in one durable transaction. What finds no room stays and is tried again;
    4. free their places in the broker's window (PUBACK);
    5. tell the loggers what is settled and what is missing, births at once, others at most once a second for each.

    In between, ticks and what operators enter. While the journal has no room nothing is taken, but ticks go on.
    """

    def __init__(
        self,
        journal: Journal,
        inbox: Inbox,
        clock: Clock,
        publish: Callable[[str, bytes], None],
        links: tuple[Link, ...],
        accepts: Callable[[str, str], bool] = _everybody,
        sources: Sources | None = None,
        desk: Desk | None = None,
    ) -> None:
        self._journal, self._inbox, self._clock = journal, inbox, clock
        self._links, self._desk = links, desk or Desk()
        self._reading = Reading(accepts, sources or Sources())
        self._answers = Answers(journal, clock, publish)
        self._next_tick_ns = self._fill_ns = self._room_ns = clock.mono_ns()
        self._taken: list[tuple[Delivery, Judged]] = []  # and not in the journal yet
        self._slow: list[tuple[Delivery, Future[Judged]]] = []  # taken, and judged by the decoder
        self.decoder: Executor | None = None  # reads what takes long while others go on; without it all is read in turn
        self.conditions: Callable[[], Sequence[Condition]] = journal.conditions
        self.upkeep: Callable[[], bool] = lambda: False  # of the journal, between commits; a few ms
        self.records = self.duplicates = self.quarantined = 0
        self._logged, self._last_reason = 0, ""  # of those in quarantine
        self.committed = 0  # deliveries, whatever became of them

    def step(self) -> bool:
        """Journal some of what waits; True when something was committed."""
        wrote = self._write_own()
        self._look_at_room()
        if not self._taken:
            self._take()
        took = bool(self._taken)
        if took:
            self._commit()
        elif not wrote:
            self._journal.idle()
        if self._inbox.is_fill_drained and self._clock.mono_ns() - self._fill_ns >= QUIET_NS:
            self._answers.quiet()
        self._answers.send(self._generation)
        return self.upkeep() or wrote or took

    def _look_at_room(self) -> None:
        """While the journal has no room nothing is taken. A look takes half a millisecond, a record not much more."""
        if self._clock.mono_ns() >= self._room_ns:
            self._inbox.is_held = not self._journal.has_room()
            self._room_ns = self._clock.mono_ns() + ROOM_NS

    @property
    def is_done(self) -> bool:
        """Whether all that was taken is committed, and every logger told."""
        return self.committed == self._inbox.taken and not self._answers.is_due

    def _take(self) -> None:
        """Take what one commit holds, judging each only then: slow ones that are judged by now, then by turns.

        What is live does not wait until something from memory is judged as well.
        """
        room, is_live = self._take_slow(MAX_COMMIT_BYTES), self._inbox.is_live_ready
        end_ns = self._clock.mono_ns() + MAX_JUDGING_NS
        while len(self._taken) < MAX_COMMIT_RECORDS and room >= MAX_PAYLOAD_BYTES:
            delivery = self._inbox.take(only_live=is_live)
            if delivery is None:
                return
            if not self._is_handed_over(delivery):
                room -= self._add(delivery, self._reading.read(delivery))
            if self._clock.mono_ns() >= end_ns:
                return

    def _take_slow(self, room: int) -> int:
        """Take what the decoder has done, while there is room; what is left of it."""
        for entry in [entry for entry in self._slow if entry[1].done()]:
            if room < MAX_PAYLOAD_BYTES:
                break
            self._slow.remove(entry)
            self._inbox.wake(entry[0])
            room -= self._add(entry[0], entry[1].result())
        return room

    def _add(self, delivery: Delivery, judged: Judged) -> int:
        """A delivery is ready for the commit; the room that it takes."""
        self._taken.append((delivery, judged))
        return sum(
            len(arrival.topic) + len(arrival.payload) * (STATUS_WEIGHT if is_status(arrival) else 1)
            for arrival in judged
        )

    def _is_handed_over(self, delivery: Delivery) -> bool:
        """Whether the decoder has it now; whatever its sender has waiting comes after it."""
        if self.decoder is None or len(self._slow) == MAX_SLOW or not self._reading.is_slow(delivery):
            return False
        self._inbox.rest(delivery)
        future = self.decoder.submit(self._reading.read, delivery)
        self._slow.append((delivery, future))
        future.add_done_callback(lambda _: self._inbox.on_arrival())
        return True

    def _commit(self) -> None:
        commit = self._journal.append([arrival for _, judged in self._taken for arrival in judged])
        for delivery, _ in reversed(self._taken):  # the first one last: then all are due, and go in one packet
            delivery.acknowledge()
        self.committed += len(self._taken)
        self._taken.clear()
        self.records += commit.inserted - commit.statuses
        self.duplicates += commit.duplicates
        self.quarantined += commit.quarantined
        self._last_reason = commit.last_reason or self._last_reason
        if any(traffic.is_filling for traffic in commit.traffic.values()):
            self._fill_ns = self._clock.mono_ns()
        self._answers.note(commit, self._generation)

    @property
    def _generation(self) -> int | None:
        """Of the connections together, None while one of them is broken."""
        is_whole = bool(self._links) and all(link.is_connected for link in self._links)
        return sum(link.generation for link in self._links) if is_whole else None

    def _write_own(self) -> bool:
        """A tick when it is due, and what operators entered."""
        ticked = self._tick()
        return self._desk.write(self._journal, self._clock.now_ns()) or ticked

    def _tick(self) -> bool:
        mono_ns, generation = self._clock.mono_ns(), self._generation
        if mono_ns < self._next_tick_ns:
            return False
        asked = self._answers.report(generation)
        tick = {
            "mono_ns": mono_ns,
            "connected": generation is not None,
            "queue": len(self._inbox) + len(self._taken) + len(self._slow),
            "quarantined": self._journal.quarantine_pos,
            "open": self._journal.open_containers(),
        }
        conditions = told(self.conditions())
        payload = json.dumps(tick | ({"conditions": conditions} if conditions else {})).encode()
        self._journal.append_tick(self._clock.now_ns(), mono_ns, payload, asked)
        self._next_tick_ns = mono_ns + TICK_NS
        self._answers.reported(asked)
        self._log_quarantine()
        return True

    def _log_quarantine(self) -> None:
        """Once a tick, however many there are."""
        if self.quarantined > self._logged:
            count = self.quarantined - self._logged
            log.warning("%d messages to quarantine, the last: %s", count, self._last_reason)
            self._logged = self.quarantined
