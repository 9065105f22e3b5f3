"""A daemon while it runs: its stream of events, and a configuration that is taken up anew."""

from __future__ import annotations

import http.client
import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api import LIMITS, alerts, lone_daemon, read_in
from tests.daemon import DaemonProcess
from tests.processes import HOST, free_port, wait_until

LIMIT_S = 20.0
CONFIGS = "SELECT count(*) FROM records WHERE kind = 'config'"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    with lone_daemon(tmp_path) as running:
        running.start("/healthz")
        yield running


class Listener:
    """A client of the stream."""

    def __init__(self, daemon: DaemonProcess, headers: dict[str, str] | None = None, query: str = "") -> None:
        self._connection = http.client.HTTPConnection(HOST, daemon.port, timeout=LIMIT_S)
        self._connection.request("GET", f"/api/stream{query}", headers=headers or {})
        self.answer = self._connection.getresponse()

    def close(self) -> None:
        self._connection.close()

    def event(self) -> tuple[int, Any]:
        """Id and data of the next event."""
        fields: dict[str, str] = {}
        while (line := self.answer.readline().decode().rstrip("\n")) or "data" not in fields:
            key, _, value = line.partition(": ")
            fields[key] = value
        assert fields["event"] == "alert"
        return int(fields["id"]), json.loads(fields["data"])


@contextmanager
def listening(daemon: DaemonProcess, headers: dict[str, str] | None = None, query: str = "") -> Iterator[Listener]:
    """One that was let in."""
    with closing(Listener(daemon, headers, query)) as listener:
        assert listener.answer.status == 200
        assert listener.answer.headers["Content-Type"].startswith("text/event-stream")
        assert listener.answer.readline() == b"retry: 2000\n"
        yield listener


def test_changes_are_heard_as_they_happen_and_none_between_connections(daemon: DaemonProcess) -> None:
    with listening(daemon) as listener:
        read_in(daemon, "C-1", "L-1", "hardware", [26.0])
        first, said = listener.event()
        (alert,) = alerts(daemon)
        assert (said["alert"]["id"], said["alert"]["state"]) == (alert["id"], "firing")
    read_in(daemon, "C-2", "L-2", "air", [21.0, 19.0])
    wait_until(lambda: len(alerts(daemon, state="cleared")) == 1, LIMIT_S, "the other one")
    with listening(daemon, {"Last-Event-ID": str(first)}) as again, listening(daemon, query="?after=0") as anew:
        heard = [again.event() for _ in range(2)]
        assert [(number, said["alert"]["state"]) for number, said in heard] == [
            (first + 1, "firing"),
            (first + 2, "cleared"),
        ]
        assert [anew.event() for _ in range(3)][1:] == heard


def test_so_many_listen_and_all_are_told_the_end(daemon: DaemonProcess) -> None:
    """The next one is told to come later, until one of them goes; none of them holds the daemon's end."""
    listeners = [Listener(daemon) for _ in range(20)]
    with closing(Listener(daemon)) as late:
        assert (late.answer.status, late.answer.headers["Retry-After"]) == (503, "10")
    listeners.pop().close()

    def is_let_in() -> bool:
        listeners.append(Listener(daemon))
        if listeners[-1].answer.status != 200:
            listeners.pop().close()
        return len(listeners) == 20

    wait_until(is_let_in, LIMIT_S, "a place to be free")
    began_s = time.monotonic()
    assert daemon.end(signal.SIGTERM) == 0
    assert time.monotonic() - began_s < 5
    for listener in listeners:
        assert b"data" not in listener.answer.read()
        listener.close()


