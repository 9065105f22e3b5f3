"""Mail: plain text with a picture of the evidence, one SMTP session for each notification."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import sqlite3
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, NoReturn, TypeVar

from monitor.config.alerting import SmtpNotifier
from monitor.config.certificates import tls_context
from monitor.deadline import Connections, within
from monitor.model.alert import OPEN_STATES
from monitor.model.clock import NS_PER_S
from monitor.model.errors import TcmError
from monitor.notify.notification import Notification, NotTaken, PartlyTaken, Refused
from monitor.notify.picture import Pictures
from monitor.notify.routing import rank_of
from monitor.notify.said import CAUSE_MAX, said
from monitor.notify.text import subject, text

ANSWER_S = 10.0  # for each word of the server
SESSION_S = 30.0  # for all of them and the mail
MAX_BEGUN = 64  # mails that not everybody has; one with its picture has some 100 kB
FINAL = range(500, 600)  # what SMTP never takes
T = TypeVar("T")
Answers = dict[str, tuple[int, bytes]]  # by recipient
Evidence = Callable[[dict[str, Any]], dict[str, Any] | None]


@dataclass(slots=True)
class _UnderWay:
    """A notification that not everybody has yet."""

    mail: EmailMessage
    wanted: list[str]


class Mail:
    """Sends each notification as one mail to all recipients; used by one thread, `close` by any.

    `marking_of` says how a container is marked, "" for not; `evidence_of` what there is of an alert (its JSON).
    """

    def __init__(self, settings: SmtpNotifier, marking_of: Callable[[str], str], evidence_of: Evidence) -> None:
        self._settings, self._marking_of, self._evidence_of = settings, marking_of, evidence_of
        self._password = settings.secret()
        self._tls = None if settings.security == "none" else tls_context(settings.ca_file)
        self.place = f"{settings.host}:{settings.tcp_port}"
        self._connections, self._pictures = Connections(), Pictures()
        self._begun: dict[str, _UnderWay] = {}  # by id: drawn once, and sent again to those only who have not got it

    def send(self, notification: Notification) -> None:
        """Return once the server has taken it for all recipients; NotTaken, PartlyTaken or Refused else."""
        now = self._begun.get(notification.id)
        if now is None:
            now = self._begun[notification.id] = _UnderWay(self.message(notification), list(self._settings.to))
            if len(self._begun) > MAX_BEGUN:
                del self._begun[next(iter(self._begun))]  # the oldest
        refused = self._in_session(lambda server: _hand_over(server, now.mail, self._settings.sender, now.wanted))
        wanted, now.wanted = now.wanted, list(refused)
        if refused:
            self._fail_for(refused, is_taken_by_some=len(refused) < len(wanted))
        del self._begun[notification.id]

    def reach(self) -> None:
        """Return when the server takes the login; nothing is sent. NotTaken else."""
        self._in_session(lambda server: server.noop())

    def close(self) -> None:
        """Cut what is under way, which is then not taken."""
        self._connections.end()
        self._pictures.end()

    def message(self, notification: Notification) -> EmailMessage:
        """The mail; its picture shows what is known by now."""
        domain = self._settings.sender.rpartition("@")[2]
        mail = EmailMessage(policy=SMTP)
        mail["Subject"] = subject(notification)
        mail["From"] = self._settings.sender
        mail["To"] = ", ".join(self._settings.to)
        mail["Date"] = format_datetime(datetime.fromtimestamp(notification.at_ns // NS_PER_S, UTC), usegmt=True)
        mail["Message-ID"] = f"<{notification.id}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # so that nobody's absence is answered
        alert = _most_urgent(notification)
        picture, note = (None, "") if alert is None else self._picture(alert)
        mail.set_content(text(notification, self._marking_of, note), cte="quoted-printable")  # lines of any length
        if picture is not None and alert is not None:
            mail.add_attachment(
                picture, maintype="image", subtype="png", filename=f"{alert['id']}.png", disposition="inline"
            )
        return mail

    def _picture(self, alert: dict[str, Any]) -> tuple[bytes | None, str]:
        """The picture of an alert and what is to be said of it; a mail goes without rather than not at all."""
        try:
            evidence = self._evidence_of(alert)
            if evidence is None:
                return None, ""
            return self._pictures.draw(evidence), f"The picture shows the readings of alert {alert['id']}."
        except (TcmError, sqlite3.Error) as error:
            return None, f"There is no picture: {error}"

    def _in_session(self, act: Callable[[smtplib.SMTP], T]) -> T:
        """What `act` returns of a server that has taken the login; NotTaken or Refused."""
        try:
            with within(SESSION_S, self._connections.cut), contextlib.closing(self._connected()) as server:
                if self._settings.security == "starttls":
                    server.starttls(context=self._tls)
                    assert server.sock is not None  # another one than before
                    self._connections.add(server.sock)
                if self._settings.username and self._password:
                    server.login(self._settings.username, self._password)
                done = act(server)
                with contextlib.suppress(smtplib.SMTPException, OSError):  # it is done all the same
                    server.quit()
                return done
        except smtplib.SMTPDataError as error:
            kind = Refused if error.smtp_code in FINAL else NotTaken
            raise kind("notify: mail", self.place, self._said(error)) from error
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise NotTaken("notify: mail", self.place, self._said(error), _hint(error)) from error

    def _connected(self) -> smtplib.SMTP:
        """A session that has begun; what is on its line may be cut from now on."""
        add, host, port = self._connections.add, self._settings.host, self._settings.tcp_port
        if self._settings.security == "tls":
            return _TlsSession(add, host, port, timeout=ANSWER_S, context=self._tls)
        return _Session(add, host, port, timeout=ANSWER_S)

    def _fail_for(self, refused: Answers, *, is_taken_by_some: bool) -> NoReturn:
        """Say who did not get it; those who did will not get it again."""
        cause = "; ".join(f"{address}: {code} {self._line(answer)}" for address, (code, answer) in refused.items())
        is_final = all(code in FINAL for code, _ in refused.values())
        kind = PartlyTaken if is_taken_by_some else Refused if is_final else NotTaken
        raise kind("notify: mail", self.place, cause[:CAUSE_MAX], "check the addresses")

    def _said(self, error: Exception) -> str:
        """Why, in the server's words, without the password."""
        if isinstance(error, smtplib.SMTPResponseException):
            return f"{error.smtp_code} {self._line(error.smtp_error)}"
        return self._line(getattr(error, "strerror", None) or str(error) or type(error).__name__)

    def _line(self, answer: bytes | str) -> str:
        """A server's answer in one line, without the password."""
        return said(answer, [self._password] if self._password else ())


