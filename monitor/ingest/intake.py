"""The writer's work: judge what waits, commit it, and only then acknowledge."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from monitor.ingest.answers import Answers
from monitor.ingest.desk import Desk
from monitor.ingest.inbox import Delivery, Inbox
from monitor.journal import Commit, Journal, Refused, Usable
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.condition import MAX_CONDITIONS, Condition
from monitor.model.errors import WireError
from monitor.model.record import Status
from monitor.wire import Source, Sources, decode, parse_topic
from monitor.wire.structure import MAX_PAYLOAD_BYTES

log = logging.getLogger(__name__)

MAX_COMMIT_RECORDS = 500
MAX_COMMIT_BYTES = 8 << 20  # of payload, derived ones counted; decoded it is twice as much memory
TICK_NS = 10 * NS_PER_S
MAX_JUDGING_NS = NS_PER_S // 50  # of a commit; a slow message goes with what was judged before it, nothing behind it
QUIET_NS = NS_PER_S // 2  # without anything from memory: a broker that had something would have sent it
UNREGISTERED = "logger: not registered in any container file, and [ingest] unknown_loggers is quarantine"


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


def _nothing() -> bool:
    """There is nothing to do."""
    return False


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
        self._links, self._accepts = links, accepts
        self._sources, self._desk = sources or Sources(), desk or Desk()
        self._answers = Answers(journal, clock, publish)
        self._next_tick_ns = self._fill_ns = clock.mono_ns()
        self._taken: list[tuple[Delivery, Sequence[Usable | Refused]]] = []  # and not in the journal yet
        self.conditions: Callable[[], Sequence[Condition]] = journal.conditions
        self.upkeep: Callable[[], bool] = _nothing  # of the journal, between commits; a few ms
        self.records = self.duplicates = self.quarantined = 0

    def step(self) -> bool:
        """Journal some of what waits; True when something was committed."""
        wrote = self._write_own()
        self._inbox.is_held = not self._journal.has_room()
        if not self._taken:
            self._take()
        took = bool(self._taken)
        self._watch_fill()
        if took:
            self._commit()
        elif not wrote:
            self._journal.idle()
        self._answers.send(self._generation)
        return self.upkeep() or wrote or took

    def _take(self) -> None:
        """Take what one commit holds, judging each only then; at least one delivery where there is any.

        What is live does not wait until something from memory is judged as well.
        """
        room, is_live = MAX_COMMIT_BYTES, not self._inbox.is_drained
        end_ns = self._clock.mono_ns() + MAX_JUDGING_NS
        while len(self._taken) < MAX_COMMIT_RECORDS and room >= MAX_PAYLOAD_BYTES:
            delivery = self._inbox.take(only_live=is_live)
            if delivery is None:
                return
            judged = self._read(delivery)
            self._taken.append((delivery, judged))
            room -= sum(len(arrival.payload) for arrival in judged)
            if self._clock.mono_ns() >= end_ns:
                return

    def _commit(self) -> None:
        commit = self._journal.append([arrival for _, judged in self._taken for arrival in judged])
        for delivery, _ in self._taken:
            delivery.acknowledge()
        self._taken.clear()
        self._count(commit)
        self._answers.note(commit, self._generation)

    def _watch_fill(self) -> None:
        """Note when nothing came from memory for a moment."""
        now_ns = self._clock.mono_ns()
        if any("/up/fill/" in delivery.topic for delivery, _ in self._taken) or not self._inbox.is_fill_drained:
            self._fill_ns = now_ns
        elif now_ns - self._fill_ns >= QUIET_NS:
            self._answers.quiet()

    @property
    def _generation(self) -> int | None:
        """Of the connections together, None while one of them is broken."""
        is_whole = bool(self._links) and all(link.is_connected for link in self._links)
        return sum(link.generation for link in self._links) if is_whole else None

    def _write_own(self) -> bool:
        """A tick when it is due, and what operators entered."""
        ticked = self._tick()
        return self._desk.write(self._journal) or ticked

    def _tick(self) -> bool:
        mono_ns, generation = self._clock.mono_ns(), self._generation
        if mono_ns < self._next_tick_ns:
            return False
        asked = self._answers.report(generation)
        tick = {
            "mono_ns": mono_ns,
            "connected": generation is not None,
            "queue": len(self._inbox) + len(self._taken),
            "quarantined": self._journal.quarantine_pos,
            "open": self._journal.open_containers(),
        }
        conditions = sorted(self.conditions())[:MAX_CONDITIONS]
        payload = json.dumps(tick | ({"conditions": conditions} if conditions else {})).encode()
        self._journal.append_tick(self._clock.now_ns(), mono_ns, payload, asked)
        self._next_tick_ns = mono_ns + TICK_NS
        self._answers.reported(asked)
        return True

    def _read(self, delivery: Delivery) -> Sequence[Usable | Refused]:
        """What a delivery becomes: one arrival, or of a source one for each logger in it."""
        source = self._sources.of(delivery.topic)
        return [self._judge(delivery)] if source is None else self._derive(source, delivery)

    def _derive(self, source: Source, delivery: Delivery) -> Sequence[Usable | Refused]:
        """All records of a message, or none: it is kept once, whole, when one of them cannot be used."""
        received_ns, topic, raw = delivery.received_ns, delivery.topic, delivery.payload
        try:
            records = source.read(topic, raw, received_ns, is_retained=delivery.is_retained)
            if not all(self._accepts(source.container, record.logger) for record in records):
                raise WireError(UNREGISTERED)
            return [
                Usable(
                    *(received_ns, topic, record.payload, delivery.is_retained, delivery.is_prompt),
                    *(source.container, record.logger, "env", decode("env", record.payload)),
                    is_derived=True,
                )
                for record in records
            ]
        except WireError as error:
            return [Refused(received_ns, topic, raw, delivery.is_retained, delivery.is_prompt, reason=str(error))]

    def _judge(self, delivery: Delivery) -> Usable | Refused:
        common = (
            delivery.received_ns,
            delivery.topic,
            delivery.payload,
            delivery.is_retained,
            delivery.is_prompt,
        )
        owner = None
        try:
            topic = parse_topic(delivery.topic)
            owner = (topic.container, topic.logger)
            message = decode(topic.kind, delivery.payload)
            if not self._accepts(topic.container, topic.logger):
                error = WireError(UNREGISTERED)
                error.identity = None if isinstance(message, Status) else (message.stamp.boot, message.seq)
                raise error
        except WireError as error:
            settles = (*owner, *error.identity) if owner and error.identity else None
            return Refused(*common, reason=str(error), settles=settles)
        return Usable(*common, topic.container, topic.logger, topic.kind, message)

    def _count(self, commit: Commit) -> None:
        self.records += commit.inserted - commit.statuses
        self.duplicates += commit.duplicates
        self.quarantined += commit.quarantined
        if commit.quarantined:
            log.warning("%d messages to quarantine, the last: %s", commit.quarantined, commit.last_reason)
