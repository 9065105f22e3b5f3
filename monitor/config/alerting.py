"""[alerts] and [[notifier]] of monitor.toml: when an exceedance is the same alert, and who is told of which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.headerregistry import Address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from monitor.config.address import HTTP, LocalPath, Text, is_loopback, split_address
from monitor.config.broker import Broker
from monitor.config.secret import secret
from monitor.model.strict import Identifier, Seconds, Severity, Strict

HOLD_OFF_S = 120.0
MAX_NOTIFIERS = 32  # each has a thread
MAX_PATTERNS = 64
MAX_RECIPIENTS = 50
WEEK_S = 7 * 86_400
MAX_WINDOW_S = 1_800  # a flood doubles the window up to it
DEFAULT_WINDOW_S = 60.0
SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class AlertSettings(Strict):
    """`hold_off`: an exceedance that begins again within it after its end is the same alert."""

    hold_off_s: Annotated[Seconds, Field(ge=0, le=3600, alias="hold_off")] = HOLD_OFF_S


def _check_http(url: str) -> str:
    split_address(url, HTTP, "https://ops.example.org/alerts")
    return url


def _check_mail(address: str) -> str:
    try:
        Address(addr_spec=address)
    except ValueError as error:  # covers what the parser of headers raises
        raise ValueError(f"expected an address such as ops@example.org, got {address!r}") from error
    return address


HttpUrl = Annotated[str, AfterValidator(_check_http)]
MailAddress = Annotated[str, AfterValidator(_check_mail)]
Patterns = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_PATTERNS)]
EVERY = ("*",)


class Routed(Strict):
    """What all kinds have: a name, which alerts it is told of, and where its secret is.

    `containers`, `rules`, `parties` and `phases` are globs (* ? [ ]); a party is the alert's custodian. With
    `escalate_after` it is told of an alert only once nobody has acknowledged that for so long.
    """

    name: Identifier
    severities: Annotated[tuple[Severity, ...], Field(min_length=1)] = ("warning", "alarm")
    containers: Patterns = EVERY
    rules: Patterns = EVERY
    parties: Patterns = EVERY
    phases: Patterns = EVERY
    escalate_after_s: Annotated[Seconds | None, Field(ge=1, le=WEEK_S, alias="escalate_after")] = None
    secret_file: LocalPath | None = None

    @property
    def variable(self) -> str:
        """The environment variable that may hold the secret."""
        return f"TCM_NOTIFIER_{re.sub('[^A-Z0-9]', '_', self.name.upper())}_SECRET"

    @property
    def needs_secret(self) -> str:
        """What the secret is where there must be one, "" where it may be missing."""
        return ""

    def secret(self) -> str | None:
        """The variable, else what secret_file holds, else None; ConfigError when the file cannot be used."""
        return secret(self.variable, self.secret_file)


class Grouped(Routed):
    """A kind for people: what one cause leads to within `window` is told together, an open alert again every `repeat`.

    With a window of 0 s every change is told by itself.
    """

    window_s: Annotated[Seconds, Field(ge=0, le=MAX_WINDOW_S, alias="window")] = DEFAULT_WINDOW_S
    repeat_s: Annotated[Seconds | None, Field(ge=60, le=WEEK_S, alias="repeat")] = None


class MqttNotifier(Grouped, Broker):
    """One message for each notification on `topic`, of QoS 1, not retained; the secret is the broker's password."""

    kind: Literal["mqtt"]
    topic: Text
    client_id: Text | None = None

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, topic: str) -> str:
        if set(topic) & set("+#\0") or topic.startswith("$") or len(topic.encode()) > 65_535:  # MQTT's own length
            raise ValueError(f"expected a topic without + and #, got {topic!r}")
        return topic

    def _faults(self) -> Iterator[str]:
        if self.secret_file and not self.username:
            yield "username: missing; expected the name that goes with the password in secret_file"
        yield from super()._faults()


class WebhookNotifier(Grouped):
    """A POST of JSON to `url`; the secret is the key of its signature, without one nothing is signed."""

    kind: Literal["webhook"]
    url: HttpUrl
    ca_file: LocalPath | None = None


class AlertmanagerNotifier(Routed):
    """Alertmanager's API v2 under `url`; the secret is the password of `username`, without one a bearer token.

    Alertmanager groups and repeats by itself.
    """

    kind: Literal["alertmanager"]
    url: HttpUrl
    username: Text | None = None
    ca_file: LocalPath | None = None

    @property
    def needs_secret(self) -> str:
        """A password where there is a user."""
        return f"the password of {self.username}" if self.username else ""


class SmtpNotifier(Grouped):
    """A mail from `from` to each of `to`; the secret is the password of `username`."""

    kind: Literal["smtp"]
    host: Text
    port: Annotated[int | None, Field(ge=1, le=65_535, strict=True)] = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Text | None = None
    ca_file: LocalPath | None = None
    sender: Annotated[MailAddress, Field(alias="from")]
    to: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)]

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        faults = []
        if self.secret_file and not self.username:
            faults.append("username: missing; expected the name that goes with the password in secret_file")
        if self.security == "none" and not is_loopback(self.host):
            faults.append(f"security: expected starttls or tls, as {self.host} is not this machine")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def needs_secret(self) -> str:
        """A password where there is a user."""
        return f"the password of {self.username}" if self.username else ""

    @property
    def tcp_port(self) -> int:
        """The server's port; by default 587 with starttls, 465 with tls, 25 without encryption."""
        return self.port or SMTP_PORTS[self.security]


class AppriseNotifier(Grouped):
    """Any service that Apprise knows; the secret is its URL, one a line for several."""

    kind: Literal["apprise"]

    @property
    def needs_secret(self) -> str:
        """The service cannot do without."""
        return "the service's URL"


NotifierSettings = Annotated[
    MqttNotifier | WebhookNotifier | AlertmanagerNotifier | SmtpNotifier | AppriseNotifier,
    Field(discriminator="kind"),
]
