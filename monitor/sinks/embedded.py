"""The embedded store: one SQLite file of compressed chunks, for a site without InfluxDB."""

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.model.batch import Points, Table
from monitor.model.errors import SinkError
from monitor.sinks.chunk import pack, unpack, unpack_all
from monitor.sinks.sink import ENV, Held, RefusedLines, Unavailable
from monitor.sinks.stored import TAGS, Columns, Part, Tags, as_array, merged

_VERSION = 1  # of the tables, kept in `user_version`
_BUSY_S = 5.0  # wait for a lock; readers and the one writer never block each other for longer in WAL mode
_WAL_BYTES_MAX = 64 * 1024 * 1024  # what a long reader let the WAL grow to is given back down to this

# The chunks of a series lie together in order of key, so a range is read from neighbouring pages. The second index
# begins with t_last_ns because most questions are about the newest data.
_TABLES = f"""
CREATE TABLE series (
    id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, container TEXT NOT NULL, logger TEXT NOT NULL,
    tags TEXT NOT NULL, UNIQUE (measurement, container, logger, tags));
CREATE TABLE chunks (
    series INTEGER NOT NULL REFERENCES series, key INTEGER NOT NULL, t_first_ns INTEGER NOT NULL,
    t_last_ns INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (series, key)) WITHOUT ROWID;
CREATE INDEX chunks_by_time ON chunks (series, t_last_ns, t_first_ns);
PRAGMA user_version = {_VERSION};
"""
_ADD_SERIES = "INSERT OR IGNORE INTO series (measurement, container, logger, tags) VALUES (?, ?, ?, ?)"
_PUT_CHUNK = """
INSERT OR REPLACE INTO chunks SELECT id, ?, ?, ?, ?, ? FROM series
WHERE measurement = ? AND container = ? AND logger = ? AND tags = ?
"""
_READ = """
SELECT body FROM chunks JOIN series ON series.id = chunks.series
WHERE measurement = ? AND container = ? AND logger = ? AND t_last_ns >= ? AND t_first_ns < ? ORDER BY key
"""

_READ_ALL = _READ.replace("SELECT body", "SELECT tags, body")

_Series = tuple[str, str, str, str]  # measurement, container, logger, all tags as JSON
_Chunk = tuple[int, int, int, int, bytes]  # key, t_first_ns, t_last_ns, n, body
Body = list[tuple[_Series, _Chunk]]


