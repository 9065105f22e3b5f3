"""The webhook and Alertmanager, as a real receiver sees them."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.alerting import AlertmanagerNotifier, WebhookNotifier
from monitor.model.alert import CLEARED
from monitor.model.clock import NS_PER_S, SystemClock
from monitor.model.errors import ConfigError
from monitor.notify import NotTaken, Refused, receiver
from monitor.notify.alertmanager import Alertmanager
from monitor.notify.said import CAUSE_MAX, said, secret_parts
from monitor.notify.webhook import Webhook
from tests import receivers
from tests.processes import HOST, free_port, wait_until
from tests.raw_http import Answer, answer, cut, drip, raw_server
from tests.receivers import alert, notification
from tests.servers import alertmanager

KEY = "a key of some length"


def way(url: str, folder: Path) -> Webhook:
    """A transport to an address, with KEY as its secret."""
    file = folder / "key"
    file.write_text(KEY)
    file.chmod(0o600)
    return Webhook(WebhookNotifier(kind="webhook", name="test", url=url, secret_file=file), SystemClock())


@pytest.fixture
def told() -> Iterator[receivers.Webhook]:
    with receivers.webhook() as server:
        yield server


def test_a_webhook_gets_signed_json_over_one_connection(told: receivers.Webhook, tmp_path: Path) -> None:
    """Whoever has the key can verify each body; the key of idempotency is the notification's id."""
    sent = [notification(id="1"), notification(id="2")]
    with closing(way(f"{told.url}/hook", tmp_path)) as transport:
        for each in sent:
            transport.send(each)
    for request, each in zip(told.requests, sent, strict=True):
        assert (request.path, request.headers["Idempotency-Key"]) == ("/hook", each.id)
        assert json.loads(request.body) == each.to_json()
        fields = dict(part.split("=", 1) for part in request.headers["TCM-Signature"].split(","))
        expected = hmac.new(KEY.encode(), fields["t"].encode() + b"." + request.body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(fields["v1"], expected)
        assert abs(int(fields["t"]) - time.time()) < 60
    assert len({request.client_port for request in told.requests}) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, NotTaken) for status in (301, 307, 401, 403, 404, 408, 425, 429, 500, 503)),
        *((status, Refused) for status in (400, 405, 410, 413, 415, 422)),
    ],
)
def test_an_answer_says_whether_to_send_again(
    told: receivers.Webhook, tmp_path: Path, status: int, error: type[Exception]
) -> None:
    """What somebody can mend, or what passes, is sent again; the second time it is the same."""
    told.statuses.append(status)
    with closing(way(told.url, tmp_path)) as transport:
        with pytest.raises(error, match=f"status {status}"):
            transport.send(notification())
        transport.send(notification())
    first, second = told.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_a_redirect_is_not_followed(told: receivers.Webhook, tmp_path: Path) -> None:
    """A body that went elsewhere would look taken."""
    with raw_server() as server, closing(way(server.url, tmp_path)) as transport:
        server.script.append(answer(307, b"", f"Location: {told.url}/"))
        with pytest.raises(NotTaken, match="redirects are not followed"):
            transport.send(notification())
    assert told.requests == []


def test_no_message_shows_a_secret(tmp_path: Path) -> None:
    """Neither the key, though the receiver repeats it, nor what follows the host in the address."""
    with raw_server() as server, closing(way(f"{server.url}/T0KEN?k=T0KEN", tmp_path)) as transport:
        server.script.append(answer(400, f"your key {KEY} is wrong".encode()))
        server.script.append(answer(404, b"Cannot POST /T0KEN?k=T0KEN"))
        server.script.append(b"no HTTP at all /T0KEN\r\n")
        for kind in (Refused, NotTaken, NotTaken):
            with pytest.raises(kind) as caught:
                transport.send(notification())
            assert KEY not in str(caught.value)
            assert "T0KEN" not in str(caught.value)
    with pytest.raises(NotTaken) as caught:
        way(f"http://{HOST}:{free_port()}/T0KEN", tmp_path).send(notification())
    assert "T0KEN" not in str(caught.value)


@pytest.mark.parametrize("line", ["/h%6Foks/s3cr%C3%A9t", "/hooks/s3crét", "/hooks/s3cr%C3%A9t"])
@pytest.mark.parametrize("path", ["/hooks/s3cr%C3%A9t", "/h%6Foks/s3cr%C3%A9t"])
def test_the_url_is_hidden_however_it_is_quoted(line: str, path: str) -> None:
    told = said(f"Cannot POST {line}", secret_parts(path))
    assert "s3cr" not in told


@given(st.one_of(st.text(), st.binary()))
def test_what_is_passed_on_is_one_printable_line(answer: str | bytes) -> None:
    """Whatever a server sends: no escapes for a terminal, no lines of its own in a log."""
    told = said(answer, ["secret"])
    assert told.isprintable() and len(told) <= CAUSE_MAX
    assert "secret" not in told
    assert said("a\x1b[31m\u202e secret\r\nb", ["secret"]) == "a [31m *** b"


