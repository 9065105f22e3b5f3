"""An HTTP server that is told: one connection, kept, and what its answers mean."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from monitor import __version__
from monitor.config.certificates import tls_context
from monitor.deadline import Connections, bounded_pools, why_unanswered, within
from monitor.notify.notification import NotTaken, Refused
from monitor.notify.said import said, secret_parts

CONNECT_S = 5.0  # a daemon that ends waits for it
ANSWER_S = 10.0
MAX_ANSWER_BYTES = 64 << 10  # Alertmanager's status with its configuration has some kB; more is not read
# Client errors that somebody mends, or that pass: the same is taken later.
PASSING = frozenset({401, 403, 404, 407, 408, 425, 429})
HINTS = {
    401: "check the secret",
    403: "check the secret and what it may do",
    404: "check the url",
    407: "a proxy stands between and asks for a login",
}
_PORTS = {"http": 80, "https": 443}
_LIMITS_MS = (round(CONNECT_S * 1000), round(ANSWER_S * 1000))


class Receiver:
    """A server under `url`, of which no more than scheme, host and port is ever said: the rest may be secret.

    `ca_file` (PEM) takes the place of the machine's certificates; `secret` and the rest of the url are hidden where the
    server repeats them.
    Requests come from one thread, `close` from any: it cuts what is under way.
    """

    def __init__(self, url: str, ca_file: Path | None = None, secret: str | None = None) -> None:
        parts = urlsplit(url)
        self.place = f"{parts.scheme}://{parts.netloc}"
        self._url = url
        self._secrets = secret_parts(url.partition(parts.netloc)[2]) | ({secret} if secret else set())
        self._connections = Connections()
        self._host, self._port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        self._tls = tls_context(ca_file) if parts.scheme == "https" else None
        self._manager = PoolManager(num_pools=1, maxsize=1, ssl_context=self._tls)
        self._manager.pool_classes_by_scheme = bounded_pools(self._connections)

    def ask(
        self, method: str, path: str = "", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Return once the server has taken the request; NotTaken or Refused else. Redirects are not followed."""
        operation, status, answer = f"notify: {method}", 0, b""
        try:
            with (
                within(CONNECT_S + ANSWER_S, self._connections.cut),
                # with the connection where a rest of the body is still to come, else that is kept
                contextlib.closing(self._response(method, path, body, headers or {})) as response,
            ):
                status = response.status
                answer = response.read(MAX_ANSWER_BYTES)
        except (HTTPError, TimeoutError) as error:
            if not status:  # which is the answer, whatever becomes of its body
                cause = said(why_unanswered(error, _LIMITS_MS), self._secrets)
                raise NotTaken(operation, self.place, cause, "is it up?") from error
        if 200 <= status < 300:
            return
        cause = f"status {status}: {said(answer, self._secrets)}"
        if 400 <= status < 500 and status not in PASSING:
            raise Refused(operation, self.place, cause)
        hint = "redirects are not followed: name the final url" if 300 <= status < 400 else HINTS.get(status, "")
        raise NotTaken(operation, self.place, cause, hint)

    def reach(self) -> None:
        """Return when the server takes a connection, with its certificate where there is one; NotTaken else."""
        try:
            with socket.create_connection((self._host, self._port), CONNECT_S) as plain:
                if self._tls is not None:
                    self._tls.wrap_socket(plain, server_hostname=self._host).close()
        except OSError as error:  # ssl's are such
            raise NotTaken("notify: connect", self.place, error.strerror or str(error)) from error

    def close(self) -> None:
        """Cut a request under way, which is then not taken, and take no others."""
        self._connections.end()
        self._manager.clear()

    def _response(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> BaseHTTPResponse:
        """The answer, whose body is still to be read."""
        return self._manager.request(
            *(method, self._url.rstrip("/") + path if path else self._url),
            body=body,
            headers={"User-Agent": f"tcm-monitor/{__version__}"} | headers,
            redirect=False,
            retries=False,
            timeout=Timeout(connect=CONNECT_S, read=ANSWER_S),
            preload_content=False,
            decode_content=False,
        )
