"""The files of deploy/ put to work: certificates of its script, a broker with its configuration, peers with TLS."""

from __future__ import annotations

import getpass
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode
from ruamel.yaml import YAML

from tests.commands import REPOSITORY
from tests.processes import HOST, accepts, find_program, free_port, running, wait_until
from tests.servers import Mosquitto

DEPLOY = REPOSITORY / "deploy"
ANSWER_S = 10.0


def unprivileged(*command: str | Path) -> list[str]:
    """The command, run by somebody who is not root and has no capability."""
    if os.getuid() != 0:
        return list(map(str, command))
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", *map(str, command)]


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever that is."""
    return subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True, timeout=60, check=False)


def read_compose() -> Any:
    """The content of compose.yml."""
    return YAML(typ="safe").load(DEPLOY / "compose.yml")


def make_certificates(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the script of that name; CalledProcessError when it says no."""
    command = [DEPLOY / "make-certificates", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def make_secrets(folder: Path) -> Path:
    """The folder, after the script of that name has put into it what compose.yml needs."""
    done = run(*unprivileged(DEPLOY / "make-secrets", folder))
    assert done.returncode == 0, done.stderr
    return folder


class Broker(Mosquitto):
    """Mosquitto as deploy/ has it; `port` is the loggers', `gateway_port` the gateway's."""

    gateway_port = 0

    @property
    def gateway_url(self) -> str:
        return f"mqtts://{HOST}:{self.gateway_port}"


@contextmanager
def deployed_broker(folder: Path, certificates: Path) -> Iterator[Broker]:
    """The broker of deploy/mosquitto, started: the same file, but for its paths, its ports and its user."""
    port, gateway_port = free_port(), free_port()
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text()
    for was, now in {
        "/etc/mosquitto/certificates": str(certificates / "broker"),
        "/etc/mosquitto/acl": str(DEPLOY / "mosquitto" / "acl"),
        "/var/lib/mosquitto/": f"{folder}/",
        "listener 8883": f"listener {port} {HOST}",
        "listener 8884 127.0.0.1": f"listener {gateway_port} {HOST}",
    }.items():
        assert was in text
        text = text.replace(was, now)
    config = folder / "mosquitto.conf"
    config.write_text(f"{text}user {getpass.getuser()}\n")
    command = [find_program("mosquitto", "mosquitto"), "-c", str(config)]
    server = Broker(command, folder, port, lambda: accepts(port) and accepts(gateway_port))  # one opens after the other
    server.gateway_port = gateway_port
    with running(server):
        yield server


class Peer:
    """Somebody who connects by TLS with a certificate, or with none, and keeps what it hears."""

    def __init__(self, port: int, ca: Path, certificate: Path | None = None, client_id: str = "") -> None:
        self._port = port
        self.heard: list[tuple[str, bytes]] = []
        self.answer: ReasonCode | None = None  # to the connection
        self.refusal = ""  # why there is none
        self._codes: dict[int, ReasonCode] = {}  # to publications and subscriptions
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
        files = (str(certificate), str(certificate.with_suffix(".key"))) if certificate else (None, None)
        client.tls_set(str(ca), *files)
        client.on_connect = self._on_connect
        client.on_message = lambda _client, _data, message: self.heard.append((message.topic, bytes(message.payload)))
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        self._client = client

    def __enter__(self) -> Self:
        assert self.connects(), self.refusal
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()

    def connects(self) -> bool:
        """Whether the broker lets it in. With TLS 1.3 a client learns of a refusal after its own handshake."""
        try:
            self._client.connect(HOST, self._port, clean_start=True)
        except (ssl.SSLError, ConnectionError) as error:
            self.refusal = str(error)
            return False
        deadline = time.monotonic() + ANSWER_S
        while self.answer is None and time.monotonic() < deadline:
            if (code := self._client.loop(0.05)) != paho.MQTT_ERR_SUCCESS:
                self.refusal = f"{paho.error_string(code)}, {self.answer}"
                return False
        assert self.answer is not None, "neither let in nor refused"
        self.refusal = str(self.answer)
        return not self.answer.is_failure

    def is_alive(self) -> bool:
        """Whether the connection still stands, after what has come is read."""
        return self._client.loop(0.05) == paho.MQTT_ERR_SUCCESS and self._client.is_connected()

    def publish(self, topic: str, payload: bytes = b"") -> ReasonCode:
        """The broker's answer to a message of QoS 1."""
        mid = self._client.publish(topic, payload, qos=1).mid
        self.wait(lambda: mid in self._codes, f"an answer to {topic}")
        return self._codes[mid]

    def subscribe(self, topic_filter: str) -> ReasonCode:
        """The broker's answer."""
        mid = self._client.subscribe(topic_filter, qos=1)[1]
        assert mid is not None
        self.wait(lambda: mid in self._codes, f"an answer to {topic_filter}")
        return self._codes[mid]

    def wait(self, condition: Any, what: str) -> None:
        """Read until `condition` holds; TimeoutError that names `what` when it does not in time."""

        def is_done() -> bool:
            self._client.loop(0.01)
            return bool(condition())

        wait_until(is_done, ANSWER_S, what)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        self.answer = reason

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        self._codes[mid] = reason

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, codes: list[Any], _properties: Any) -> None:
        self._codes[mid] = codes[0]
