"""An HTTP server whose answers the test writes to the byte, dripping and broken ones included."""

from __future__ import annotations

import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.processes import HOST

Answer = bytes | Callable[[socket.socket], None]
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
DRIP_S = 0.05


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} as the test wishes", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def cut(part: bytes) -> Callable[[socket.socket], None]:
    """Send a part of an answer and close the connection."""

    def send(connection: socket.socket) -> None:
        connection.sendall(part)
        connection.shutdown(socket.SHUT_RDWR)

    return send


def drip(head: bytes) -> Callable[[socket.socket], None]:
    """Send the head, then a byte now and then as long as the client listens."""

    def send(connection: socket.socket) -> None:
        connection.sendall(head)
        while not select.select([connection], [], [], DRIP_S)[0]:  # it can be read from when the client has gone
            connection.sendall(b"x")

    return send


class RawServer:
    """Gives the answers in `script`, then OK; `bodies` are those it received, `confirmed` those it answered OK to."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self.script: deque[Answer] = deque()
        self.bodies: list[bytes] = []
        self.confirmed: list[bytes] = []
        self.paths: list[str] = []

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of a connection until it ends."""
        with connection, connection.makefile("rb") as lines:
            while request := lines.readline():
                length = 0
                while (header := lines.readline()) != b"\r\n":
                    name, _, value = header.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                self._reply(connection, request.split()[1].decode(), lines.read(length))

    def _reply(self, connection: socket.socket, path: str, body: bytes) -> None:
        self.paths.append(path)
        self.bodies.append(body)
        said = self.script.popleft() if self.script else OK
        if said == OK:
            self.confirmed.append(body)
        if isinstance(said, bytes):
            connection.sendall(said)
        else:
            said(connection)


@contextmanager
def raw_server() -> Iterator[RawServer]:
    """A server that runs until the end of the context; connections that still drip end with the client."""
    listener = socket.create_server((HOST, 0))
    server = RawServer(listener.getsockname()[1])

    def handle(connection: socket.socket) -> None:
        try:
            server.serve(connection)
        except OSError:
            return  # the client gave up, which some tests want

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed: the context ended
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10.0)
