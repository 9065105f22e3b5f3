"""Two payloads under one identity: the alarm `monitor.identity-conflict`, one for each boot that it happened to."""

from __future__ import annotations

from monitor.alerts import AlertBook
from monitor.config import Rules
from monitor.consumers.own_alerts import own_alert
from monitor.consumers.reading import read_quarantined
from monitor.journal import JournalReader
from monitor.model.alert import Evidence
from monitor.model.record import Status

RULE = "monitor.identity-conflict"
CHANNEL = "identity"


def raise_conflicts(book: AlertBook, reader: JournalReader, rules: Rules, after: int, upto: int) -> None:
    """Enter an alarm for each conflict in quarantine behind position `after`, up to `upto`.

    Entering one again changes nothing. It stays open: only a person can tell which of two loggers is the right one.
    """
    for pos, received_ns, topic, payload in reader.conflicts(after, upto):
        found = read_quarantined(pos, topic, payload)
        if found is None:
            continue
        container, logger, message = found
        assert not isinstance(message, Status)  # a status has no seq that could be taken twice
        boot, seq = message.stamp.boot, message.seq
        text = (
            f"{container} {logger}: another payload came under boot {boot} seq {seq}, which is stored already; "
            "two loggers with one identity?"
        )
        evidence, owner = Evidence(pos, boot, seq), (container, logger)
        alert = own_alert(
            RULE, owner, CHANNEL, received_ns, rules, evidence, text, number=boot, value=float(evidence.seq)
        )
        book.fire(alert, received_ns)
