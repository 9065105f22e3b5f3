"""InfluxDB through influxdb-client: line protocol in, InfluxQL out.

Both dialects use the client's HTTP layer (connection pool, authentication, TLS) and nothing above it: the client's
batching mode drops data after its retries, and its synchronous mode compresses at gzip level 9. It never retries:
who calls decides, because only the caller knows that a body is still in the journal.

This module imports slowly (influxdb-client, about 0.4 s): import it only where a sink is opened.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from numpy.typing import NDArray
from urllib3.exceptions import HTTPError

from monitor.config.address import is_loopback
from monitor.deadline import Connections, bounded_pools, why_unanswered
from monitor.model.batch import Points, Table
from monitor.model.errors import SinkError
from monitor.sinks.influxql import (
    bucket_retention_ns,
    quoted,
    read_columns,
    read_owners,
    read_retention_ns,
    read_series,
)
from monitor.sinks.line_protocol import lines
from monitor.sinks.sink import ENV, Held, RefusedLines, TooLarge, Unavailable
from monitor.sinks.stored import Columns

Dialect = Literal["v1", "v2"]

_CONNECTIONS = 5  # three writes in flight, one reader, one ping
_GZIP_LEVEL = 1  # 3.8 times smaller at 1.8 M lines/s; higher levels cost more than the link saves
_CONNECT_MS = 5_000  # a daemon that ends waits for it
_QUERY_MS = 60_000  # a page over a link of 1 Mbit/s takes half of it
_CAUSE_MAX = 300  # characters of a server's message that are passed on
NO_CONTENT = 204  # the one answer that confirms a write
_NO_POINTS = (
    b"# does the store take a write?\n"  # a comment: InfluxDB looks at database and permission, then answers 204
)
_RETRY_AFTER_MAX_S = 300.0  # a server's wish beyond this would look like a stalled daemon

_HINTS = {
    401: "check the token or the password",
    403: "give this user or token write permission",
    404: "create the database or bucket (v2: with a DBRP mapping), or correct its name",
}


class InfluxSink:
    """A database (v1) or bucket (v2) of InfluxDB; safe to use from several threads.

    `bucket` is the name of the v1 database, or of the v2 bucket and of its DBRP database for reading. `username` with
    `password` is basic authentication (v1), `token` and `org` belong to v2; empty ones are not sent. `timeout_ms`
    bounds connecting, sending and each wait for the answer. Bodies are compressed unless the server is this machine.
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
        timeout_ms: int = 10_000,
    ) -> None:
        self._place = f"{url} {bucket}"
        self.target = " ".join(part for part in (self.name, _without_user(url), org, bucket) if part)
        self._org, self._bucket, self._dialect = org, bucket, dialect
        self._headers = {"Content-Type": "text/plain; charset=utf-8"}
        self._limits_ms = (min(timeout_ms, _CONNECT_MS), timeout_ms)
        self._is_gzip = not is_loopback(urlsplit(url).hostname or "")
        if self._is_gzip:
            self._headers["Content-Encoding"] = "gzip"
        self._write_path = "/write" if dialect == "v1" else "/api/v2/write"
        target = {"db": bucket} if dialect == "v1" else {"org": org, "bucket": bucket}
        self._write_params = [(key, value) for key, value in (target | {"precision": "ns"}).items() if value]
        # With `auth_basic` the client sends `token` as "user:password"; its own username would open a v2 session.
        is_basic = bool(username)
        self._client: Any = InfluxDBClient(
            url,
            token=f"{username}:{password}" if is_basic else token,
            auth_basic=is_basic,
            timeout=self._limits_ms,
            retries=False,
            connection_pool_maxsize=_CONNECTIONS,
        )
        self._connections = Connections()
        self._client.api_client.rest_client.pool_manager.pool_classes_by_scheme = bounded_pools(self._connections)

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
            status = self._request("write", self._write_path, "POST", self._write_params, body)[1]
            if status != NO_CONTENT:
                cause = f"status {status}, expected {NO_CONTENT}: this is not what InfluxDB says of a write"
                raise self._held("write", cause, "check that the URL is InfluxDB's and no proxy answers in its place")

    def series(
        self, container: str, logger: str, field: str, from_ns: int, to_ns: int, measurement: str = ENV
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Read one field back, `from_ns` <= time < `to_ns`, in pages of bounded size."""
        return read_series(self._query, measurement, (container, logger, field), from_ns, to_ns)

    def columns(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> tuple[Columns, int]:
        """Read all fields of a logger back, a page at a time; see `Sink.columns`."""
        try:
            return read_columns(self._query, measurement, container, logger, from_ns, to_ns)
        except ValueError as error:
            raise self._held("query", str(error), "look at who writes to this database") from error

    def owners(self, measurement: str) -> set[tuple[str, str]]:
        """Container and logger of every series of a measurement."""
        return read_owners(self._query, measurement)

    def retention_ns(self) -> int | None:
        """How long points are kept, 0 for ever; None where v2 does not tell, as a token may only write."""
        if self._dialect == "v1":
            return read_retention_ns(self._query, self._bucket)
        try:
            names = [("org", self._org), ("name", self._bucket)]
            return bucket_retention_ns(self._call("query", "/api/v2/buckets", "GET", names))
        except Held:
            return None

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
            self._query("SHOW MEASUREMENTS LIMIT 1")
            return
        # Asked for only when it is missing: CREATE DATABASE needs an administrator, writing does not.
        if self._is_missing():
            self._query(f'CREATE DATABASE "{quoted(self._bucket)}"', method="POST")

    def try_write(self) -> None:
        """Write no point, as far as the server lets it; of a missing v1 database see whether `ensure` may create it."""
        if self._dialect == "v1" and self._is_missing():
            self._query("SHOW USERS")  # for administrators alone, as CREATE DATABASE is
        else:
            self.write(self._packed(_NO_POINTS))

    def ping(self) -> None:
        """Return when the server answers; says nothing of database and permission (`try_write` does)."""
        self._call("ping", "/ping", "GET", [])

    def cut(self) -> None:
        """End the writes under way, each with Unavailable, and all that follow: the daemon ends."""
        self._connections.end()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _packed(self, body: bytes) -> bytes:
        # mtime=0: the time of compressing would make two bodies of the same points differ.
        return gzip.compress(body, _GZIP_LEVEL, mtime=0) if self._is_gzip and body else body

    def _is_missing(self) -> bool:
        """Whether there is no such v1 database, or none that this user may see."""
        return [self._bucket] not in self._query("SHOW DATABASES").get("series", [{}])[0].get("values", [])

    def _query(self, statement: str, method: str = "GET") -> dict[str, Any]:
        """The one result of an InfluxQL statement; its errors come with status 200."""
        parameters = [("db", self._bucket), ("epoch", "ns"), ("q", statement)]
        answer = self._call("query", "/query", method, parameters)
        try:
            result: dict[str, Any] = answer["results"][0]
        except (KeyError, IndexError, TypeError) as error:
            raise self._held("query", f"no InfluxQL answer: {_cut(answer)!r}", "check the URL") from error
        if "error" in result:
            raise self._held("query", result["error"], _HINTS[404])
        return result

    def _call(
        self, operation: str, path: str, method: str, parameters: list[tuple[str, str]], body: bytes | None = None
    ) -> Any:
        """The answer to a request, read as JSON where it is JSON. Every failure is a SinkError."""
        return self._request(operation, path, method, parameters, body)[0]

    def _request(
        self, operation: str, path: str, method: str, parameters: list[tuple[str, str]], body: bytes | None
    ) -> tuple[Any, int]:
        """The answer to a request and its status. Every failure is a SinkError."""
        headers = self._headers.copy() if body is not None else {}
        limits_ms = (_CONNECT_MS, _QUERY_MS) if operation == "query" else self._limits_ms
        try:
            data, status, _ = self._client.api_client.call_api(
                path,
                method,
                query_params=parameters,
                header_params=headers,
                body=body,
                response_type="object",
                _request_timeout=limits_ms,
                urlopen_kw={"redirect": False},  # a write that is sent elsewhere, or as a GET, would look confirmed
            )
            return data, status
        except ApiException as error:
            raise self._failure(operation, error) from error
        except (HTTPError, UnicodeDecodeError) as error:  # the latter: a proxy's page in another encoding
            hint = "is the server up? Sending is tried again"
            raise Unavailable(
                f"InfluxDB: {operation}", self._place, _cut(why_unanswered(error, limits_ms)), hint
            ) from error

    def _failure(self, operation: str, error: ApiException) -> SinkError:
        """What the server's refusal means; a status that nobody expects is for an operator, nothing is dropped."""
        status, cause = error.status, f"status {error.status}: {_cut(error.body or error.reason)}"
        if status in (400, 422) and operation == "write":
            return RefusedLines("InfluxDB: write", self._place, cause)
        if status == 413:
            return TooLarge(f"InfluxDB: {operation}", self._place, cause)
        if status == 429 or status >= 500:
            wait_s = _retry_after_s(error)
            return Unavailable(f"InfluxDB: {operation}", self._place, cause, "sending is tried again", wait_s)
        if status == 0:  # how the client reports a TLS failure
            return self._held(operation, _cut(error.reason), "check the certificate and ca_file")
        return self._held(operation, cause, _HINTS.get(status, "check that the URL is InfluxDB's"))

    def _held(self, operation: str, cause: str, hint: str) -> Held:
        return Held(f"InfluxDB: {operation}", self._place, cause, hint)


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def _cut(cause: object) -> str:
    return " ".join(str(cause).split())[:_CAUSE_MAX]


def _retry_after_s(error: ApiException) -> float | None:
    """The wait that the server asks for, in seconds; a date, which InfluxDB never sends, counts as none."""
    headers: Any = error.headers
    text = headers.get("Retry-After", "")
    return min(float(text), _RETRY_AFTER_MAX_S) if text.isdecimal() else None