class _Watched:
    """Put before a session of smtplib: whoever made it may cut its connection."""

    def __init__(self, add: Callable[[socket.socket], None], *arguments: Any, **options: Any) -> None:
        self._add = add
        super().__init__(*arguments, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # of the session behind
        self._add(opened)
        return opened


class _Session(_Watched, smtplib.SMTP):
    """Not encrypted, or only after STARTTLS."""


class _TlsSession(_Watched, smtplib.SMTP_SSL):
    """Encrypted from the beginning."""


def _hand_over(server: smtplib.SMTP, mail: EmailMessage, sender: str, wanted: list[str]) -> Answers:
    """Send the mail to all of `wanted`; whom the server refused, with code and answer."""
    try:
        return server.send_message(mail, sender, wanted)
    except smtplib.SMTPRecipientsRefused as error:
        return error.recipients


def _most_urgent(notification: Notification) -> dict[str, Any] | None:
    """The alert of which a picture is drawn: the first of the gravest that go on, else of all."""
    alerts = [alert for alert in notification.alerts if alert["state"] in OPEN_STATES] or notification.alerts
    return max(alerts, key=rank_of, default=None)


def _hint(error: Exception) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            return "check username and secret"
        case smtplib.SMTPSenderRefused():
            return "check from, and whether the server wants a login"
        case smtplib.SMTPNotSupportedError():
            return "check host, port and security"
        case ssl.SSLError():
            return "check security, and ca_file for a certificate of one's own"
    return ""
