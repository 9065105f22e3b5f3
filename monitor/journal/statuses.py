"""What a logger last said of itself, out of its statuses and without the wills that speak of nothing present."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.journal.reader import LAST_POS, JournalReader
from monitor.model.errors import WireError
from monitor.model.record import Status
from monitor.wire import decode

MAX_WILLS = 16  # one behind the other: a logger says something between two of them; further back nobody looks


def last_status(reader: JournalReader, logger: str) -> Status | None:
    """A logger's last status that is no stale will, None before the first."""
    wills: list[Status] = []
    for status in statuses(reader, logger, LAST_POS, MAX_WILLS + 1):
        if status.state != "offline":
            return next((will for will in wills if will.stamp.boot == status.stamp.boot), status)
        wills.append(status)
    return wills[0] if wills else None


def last_serial(reader: JournalReader, logger: str) -> str | None:
    """The serial that a logger last said of itself, None where its latest statuses name none."""
    found = statuses(reader, logger, LAST_POS, MAX_WILLS + 1)
    return next((status.serial for status in found if status.serial), None)


def is_stale_will(reader: JournalReader, pos: int, logger: str, status: Status) -> bool:
    """Whether the status at `pos` is the will of a connection that died unnoticed while its logger began anew.

    Then what the logger itself said last before `pos` came from another boot: it speaks of nothing present. The
    positions alone decide, so every reader says the same, whenever it looks.
    """
    if status.state != "offline":
        return False
    for said in statuses(reader, logger, pos, MAX_WILLS):
        if said.state != "offline":
            return said.stamp.boot != status.stamp.boot
    return False


def statuses(reader: JournalReader, logger: str, before_pos: int, limit: int) -> Iterator[Status]:
    """A logger's statuses before a position, the latest first; watch tells of those that cannot be read."""
    rows = reader.connection.execute(
        "SELECT payload FROM records WHERE kind = 'status' AND logger = ? AND pos < ? AND payload IS NOT NULL "
        "ORDER BY pos DESC LIMIT ?",
        (logger, before_pos, limit),
    )
    for (payload,) in rows:
        try:
            status = decode("status", payload)
        except WireError:
            continue
        assert isinstance(status, Status)  # as its kind says
        yield status
