"""Reading the journal behind a cursor: read-only, one batch a transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from monitor.journal.schema import IDENTITY_CONFLICT, JOURNAL_VERSION, open_for_reading
from monitor.model.condition import GATEWAY
from monitor.model.errors import JournalError
from monitor.model.record import Anchor, Record

MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 8 << 20  # 35 events of 37 000 samples, or 500 blocks of 16 kB: what a step may hold in memory
MAX_CACHED_ANCHORS = 100_000  # about 150 bytes each
LAST_POS = 1 << 62
_COLUMNS = "records.pos, received_ns, container, records.logger, records.boot, seq, kind, topic, payload"
# Of loggers in other containers than ?3 (JSON, NULL for all) the payload is left where it is.
_OWN_COLUMNS = _COLUMNS.replace(
    "payload",
    "iif(?3 IS NULL OR kind NOT IN ('env', 'shock', 'status') OR container IN (SELECT value FROM json_each(?3)), "
    "payload, NULL) AS payload",
)
_ANY_DETOUR = "SELECT 1 FROM waiting WHERE pos > ?1 OR until_pos > ?1 LIMIT 1"  # half the time of asking which
_NONE: set[int] = set()
# Behind ?1, of a container ?2 if that is not NULL, of types ?3 (JSON) if there are any; what is no JSON has none.
_OPERATORS = """kind = 'operator' AND pos > ?1 AND (?2 IS NULL OR container = ?2) AND (?3 = '[]' OR
    json_extract(iif(json_valid(CAST(payload AS TEXT)), CAST(payload AS TEXT), '{}'), '$.type')
    IN (SELECT value FROM json_each(?3)))"""


class Place(NamedTuple):
    """How far a reader has come: past `pos`, and past `given` of the records that wait for the position behind it."""

    pos: int = 0
    given: int = 0


class Page(NamedTuple):
    """Records in the order in which they are to be judged and stored, and the place behind them."""

    records: list[Record]
    reached: Place


class JournalReader:
    """One consumer's read-only view of `journal.db`.

    A record whose time needs an anchor that its boot does not have yet is passed over, and given out just before the
    record that the wait ended with. The writer notes both positions in table `waiting`, for ever: so every reader sees
    the same order whenever it reads, and however it cuts it.
    """

    def __init__(self, state_dir: Path, containers: Collection[str] | None = None) -> None:
        """With `containers` only their loggers' records are read, and all records of operators and the daemon's own."""
        self._path = state_dir / "journal.db"
        self._containers = None if containers is None else json.dumps(sorted(containers))
        self._connection = open_for_reading(self._path, JOURNAL_VERSION)
        self._anchors: dict[tuple[str, int], Anchor] = {}
        self.batches_again = 0  # given out of turn; by them one sees that whoever judges again moves
        self.on_batch_again: Callable[[], None] = lambda: None  # after a restart such work may take minutes

    @property
    def state_dir(self) -> Path:
        """The state directory that it reads."""
        return self._path.parent

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file, for the other ways of reading it in this package."""
        return self._connection

    def read(self, after: Place, limit: int = MAX_BATCH_RECORDS, limit_bytes: int = MAX_BATCH_BYTES) -> Page:
        """The next records behind `after` in order, at most `limit` and little over `limit_bytes` of payload.

        Those whose payload retention dropped are passed over. At the journal's beginning a configuration comes first:
        where a recovery could not find that, the first that is there, which then comes again in its place.

        Nothing follows when the place reached is `after`; a page on which all are passed over has no records.
        """
        pos, given = after
        size_bytes = 0
        statement = f"SELECT {_OWN_COLUMNS} FROM records WHERE pos > ?1 ORDER BY pos LIMIT ?2"
        try:
            records = self.found_config() if after == Place() else []
            with closing(self._connection.execute(statement, (pos, limit, self._containers))) as rows:
                # While `rows` are read the file is seen as of one moment: what waits in them waits at that moment.
                passed_over, released_at = self._detours(pos, limit)
                for row in rows:
                    if row[0] in released_at:
                        for waited in self._waited(row[0], given, limit):
                            records.append(waited)
                            given = waited.pos
                            size_bytes += len(waited.payload or b"")
                            if size_bytes >= limit_bytes or len(records) >= limit:
                                return Page(records, Place(row[0] - 1, given))
                    pos, given = row[0], 0
                    if pos not in passed_over and row[8] is not None:  # retention drops payloads that all have read
                        records.append(Record(*row))
                    size_bytes += len(row[8] or b"")
                    if size_bytes >= limit_bytes or len(records) >= limit:
                        break
        except sqlite3.Error as error:
            place = f"{self._path} behind position {pos}"
            raise JournalError(
                "read", place, str(error), "run tcm journal check, then tcm journal recover or restore a backup"
            ) from None
        return Page(records, Place(pos, given))

    def _detours(self, after_pos: int, limit: int) -> tuple[set[int], set[int]]:
        """The next positions that are passed over, and those just before which others are given out."""
        if self._connection.execute(_ANY_DETOUR, (after_pos,)).fetchone() is None:
            return _NONE, _NONE
        rows = self._connection.execute(
            """SELECT * FROM (SELECT 0, pos FROM waiting WHERE pos > ?1 ORDER BY pos LIMIT ?2) UNION ALL SELECT * FROM
            (SELECT DISTINCT 1, until_pos FROM waiting WHERE until_pos > ?1 ORDER BY until_pos LIMIT ?2)""",
            (after_pos, limit),
        ).fetchall()
        return {pos for is_release, pos in rows if not is_release}, {pos for is_release, pos in rows if is_release}

    def _waited(self, until_pos: int, after_pos: int, limit: int) -> Iterator[Record]:
        """What waited until a position, in the order of arrival, behind `after_pos`."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM waiting JOIN records USING(pos) WHERE until_pos = ?1 AND waiting.pos > ?2 "
            "AND payload IS NOT NULL AND (?4 IS NULL OR container IN (SELECT value FROM json_each(?4))) "
            "ORDER BY waiting.pos LIMIT ?3",
            (until_pos, after_pos, limit, self._containers),
        )
        return (Record(*row)._replace(has_waited=True) for row in rows)

    def gave_again(self) -> None:
        """Whoever reads out of turn is done with a batch: others may go first."""
        self.batches_again += 1
        self.on_batch_again()

    def anchor(self, logger: str, boot: int) -> Anchor | None:
        """Where a boot's `mono` lies in calendar time, None while that is not known; once set it never changes."""
        key = (logger, boot)
        if key not in self._anchors:
            row = self._connection.execute(
                "SELECT anchor_ns, anchor_mono_ns FROM boots WHERE logger = ? AND boot = ?", key
            ).fetchone()
            if row is None or row[0] is None:
                return None
            if len(self._anchors) >= MAX_CACHED_ANCHORS:
                self._anchors.clear()
            self._anchors[key] = Anchor(*row)
        return self._anchors[key]

    def head(self) -> tuple[int, str]:
        """Position and chain (hex) of the last record; (0, 64 zeros) of an empty journal."""
        row = self._connection.execute("SELECT pos, chain FROM records ORDER BY pos DESC LIMIT 1").fetchone()
        return (row[0], row[1].hex()) if row else (0, bytes(32).hex())

    def last_config(self, at_pos: int = LAST_POS) -> bytes | None:
        """The configuration in force, or in force at `at_pos`; None in a journal without any.

        Where a recovery could not find the one in force, the first behind it.
        """
        for order in ("pos <= ? ORDER BY pos DESC", "pos > ? ORDER BY pos"):
            statement = f"SELECT payload FROM records WHERE kind = 'config' AND {order} LIMIT 1"
            row: tuple[bytes] | None = self._connection.execute(statement, (at_pos,)).fetchone()
            if row is not None:
                return row[0]
        return None

    def found_config(self) -> list[Record]:
        """The first configuration, where the one that stood before all other records is lost; else nothing."""
        first = self._connection.execute("SELECT kind FROM records ORDER BY pos LIMIT 1").fetchone()
        if first is None or first[0] == "config":
            return []
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM records WHERE kind = 'config' ORDER BY pos LIMIT 1"
        ).fetchall()
        return [Record(*row) for row in rows]

    def operators(
        self, after_pos: int = 0, *, container: str | None = None, types: Sequence[str] = (), limit: int = -1
    ) -> list[Record]:
        """Operators' records behind a position, in order, the first `limit` of them (-1: all).

        Those of one container, and of some types, where these are given. At entry their number is bounded for each
        container.
        """
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM records WHERE {_OPERATORS} ORDER BY pos LIMIT ?4",
            (after_pos, container, json.dumps(types), limit),
        )
        return [Record(*row) for row in rows]

    def count_operators(self, container: str, types: Sequence[str] = ()) -> int:
        """Number of operators' records of a container, and of some types where these are given."""
        row = self._connection.execute(
            f"SELECT count(*) FROM records WHERE {_OPERATORS}", (0, container, json.dumps(types))
        ).fetchone()
        return int(row[0])

    def containers(self) -> list[str]:
        """Every container that anything was journalled of, by name; the gateway is none."""
        rows = self._connection.execute(
            """SELECT container FROM boots
            UNION SELECT container FROM records WHERE kind = 'operator' AND container <> ? ORDER BY container""",
            (GATEWAY,),
        )
        return [container for (container,) in rows]

    def conflicts(self, after: int, upto: int) -> Iterator[tuple[int, int, str]]:
        """(position in quarantine, received ns, topic) of identity conflicts behind `after` up to `upto`."""
        return self._connection.execute(
            f"SELECT pos, received_ns, topic FROM quarantine WHERE reason = '{IDENTITY_CONFLICT}' "
            "AND pos > ? AND pos <= ? ORDER BY pos",
            (after, upto),
        )

    def quarantined_at(self, pos: int) -> tuple[str, int, bytes | None]:
        """(topic, received ns, payload) at a position of quarantine; None for a payload that retention dropped."""
        statement = "SELECT topic, received_ns, payload FROM quarantine WHERE pos = ?"
        return self._connection.execute(statement, (pos,)).fetchone()  # type: ignore[no-any-return]  # SQLite rows are untyped

    def quarantined(self) -> int:
        """Number of rows in quarantine."""
        return int(self._connection.execute("SELECT coalesce(max(pos), 0) FROM quarantine").fetchone()[0])

    def records(self) -> int:
        """Number of env and shock records."""
        return int(self._connection.execute("SELECT count(*) FROM records WHERE seq IS NOT NULL").fetchone()[0])

    def gaps(self) -> dict[str, int]:
        """Number of records in gaps of each state; what is not known to be made is not missing."""
        # total() is a float: sum() of what loggers claim may leave 64 bits
        rows = self._connection.execute(
            """SELECT state, total("to" - "from" + 1) FROM gaps WHERE state <> 'unmade' GROUP BY state"""
        ).fetchall()
        return {"open": 0, "requested": 0, "filled": 0, "lost": 0} | {state: int(count) for state, count in rows}

    def loggers(self) -> list[dict[str, Any]]:
        """Each logger's latest boot: container, logger, boot, upto, next, clk, seen_ns; of all its boots `gap_records`
        (open) and `waiting` (records that cannot be placed in time yet).
        """
        rows = self._connection.execute(
            """SELECT container, logger, boot, upto, next, clk, max(seen_ns),
            (SELECT total("to" - "from" + 1) FROM gaps
             WHERE gaps.logger = boots.logger AND state IN ('open', 'requested')),
            (SELECT count(*) FROM waiting WHERE waiting.logger = boots.logger AND until_pos IS NULL)
            FROM boots GROUP BY logger ORDER BY container, logger"""
        ).fetchall()
        names = ("container", "logger", "boot", "upto", "next", "clk", "seen_ns", "gap_records", "waiting")
        return [dict(zip(names, row, strict=True)) | {"gap_records": int(row[7])} for row in rows]

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()
