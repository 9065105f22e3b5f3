"""What a delivery becomes: decoded messages for the journal, or the reason why it goes to quarantine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monitor.ingest.inbox import Delivery
from monitor.journal import Refused, Usable
from monitor.model.errors import WireError
from monitor.model.record import Status
from monitor.wire import Source, Sources, decode, parse_topic

UNREGISTERED = "logger: not registered in any container file, and [ingest] unknown_loggers is quarantine"
SLOW_BYTES = 16 << 10  # of another format, whose reading takes up to 60 ms for 128 KiB; of the native one at most 10 ms

Judged = Sequence[Usable | Refused]


class Reading:
    """Reads deliveries; `accepts` says whose records are taken. Holds no state: any thread may read."""

    def __init__(self, accepts: Callable[[str, str], bool], sources: Sources) -> None:
        self._accepts, self._sources = accepts, sources

    def is_slow(self, delivery: Delivery) -> bool:
        """Whether reading it may take so long that others should not wait for it."""
        return len(delivery.payload) >= SLOW_BYTES and self._sources.of(delivery.topic) is not None

    def read(self, delivery: Delivery) -> Judged:
        """What a delivery becomes: one arrival, or of a source one for each logger in it."""
        source = self._sources.of(delivery.topic)
        return [self._judge(delivery)] if source is None else self._derive(source, delivery)

    def _derive(self, source: Source, delivery: Delivery) -> Judged:
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


def is_status(arrival: Usable | Refused) -> bool:
    """Whether a message is a status that can be used."""
    return isinstance(arrival, Usable) and isinstance(arrival.message, Status)
