"""A receiver of webhooks in the thread of whoever reads it: no hand-over between threads is measured."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.processes import HOST

PIECE_BYTES = 65_536
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Notification(NamedTuple):
    """What was told, and when all of it was there (perf_counter)."""

    content: dict[str, Any]
    at_s: float


class Receiver:
    """Takes each request to its port, several connections at a time, and answers that it was taken."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self._unread: dict[socket.socket, bytes] = {}  # by connection, what came of the next request

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://{HOST}:{self._listener.getsockname()[1]}/"

    @property
    def sockets(self) -> list[socket.socket]:
        """One of them can be read when there is something to `read`."""
        return [self._listener, *self._unread]

    def read(self) -> list[Notification]:
        """What came since, without waiting."""
        found: list[Notification] = []
        for ready in select.select(self.sockets, [], [], 0)[0]:
            if ready is self._listener:
                connection, _ = ready.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._unread[connection] = b""
            else:
                found += self._take(ready)
        return found

    def close(self) -> None:
        """Give the port back."""
        for each in self.sockets:
            each.close()

    def _take(self, connection: socket.socket) -> Iterator[Notification]:
        piece = connection.recv(PIECE_BYTES)
        at_s = time.perf_counter()
        if not piece:
            del self._unread[connection]
            connection.close()
            return
        head, separator, body = (self._unread[connection] + piece).partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            self._unread[connection] = head + separator + body
            return
        self._unread[connection] = b""  # a client waits for the answer before its next request
        connection.sendall(ANSWER)
        yield Notification(json.loads(body), at_s)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver, closed however it ends."""
    one = Receiver()
    try:
        yield one
    finally:
        one.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"a request without its length: {head!r}")
