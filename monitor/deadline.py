"""Connections to servers that have to answer as a whole within a time.

A socket's time-out begins anew with each byte: a server that drips its answer would hold its thread for ever and look
healthy. Here the connection is cut when the time is over, and when the daemon ends.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse


class Connections:
    """The open connections of one client; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.is_ended = False

    def add(self, opened: socket.socket) -> None:
        """Take note of a new connection, until it is closed and forgotten."""
        with self._lock:
            self._sockets.add(opened)
            if self.is_ended:
                _cut(opened)

    def cut(self) -> None:
        """Cut all of them: whoever waits for an answer gets an error at once."""
        with self._lock:
            for one in self._sockets:
                _cut(one)

    def end(self) -> None:
        """Cut all of them, and those to come."""
        self.is_ended = True
        self.cut()


class _Bounded:
    """Put before a connection of urllib3; `timeout` is what that has left of the request's."""

    open_ones: Connections
    timeout: float
    sock: socket.socket

    def connect(self) -> None:
        """Connect; the socket may be cut from now on."""
        super().connect()  # type: ignore[misc]  # of the connection behind
        self.open_ones.add(self.sock)

    def getresponse(self) -> HTTPResponse:
        """The answer with its body; TimeoutError, which urllib3 knows, when it is not all there in time."""
        with within(self.timeout, functools.partial(_cut, self.sock)):
            response: HTTPResponse = super().getresponse()  # type: ignore[misc]  # as above
        if self.open_ones.is_ended:
            raise TimeoutError("cut as the daemon ends")  # a head that was cut off reads as whole
        return response


def bounded_pools(connections: Connections) -> dict[str, Any]:
    """The pools by scheme for urllib3's `PoolManager`; a body that is not preloaded needs a limit of its own."""

    class Plain(_Bounded, HTTPConnection):  # type: ignore[misc]  # urllib3 has wider types of timeout and sock
        open_ones = connections

    class Tls(_Bounded, HTTPSConnection):  # type: ignore[misc]  # as above
        open_ones = connections

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain  # type: ignore[assignment]  # as above

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls  # type: ignore[assignment]  # as above

    return {"http": PlainPool, "https": TlsPool}


def why_unanswered(error: Exception, limits_ms: tuple[int, int]) -> str:
    """Why a request has no answer, in an operator's words; `limits_ms` were for connecting and for the answer."""
    connect_s, answer_s = (limit_ms / 1000 for limit_ms in limits_ms)
    match error:
        case NameResolutionError():
            return "no such host name is known"
        case NewConnectionError():
            return str(getattr(error.__cause__, "strerror", None) or error.__cause__)
        case ConnectTimeoutError():
            return f"no connection within {connect_s:g} s"
        case ReadTimeoutError():
            return f"no answer within {answer_s:g} s"
        case ProtocolError():
            cause = error.args[-1]
            return f"the connection broke: {getattr(cause, 'strerror', None) or cause}"
    return str(error)


@contextlib.contextmanager
def within(limit_s: float, cut: Callable[[], None]) -> Iterator[None]:
    """Call `cut` when the body takes longer; TimeoutError then, also when what was read looks whole."""
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        cut()

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if is_over.is_set():  # in place of whatever error the cut has led to
            raise TimeoutError("the answer was not complete in time")


def _cut(connection: socket.socket) -> None:
    """End reading and writing; who does so in another thread gets an error or an end at once."""
    with contextlib.suppress(OSError):  # it has ended
        # Not by a TLS connection's own method, which would take its state away from under the thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
