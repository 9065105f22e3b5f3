"""InfluxDB as a store: line protocol in, InfluxQL out.

This module imports slowly (influxdb-client, about 0.4 s): import it only where a sink is opened.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from monitor.config.address import is_loopback
from monitor.model.batch import Points, Table
from monitor.sinks.influx_client import InfluxClient
from monitor.sinks.influxql import (
    bucket_retention_ns,
    quoted,
    read_columns,
    read_minutes,
    read_next_ns,
    read_owners,
    read_retention_ns,
    read_series,
)
from monitor.sinks.line_protocol import lines
from monitor.sinks.sink import ENV, Held, RefusedLines
from monitor.sinks.stored import Columns

Dialect = Literal["v1", "v2"]

_GZIP_LEVEL = 1  # 3.8 times smaller at 1.8 M lines/s; higher levels cost more than the link saves
NO_CONTENT = 204  # the one answer that confirms a write
_NO_POINTS = (
    b"# does the store take a write?\n"  # a comment: InfluxDB looks at database and permission, then answers 204
)
_NO_LINES = "incoming write was empty"  # what InfluxDB 3 says of it, with status 400, to whoever may write


class InfluxSink:
    """A database (v1) or bucket (v2) of InfluxDB; safe to use from several threads.

    `bucket` is the name of the v1 database, or of the v2 bucket and of its DBRP database for reading; `org` belongs to
    v2. For the rest see `InfluxClient`. Bodies are compressed unless the server is this machine.
    """

    name = "influxdb"
    is_keyed = False

    def __init__(
        self,
        url: str,
        dialect: Dialect,
        bucket: str,
        *,
        org: str = "",
        token: str = "",
        username: str = "",
        password: str = "",
        ca_file: Path | None = None,
        timeout_ms: int = 10_000,
    ) -> None:
        self._place = f"{url} {bucket}"
        self.target = " ".join(part for part in (self.name, _without_user(url), org, bucket) if part)
        self._org, self._bucket, self._dialect = org, bucket, dialect
        self._headers = {"Content-Type": "text/plain; charset=utf-8"}
        self._is_gzip = not is_loopback(urlsplit(url).hostname or "")
        if self._is_gzip:
            self._headers["Content-Encoding"] = "gzip"
        self._write_path = "/write" if dialect == "v1" else "/api/v2/write"
        target = {"db": bucket} if dialect == "v1" else {"org": org, "bucket": bucket}
        self._write_params = [(key, value) for key, value in (target | {"precision": "ns"}).items() if value]
        self.client = InfluxClient(
            url,
            self._place,
            token=token,
            username=username,
            password=password,
            ca_file=ca_file,
            timeout_ms=timeout_ms,
        )

    def prepare(self, points: Sequence[Points | Table]) -> bytes:
        """Line protocol, compressed for a server elsewhere; the same points always give the same bytes."""
        try:
            body = lines(points)
        except (ValueError, TypeError) as error:
            raise RefusedLines("build line protocol", self._place, str(error)) from error
        return self._packed(body)

    def write(self, body: bytes) -> None:
        """Send a body; returns when the server has confirmed all of it."""
        if body:
            answer = self.client.request("write", self._write_path, "POST", self._write_params, body, self._headers)
            if answer.status != NO_CONTENT:
                cause = f"status {answer.status}, expected {NO_CONTENT}: this is not what InfluxDB says of a write"
                hint = "check that the URL is InfluxDB's and no proxy answers in its place"
                raise self.client.held("write", cause, hint)

    def series(
        self, container: str, logger: str, field: str, from_ns: int, to_ns: int, measurement: str = ENV
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Read one field back, `from_ns` <= time < `to_ns`, in pages of bounded size."""
        return read_series(self.query, measurement, (container, logger, field), from_ns, to_ns)

    def columns(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> tuple[Columns, int]:
        """Read all fields of a logger back, a page at a time; see `Sink.columns`."""
        try:
            return read_columns(self.query, measurement, container, logger, from_ns, to_ns)
        except ValueError as error:
            raise self.client.held("query", str(error), "look at who writes to this database") from error

    def minutes(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> Points | None:
        """What a logger's minutes come to, as points of the copy; see `read_minutes`."""
        try:
            return read_minutes(self.query, measurement, container, logger, from_ns, to_ns)
        except ValueError as error:
            raise self.client.held("query", str(error), "raise the server's limit") from error
        except (KeyError, IndexError, TypeError) as error:
            cause = f"an answer that is none of InfluxDB's ({type(error).__name__}: {error})"
            raise self.client.held("query", cause, "what stands between here and the server?") from error

    def next_ns(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> int | None:
        """The time of a logger's first point, `from_ns` <= time < `to_ns`, None without any."""
        return read_next_ns(self.query, measurement, container, logger, from_ns, to_ns)

    def owners(self, measurement: str) -> set[tuple[str, str]]:
        """Container and logger of every series of a measurement."""
        return read_owners(self.query, measurement)

    def retention_ns(self) -> int | None:
        """How long points are kept, 0 for ever; None where v2 does not tell, as a token may only write."""
        if self._dialect == "v1":
            return read_retention_ns(self.query, self._bucket)
        try:
            names = [("org", self._org), ("name", self._bucket)]
            return bucket_retention_ns(self.client.request("query", "/api/v2/buckets", "GET", names).data)
        except Held:
            return None

    def is_there(self) -> bool:
        """Whether there is a v1 database, or a bucket mapped for InfluxQL, of this name that this login may see."""
        return self._bucket in self.client.databases(self._bucket)

    def open(self) -> None:
        """v1: create the database when it is missing. v2: only ask for an answer, as a token may only write."""
        if self._dialect == "v1":
            self.ensure()
        else:
            self.ping()

    def ensure(self) -> None:
        """Create the v1 database when it is missing; of v2 only check that the bucket can be queried.

        Raises Held when the database or bucket cannot be used, Unavailable when the server does not answer.
        """
        if self._dialect != "v1":
            self.query("SHOW MEASUREMENTS LIMIT 1")
            return
        # Asked for only when it is missing: CREATE DATABASE needs an administrator, writing does not.
        if not self.is_there():
            self.query(f'CREATE DATABASE "{quoted(self._bucket)}"', method="POST")

    def try_write(self) -> None:
        """Write no point, as far as the server lets it; of a missing v1 database see whether `ensure` may create it."""
        if self._dialect == "v1" and not self.is_there():
            self.query("SHOW USERS")  # for administrators alone, as CREATE DATABASE is
            return
        try:
            self.write(self._packed(_NO_POINTS))
        except RefusedLines as error:
            if _NO_LINES not in error.cause:
                raise

    def query(self, statement: str, method: str = "GET") -> dict[str, Any]:
        """The one result of an InfluxQL statement; what changes something goes by POST. Raises SinkError."""
        return self.client.query(self._bucket, statement, method)

    def ping(self) -> None:
        """Return when the server answers; says nothing of database and permission (`try_write` does)."""
        self.client.request("ping", "/ping", "GET", [])

    def cut(self) -> None:
        """End the writes under way, each with Unavailable, and all that follow: the daemon ends."""
        self.client.cut()

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _packed(self, body: bytes) -> bytes:
        # mtime=0: the time of compressing would make two bodies of the same points differ.
        return gzip.compress(body, _GZIP_LEVEL, mtime=0) if self._is_gzip and body else body


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
