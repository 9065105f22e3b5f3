"""Whether boots and gaps agree with the rows: every seq below a boot's `next` is there, missing by name, or settled.

Only what can be proved is reported. A seq may have been settled by a message in quarantine (not by one that lies there
for what else was known of it), and of a message whose payload was dropped nobody can tell which; of derived seqs, which
are times, nobody knows which were made.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice

from monitor.journal.gaps import FILLED
from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.journal.settle import TOO_MANY_GAPS
from monitor.model.errors import WireError
from monitor.model.record import NATIVE_TOPICS, Status
from monitor.wire import decode, parse_topic

MAX_BOOTS = 1_000  # looked at one after the other
MAX_MISSING = 100_000  # seqs of a boot that are looked for in quarantine
_SETTLING = f"reason NOT IN ('{IDENTITY_CONFLICT}', '{TOO_MANY_GAPS}')"  # these two settle nothing
Report = Callable[[str, str, int | None, str], None]
BootId = tuple[str, int]
_SEQS = "logger = ? AND boot = ? AND seq IS NOT NULL"  # what the index of identities covers


def check_accounts(connection: sqlite3.Connection, report: Report) -> None:
    """Report the first boot of each kind whose boots and gaps do not agree with its rows."""
    unknown = connection.execute(
        "SELECT logger, boot FROM records WHERE seq IS NOT NULL EXCEPT SELECT logger, boot FROM boots LIMIT 1"
    ).fetchone()
    if unknown:
        report("boots", "unknown", None, f"logger {unknown[0]} boot {unknown[1]} has records, but is not there")
    suspects = [boot for boot in _boots(connection) if _check_boot(connection, boot, report)]
    # Looked for before quarantine is read: what settles a seq is there when the seq counts as settled.
    missing = {boot: list(islice(_missing(connection, boot), MAX_MISSING)) for boot in suspects[:MAX_BOOTS]}
    settled = Settled(connection) if missing else None
    for (logger, boot), seqs in missing.items():
        seq = next((seq for seq in seqs if settled and not settled.may_hold(logger, boot, seq)), None)
        if seq is not None:
            text = f"logger {logger} boot {boot} seq {seq} counts as journalled, but is not there"
            report("boots", "missing", None, text)


class Settled:
    """The seqs that messages in quarantine may have settled."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._seqs: dict[BootId, set[int]] = {}
        self._unclear: set[str] = set()  # loggers of whose messages not all can be read any more
        position = 0
        while rows := connection.execute(
            f"SELECT pos, topic, payload FROM quarantine WHERE pos > ? AND {_SETTLING} ORDER BY pos LIMIT 100",
            (position,),
        ).fetchall():
            for _, topic, payload in rows:
                self._add(topic, payload)
            position = rows[-1][0]

    def of(self, boot: BootId) -> set[int]:
        """The seqs of a boot that messages of which the payload is there may have settled."""
        return self._seqs.get(boot, set())

    def may_hold(self, logger: str, boot: int, seq: int) -> bool:
        """Whether a message in quarantine may have settled a seq."""
        return logger in self._unclear or seq in self._seqs.get((logger, boot), ())

    def _add(self, topic: str, payload: bytes | None) -> None:
        identity, logger = None, ""
        try:
            place = parse_topic(topic)
            logger = place.logger
            if payload is None:
                self._unclear.add(logger)
                return
            message = decode(place.kind, payload)
            identity = None if isinstance(message, Status) else (message.stamp.boot, message.seq)
        except WireError as error:
            identity = error.identity
        if identity is not None:
            self._seqs.setdefault((logger, identity[0]), set()).add(identity[1])


def _boots(connection: sqlite3.Connection) -> Iterator[BootId]:
    boot: BootId = ("", -1)
    while rows := connection.execute(
        f"SELECT logger, boot FROM boots WHERE (logger, boot) > (?, ?) ORDER BY logger, boot LIMIT {MAX_BOOTS}", boot
    ).fetchall():
        yield from rows
        boot = rows[-1]


def _check_boot(connection: sqlite3.Connection, boot: BootId, report: Report) -> bool:
    """Whether the boot counts more as journalled than there is, which quarantine may explain."""
    connection.execute("BEGIN")  # one moment of a file that is written meanwhile
    try:
        next_seq, gaps = _account(connection, boot)
        for first, last in [*gaps, (next_seq, None)]:
            there = _first_there(connection, boot, first, last)
            if there is not None:
                text = f"logger {boot[0]} boot {boot[1]} seq {there[0]} is there, but counts as missing"
                report("gaps", "there", there[1], text)
        (count,) = connection.execute(f"SELECT count(*) FROM records WHERE {_SEQS}", boot).fetchone()
        is_short = count < next_seq - sum(last - first + 1 for first, last in gaps)
        return is_short and not is_derived(connection, boot)
    finally:
        connection.execute("COMMIT")


def _account(connection: sqlite3.Connection, boot: BootId) -> tuple[int, list[tuple[int, int]]]:
    """`next` of a boot, and its gaps that are not filled."""
    (next_seq,) = connection.execute("SELECT next FROM boots WHERE logger = ? AND boot = ?", boot).fetchone()
    select = 'SELECT "from", "to" FROM gaps WHERE logger = ? AND boot = ? AND state <> ? ORDER BY "from"'
    return next_seq, connection.execute(select, (*boot, FILLED)).fetchall()


def _first_there(connection: sqlite3.Connection, boot: BootId, first: int, last: int | None) -> tuple[int, int] | None:
    """(seq, position) of the first record in a range, to the end where `last` is None."""
    upper = "" if last is None else f" AND seq <= {last}"
    row: tuple[int, int] | None = connection.execute(
        f"SELECT seq, pos FROM records WHERE {_SEQS} AND seq >= ?{upper} ORDER BY seq LIMIT 1", (*boot, first)
    ).fetchone()
    return row


def is_derived(connection: sqlite3.Connection, boot: BootId) -> bool:
    """Whether the boot's records came in another format, so that its seqs are times."""
    row = connection.execute(f"SELECT topic FROM records WHERE {_SEQS} LIMIT 1", boot).fetchone()
    return row is not None and not row[0].startswith(NATIVE_TOPICS)


def _missing(connection: sqlite3.Connection, boot: BootId) -> Iterator[int]:
    """The seqs below `next` that are neither there nor in a gap, lowest first."""
    next_seq, gaps = _account(connection, boot)
    taken = sorted(
        [*gaps, *((seq, seq) for (seq,) in connection.execute(f"SELECT seq FROM records WHERE {_SEQS}", boot))]
    )
    at = 0
    for first, last in [*taken, (next_seq, next_seq)]:
        yield from range(at, first)
        at = max(at, last + 1)
