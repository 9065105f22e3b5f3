"""What lies in the journal as messages; what an earlier program took and this one refuses is passed over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from monitor.model.errors import WireError
from monitor.model.operator import OperatorRecord
from monitor.model.operator_book import OperatorBook
from monitor.model.record import Message, Record, Status
from monitor.wire import decode, owner_of
from monitor.wire.json_text import load_json

T = TypeVar("T")
Decode = Callable[[str, bytes], Message]

log = logging.getLogger(__name__)


def read(record: Record, decode: Decode = decode) -> Message | None:
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


def read_operator(record: Record) -> OperatorRecord | None:
    """What an operator record says; None as of `read`."""
    return _read("record", record.pos, _operator, record.kind, record.payload)


def said_in(records: Iterable[Record]) -> Iterator[tuple[int, OperatorRecord]]:
    """Positions of operator records, and what they say; those that do not decode are passed over."""
    for record in records:
        said = read_operator(record)
        if said is not None:
            yield record.pos, said


def book_of(records: Iterable[Record], book: OperatorBook | None = None) -> OperatorBook:
    """A book, by default an empty one, and what operator records set."""
    book = book or OperatorBook()
    for pos, said in said_in(records):
        book = book.add(pos, said)
    return book


def _operator(_kind: str, payload: bytes) -> OperatorRecord:
    return OperatorRecord.read(load_json(payload))


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
