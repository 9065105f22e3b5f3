"""The writer's work: judge what waits, commit it, and only then acknowledge."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from monitor.ingest.desk import Desk
from monitor.ingest.inbox import Delivery, Inbox
from monitor.journal import BootKey, Commit, Journal, Refused, Usable
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.errors import WireError
from monitor.model.record import Status
from monitor.wire import Source, Sources, ack_topic, decode, encode_ack, parse_topic
from monitor.wire.structure import MAX_PAYLOAD_BYTES

log = logging.getLogger(__name__)

MAX_COMMIT_RECORDS = 500
MAX_COMMIT_BYTES = 8 << 20  # of payload, derived ones counted; decoded it is twice as much memory
MAX_DUE_BOOTS = 16  # of a logger; at one a second, one that keeps restarting would else wait long for its last boot
TICK_NS = 10 * NS_PER_S
ACK_SPACING_NS = 1 * NS_PER_S  # an acknowledgement costs as much as a message; a lost one only means a resend
UNREGISTERED = "logger: not registered in any container file, and [ingest] unknown_loggers is quarantine"


class Link(Protocol):
    """What the intake needs of the live session."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands and the subscription is granted."""


def _everybody(_container: str, _logger: str) -> bool:
    """Every logger's records are taken."""
    return True


class Intake:
    """One `step`: take up to 500 deliveries, and as many of them at a time as MAX_COMMIT_BYTES admits:

    1. decode each delivery; what cannot be used becomes a row of quarantine;
    2. append them in one durable transaction;
    3. free their places in the broker's window (PUBACK);
    4. tell the loggers what is settled, births at once, others at most once a second for each logger.
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
        self._publish, self._links, self._accepts = publish, links, accepts
        self._sources, self._desk = sources or Sources(), desk or Desk()
        self._due: dict[tuple[str, str], dict[int, int]] = {}
        self._told_ns: dict[tuple[str, str], int] = {}
        self._next_tick_ns = clock.mono_ns()
        self.records = self.duplicates = self.quarantined = 0

    def step(self) -> bool:
        """Journal what waits, up to 500 deliveries; True when something was committed."""
        wrote = self._write_own()
        deliveries = self._inbox.take(MAX_COMMIT_RECORDS)
        waiting = deque(deliveries)
        while waiting:
            self._commit(waiting)
            self._acknowledge()
            self._write_own()  # 500 of the largest messages take longer than from one tick to the next
        if not deliveries:
            self._acknowledge()
            if not wrote:
                self._journal.idle()
        return wrote or bool(deliveries)

    def _commit(self, waiting: deque[Delivery]) -> None:
        """Take from the front of `waiting` what one commit holds, judging each only then; at least one delivery."""
        deliveries: list[Delivery] = []
        arrivals: list[Usable | Refused] = []
        room = MAX_COMMIT_BYTES
        while waiting and (not deliveries or room >= max(len(waiting[0].payload), MAX_PAYLOAD_BYTES)):
            deliveries.append(waiting.popleft())
            judged = self._read(deliveries[-1])
            arrivals += judged
            room -= sum(len(arrival.payload) for arrival in judged)
        commit = self._journal.append(arrivals)
        for delivery in deliveries:
            delivery.acknowledge()
        self._count(commit)
        self._note_due(commit)

    def _write_own(self) -> bool:
        """A tick when it is due, and what operators entered."""
        ticked = self._tick()
        return self._desk.write(self._journal) or ticked

    def _tick(self) -> bool:
        mono_ns = self._clock.mono_ns()
        if mono_ns < self._next_tick_ns:
            return False
        self._next_tick_ns = mono_ns + TICK_NS
        tick = {
            "mono_ns": mono_ns,
            "connected": bool(self._links) and all(link.is_connected for link in self._links),
            "queue": len(self._inbox),
            "quarantined": self._journal.quarantine_pos,
            "open": self._journal.open_containers(),
        }
        self._journal.append_own("tick", self._clock.now_ns(), json.dumps(tick).encode())
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

    def _note_due(self, commit: Commit) -> None:
        for key, upto in commit.upto.items():
            container, logger, boot = key
            due = self._due.setdefault((container, logger), {})
            if key in commit.births:
                due.pop(boot, None)  # an older state must not follow
                self._tell(key, upto)
            else:
                due[boot] = upto
                if len(due) > MAX_DUE_BOOTS:
                    del due[next(iter(due))]  # a lost acknowledgement only means a resend

    def _acknowledge(self) -> None:
        now_ns = self._clock.mono_ns()
        for owner in [
            owner for owner in self._due if self._told_ns.get(owner, -ACK_SPACING_NS) <= now_ns - ACK_SPACING_NS
        ]:
            boots = self._due[owner]
            if boots:
                boot = next(iter(boots))
                self._tell((*owner, boot), boots.pop(boot))
                self._told_ns[owner] = now_ns
            if not boots:
                del self._due[owner]
        if len(self._told_ns) > len(self._due) + MAX_COMMIT_RECORDS:
            self._told_ns = {owner: told for owner, told in self._told_ns.items() if told > now_ns - ACK_SPACING_NS}

    def _tell(self, key: BootKey, upto: int) -> None:
        container, logger, boot = key
        self._publish(ack_topic(container, logger), encode_ack(boot, upto, self._clock.now_ns()))
