"""Two payloads under one identity: the alarm `monitor.identity-conflict`, one for each boot that it happened to.

Whoever makes more of them than a person would look at gets one more alarm, which stands for all that follow: these are
neither looked at nor told, so that they delay nobody else's alerts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.alerts import AlertBook
from monitor.config import Rules
from monitor.consumers.own_alerts import own_alert
from monitor.consumers.reading import read_quarantined
from monitor.journal import JournalReader
from monitor.model.alert import Evidence, alert_id
from monitor.model.condition import GATEWAY
from monitor.model.errors import WireError
from monitor.model.record import Status
from monitor.wire import parse_topic

RULE = "monitor.identity-conflict"
CHANNEL = "identity"
MAX_BOOTS = 3  # of a logger, with an alarm each
MANY = MAX_BOOTS + 1  # number of the alarm for all that follow
MAX_LOOKS = 20  # of a topic between two ticks: two loggers that send once a second make 10
MAX_TOPICS = 200  # between two ticks; 200 x 20 looks of 10 us are 40 ms

Owner = tuple[str, str]  # container, logger


@dataclass(slots=True)
class _Topic:
    """The conflicts of a topic between two ticks: how many, and the positions of those that are looked at."""

    received_ns: int
    count: int = 0
    looks: list[int] = field(default_factory=list)


def raise_conflicts(book: AlertBook, reader: JournalReader, rules: Rules, after: int, upto: int) -> None:
    """Enter the alarms for the conflicts in quarantine behind position `after`, up to `upto`, which two ticks tell.

    What is in the book already decides what is new, so the same ticks lead to the same alarms. They stay open: only a
    person can tell which of two loggers is the right one.
    """
    _Conflicts(book, reader, rules).tell(after, upto)


class _Conflicts:
    def __init__(self, book: AlertBook, reader: JournalReader, rules: Rules) -> None:
        self._book, self._reader, self._rules = book, reader, rules
        self._boots: dict[Owner, list[int]] = {}  # that have an alarm

    def tell(self, after: int, upto: int) -> None:
        """Enter the alarms for a range of positions."""
        topics, others = self._by_topic(after, upto)
        for name, topic in topics.items():
            untold = [pos for pos in topic.looks if not self._is_told(pos)]
            if untold or topic.count > MAX_LOOKS:
                boots = f"identity conflicts under more than {MAX_BOOTS} boots"
                why = boots if untold else f"more than {MAX_LOOKS} identity conflicts between two ticks"
                self._tell_many(_owner(name), topic, why)
        if others.count:
            self._tell_many((GATEWAY, GATEWAY), others, f"identity conflicts on more than {MAX_TOPICS} topics")

    def _by_topic(self, after: int, upto: int) -> tuple[dict[str, _Topic], _Topic]:
        """The conflicts of each topic, and those of topics beyond the MAX_TOPICS; without what has its last alarm."""
        topics: dict[str, _Topic] = {}
        passed_over: set[str] = set()
        others = _Topic(0)
        for pos, received_ns, name in self._reader.conflicts(after, upto):
            if name in passed_over:
                continue
            topic = topics.get(name)
            if topic is None and _owner(name) != (GATEWAY, GATEWAY) and self._book.body(_id(_owner(name), MANY)):
                passed_over.add(name)
                continue
            if topic is None:
                topic = topics.setdefault(name, _Topic(received_ns)) if len(topics) < MAX_TOPICS else others
            topic.received_ns = received_ns
            topic.count += 1
            if len(topic.looks) < MAX_LOOKS:
                topic.looks.append(pos)
        return topics, others

    def _is_told(self, pos: int) -> bool:
        """See to it that a conflict's boot has its alarm; False when its logger has had all that it may have."""
        name, received_ns, payload = self._reader.quarantined_at(pos)
        found = None if payload is None else read_quarantined(pos, name, payload)
        if found is None:
            return True
        container, logger, message = found
        assert not isinstance(message, Status)  # a status has no seq that could be taken twice
        owner, boot, seq = (container, logger), message.stamp.boot, message.seq
        boots = self._boots_of(owner)
        if boot in boots:
            return True
        if len(boots) == MAX_BOOTS:
            return False
        boots.append(boot)
        text = (
            f"another payload came under boot {boot} seq {seq}, which is stored already; two loggers with one identity?"
        )
        self._fire(owner, len(boots), received_ns, Evidence(pos, boot, seq), text, float(seq))
        return True

    def _tell_many(self, owner: Owner, topic: _Topic, why: str) -> None:
        if self._book.body(_id(owner, MANY)):
            return
        text = (
            f"{why}, {topic.count} since the tick before; those that follow are not told; "
            "two loggers with one identity?"
        )
        self._fire(owner, MANY, topic.received_ns, Evidence(topic.looks[0], 0, 0), text, float(topic.count))

    def _boots_of(self, owner: Owner) -> list[int]:
        if owner not in self._boots:
            bodies = (self._book.body(_id(owner, number)) for number in range(1, MANY))
            self._boots[owner] = [body["evidence"]["boot"] for body in bodies if body]
        return self._boots[owner]

    def _fire(self, owner: Owner, number: int, at_ns: int, evidence: Evidence, text: str, value: float) -> None:
        message = text if owner == (GATEWAY, GATEWAY) else f"{owner[0]} {owner[1]}: {text}"
        alert = own_alert(*(RULE, owner, CHANNEL, at_ns, self._rules, evidence, message), number=number, value=value)
        self._book.fire(alert, at_ns)


def _id(owner: Owner, number: int) -> str:
    return alert_id(RULE, *owner, CHANNEL, number)


def _owner(topic: str) -> Owner:
    """Who has a topic; of another input's, which only its payload tells, the gateway."""
    try:
        container, logger, _, _ = parse_topic(topic)
    except WireError:
        return GATEWAY, GATEWAY
    return container, logger
