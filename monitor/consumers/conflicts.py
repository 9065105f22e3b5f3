"""Two payloads under one identity: the alarm `monitor.identity-conflict`, one for each boot that it happened to."""

from __future__ import annotations

from monitor.alerts import AlertBook
from monitor.config import Rules
from monitor.consumers.reading import read_quarantined
from monitor.journal import JournalReader
from monitor.model.alert import FIRING, Alert, Evidence, alert_id
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
        book.fire(_alert(rules, container, logger, received_ns, Evidence(pos, boot, seq)), received_ns)


def _alert(rules: Rules, container: str, logger: str, received_ns: int, evidence: Evidence) -> Alert:
    registered = rules.logger(container, logger)
    return Alert(
        id=alert_id(RULE, container, logger, CHANNEL, evidence.boot),
        rule=RULE,
        kind="health",
        container=container,
        logger=logger,
        serial=registered.serial,
        place=registered.place,
        channel=CHANNEL,
        axis=None,
        severity="alarm" if rules.container(container).armed else "info",
        state=FIRING,
        occurred_ns=received_ns,
        reported_ns=received_ns,
        cleared_ns=None,
        value=float(evidence.seq),
        peak=float(evidence.seq),
        limit=0.0,
        unit="",
        uncertainty=None,
        decision="exceeded",
        clock_uncertainty_s=None,
        phase=rules.phase_at(container, received_ns),
        profile_digest=rules.profile_digest(container),
        evidence=evidence,
        message=f"{container} {logger}: another payload came under boot {evidence.boot} seq {evidence.seq}, "
        "which is stored already; two loggers with one identity?",
    )
