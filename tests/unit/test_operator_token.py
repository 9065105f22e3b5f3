"""The operators' token: made once, for owner and group alone; the command line shows it and says what is wrong."""

from __future__ import annotations

import grp
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from monitor.cli.output import ask_daemon
from monitor.config import Access, WebSettings
from monitor.config.operator_token import make_token, read_token
from monitor.model.errors import ConfigError, Conflict, NoAnswer, TcmError, UnknownName
from tests.processes import HOST, free_port

TOKEN = "t" * 43
Answer = tuple[int, dict[str, str], bytes]


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077])
def test_it_is_made_once_for_owner_and_group(tmp_path: Path, umask: int) -> None:
    path, before = tmp_path / "operator.token", os.umask(umask)
    try:
        token = make_token(path, None)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert (make_token(path, None), read_token(path)) == (token, token)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    path.unlink()
    assert make_token(path, None) != token


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to any group")
def test_it_is_given_to_the_operators_group_also_later(tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    make_token(path, None)
    group = next(one for one in grp.getgrall() if one.gr_gid != path.stat().st_gid)
    token = make_token(path, group.gr_name)
    assert path.stat().st_gid == group.gr_gid
    path.unlink()
    assert make_token(path, group.gr_name) != token
    assert (path.stat().st_gid, path.stat().st_mode & 0o777) == (group.gr_gid, 0o640)


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    with pytest.raises(ConfigError, match="there is no group 'nobody-at-all'"):
        make_token(path, "nobody-at-all")
    assert not path.exists()
    with pytest.raises(ConfigError, match=r"no/operator.token: No such file"):
        make_token(tmp_path / "no" / "operator.token", None)
    with pytest.raises(ConfigError, match="the daemon makes it"):
        read_token(path)
    for content, said in (
        ("", "32 to 1000"),
        ("short", "32 to 1000"),
        ("with spaces " * 4, "32 to"),
        ("ü" * 40, "no ASCII"),
    ):
        path.write_text(content)
        path.chmod(0o640)
        with pytest.raises(ConfigError, match=said):
            make_token(path, None)
    path.write_text(TOKEN)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=f"others can read it .chmod 640 {path}"):
        make_token(path, None)


@contextmanager
def answering(answer: Answer) -> Iterator[tuple[int, list[str | None]]]:
    """A server that gives every request this answer: its port, and what stood under Authorization."""
    shown: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers["Authorization"])
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(answer[0])
            for key, value in answer[1].items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(answer[2])

        do_POST = do_GET  # noqa: N815 - as the base class wants it

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with HTTPServer((HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server.server_port, shown
        finally:
            server.shutdown()


def config(folder: Path, port: int) -> Access:
    """As much of a configuration as a client needs."""
    return Access(folder / "monitor.toml", folder, WebSettings(listen=f"{HOST}:{port}"))


OURS = {"TCM-API": "1", "TCM-Version": "9.9"}


def test_the_token_is_shown_only_to_act(tmp_path: Path) -> None:
    (tmp_path / "operator.token").write_text(f"{TOKEN}\n")
    with answering((200, OURS, b"[]")) as (port, shown):
        assert ask_daemon(config(tmp_path, port), "/api/alerts") == []
        assert ask_daemon(config(tmp_path, port), "/api/operator", b"{}") == []
    assert shown == [None, f"Bearer {TOKEN}"]


def test_no_proxy_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "operator.token").write_text(TOKEN)
    with answering((200, OURS, b"[]")) as (port, _), answering((200, OURS, b"{}")) as (proxy, seen):
        monkeypatch.setenv("http_proxy", f"http://{HOST}:{proxy}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setattr("urllib.request._opener", None)  # an earlier one would know no proxy
        assert ask_daemon(config(tmp_path, port), "/api/operator", b"{}") == []
    assert seen == []


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((200, {}, b"[]"), TcmError, "no daemon, or one of an earlier version"),
        ((404, {}, b"<html>"), TcmError, "no daemon, or one of an earlier version"),
        ((200, OURS | {"TCM-API": "2"}, b"[]"), TcmError, r"version 9.9 with API 2, this command is .* API 1"),
        ((422, OURS | {"TCM-API": "2"}, b"{}"), TcmError, "restart the daemon"),
        ((200, OURS, b"<html>"), TcmError, "its answer cannot be read"),
        ((404, OURS, b'{"error": "no such alert"}'), UnknownName, "no such alert"),
        ((409, OURS, b'{"error": "done"}'), Conflict, "done"),
        ((422, OURS, b'{"error": "by: missing"}'), TcmError, "by: missing"),
        ((500, OURS, b"oh"), TcmError, "answers 500"),
    ],
)  # fmt: skip
def test_what_a_daemon_says_is_understood(tmp_path: Path, answer: Answer, kind: type[TcmError], said: str) -> None:
    """One of another version is named as such; what it refuses is an error of the kind that it is."""
    (tmp_path / "operator.token").write_text(TOKEN)
    with answering(answer) as (port, _), pytest.raises(kind, match=said) as error:
        ask_daemon(config(tmp_path, port), "/api/operator", b"{}")
    assert type(error.value) is kind
    assert TOKEN not in str(error.value)


