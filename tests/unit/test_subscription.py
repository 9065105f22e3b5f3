"""A subscription that is refused, not answered, or granted for nothing: against a small broker and a real one."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from monitor.config.settings import MqttSettings
from monitor.ingest import Inbox, Session
from monitor.ingest.probe import ANSWER_S, EVERY_NS
from monitor.ingest.session import SUBSCRIBE_AGAIN_NS
from monitor.model.clock import NS_PER_S
from monitor.wire import FILL_FILTER, FILL_PROBE, LIVE_FILTER, LIVE_PROBE
from tests.daemon import DaemonProcess
from tests.fleet import START_NS, Logger
from tests.intakes import ManualClock
from tests.processes import HOST, wait_until
from tests.servers import mosquitto

LIMIT_S = 10.0
CONNECT, PUBLISH, SUBSCRIBE = 1, 3, 8
REFUSED, GRANTED = 0x97, 1
DEAF = "topic write #\n"  # grants every filter and delivers nothing
# NumPy has threads of its own: signals are held before it is imported, as `tcm run` does.
IMPATIENT = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
import monitor.ingest.probe
monitor.ingest.probe.ANSWER_S = 2
from monitor.cli import main
main()
"""
READING = "topic readwrite #\n"
NOTHING_COMES = "subscription granted, but nothing comes: check the broker's ACL"


class SmallBroker:
    """Speaks as much of MQTT 5 as a subscription needs; `answers` to SUBSCRIBE are used up, None says nothing."""

    def __init__(self, *answers: int | None, echoes: bool = False) -> None:
        self._answers, self.echoes = list(answers), echoes
        self.subscribed, self.published = 0, list[bytes]()
        self._listener = socket.create_server((HOST, 0))
        self.settings = MqttSettings.model_validate({"url": f"mqtt://{HOST}:{self._listener.getsockname()[1]}"})
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with suppress(ConnectionResetError), connection, connection.makefile("rb") as stream:
            while head := stream.read(2):
                assert head[1] < 128, "a short packet"
                self._answer(connection, head[0] >> 4, head, stream.read(head[1]))

    def _answer(self, connection: socket.socket, kind: int, head: bytes, body: bytes) -> None:
        if kind == CONNECT:
            connection.sendall(bytes([0x20, 3, 0, 0, 0]))
        elif kind == SUBSCRIBE:
            self.subscribed += 1
            code = self._answers.pop(0) if self._answers else GRANTED
            if code is not None:
                connection.sendall(bytes([0x90, 4]) + body[:2] + bytes([0, code]))
        elif kind == PUBLISH:
            self.published.append(body)
            if self.echoes:
                connection.sendall(head + body)


@contextmanager
def connected(broker: SmallBroker, clock: ManualClock, *, is_fill: bool = False) -> Iterator[Session]:
    """A session that runs."""
    topic_filter = FILL_FILTER if is_fill else LIVE_FILTER
    session = Session("live", broker.settings, "g", (topic_filter,), Inbox(), clock, is_fill=is_fill)
    thread = threading.Thread(target=session.run, daemon=True)
    thread.start()
    try:
        yield session
    finally:
        session.stop()
        broker.close()
        thread.join(LIMIT_S)


@pytest.mark.parametrize("answers", [(REFUSED, REFUSED), (None, None)])
def test_it_is_asked_for_again_until_it_is_granted(answers: tuple[int | None, ...]) -> None:
    """Refused or not answered at all: again each time that the wait is over, on the same connection."""
    broker, clock = SmallBroker(*answers, echoes=True), ManualClock()
    with connected(broker, clock) as session:
        for count in (1, 2):
            wait_until(lambda count=count: broker.subscribed == count, LIMIT_S, "SUBSCRIBE")  # type: ignore[misc]  # bound at once
            wait_until(lambda: "subscription" in session.problem, LIMIT_S, "the problem")
            clock.mono += SUBSCRIBE_AGAIN_NS - 1
            assert not session.granted.wait(0.1)
            assert broker.subscribed == count
            clock.mono += 1
        assert session.granted.wait(LIMIT_S)
        wait_until(lambda: session.is_connected and not session.problem, LIMIT_S, "no problem")


@pytest.mark.parametrize("is_fill", [False, True])
def test_a_broker_that_delivers_nothing_is_named_until_it_does(*, is_fill: bool) -> None:
    """Named once the session's own message is late; asked again then; and every now and then while all is well."""
    broker, clock = SmallBroker(), ManualClock()
    topic = FILL_PROBE if is_fill else LIVE_PROBE
    with connected(broker, clock, is_fill=is_fill) as session:
        wait_until(lambda: len(broker.published) == 1, LIMIT_S, "the session's own message")
        assert topic.encode() in broker.published[0]
        assert (session.problem, session.tried.is_set()) == ("", False)
        clock.mono += ANSWER_S * NS_PER_S
        wait_until(lambda: session.problem.startswith(NOTHING_COMES), LIMIT_S, "the problem")
        assert topic in session.problem
        assert session.tried.wait(LIMIT_S)
        wait_until(lambda: len(broker.published) == 2, LIMIT_S, "the next one")
        broker.echoes = True
        clock.mono += ANSWER_S * NS_PER_S
        wait_until(lambda: not session.problem, LIMIT_S, "the end of the problem")
        broker.echoes = False
        asked = len(broker.published)
        clock.mono += EVERY_NS
        wait_until(lambda: len(broker.published) == asked + 1, LIMIT_S, "the next one")
        clock.mono += ANSWER_S * NS_PER_S
        wait_until(lambda: session.problem.startswith(NOTHING_COMES), LIMIT_S, "the problem")


def test_check_and_daemon_see_through_rules_that_let_nobody_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mosquitto grants every filter all the same; once the rules are right the daemon is ready by itself.

    What it sends to itself, and what others send there, leaves no trace.
    """
    rules = tmp_path / "acl"
    rules.write_text(DEAF)
    monkeypatch.setattr("monitor.ingest.probe.ANSWER_S", 2)
    with (
        mosquitto(f"acl_file {rules}") as broker,
        DaemonProcess(tmp_path, broker.url, program=("-c", IMPATIENT)) as daemon,
    ):
        daemon.start("/healthz")
        (error,) = json.loads(daemon.tcm("check", "--connect", "--json").stdout)["errors"]
        assert error["key"] == "mqtt.url"
        for name, topic in (("live", LIVE_PROBE), ("fill", FILL_PROBE)):
            assert f"{name} session: {NOTHING_COMES}" in error["message"]
            assert topic in error["message"]
            daemon.wait_problem(name, NOTHING_COMES, LIMIT_S)
            assert "ACL" in daemon.get("/readyz")[1]["parts"][name]
        rules.write_text(READING)
        broker.reload()
        wait_until(lambda: daemon.answers("/readyz"), LIMIT_S, "readiness")
        assert json.loads(daemon.tcm("check", "--connect", "--json").stdout)["errors"] == []
        with Logger(broker.port, "L-01") as logger:
            logger.env(START_NS, [[20.0]])
            logger.send()
            logger.wait_acknowledged(0)
        assert daemon.rows("journal.db", "SELECT count(*) FROM records WHERE topic LIKE '%probe'") == [(0,)]
        assert daemon.rows("journal.db", "SELECT count(*) FROM quarantine") == [(0,)]
        assert daemon.stop() == 0