def test_a_changed_configuration_is_taken_up(daemon: DaemonProcess) -> None:
    """By SIGHUP and by POST: it is journalled, and what comes then is judged by it; what needs a restart is named."""
    limits, text = daemon.config.parent / "limits" / "test.toml", daemon.config.read_text()
    limits.write_text(LIMITS.replace('above = "25 degC"', 'above = "29 degC"'))
    (daemon.config.parent / "containers" / "C-9.toml").write_text('id = "C-9"\nmarking = "secret"\n')
    daemon.config.write_text(text.replace(f"{HOST}:{daemon.port}", f"{HOST}:{free_port()}"))
    hang_up(daemon, "after a restart: web.listen")
    assert daemon.rows("journal.db", CONFIGS) == [(2,)]
    assert [row["marking"] for row in daemon.get("/api/containers")[1] if row["container"] == "C-9"] == ["secret"]
    limits.write_text(LIMITS.replace('above = "25 degC"', 'above = "27 degC"'))
    daemon.config.write_text(text)
    code, said = daemon.post("/api/reload", b"")
    assert (code, said["changed"], said["restart"]) == (200, True, [])
    assert daemon.rows("journal.db", "SELECT kind FROM records WHERE pos = ?", said["pos"]) == [("config",)]
    assert daemon.post("/api/reload", b"")[1]["changed"] is False
    assert daemon.rows("journal.db", CONFIGS) == [(3,)]
    read_in(daemon, "C-1", "L-1", "hardware", [26.5, 27.5])
    wait_until(lambda: bool(alerts(daemon)), LIMIT_S, "the alert")
    (alert,) = alerts(daemon)
    assert (alert["value"], alert["limit"]) == (27.5, 27.0)
    assert daemon.stop() == 0


def test_a_broken_configuration_changes_nothing(daemon: DaemonProcess) -> None:
    """By SIGHUP and by POST: each mistake is named with file and key, and the daemon goes on as it was."""
    limits = daemon.config.parent / "limits" / "test.toml"
    limits.write_text(LIMITS.replace('above = "25 degC"', 'above = "25 hPa"'))
    (daemon.config.parent / "containers" / "C-9.toml").write_text('id = "C-9"\ncolour = "red"\n')
    hang_up(daemon, "test.toml: rule.hot.above: ")
    (limits.parent / "deep.toml").write_text("a = " + "[" * 1500)
    hang_up(daemon, "deep.toml: expected TOML that can be taken in: ")
    (limits.parent / "deep.toml").unlink()
    assert "C-9.toml: colour: " in daemon.log.read_text()
    code, said = daemon.post("/api/reload", b"")
    found = [(problem["file"].rpartition("/")[2], problem["key"]) for problem in said["problems"]]
    assert (code, found) == (422, [("test.toml", "rule.hot.above"), ("C-9.toml", "colour")])
    assert "test.toml: rule.hot.above: " in said["error"]
    assert daemon.rows("journal.db", CONFIGS) == [(1,)]
    read_in(daemon, "C-1", "L-1", "hardware", [26.0])
    wait_until(lambda: bool(alerts(daemon)), LIMIT_S, "the alert")
    assert daemon.stop() == 0


def hang_up(daemon: DaemonProcess, said: str) -> None:
    """Send SIGHUP and wait until the log says what came of it."""
    assert daemon.process
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: said in daemon.log.read_text(), LIMIT_S, "the daemon to say so")


def test_loggers_that_are_registered_later_are_taken_from_then_on(tmp_path: Path) -> None:
    """`unknown_loggers` and who is registered hold for the very next record."""
    with lone_daemon(tmp_path, more='unknown_loggers = "quarantine"') as daemon:
        daemon.start("/healthz")
        with pytest.raises(AssertionError, match="not registered"):
            read_in(daemon, "C-2", "L-2", "hardware", [26.0])
        (daemon.config.parent / "containers" / "C-2.toml").write_text('id = "C-2"\n[[logger]]\nid = "L-2"\n')
        assert daemon.post("/api/reload", b"")[1]["changed"]
        read_in(daemon, "C-2", "L-2", "hardware", [26.0])
        assert daemon.rows("journal.db", "SELECT count(*) FROM quarantine") == [(0,)]