@contextmanager
def taking(connections: Callable[[socket.socket], None] | None) -> Iterator[int]:
    """A port whose connections are given to a function, or to nobody."""
    with socket.create_server((HOST, 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection:
                assert connections is not None
                connections(connection)

        if connections:
            threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def test_a_daemon_that_does_not_answer_is_not_taken_for_none(tmp_path: Path) -> None:
    """It stands still, or goes away over it: whoever wanted something done is told that it may have been."""
    (tmp_path / "operator.token").write_text(TOKEN)
    for connections, cause in ((None, "timed out"), (lambda connection: connection.recv(65_536), "closed connection")):
        for body, hint in ((None, "tcm status"), (b"{}", "it may be done all the same")):
            with taking(connections) as port, pytest.raises(NoAnswer, match=f"does not answer: .*{cause}.*{hint}"):
                ask_daemon(config(tmp_path, port), "/api/operator", body, 0.2)


def test_one_that_lets_nobody_in_is_not_taken_for_none_either(tmp_path: Path) -> None:
    """Others wait for it already, as many as the kernel keeps for it."""
    with ExitStack() as waiting, socket.create_server((HOST, 0), backlog=0) as listening:
        for _ in range(3):
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(listening.getsockname())
        with pytest.raises(NoAnswer, match="timed out"):
            ask_daemon(config(tmp_path, listening.getsockname()[1]), "/api/alerts", limit_s=0.2)


def test_why_a_long_body_is_refused_is_heard(tmp_path: Path) -> None:
    """Although the daemon takes no more of it: the connection breaks under the client's hands."""

    def refuse(connection: socket.socket) -> None:
        connection.recv(65_536)
        head = "HTTP/1.1 401 Unauthorized\r\nTCM-API: 1\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + b'{"error": "another token"}')
        connection.shutdown(socket.SHUT_WR)

    (tmp_path / "operator.token").write_text(TOKEN)
    with taking(refuse) as port, pytest.raises(TcmError, match="another token"):
        ask_daemon(config(tmp_path, port), "/api/attachments?name=x", bytes(64 << 20))


def test_who_may_not_read_the_token_hears_of_it_only_from_a_daemon(tmp_path: Path) -> None:
    with patch("monitor.config.operator_token.Path.read_text", side_effect=PermissionError(13, "Permission denied")):
        assert ask_daemon(config(tmp_path, free_port()), "/api/operator", b"{}") is None
        with answering((401, OURS, b'{"error": "token"}')) as (port, shown):
            with pytest.raises(TcmError, match=r"operator.token: Permission denied .*operators' group can read it"):
                ask_daemon(config(tmp_path, port), "/api/operator", b"{}")
            assert shown == [None]
