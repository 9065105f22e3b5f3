"""Mail, as a real server and its reader get it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from monitor.config.alerting import SmtpNotifier
from monitor.model.clock import NS_PER_S, rfc3339
from monitor.model.errors import TcmError
from monitor.notify import NotTaken, PartlyTaken, Refused, mail
from monitor.notify.mail import Mail
from tests.processes import HOST, free_port
from tests.raw_http import drip
from tests.receivers import AT_NS, PASSWORD, USER, MailServer, certificate, mail_server, notification

TO = ("anna@example.org", "ben@example.org")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as started:
        yield started


def evidence_of(told: dict[str, Any]) -> dict[str, Any]:
    """Five minutes of readings that cross the limit."""
    times = [rfc3339(AT_NS + second * NS_PER_S) for second in range(-150, 150)]
    readings = {"logger": "L-01", "channel": "temperature.hardware", "unit": "degC", "limit": 25.0}
    values = [None if number == 100 else 24.0 + number / 100 for number in range(300)]
    return {"alert": told, "readings": readings | {"times": times, "values": values}, "inputs": [], "missing": []}


def nothing_of(_told: dict[str, Any]) -> None:
    """No evidence."""


def gone(_told: dict[str, Any]) -> dict[str, Any]:
    """Evidence that cannot be had."""
    raise TcmError("read the journal", "journal.db", "a page is damaged")


def transport(server: MailServer, tmp_path: Path, evidence: Any = nothing_of, **changes: Any) -> Mail:
    """A transport that trusts the server's certificate and has its login."""
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    settings = {
        "kind": "smtp",
        "name": "test",
        "host": HOST,
        "port": server.port,
        "username": USER,
        "secret_file": file,
        "ca_file": server.ca_file,
        "from": "gateway@example.org",
        "to": TO,
    }
    return Mail(SmtpNotifier.model_validate(settings | changes), lambda _: "EXPORT CONTROLLED", evidence)


def parts(message: EmailMessage) -> tuple[str, list[bytes]]:
    """The plain text, and what is attached."""
    body = message.get_body(("plain",))
    assert body is not None
    pictures = [each.get_content() for each in message.iter_attachments()]
    return body.get_content(), pictures


def test_a_server_gets_one_mail_with_text_and_picture(server: MailServer, tmp_path: Path) -> None:
    """Encrypted and after a login: one mail for all, plain text, the evidence drawn, the container's marking."""
    pytest.importorskip("matplotlib")
    with closing(transport(server, tmp_path, evidence_of)) as way:
        way.send(notification())
    ((message, recipients),) = server.mails
    assert (recipients, server.was_encrypted, server.logins) == (list(TO), [True], [(USER, PASSWORD)])
    assert message["Subject"] == "C-101 temperature ALARM firing"
    assert (message["From"], message["To"]) == ("gateway@example.org", ", ".join(TO))
    assert message["Message-ID"] == "<0123456789abcdef@example.org>"
    text, (picture,) = parts(message)
    assert text.splitlines()[0] == text.splitlines()[-1] == "EXPORT CONTROLLED"
    for expected in ("The picture shows", "value 25.4 degC", "limit 25 degC", "occurred 2026-11-23T09:00:00Z"):
        assert expected in text
    assert picture.startswith(PNG)
    assert len(picture) > 10_000


@pytest.mark.parametrize(
    ("evidence", "said"), [(nothing_of, ""), (gone, "There is no picture: read the journal: journal.db: a page")]
)
def test_a_mail_goes_without_a_picture_rather_than_not_at_all(
    server: MailServer, tmp_path: Path, evidence: Any, said: str
) -> None:
    """It says why there is none."""
    transport(server, tmp_path, evidence).send(notification())
    text, pictures = parts(server.mails[0][0])
    assert said in " ".join(text.split())
    assert pictures == []


def test_who_has_a_mail_does_not_get_it_again(server: MailServer, tmp_path: Path) -> None:
    """While a server refuses one address the others have their mail; sent again it goes to that one only."""
    way = transport(server, tmp_path)
    server.refusals[TO[1]] = "450 try later"
    with pytest.raises(PartlyTaken, match=r"ben@.*: 450"):
        way.send(notification())
    server.refusals[TO[1]] = "550 no such user"
    with pytest.raises(Refused, match=r"ben@.*: 550"):
        way.send(notification())
    with pytest.raises(PartlyTaken):
        way.send(notification(id="meanwhile"))
    server.refusals.clear()
    way.send(notification())
    assert [recipients for _, recipients in server.mails] == [[TO[0]], [TO[0]], [TO[1]]]
    assert len({message["Message-ID"] for message, _ in server.mails[::2]}) == 1
    way.send(notification(id="next"))
    assert server.mails[-1][1] == list(TO)


def test_an_answer_says_whether_to_send_again(server: MailServer, tmp_path: Path) -> None:
    """A mail that will never be taken is refused, one that the server cannot take now comes again."""
    way = transport(server, tmp_path)
    for answer, error in (("552 too large", Refused), ("451 disk is full", NotTaken)):
        server.answer = answer
        with pytest.raises(error, match=answer):
            way.send(notification())
    server.answer = "250 OK"
    way.send(notification())
    assert len(server.mails) == 1


def test_what_somebody_can_mend_is_sent_again(server: MailServer, tmp_path: Path) -> None:
    """A wrong login, a certificate of another, a server that is away: nothing is sent, no secret is said."""
    other = tmp_path / "other"
    other.mkdir()
    for changes, said in (
        ({"username": "nobody"}, "check username and secret"),
        ({"ca_file": certificate(other)[0]}, "check security, and ca_file"),
        ({"port": free_port()}, "Connection refused"),
    ):
        with pytest.raises(NotTaken, match=said) as caught:
            transport(server, tmp_path, **changes).send(notification())
        assert PASSWORD not in str(caught.value)
    assert server.mails == []


def test_a_server_without_encryption_gets_no_password(tmp_path: Path) -> None:
    """Who takes STARTTLS out of the server's answer learns nothing."""
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        with connection.makefile("rb") as words:
            for word in words:
                heard.append(word)
                connection.sendall(b"250-hello\r\n250 AUTH PLAIN LOGIN\r\n")

    with _speaking(serve) as port, pytest.raises(NotTaken, match="STARTTLS"):
        transport(MailServer(port, certificate(tmp_path)[0]), tmp_path).send(notification())
    assert [word.split()[0] for word in heard] == [b"ehlo"]


def test_only_this_machine_may_be_told_without_encryption(server: MailServer, tmp_path: Path) -> None:
    """What leaves it could be read and changed on the way."""
    transport(server, tmp_path, security="none", host="localhost", username=None, secret_file=None)
    with pytest.raises(ValueError, match=r"security: expected starttls or tls, as mx\.example\.org is not"):
        transport(server, tmp_path, security="none", host="mx.example.org")


def test_a_server_that_drips_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, the session as a whole does not."""
    monkeypatch.setattr(mail, "SESSION_S", 0.3)
    with _speaking(drip(b"220-hello")) as port, pytest.raises(NotTaken, match="not complete in time"):
        transport(MailServer(port, certificate(tmp_path)[0]), tmp_path).send(notification())


def test_reaching_a_server_sends_nothing(server: MailServer, tmp_path: Path) -> None:
    """`tcm check --connect` logs in and says goodbye."""
    transport(server, tmp_path).reach()
    assert (server.logins, server.mails) == ([(USER, PASSWORD)], [])


@contextmanager
def _speaking(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that serves one connection so."""

    def accept() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):  # the client gave up
            serve(connection)

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5.0)
