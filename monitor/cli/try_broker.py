"""What keeps the broker from serving the daemon's two sessions: TLS, login, rights, or the wrong one of its ports."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from monitor.cli.try_tls import Finding, speaks_tls, tls_fault
from monitor.config import Config, MqttSettings
from monitor.config.certificates import read_certificate
from monitor.ingest import Inbox, Session
from monitor.ingest.session import REFUSED
from monitor.model.clock import SystemClock
from monitor.wire import FILL_FILTER, LIVE_FILTER

TRY_S = 20.0  # half of it for the connection, and as much until the broker gives the session's own message back
NO_LOGIN = (f"{REFUSED}Not authorized", f"{REFUSED}Bad user name or password")  # in the words of paho
GATEWAY_NAME = "gateway"  # in deploy/mosquitto/acl, and in the certificate that deploy/make-certificates makes for it


class _Tried(NamedTuple):
    """A session after its trial: whether it stands, or stood and was ended."""

    name: str
    problem: str
    is_connected: bool
    is_cut: bool


def try_broker(config: Config) -> Iterator[Finding]:
    """Errors and warnings under the keys of [mqtt]: TLS first, which nothing else can say so well."""
    mqtt = config.mqtt
    if mqtt.tls:
        fault = tls_fault(mqtt.host, mqtt.port, mqtt.ca_file, mqtt.cert_file, mqtt.key_file)
        if fault is not None:
            yield fault._replace(cause=f"expected a broker that TLS can be trusted with: {fault.cause}")
            if fault.is_error:
                return
    tried = _try_sessions(config)
    said = "; ".join(f"{each.name} session: {each.problem}" for each in tried if each.problem)
    if said:
        key, hint = _hint(mqtt, tried)
        yield Finding(key, f"expected a broker that accepts this client: {said}{hint and '; '}{hint}")


def _hint(mqtt: MqttSettings, tried: Sequence[_Tried]) -> tuple[str, str]:
    """The key to look at, and what is behind problems that say too little by themselves; "" where nothing is known."""
    if any(each.problem in NO_LOGIN for each in tried):
        return _login_hint(mqtt)
    connected = sum(each.is_connected for each in tried)
    if connected == len(tried) and mqtt.cert_file is not None:  # and nothing comes
        name = read_certificate(mqtt.cert_file).name
        if name != GATEWAY_NAME:
            return "cert_file", f"it is the certificate of {name!r}, and deploy/mosquitto/acl knows {GATEWAY_NAME!r}"
    if connected and mqtt.cert_file is not None and any(each.is_cut for each in tried):
        return "url", "is this the loggers' port (8883), where both sessions have one name? The gateway's is 8884"
    if not connected and not mqtt.tls and speaks_tls(mqtt.host, mqtt.port):
        return "url", "it speaks TLS on this port: use mqtts://, with ca_file, cert_file and key_file"
    return "url", ""


def _login_hint(mqtt: MqttSettings) -> tuple[str, str]:
    if mqtt.username is not None:
        return (
            "username",
            f"does the broker know {mqtt.username!r}, and with this password? Users are its password_file's",
        )
    if mqtt.cert_file is not None:
        name = read_certificate(mqtt.cert_file).name
        return "cert_file", f"it is the certificate of {name!r}: the broker has to take that for a user's name"
    return "username", "it wants a login: give username and password_file, or have it take cert_file for one"


def _try_sessions(config: Config) -> list[_Tried]:
    """How both sessions come off, under client ids of their own."""
    live_filters = (LIVE_FILTER, *(source.topic for source in config.rules.sources))
    inbox, clock, client_id = Inbox(), SystemClock(), f"{config.mqtt.client_id}-check"
    sessions = (
        Session("live", config.mqtt, client_id, live_filters, inbox, clock, is_trial=True),
        Session("fill", config.mqtt, f"{client_id}-fill", (FILL_FILTER,), inbox, clock, is_fill=True, is_trial=True),
    )
    threads = [threading.Thread(target=session.run, daemon=True) for session in sessions]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + TRY_S
    for session in sessions:
        session.tried.wait(max(end_s - time.monotonic(), 0))
    tried = [_tried(session) for session in sessions]
    inbox.close()
    for session, thread in zip(sessions, threads, strict=True):
        session.stop()
        thread.join(TRY_S)
    return tried


def _tried(session: Session) -> _Tried:
    is_cut = not session.is_connected and session.generation > 1  # the first number is that of a connect
    return _Tried(session.name, session.problem, session.is_connected, is_cut)
