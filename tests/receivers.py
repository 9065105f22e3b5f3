"""Real receivers of notifications: a webhook, a mail server; and notifications to send them."""

from __future__ import annotations

import ssl
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from monitor.model.alert import FIRING, Alert, Evidence
from monitor.model.clock import NS_PER_S, SystemClock
from monitor.notify import Notification
from tests.processes import HOST, free_port, listening

AT_NS = 1_795_424_400 * NS_PER_S  # 2026-11-23T09:00:00Z
USER, PASSWORD = "tcm", "correct horse battery staple"


def alert(**changes: Any) -> dict[str, Any]:
    """The JSON of an alert that fires, with these keys of `Alert` changed."""
    fields: dict[str, Any] = {
        "id": "00112233aabbccdd",
        "rule": "hot",
        "kind": "threshold",
        "container": "C-101",
        "logger": "L-01",
        "serial": "S-7",
        "place": "base frame",
        "channel": "temperature.hardware",
        "axis": None,
        "severity": "alarm",
        "state": FIRING,
        "occurred_ns": AT_NS,
        "reported_ns": AT_NS + 60 * NS_PER_S,
        "cleared_ns": None,
        "value": 25.4,
        "peak": 26.1,
        "limit": 25.0,
        "unit": "degC",
        "uncertainty": 0.3,
        "decision": "exceeded",
        "clock_uncertainty_s": 0.1,
        "phase": "road",
        "profile_digest": "ab" * 32,
        "evidence": Evidence(5, 71, 902),
        "message": "C-101 base frame: temperature.hardware 25.4 degC",
    }
    return Alert(**(fields | changes)).to_json()


def notification(*alerts: dict[str, Any], **changes: Any) -> Notification:
    """A notification of these alerts, or of one that fires, with these fields changed."""
    told = alerts or (alert(),)
    fields: dict[str, Any] = {
        "id": "0123456789abcdef",
        "notifier": "test",
        "reason": "firing",
        "title": told[0]["message"],
        "container": "C-101",
        "cause": "temperature",
        "severity": "alarm",
        "at_ns": SystemClock().now_ns(),
        "count": len(told),
        "firing": sum(each["state"] == FIRING for each in told),
        "alerts": told,
    }
    return Notification(**(fields | changes))


@dataclass(frozen=True, slots=True)
class Request:
    """What a webhook was told, and over which connection."""

    path: str
    headers: dict[str, str]
    body: bytes
    client_port: int


@dataclass(slots=True)
class Webhook:
    """`requests` in order; `statuses` are what the next of them are answered, then 204."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A webhook's receiver on a free port."""
    told = Webhook()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # whoever sent it was killed amid it
                return
            told.requests.append(Request(self.path, dict(self.headers), body, self.client_address[1]))
            self.send_response(told.statuses.popleft() if told.statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing on stderr."""

    with listening(Handler) as told.url:
        yield told


@dataclass(slots=True)
class MailServer:
    """`mails` in order, each with whom it was for; `refusals` are answers to a recipient, `answer` to a mail.

    `logins` are (user, password) as they came, `was_encrypted` whether each mail came so.
    """

    port: int
    ca_file: Path
    mails: list[tuple[EmailMessage, list[str]]] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    answer: str = "250 OK"
    logins: list[tuple[str, str]] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - as above
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=policy.default)  # type: ignore[arg-type]  # are bytes
            self.mails.append((mail, list(envelope.rcpt_tos)))
            self.was_encrypted.append(session.ssl is not None)
        return self.answer

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        is_right = self.logins[-1] == (USER, PASSWORD)
        return AuthResult(success=is_right, handled=is_right)  # else the server says 535


@contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    """A mail server that wants STARTTLS and a login, with a certificate of its own made in `folder`."""
    ca_file, key_file = certificate(folder)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(ca_file, key_file)
    server = MailServer(free_port(), ca_file)
    controller = Controller(
        server,
        HOST,
        server.port,
        tls_context=tls,
        require_starttls=True,
        authenticator=server.authenticate,
        auth_required=True,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 signed by itself, and its key, as PEM files in `folder`."""
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "365", "-subj", "/CN=test", "-addext"]
    command += [f"subjectAltName=IP:{HOST}", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-keyout", str(key_file), "-out", str(certificate_file)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate_file, key_file
