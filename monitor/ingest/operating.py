"""What operators may enter: the checks that need configuration and journal, the same with and without a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from monitor.config import Rules
from monitor.config.phases import known_phases
from monitor.ingest.operating_warnings import warnings_of
from monitor.journal import JournalReader
from monitor.journal.attachments import Attachments
from monitor.model.alert import ACKNOWLEDGED, awaits_acknowledgement
from monitor.model.clock import rfc3339
from monitor.model.condition import GATEWAY
from monitor.model.errors import Conflict, TcmError, UnknownName, WireError
from monitor.model.operator import PLAN, OperatorRecord
from monitor.model.operator_book import KEPT_TYPES, OperatorBook
from monitor.model.operator_keys import identifier, position
from monitor.model.record import Record
from monitor.wire.json_text import load_json

MAX_SET_RECORDS = 1_000  # of one container, of the types that every snapshot of watch holds: three a day for a year
MAX_CONTAINER_RECORDS = 20_000  # of one container, of all types: each of the alerts of two storms acknowledged
MAX_SILENCES = 1_000  # that are or will be, of all containers
ANYWAY = '"new": true'  # in a request; at the command line it is an option
MAX_NAMED = 20  # containers that an error lists

AlertOf = Callable[[str], dict[str, Any] | None]  # the alert of an id as it stands, None where there is none


def admit(
    content: Any, rules: Rules, journal: JournalReader, now_ns: int, alert_of: AlertOf
) -> tuple[OperatorRecord, list[str]]:
    """The record that a request asks for, and warnings about it.

    A container need not be registered when anything was journalled of it: its readings are judged like others. Of what
    is done about an alert or a silence it need not be named. UnknownName, Conflict or another TcmError when the record
    cannot be entered.
    """
    record = OperatorRecord.enter(_with_container(content, journal, alert_of), now_ns)
    _require_container(record, rules, journal)
    is_vouched = content.get("new", False)
    if record.type == "phase" and not is_vouched:
        _require_phase(record, rules)
    elif record.type == "custody" and not is_vouched:
        _require_party(record, rules)
    elif record.type == "ack":
        _require_open(record, alert_of)
    elif record.type in ("silence", "silence-end"):
        _require_silence(record, journal)
    elif "logger" in record.details and not is_vouched:
        _require_logger(record, rules, journal)
    _require_room(record, journal)
    Attachments(journal.state_dir).require(record)
    return record, warnings_of(record, rules.with_operators(_book_of(record.container, journal)))


def answer(pos: int, record: OperatorRecord, warnings: list[str]) -> dict[str, Any]:
    """What is said of a record that is in the journal."""
    return {"pos": pos} | record.document() | {"warnings": warnings}


def entering(record: OperatorRecord) -> str:
    """What an error says that was tried."""
    return f"enter {record.type}"


def _with_container(content: Any, journal: JournalReader, alert_of: AlertOf) -> Any:
    """The request with the container that its alert or silence is of, where it names none."""
    if not isinstance(content, dict) or "container" in content:
        return content
    kind = content.get("type")
    if kind == "ack":
        return content | {"container": _known_alert(identifier(content, "alert"), alert_of)["container"]}
    if kind == "silence-end":
        return content | {"container": _known_silence(position(content, "silence"), journal).container}
    return content


def _require_container(record: OperatorRecord, rules: Rules, journal: JournalReader) -> None:
    if record.container == GATEWAY or record.container in rules.containers or record.container in journal.containers():
        return
    names = sorted(rules.containers)
    more = f" and {len(names) - MAX_NAMED} others" if len(names) > MAX_NAMED else ""
    hint = f"registered are {', '.join(names[:MAX_NAMED])}{more}" if names else "none is registered"
    raise UnknownName(entering(record), record.container, "no such container", hint)


def _require_phase(record: OperatorRecord, rules: Rules) -> None:
    phase, known = record.details["phase"], known_phases(rules) | {PLAN}
    if phase not in known:
        hint = f"known are {', '.join(sorted(known))}; {ANYWAY} enters it all the same"
        raise TcmError(entering(record), phase, "no leg and no rule has such a phase", hint)


def _require_party(record: OperatorRecord, rules: Rules) -> None:
    custodian, consignment = record.details["custodian"], rules.consignment(record.container)
    known = {party.id for party in consignment.parties} | {PLAN} if consignment else {PLAN}
    if custodian not in known:
        of = f"consignment {consignment.id}" if consignment else f"{record.container}, which has no consignment,"
        hint = f"known are {', '.join(sorted(known))}; {ANYWAY} enters it all the same"
        raise TcmError(entering(record), custodian, f"{of} has no such party", hint)


def _require_logger(record: OperatorRecord, rules: Rules, journal: JournalReader) -> None:
    logger = record.details["logger"]
    registered = {one.id for one in rules.container(record.container).logger}
    heard = {row["logger"] for row in journal.loggers() if row["container"] == record.container}
    if logger not in registered | heard:
        known = ", ".join(sorted(registered | heard)[:MAX_NAMED]) or "none"
        cause = f"{record.container} has no such logger"
        raise UnknownName(entering(record), logger, cause, f"known are {known}; {ANYWAY} enters it all the same")


def _require_open(record: OperatorRecord, alert_of: AlertOf) -> None:
    key = record.details["alert"]
    alert = _known_alert(key, alert_of)
    if alert["container"] != record.container:
        raise WireError(f"container: expected {alert['container']}, that of the alert, got {record.container}")
    if awaits_acknowledgement(alert):
        return
    said = alert["acknowledged"]
    if alert["state"] == ACKNOWLEDGED or (said is not None and alert["kind"] == "shock"):
        raise Conflict(entering(record), key, f"{said['by']} acknowledged it at {said['at']}")
    raise Conflict(entering(record), key, f"it was cleared at {alert['cleared_at']}")


def _known_alert(key: str, alert_of: AlertOf) -> dict[str, Any]:
    alert = alert_of(key)
    if alert is None:
        raise UnknownName("enter ack", key, "no such alert", "tcm alerts list shows all")
    return alert


def _require_silence(record: OperatorRecord, journal: JournalReader) -> None:
    if record.type == "silence-end":
        _require_running(record, journal)
        return
    known = dict(_said(journal.operators(types=("silence", "silence-end"))))
    ended = {one.details["silence"] for one in known.values() if one.type == "silence-end"}
    count = sum((one.until_ns or 0) > record.entered_ns for pos, one in known.items() if pos not in ended)
    if count >= MAX_SILENCES:
        raise TcmError(entering(record), record.container, f"there are {count} silences, no more are taken")


def _require_running(record: OperatorRecord, journal: JournalReader) -> None:
    """That the silence to be ended is one of the container, not over and not ended before."""
    pos = record.details["silence"]
    silence = _known_silence(pos, journal)
    if silence.container != record.container:
        raise WireError(f"container: expected {silence.container}, that of the silence, got {record.container}")
    if (silence.until_ns or 0) <= record.effective_ns:
        raise Conflict(entering(record), str(pos), f"it was over at {rfc3339(silence.until_ns or 0)}")
    for _, end in _said(journal.operators(pos, container=record.container, types=("silence-end",))):
        if end.details["silence"] == pos:
            raise Conflict(entering(record), str(pos), f"{end.by} ended it at {rfc3339(end.effective_ns)}")


def _known_silence(pos: int, journal: JournalReader) -> OperatorRecord:
    for found_pos, silence in _said(journal.operators(pos - 1, types=("silence",), limit=1)):
        if found_pos == pos:
            return silence
    raise UnknownName("enter silence-end", str(pos), "no such silence", "tcm silence list shows all")


def _book_of(container: str, journal: JournalReader) -> OperatorBook:
    """What operators set of a container."""
    book = OperatorBook()
    for pos, record in _said(journal.operators(container=container, types=KEPT_TYPES)):
        book = book.add(pos, record)
    return book


def _said(rows: Iterable[Record]) -> Iterator[tuple[int, OperatorRecord]]:
    """Positions of operators' records and what they say; watch tells of those that cannot be read."""
    for row in rows:
        with suppress(WireError):
            yield row.pos, OperatorRecord.read(load_json(row.payload))


def _require_room(record: OperatorRecord, journal: JournalReader) -> None:
    limits: tuple[tuple[tuple[str, ...], int], ...] = (((), MAX_CONTAINER_RECORDS),)
    if record.type in KEPT_TYPES:
        limits = ((KEPT_TYPES, MAX_SET_RECORDS), *limits)
    for types, most in limits:
        if journal.count_operators(record.container, types) >= most:
            of = f" of {', '.join(types)}" if types else ""
            raise TcmError(entering(record), record.container, f"it has {most} operator records{of}, no more are taken")
