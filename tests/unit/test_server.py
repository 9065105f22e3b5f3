"""The HTTP server under its pages: connections that bring no request, requests that are none, and what is logged."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn

from monitor import API, __version__
from monitor.cli.output import ask_daemon
from monitor.config import Access, WebSettings
from monitor.model.clock import NS_PER_S, SystemClock
from monitor.model.errors import TcmError
from monitor.web import Backend, make_server, server
from monitor.web.few_lines import MAX_LINES, FewLines
from tests.processes import HOST, wait_until

LIMIT_S, HEAD_S = 10.0, 0.3
PATIENT_S = 2.0  # in which four connect and a fifth asks, on a busy machine
TOKEN = "t" * 43
ASK = b"GET /api/status HTTP/1.1\r\nHost: x\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHo"


class Upload:
    """A file that never comes to its end."""

    def abandon(self) -> None:
        """Nothing of it is there."""


class Slow:
    """As much of a daemon as these tests ask; its status takes as long as `meanwhile`."""

    is_ending = False

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def status(self) -> dict[str, Any]:
        self._meanwhile()
        return {"instance": "slow"}

    def upload(self, _name: str) -> Upload:
        return Upload()

    def reload(self) -> dict[str, Any]:
        return {"changed": False}


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a server listens that knows little patience and four connections."""
    monkeypatch.setattr(server, "HEAD_S", HEAD_S)
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 4)
    with serving() as (listens, _):
        yield listens


@contextmanager
def serving() -> Iterator[tuple[int, uvicorn.Server]]:
    """A server, and where it listens."""
    listening = socket.create_server((HOST, 0))
    port = listening.getsockname()[1]
    backend = Slow(lambda: outlast_a_head(port))
    running = make_server(cast(Backend, backend), TOKEN, SystemClock())
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield port, running
    finally:
        running.should_exit = True
        thread.join(LIMIT_S)


@contextmanager
def sent(port: int, request: bytes) -> Iterator[socket.socket]:
    with closing(socket.create_connection((HOST, port), LIMIT_S)) as connection:
        connection.sendall(request)
        yield connection


def rest(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    answer = b""
    while piece := connection.recv(65_536):
        answer += piece
    return answer


def is_closed_to(connection: socket.socket, piece: bytes) -> bool:
    """Whether it can no longer be sent, as the other side has gone."""
    try:
        connection.sendall(piece)
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


def outlast_a_head(port: int) -> None:
    """Return when nobody who came before is waited for any more: one that comes now and says nothing is sent away."""
    with sent(port, b"") as connection:
        assert rest(connection) == b""


def test_who_sends_no_whole_head_is_not_waited_for(port: int) -> None:
    """Neither at first, nor bit by bit, nor behind an answer; a request that itself takes longer is answered."""
    for begun in (b"", HALF):
        with sent(port, begun) as connection:
            assert rest(connection) == b""
    with sent(port, HALF) as connection:
        wait_until(lambda: is_closed_to(connection, b"x"), LIMIT_S, "the connection to be closed")
    with sent(port, ASK + b"\r\n") as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(HALF)
        assert b"HTTP" not in rest(connection)
    post = b"POST /api/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    with sent(port, post + b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n") as connection:
        outlast_a_head(port)  # a body has a longer limit
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_busy_server_is_known_as_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four that say nothing fill it, for a moment."""
    monkeypatch.setattr(server, "HEAD_S", PATIENT_S)
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 4)
    with serving() as (port, _), sent(port, b""), sent(port, b""), sent(port, b""), sent(port, b""):
        config = Access(Path("monitor.toml"), Path("var"), WebSettings(listen=f"{HOST}:{port}"))
        with pytest.raises(
            TcmError, match=f"daemon at http://{HOST}:{port}/api/status answers 503 Service Unavailable"
        ):
            ask_daemon(config, "/api/status")

        def is_let_in() -> bool:
            try:
                return ask_daemon(config, "/api/status") is not None
            except TcmError:
                return False

        wait_until(is_let_in, LIMIT_S, "a place to be free")


def test_two_lengths_are_none(port: int) -> None:
    """Whoever stands between may have taken the other one: the connection ends, and with it what may be another's."""
    ambiguous = b"POST /api/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
    ambiguous += b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n0\r\n\r\n"
    with sent(port, ambiguous + ASK + b"\r\n") as connection:
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 400") and answer.count(b"HTTP/1.1") == 1
    assert f"tcm-version: {__version__}\r\ntcm-api: {API}".encode() in answer.lower()


def test_no_websockets_and_few_lines(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """An upgrade is passed over, as HTTP has it; what is no request is refused; neither fills the log."""
    for _ in range(MAX_LINES):
        with sent(
            port, b"GET /api/nothing HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        ) as it:
            assert it.recv(65_536).startswith(b"HTTP/1.1 404")
        with sent(port, b"rubbish\r\n\r\n") as it:
            assert rest(it).startswith(b"HTTP/1.1 400")
    assert 0 < len([line for line in caplog.records if line.name == "uvicorn.error"]) <= MAX_LINES


def test_what_is_under_way_at_the_end_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An upload that does not come to its end: 503, and no traceback."""
    monkeypatch.setattr(server, "LEAVE_S", 0.1)
    head = b"POST /api/attachments?name=x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
    head += b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n"
    with serving() as (port, running), sent(port, head) as connection:
        wait_until(lambda: bool(running.server_state.tasks), LIMIT_S, "the upload")
        running.should_exit = True
        assert rest(connection).startswith(b"HTTP/1.1 503")
    assert not [line for line in caplog.records if line.exc_info]


def test_lines_left_out_are_counted() -> None:
    class Standing:
        now = 0

        def mono_ns(self) -> int:
            return self.now

    clock = Standing()
    few = FewLines(cast(SystemClock, clock))

    def said(text: str) -> str:
        line = logging.LogRecord("x", logging.WARNING, "", 0, text, ("it",), None)
        return line.getMessage() if few.filter(line) else ""

    assert [said("saw %s") for _ in range(12)] == ["saw it"] * 10 + [""] * 2
    clock.now = 60 * NS_PER_S
    assert [said("saw %s") for _ in range(2)] == ["saw it (before it 2 more lines were left out)", "saw it"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/phases?contianer=C-1", "'contianer': expected one of the keys container"),
        ("/api/containers?x=1", "'x': expected no query"),
        ("/api/silences?all=1", "'all': expected no query"),
        ("/api/alerts/0123?x=1", "'x': expected no query"),
        ("/api/operator?type=zz", "type: expected one of phase"),
        ("/api/operator?container=a&container=b", "'container': expected once"),
        ("/api/stream?after=1&after=2", "'after': expected once"),
        ("/healthz?x=1", "'x': expected no query"),
    ],
)
def test_what_a_page_does_not_know_is_refused(port: int, path: str, said: str) -> None:
    config = Access(Path("monitor.toml"), Path("var"), WebSettings(listen=f"{HOST}:{port}"))
    with pytest.raises(TcmError, match=said):
        ask_daemon(config, path)
