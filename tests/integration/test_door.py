"""The HTTP interface of a real daemon: whom and what it refuses, and how."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor import API, __version__
from tests.api import lone_daemon
from tests.daemon import DaemonProcess
from tests.processes import HOST

BIG = 100_000_000


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon whose broker is not there."""
    with lone_daemon(tmp_path_factory.mktemp("door")) as running:
        running.start("/healthz")
        yield running


def test_whoever_has_no_token_changes_nothing(daemon: DaemonProcess) -> None:
    """401 for every page that changes something, before anything else is looked at; the log has no secret."""
    before = daemon.rows("journal.db", "SELECT count(*) FROM records WHERE kind = 'operator'")
    document = daemon.get("/api/openapi.json")[1]
    guarded = [path for path, operations in document["paths"].items() if "post" in operations]
    good = f"Bearer {daemon.token}"
    for path in guarded:
        for wrong in ("", "Bearer", f"Bearer {daemon.token}x", f"Basic {daemon.token}", good[:-1], good.swapcase()):
            code, answer = daemon.post(path, b"{}", {"Authorization": wrong})
            assert (code, "token" in answer["error"]) == (401, True), (path, wrong)
    assert daemon.post("/api/nothing", b"{}")[0] == 404
    assert daemon.post("/api/status", b"{}")[0] == 405
    assert daemon.rows("journal.db", "SELECT count(*) FROM records WHERE kind = 'operator'") == before
    lines = [line for line in daemon.log.read_text().splitlines() if "refused" in line]
    assert 0 < len(lines) <= 11  # of far more within a minute
    assert daemon.token not in daemon.log.read_text()


def test_every_answer_says_what_it_is_from(daemon: DaemonProcess) -> None:
    for path in ("/healthz", "/api/nothing", "/api/alerts", "/api/alerts?state=x"):
        raw = exchange(daemon, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head = raw.partition(b"\r\n\r\n")[0].lower()
        assert f"tcm-version: {__version__}\r\ntcm-api: {API}".encode() in head, head


def exchange(daemon: DaemonProcess, request: bytes) -> bytes:
    """What comes back until the daemon closes the connection."""
    with socket.create_connection((HOST, daemon.port), 10) as connection:
        connection.sendall(request)
        return receive_all(connection)


def receive_all(connection: socket.socket) -> bytes:
    answer = b""
    while piece := connection.recv(65_536):
        answer += piece
    return answer


@pytest.mark.parametrize("is_counted", [True, False], ids=["declared", "chunked"])
@pytest.mark.parametrize("path", ["operator", "attachments?name=x", "import?name=x&container=C&logger=L"])
def test_a_large_body_is_refused_before_it_is_read(daemon: DaemonProcess, path: str, is_counted: bool) -> None:
    """Declared 100 MB: 413 with nothing sent. Of one without an end no more is taken than the limit and buffers."""
    head = f"POST /api/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {daemon.token}\r\n"
    head += "Content-Type: application/json\r\n"
    if is_counted:
        with socket.create_connection((HOST, daemon.port), 10) as connection:
            connection.sendall(f"{head}Content-Length: {BIG}\r\n\r\n".encode())
            answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 413"), answer
        assert b"connection: close" in answer
        return
    sent, chunk = 0, b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with socket.create_connection((HOST, daemon.port), 20) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with pytest.raises(ConnectionError):
            while sent < BIG:
                connection.sendall(chunk)
                sent += 65_536
    assert sent < (64 << 20) + (16 << 20)
    assert daemon.answers("/healthz")


def test_a_client_that_writes_without_listening_still_hears_why(daemon: DaemonProcess) -> None:
    """Half a megabyte of a refused body is on its way when the answer comes: it is not lost in a reset."""
    head = f"POST /api/operator HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer no\r\nContent-Length: {BIG}\r\n\r\n"
    with socket.create_connection((HOST, daemon.port), 10) as connection:
        connection.sendall(head.encode() + b"x" * 500_000)
        began_s = time.monotonic()
        assert receive_all(connection).startswith(b"HTTP/1.1 401")
    assert time.monotonic() - began_s < 5


def test_the_token_stays_and_only_the_group_can_read_it(tmp_path: Path) -> None:
    """Made at the first start; one that others can read ends the next start with what to do."""
    with lone_daemon(tmp_path) as daemon:
        daemon.start("/healthz")
        token = daemon.state_dir / "operator.token"
        assert token.stat().st_mode & 0o777 == 0o640
        before = daemon.token
        assert daemon.stop() == 0
        daemon.start("/healthz")
        assert daemon.token == before
        assert daemon.post("/api/reload", b"")[0] == 200
        assert daemon.stop() == 0
        token.chmod(0o644)
        assert f"chmod 640 {token}" in daemon.refuse()
