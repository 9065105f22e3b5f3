"""The session's client over real brokers: TLS and plain, MQTT 5 and 3.1.1, large and small, and cut amid a packet."""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from monitor.config.settings import MqttSettings
from monitor.ingest import Inbox, Session
from monitor.model.clock import SystemClock
from tests.chaos.proxy import Proxy
from tests.processes import HOST, wait_until
from tests.servers import Mosquitto, mosquitto

LIMIT_S = 30.0
LARGE_BYTES, SMALL = 1 << 20, 5_000
KINDS = [(tls, protocol) for tls in (False, True) for protocol in ("5", "3.1.1")]
Got = tuple[str, bytes]


@dataclass
class Line:
    """A broker as one of the KINDS."""

    broker: Mosquitto
    certificate: Path | None
    protocol: str

    @contextmanager
    def session(self, port: int, inbox: Inbox) -> Iterator[Session]:
        """A session that runs over `port`, until the block ends."""
        scheme = "mqtts" if self.certificate else "mqtt"
        content = {"url": f"{scheme}://{HOST}:{port}", "protocol": self.protocol, "ca_file": self.certificate}
        settings = MqttSettings.model_validate(content)
        session = Session("live", settings, "g", ("big/+", "small/+"), inbox, SystemClock())
        thread = threading.Thread(target=session.run, daemon=True)
        thread.start()
        try:
            yield session
        finally:
            inbox.close()
            session.stop()
            thread.join(LIMIT_S)
        assert not thread.is_alive()

    def publish(self, *messages: Got) -> None:
        """Send to the broker, in this order; returns once it has them all."""
        client = paho.Client(CallbackAPIVersion.VERSION2, "sender")
        client.max_queued_messages_set(0)
        if self.certificate:
            client.tls_set(str(self.certificate))
        client.connect(HOST, self.broker.port)
        client.loop_start()
        for receipt in [client.publish(topic, payload, qos=1) for topic, payload in messages]:
            receipt.wait_for_publish(LIMIT_S)
            assert receipt.is_published()
        client.disconnect()
        client.loop_stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server at HOST; its key stands beside it."""
    file = tmp_path_factory.mktemp("tls") / "cert.pem"
    key = f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {file.with_name('key.pem')}"
    name = f"-subj /CN=broker -addext subjectAltName=IP:{HOST}"
    command = f"openssl req -x509 {key} -out {file} -days 2 {name}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return file


@pytest.fixture(params=KINDS, ids=lambda kind: f"{'tls' if kind[0] else 'plain'}-{kind[1]}")
def line(request: pytest.FixtureRequest, certificate: Path) -> Iterator[Line]:
    is_tls, protocol = request.param
    lines = (f"certfile {certificate}", f"keyfile {certificate.with_name('key.pem')}") if is_tls else ()
    with mosquitto(*lines, "max_inflight_messages 0") as broker:
        yield Line(broker, certificate if is_tls else None, protocol)


def take(inbox: Inbox, count: int, rng: random.Random) -> list[Got]:
    """Take so many, and acknowledge them in lots as commits do: the latest of a lot first."""
    got: list[Got] = []
    lot = []

    def is_done() -> bool:
        while len(got) < count and (delivery := inbox.take()) is not None:
            got.append((delivery.topic, delivery.payload))
            lot.append(delivery)
            if rng.random() < 0.01 or len(got) == count:
                for each in reversed(lot):
                    each.acknowledge()
                lot.clear()
        return len(got) == count

    wait_until(is_done, LIMIT_S, f"{count} messages")
    return got


def test_all_come_once_and_in_order_and_all_are_acknowledged(line: Line) -> None:
    """Large ones amid small ones of all lengths, some of them empty; afterwards the broker has none left."""
    rng, inbox = random.Random(7), Inbox()
    small = [("small/a", rng.randbytes(rng.choice((0, 1, 7, 100, 2000)))) for _ in range(SMALL)]
    large = [("small/a", rng.randbytes(LARGE_BYTES + number)) for number in range(4)]
    messages = [*small[:1000], *large[:2], *small[1000:], *large[2:]]
    with line.session(line.broker.port, inbox) as session:
        assert session.granted.wait(LIMIT_S)
        line.publish(*messages)
        assert take(inbox, len(messages), rng) == messages
        generation = session.generation
        line.publish(("small/a", b"the last"))
        assert take(inbox, 1, rng) == [("small/a", b"the last")]
        assert session.generation == generation
    log = line.broker.folder / "log.txt"  # it reads a packet at a time: the acknowledgements are on their way still
    wait_until(lambda: "Client g disconnected" in log.read_text(), LIMIT_S, "the broker to have read all")
    line.publish(("small/a", b"a marker"))
    inbox = Inbox()
    with line.session(line.broker.port, inbox):
        assert take(inbox, 1, rng) == [("small/a", b"a marker")]


def test_a_cut_amid_a_packet_leaves_nothing_of_it(line: Line) -> None:
    """What had come of it is forgotten with the connection; it comes again, whole."""
    rng, inbox = random.Random(8), Inbox()
    messages = [("big/a", rng.randbytes(LARGE_BYTES)), ("big/a", b"after it")]
    with Proxy(line.broker.port) as proxy, line.session(proxy.port, inbox) as session:
        assert session.granted.wait(LIMIT_S)
        proxy.delay(0.25)  # 4 s for all of it: time enough to see a part
        line.publish(*messages)
        wait_until(lambda: len(session._client._in_packet["packet"]) > LARGE_BYTES // 4, LIMIT_S, "a part of it")
        proxy.cut()
        wait_until(lambda: not session.granted.is_set(), LIMIT_S, "the cut to be noticed")
        assert len(inbox) == 0
        proxy.mend()
        proxy.delay(0.0)
        assert take(inbox, 2, rng) == messages