def test_an_answer_that_drips_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, the answer as a whole does not."""
    with raw_server() as server, closing(way(server.url, tmp_path)) as transport:
        server.script.append(drip(b"HTTP/1.1 200 OK\r\nX: "))
        with monkeypatch.context() as impatient, pytest.raises(NotTaken):
            impatient.setattr(receiver, "ANSWER_S", 0.3)
            impatient.setattr(receiver, "CONNECT_S", 0.3)
            transport.send(notification())
        transport.send(notification())


@pytest.mark.parametrize(
    "body",
    [
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        cut(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
        cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n"),
    ],
)
def test_the_status_is_the_answer_whatever_becomes_of_its_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: Answer
) -> None:
    """A receiver that said 200 has it; the next notification goes over a new connection."""
    with raw_server() as server, closing(way(server.url, tmp_path)) as transport:
        server.script.append(body)
        with monkeypatch.context() as impatient:
            impatient.setattr(receiver, "ANSWER_S", 2.0)
            impatient.setattr(receiver, "CONNECT_S", 1.0)
            transport.send(notification())
        transport.send(notification())
    assert len(server.bodies) == 2


def test_an_answer_without_end_is_not_read(tmp_path: Path) -> None:
    """Its status is all that counts; the next notification goes over a new connection."""
    with raw_server() as server, closing(way(server.url, tmp_path)) as transport:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
        server.script.append(drip(head + b"x" * receiver.MAX_ANSWER_BYTES))
        transport.send(notification())
        transport.send(notification())
    assert len(server.bodies) == 2


def test_close_ends_what_is_under_way(tmp_path: Path) -> None:
    """The daemon ends in time although the receiver says nothing."""
    with socket.create_server((HOST, 0)) as silent:
        transport = way(f"http://{HOST}:{silent.getsockname()[1]}", tmp_path)
        errors: list[Exception] = []

        def send() -> None:
            try:
                transport.send(notification())
            except NotTaken as error:
                errors.append(error)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        connection, _ = silent.accept()
        with connection:
            connection.recv(1)
            transport.close()
            thread.join(receiver.CONNECT_S)
    assert [type(error) for error in errors] == [NotTaken]


def test_reaching_a_webhook_tells_it_nothing(told: receivers.Webhook, tmp_path: Path) -> None:
    """`tcm check --connect` wakes nobody."""
    way(told.url, tmp_path).reach()
    with pytest.raises(NotTaken):
        way(f"http://{HOST}:{free_port()}", tmp_path).reach()
    assert told.requests == []


@pytest.mark.parametrize("token", ["tök€n", "two\nlines", "two\tcolumns"])
def test_a_token_that_http_cannot_carry_is_said_at_once(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Not when the first alert is told, and without showing it; a password may be anything."""
    monkeypatch.setenv("TCM_NOTIFIER_TEST_SECRET", token)
    settings = AlertmanagerNotifier(kind="alertmanager", name="test", url=f"http://{HOST}:1")
    with pytest.raises(ConfigError, match="printable ASCII") as caught:
        Alertmanager(settings, "gateway-1")
    assert token not in str(caught.value)
    Alertmanager(settings.model_copy(update={"username": "u"}), "gateway-1").close()


def test_alertmanager_shows_an_alert_firing_and_resolved(told: receivers.Webhook) -> None:
    """Debian's Alertmanager lists it while it goes on, and tells its own receivers when it fires and ends."""
    now_ns = SystemClock().now_ns()
    began = {"occurred_ns": now_ns - 120 * NS_PER_S, "reported_ns": now_ns}
    with alertmanager(f"{told.url}/") as server:
        settings = AlertmanagerNotifier(kind="alertmanager", name="test", url=server.url)
        with closing(Alertmanager(settings, "gateway-1")) as transport:
            transport.reach()
            transport.send(notification(alert(**began), at_ns=now_ns))
            (shown,) = server.alerts()
            assert shown["labels"].items() >= {
                ("alertname", "hot"),
                ("alert_id", "00112233aabbccdd"),
                ("instance", "gateway-1"),
                *(("container", "C-101"), ("logger", "L-01"), ("severity", "alarm")),
                ("channel", "temperature.hardware"),
            }
            assert shown["annotations"]["summary"] == alert()["message"]
            assert shown["annotations"].items() >= {("phase", "road"), ("value", "25.4"), ("limit", "25.0")}
            transport.send(notification(alert(**began), at_ns=now_ns + 60 * NS_PER_S))  # still so: it stays one
            assert len(server.alerts()) == 1
            wait_until(lambda: _states(told) == ["firing"], 10.0, "Alertmanager to tell that it fires")
            transport.send(notification(alert(**began, state=CLEARED, cleared_ns=SystemClock().now_ns())))
            wait_until(lambda: _states(told) == ["firing", "resolved"], 10.0, "Alertmanager to tell that it ended")
            assert server.alerts() == []
            ahead_ns = SystemClock().now_ns() + 3600 * NS_PER_S
            transport.send(notification(alert(occurred_ns=ahead_ns)))  # by its logger's clock
            assert len(server.alerts()) == 1


def _states(told: receivers.Webhook) -> list[str]:
    """What Alertmanager told, in order."""
    return [json.loads(request.body)["status"] for request in told.requests]
