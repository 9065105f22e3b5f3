"""Following the daemon's stream: in order, nothing twice, across connections that break."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from monitor import API
from monitor.cli.following import follow
from monitor.config import Access
from monitor.model.errors import TcmError
from tests.processes import HOST, free_port, listening

Piece = bytes | int  # what a connection sends before it breaks, or the status that it is refused with


@contextmanager
def server(*connections: Piece, api: str = API) -> Iterator[tuple[Access, list[str | None]]]:
    """One that answers each request with the next piece; which event each had heard last."""
    left, heard = [*connections], list[str | None]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Last-Event-ID"))
            piece = left.pop(0)
            self.send_response(piece if isinstance(piece, int) else 200)
            self.send_header("TCM-API", api)
            self.send_header("TCM-Version", "1")
            self.end_headers()
            self.wfile.write(b'{"error": "20 clients listen already"}' if isinstance(piece, int) else piece)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with listening(Handler) as url:
        yield configured(url.removeprefix("http://")), heard


def configured(listen: str) -> Access:
    return cast(Access, SimpleNamespace(web=SimpleNamespace(listen=listen), state_dir=Path("/nowhere")))


def event(number: int, **document: Any) -> bytes:
    return f"id: {number}\nevent: alert\ndata: {json.dumps(document)}\n\n".encode()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr("monitor.cli.following.AGAIN_S", 0.0)


def test_it_goes_on_where_it_broke_off(capsys: pytest.CaptureFixture[str]) -> None:
    """With what was heard last; comments and half an event are nothing; one word for each break."""
    first = b"retry: 2000\n\n" + event(7, n=1) + b": \n\n" + event(8, n=2) + b"id: 9\nevent: alert\nda"
    with server(first, 503, event(9, n=3) + event(10, n=4)) as (config, heard):
        following = follow(config)
        assert [next(following)["n"] for _ in range(4)] == [1, 2, 3, 4]
    assert heard == [None, "8", "8"]
    assert capsys.readouterr().err.count("lost") == 1


def test_a_break_before_the_first_change_loses_none() -> None:
    """The stream says where it begins; a connection that is accepted and says nothing changes nothing of that."""
    with server(b"retry: 2000\nid: 7\n\n", b"", event(8, n=1)) as (config, heard):
        assert next(follow(config))["n"] == 1
    assert heard == [None, "7", "7"]


def test_who_cannot_begin_is_told_why() -> None:
    """No daemon, one that refuses, one of another version, and what is no such stream."""
    with pytest.raises(TcmError, match="no daemon is running"):
        next(follow(configured(f"{HOST}:{free_port()}")))
    with server(503) as (config, _), pytest.raises(TcmError, match="20 clients listen already"):
        next(follow(config))
    with server(b"", api="2") as (config, _), pytest.raises(TcmError, match="with API 2"):
        next(follow(config))
    with server(b"id: 1\ndata: rubbish\n\n") as (config, _), pytest.raises(TcmError, match="cannot be read"):
        next(follow(config))