class EmbeddedSink:
    """Points in `path`, created when it is missing; one writer for each file, any number of readers.

    Writes are durable when they return (synchronous=FULL). An I/O error ends writing until the next start: after a
    failed fsync nothing that the open file says can be trusted, while reopening it recovers what was confirmed.
    """

    name = target = "embedded"
    is_keyed = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._io_error = ""
        try:
            self._connection = _open(path)
        except (sqlite3.Error, OSError) as error:
            raise self._failure("open", error) from error

    def prepare(self, points: Sequence[Points | Table]) -> Body:
        """Compressed chunks, one for each series and key; the same points always give an equal body."""
        parts: dict[tuple[_Series, int], list[Points]] = {}
        for one in _by_series(points):
            if len(one.times_ns):
                parts.setdefault((_series(one), one.key), []).append(one)
        try:
            return [(series, _chunk(key, group)) for (series, key), group in parts.items()]
        except (ValueError, TypeError) as error:
            raise RefusedLines("embedded store: pack", str(self._path), str(error)) from error

    def write(self, body: Body) -> None:
        """Commit a body in one transaction; a chunk replaces the one of its series and key."""
        with self._lock:
            if self._io_error:
                raise Held("embedded store: write", str(self._path), self._io_error, "check the disk, restart")
            try:
                with self._connection:
                    self._connection.executemany(_ADD_SERIES, [series for series, _ in body])
                    self._connection.executemany(_PUT_CHUNK, [chunk + series for series, chunk in body])
            except sqlite3.Error as error:
                raise self._failure("write", error) from error

    def series(
        self, container: str, logger: str, field: str, from_ns: int, to_ns: int, measurement: str = ENV
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Read one field back, `from_ns` <= time < `to_ns`; of two values at one time the later key's stands."""
        return read_series(self._path, container, logger, field, from_ns, to_ns, measurement)

    def columns(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> tuple[Columns, int]:
        """Read all fields of a logger back, in one page; of two values at one time the later key's stands."""
        parts: dict[tuple[Tags, str], list[Part]] = {}
        try:
            with closing(_reader(self._path)) as connection:
                for text, body in connection.execute(_READ_ALL, (measurement, container, logger, from_ns, to_ns)):
                    known = json.loads(text)
                    tags = tuple((name, known.get(name, "")) for name in TAGS[measurement])
                    for times_ns, fields in unpack_all(body):
                        wanted = (times_ns >= from_ns) & (times_ns < to_ns)
                        for name, values in fields.items():
                            parts.setdefault((tags, name), []).append((times_ns[wanted], as_array(values)[wanted]))
        except (sqlite3.Error, zlib.error) as error:
            raise self._failure("read", error) from error
        return {key: column for key, each in parts.items() if (column := merged(each)).times_ns.size}, to_ns

    def owners(self, measurement: str) -> set[tuple[str, str]]:
        """Container and logger of every series of a measurement."""
        try:
            with closing(_reader(self._path)) as connection:
                statement = "SELECT DISTINCT container, logger FROM series WHERE measurement = ?"
                return set(connection.execute(statement, (measurement,)).fetchall())
        except sqlite3.Error as error:
            raise self._failure("read", error) from error

    def retention_ns(self) -> int | None:
        """It keeps everything."""
        return 0

    def is_there(self) -> bool:
        """Its file is made as it is opened."""
        return True

    def open(self) -> None:
        """Nothing is left to do: the file was opened when this was made."""

    def try_write(self) -> None:
        """As `ping`: the file was opened for writing when this was made."""
        self.ping()

    def ping(self) -> None:
        """Return when the file can be read."""
        try:
            with closing(_reader(self._path)) as connection:
                connection.execute("SELECT 1 FROM series LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise self._failure("ping", error) from error

    def cut(self) -> None:
        """Nothing is left to do: a commit ends by itself."""

    def close(self) -> None:
        """Checkpoint and close the file."""
        with self._lock:
            self._connection.close()

    def _failure(self, operation: str, error: Exception) -> SinkError:
        code = getattr(error, "sqlite_errorname", "")
        cause = f"{code}: {error}" if code else str(error)
        operation, place = f"embedded store: {operation}", str(self._path)
        if code.startswith("SQLITE_IOERR"):
            self._io_error = cause
            return Held(operation, place, cause, "check the disk, then restart the daemon")
        if code in ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL"):
            return Unavailable(operation, place, cause, "free space on the disk, end other writers")
        return Held(operation, place, cause, "check the file and its folder; moved away, it is made anew")


def read_series(
    path: Path, container: str, logger: str, field: str, from_ns: int, to_ns: int, measurement: str = ENV
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Read one field of a store's file, with or without a daemon on it; see `Sink.series`.

    Each read has a connection of its own, which neither writes nor checkpoints.
    """
    try:
        with closing(_reader(path)) as connection:
            rows = connection.execute(_READ, (measurement, container, logger, from_ns, to_ns))
            parts = [part for (body,) in rows for part in unpack(body, field)]
    except (sqlite3.Error, zlib.error) as error:
        raise Held("embedded store: read", str(path), str(error), "check the file and its permissions") from error
    times_ns = np.concatenate([np.empty(0, np.int64), *(times for times, _ in parts)])
    values = np.concatenate([np.empty(0, np.float64), *(values for _, values in parts)])
    wanted = (times_ns >= from_ns) & (times_ns < to_ns) & np.isfinite(values)
    times_ns, values = times_ns[wanted], values[wanted]
    order = np.argsort(times_ns, kind="stable")  # stable: at equal times the order of keys remains
    times_ns, values = times_ns[order], values[order]
    is_last = np.append(times_ns[1:] != times_ns[:-1], True)[: len(times_ns)]
    return times_ns[is_last], values[is_last]


def _by_series(points: Sequence[Points | Table]) -> Iterator[Points]:
    for one in points:
        yield from one.split() if isinstance(one, Table) else (one,)


def _series(points: Points) -> _Series:
    tags = dict(points.tags)
    text = json.dumps(tags, sort_keys=True, separators=(",", ":"))
    return points.measurement, tags.get("container", ""), tags.get("logger", ""), text


def _chunk(key: int, parts: list[Points]) -> _Chunk:
    first_ns = min(int(part.times_ns.min()) for part in parts)
    last_ns = max(int(part.times_ns.max()) for part in parts)
    return key, first_ns, last_ns, sum(len(part.times_ns) for part in parts), pack(parts)


def _open(path: Path) -> sqlite3.Connection:
    """The one connection that writes and checkpoints."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_MAX}")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN; {_TABLES} COMMIT;")
    elif version != _VERSION:
        connection.close()
        raise sqlite3.DatabaseError(f"tables of version {version}, this program knows {_VERSION}")
    return connection


def _reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection
