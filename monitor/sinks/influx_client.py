"""The HTTP of InfluxDB: requests that end in bounded time, InfluxQL statements, and what each refusal means.

Uses influxdb-client's HTTP layer (connection pool, authentication, TLS) and nothing above it: the client's batching
mode drops data after its retries, and its synchronous mode compresses at gzip level 9. It never retries: who calls
decides, because only the caller knows that a body is still in the journal.

This module imports slowly (influxdb-client, about 0.4 s): import it only where a server is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from monitor.deadline import Connections, bounded_pools, why_unanswered
from monitor.model.errors import SinkError
from monitor.sinks.sink import Held, RefusedLines, TooLarge, Unavailable

_CONNECTIONS = 5  # three writes in flight, one reader, one ping
_CONNECT_MS = 5_000  # a daemon that ends waits for it
_QUERY_MS = 60_000  # a page over a link of 1 Mbit/s takes half of it
_CAUSE_MAX = 300  # characters of a server's message that are passed on
_RETRY_AFTER_MAX_S = 300.0  # a server's wish beyond this would look like a stalled daemon
_JSON = {"Content-Type": "application/json"}
_ALL_QUESTIONS = "databases"  # the one series with which VictoriaMetrics answers whatever it is asked in InfluxQL
_ASKS_DATABASES = "SHOW DATABASES"
NOT_FOUND = 404
NO_ADMINISTRATOR = "create admin user first"  # InfluxDB 1 with login and without users says so to every question

_MAKE_ONE = "make the server's first administrator: deploy/influxdb/make-users, or CREATE USER ... WITH ALL PRIVILEGES"
OTHER_SERVER = "is it InfluxDB that listens there, and no proxy in its place? Correct the URL"
_UNWELL = "the server is busy or ill, or a proxy before it: look at their logs. Sending is tried again"
_HINTS = {
    401: "check the token, or user and password",
    403: "give this user or token permission to write and to read; `tcm store init` needs an administrator",
    NOT_FOUND: "create the database or bucket by `tcm store init`, or correct name and dialect",
}


class Answer(NamedTuple):
    """What a server answered: read as JSON where it is JSON; the names of `headers` in any case."""

    data: Any
    status: int
    headers: Mapping[str, str]


class InfluxClient:
    """One server as one user sees it; safe to use from several threads.

    `username` with `password` is basic authentication (v1), `token` belongs to v2; empty ones are not sent. `ca_file`
    (PEM) takes the place of the machine's certificates. `timeout_ms` bounds connecting, sending and each wait for the
    answer. `place` is what errors name.
    """

    def __init__(
        self,
        url: str,
        place: str,
        *,
        token: str = "",
        username: str = "",
        password: str = "",
        ca_file: Path | None = None,
        timeout_ms: int = 10_000,
    ) -> None:
        self._place = place
        self._limits_ms = (min(timeout_ms, _CONNECT_MS), timeout_ms)
        # With `auth_basic` the client sends `token` as "user:password"; its own username would open a v2 session.
        is_basic = bool(username)
        self._client: Any = InfluxDBClient(
            url,
            token=f"{username}:{password}" if is_basic else token,
            auth_basic=is_basic,
            timeout=self._limits_ms,
            retries=False,
            connection_pool_maxsize=_CONNECTIONS,
            ssl_ca_cert=str(ca_file) if ca_file else None,
        )
        self._connections = Connections()
        self._client.api_client.rest_client.pool_manager.pool_classes_by_scheme = bounded_pools(self._connections)

    def request(
        self,
        operation: str,
        path: str,
        method: str,
        parameters: list[tuple[str, str]],
        body: Any = None,
        headers: Mapping[str, str] = _JSON,
        missing: Any = None,
    ) -> Answer:
        """The answer to a request; `headers` go with a body. Every failure is a SinkError.

        Where `missing` is given, it is the answer of a server that does not find what it was asked for.
        """
        limits_ms = (_CONNECT_MS, _QUERY_MS) if operation == "query" else self._limits_ms
        try:
            data, status, answered = self._client.api_client.call_api(
                path,
                method,
                query_params=parameters,
                header_params=dict(headers) if body is not None else {},
                body=body,
                response_type="object",
                _request_timeout=limits_ms,
                urlopen_kw={"redirect": False},  # a write that is sent elsewhere, or as a GET, would look confirmed
            )
            return Answer(data, status, answered)
        except ApiException as error:
            if error.status == NOT_FOUND and missing is not None:
                return Answer(missing, NOT_FOUND, {})
            raise self._failure(operation, error) from error
        except (HTTPError, UnicodeDecodeError) as error:  # the latter: a proxy's page in another encoding
            hint = "is the server up, and this its port? Sending is tried again"
            raise Unavailable(
                f"InfluxDB: {operation}", self._place, _cut(why_unanswered(error, limits_ms)), hint
            ) from error
        except ValueError:  # without its text, which shows the header
            raise self.held(operation, "the token holds what no HTTP header can", "look at token_file") from None

    def query(self, database: str, statement: str, method: str = "GET") -> dict[str, Any]:
        """The one result of an InfluxQL statement; its errors come with status 200. What changes goes by POST."""
        parameters = [("db", database), ("epoch", "ns"), ("q", statement)]
        answer = self.request("query", "/query", method, parameters).data
        try:
            result: dict[str, Any] = answer["results"][0]
        except (KeyError, IndexError, TypeError) as error:
            raise self.held("query", f"no InfluxQL answer: {_cut(answer)!r}", "check the URL") from error
        if "error" in result:
            raise self.held("query", result["error"], _HINTS[NOT_FOUND])
        names = [series.get("name") for series in result.get("series", [])]
        if names == [_ALL_QUESTIONS] and statement != _ASKS_DATABASES:
            raise self.held("query", "this server answers no InfluxQL", "VictoriaMetrics is read by PromQL")
        return result

    def databases(self, database: str) -> list[str]:
        """The v1 databases that this user may see."""
        found = self.query(database, _ASKS_DATABASES).get("series", [{}])
        return [str(row[0]) for row in found[0].get("values", [])]

    def held(self, operation: str, cause: str, hint: str, status: int = 0) -> Held:
        """The error for what an operator has to look at."""
        return Held(f"InfluxDB: {operation}", self._place, cause, hint, status)

    def cut(self) -> None:
        """End the requests under way, each with Unavailable, and all that follow."""
        self._connections.end()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _failure(self, operation: str, error: ApiException) -> SinkError:
        """What the server's refusal means; a status that nobody expects is for an operator, nothing is dropped."""
        status, cause = error.status, f"status {error.status}: {_said(error)}"
        if status in (400, 422) and operation == "write":
            return RefusedLines("InfluxDB: write", self._place, cause)
        if status == 413:
            return TooLarge(f"InfluxDB: {operation}", self._place, cause)
        if status == 429 or status >= 500:
            wait_s = _retry_after_s(error)
            return Unavailable(f"InfluxDB: {operation}", self._place, cause, _UNWELL, wait_s)
        if status == 0:  # how the client reports a TLS failure
            return self.held(operation, _cut(error.reason), "`tcm check --connect` says what is wrong with TLS")
        return self.held(operation, cause, _hint(operation, status, cause), status)


def _hint(operation: str, status: int, cause: str) -> str:
    """What to do about a refusal."""
    if NO_ADMINISTRATOR in cause:
        return _MAKE_ONE
    if operation == "ping" and status == NOT_FOUND:  # it asks for no database
        return OTHER_SERVER
    return _HINTS.get(status, "check that the URL is InfluxDB's")


def _said(error: ApiException) -> str:
    """A server's own words; a page for people, as proxies and other servers send it, has none for this place."""
    said = _cut(error.body or error.reason)
    return "a page for browsers" if said.startswith("<") else said


def _cut(cause: object) -> str:
    return " ".join(str(cause).split())[:_CAUSE_MAX]


def _retry_after_s(error: ApiException) -> float | None:
    """The wait that the server asks for, in seconds; a date, which InfluxDB never sends, counts as none."""
    headers: Any = error.headers
    text = headers.get("Retry-After", "")
    return min(float(text), _RETRY_AFTER_MAX_S) if text.isdecimal() else None
