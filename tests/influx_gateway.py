"""InfluxDB 2 for tests, as far as a client can tell: its paths in front of an InfluxDB 1 server."""

from __future__ import annotations

import http.client
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.processes import HOST, START_LIMIT_S, listening
from tests.servers import Influxd

SEEN_MAX = 1000  # requests that a gateway remembers


class Gateway:
    """InfluxDB 2's `/api/v2/write` and `/query` in front of an InfluxDB 1 server.

    `answer` (status, headers), when set, is given instead of forwarding; `hold`, when set, is called before each
    answer. `seen` holds (path, headers) of the latest requests, `client_ports` one number for each connection so far.
    """

    def __init__(self, backend_port: int, org: str, bucket: str, token: str) -> None:
        self.backend_port, self.org, self.bucket, self.token = backend_port, org, bucket, token
        self.answer: tuple[int, dict[str, str]] | None = None
        self.hold: Callable[[], object] | None = None
        self.seen: deque[tuple[str, dict[str, str]]] = deque(maxlen=SEEN_MAX)
        self.client_ports: set[int] = set()
        self.url = ""

    def reply(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        self.seen.append((target, headers))
        if self.hold is not None:
            self.hold()
        if self.answer is not None:
            return *self.answer, b'{"error": "as the test wishes"}'
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path != "/ping" and headers.get("Authorization") != f"Token {self.token}":
            return 401, {}, b'{"code": "unauthorized", "message": "unauthorized access"}'
        if path == "/api/v2/write":
            if query.get("org") != [self.org] or query.get("bucket") != [self.bucket]:
                return 404, {}, b'{"code": "not found", "message": "bucket not found"}'
            target = "/write?" + urlencode({"db": self.bucket, "precision": query["precision"][0]})
        elif path not in ("/query", "/ping"):
            return 404, {}, b'{"code": "not found", "message": "path not found"}'
        return self._forward(method, target, headers.get("Content-Encoding"), body)

    def _forward(
        self, method: str, target: str, encoding: str | None, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(HOST, self.backend_port, timeout=START_LIMIT_S)
        try:
            connection.request(method, target, body, {"Content-Encoding": encoding} if encoding else {})
            response = connection.getresponse()
            return response.status, {}, response.read()
        finally:
            connection.close()


@contextmanager
def influx_v2_gateway(
    backend: Influxd, org: str = "tcm", bucket: str = "tcm", token: str = "test-token"
) -> Iterator[Gateway]:
    """A gateway with which a v2 client writes to InfluxDB 1; `bucket` is the name of the database behind."""
    gateway = Gateway(backend.port, org, bucket, token)
    with served(gateway):
        yield gateway


@contextmanager
def served(gateway: Gateway) -> Iterator[None]:
    """The gateway, on a port of its own, which `url` says."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive, as InfluxDB does

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionResetError, BrokenPipeError):
                self.close_connection = True  # the client gave up, which some tests want

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing on stderr."""

        def do_POST(self) -> None:
            gateway.client_ports.add(self.client_address[1])
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, answer = gateway.reply(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if status != 204:
                self.wfile.write(answer)

        do_GET = do_PATCH = do_POST  # noqa: N815 - the names that http.server calls

    with listening(Handler) as gateway.url:
        yield
