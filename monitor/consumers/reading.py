"""What lies in the journal as messages; what an earlier program took and this one refuses is passed over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from monitor.model.errors import WireError
from monitor.model.operator import PhaseRecord
from monitor.model.phase import PhaseBook
from monitor.model.record import Message, Record, Status
from monitor.wire import decode, owner_of
from monitor.wire.json_text import load_json

T = TypeVar("T")

log = logging.getLogger(__name__)


def read(record: Record) -> Message | None:
    """The message of an env, shock or status record; None, and an error in the log, where it does not decode.

    The journal keeps its bytes: one such record may stop nobody from reading those behind it.
    """
    return _read("record", record.pos, decode, record.kind, record.payload)


def read_status(pos: int, payload: bytes) -> Status | None:
    """The message of a status record; None as of `read`."""
    message = _read("record", pos, decode, "status", payload)
    return message if isinstance(message, Status) else None


def read_quarantined(pos: int, topic: str, payload: bytes) -> tuple[str, str, Message] | None:
    """(container, logger, message) of what lies at a position of the quarantine; None as of `read`."""
    return _read("quarantined message", pos, _owned, topic, payload)


def read_phase(record: Record) -> PhaseRecord | None:
    """What an operator record says; None as of `read`."""
    return _read("record", record.pos, _phase, record.kind, record.payload)


def phases_of(records: Iterable[Record]) -> PhaseBook:
    """What operator records set; a replay in order of time knows them all beforehand."""
    phases = PhaseBook()
    for record in records:
        said = read_phase(record)
        if said is not None:
            phases = phases.add(record.pos, said)
    return phases


def _phase(_kind: str, payload: bytes) -> PhaseRecord:
    return PhaseRecord.read(load_json(payload))


def _owned(topic: str, payload: bytes) -> tuple[str, str, Message]:
    container, logger, kind = owner_of(topic, payload)
    return container, logger, decode(kind, payload)


def _read(what: str, pos: int, parse: Callable[[str, bytes], T], key: str, payload: bytes) -> T | None:
    try:
        return parse(key, payload)
    except WireError as error:
        log.error(
            "%s %d (%s) cannot be read and is passed over; its bytes stay in the journal: %s", what, pos, key, error
        )
        return None
