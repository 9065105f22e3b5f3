"""The simulated loggers against a real broker: connections that come, go, and are shared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cbor2
import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.clock import NS_PER_S, VirtualClock
from firmware_sim.codec import Env
from firmware_sim.device import Identity
from firmware_sim.plan import Action, Happening, LinkPlan, LoggerPlan, Made, Span
from firmware_sim.publish.broker import parse_broker
from firmware_sim.publish.line import Settlement
from firmware_sim.recorder.truth import Truth
from firmware_sim.runner import Limits, Run, Summary, simulate
from tests.processes import HOST, free_port, wait_until
from tests.servers import Mosquitto

START_NS = 1_795_413_600 * NS_PER_S
LIMIT_S = 30.0
BUSY_TRIES = 3  # a machine that has much else to do holds up one or the other
SIM = [sys.executable, "-m", "firmware_sim", "run", "quiet"]


class Monitor:
    """What acknowledges everything that a container's loggers send, and remembers what came."""

    def __init__(self, port: int, container: str) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []  # logger and content
        self._settlements: dict[str, Settlement] = {}
        granted = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: granted.set()
        self._client.connect(HOST, port)
        self._client.subscribe(f"tcm/v1/{container}/+/up/#", qos=1)
        self._client.loop_start()
        assert granted.wait(LIMIT_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def states(self, logger: str) -> list[str]:
        """Return the states of a logger's statuses, in order."""
        return [content["state"] for name, content in list(self.heard) if name == logger and "state" in content]

    def born(self) -> set[str]:
        """Return the loggers whose birth came."""
        return {name for name, content in list(self.heard) if content.get("state") == "online"}

    def _on_message(self, client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        topic = message.topic.split("/")
        self.heard.append((topic[3], cbor2.loads(message.payload)))
        settlement = self._settlements.setdefault(topic[3], Settlement())
        for boot, upto in settlement.take(bytes(message.payload)):
            ack = {"v": 1, "boot": boot, "upto": upto, "want": [], "now": time.time_ns()}
            client.publish("/".join([*topic[:4], "down", "ack"]), cbor2.dumps(ack))


@contextmanager
def monitor(broker: Mosquitto, container: str) -> Iterator[Monitor]:
    """A monitor of a container of the test's own."""
    one = Monitor(broker.port, container)
    try:
        yield one
    finally:
        one.close()


def plan(
    container: str,
    logger: str,
    seconds: Sequence[float],
    link: LinkPlan | None = None,
    *actions: Action,
    clone: int = 0,
) -> LoggerPlan:
    """Return a logger that records a block at each of the seconds after the start; a clone has a boot of its own."""
    env = Env(("temperature.air",), 1000, np.full((5, 1), 20.0, np.float32))
    made: list[Happening] = [
        Made(START_NS + round(at * NS_PER_S), START_NS + round((at - 0.01) * NS_PER_S), env) for at in seconds
    ]
    identity = Identity(container, logger, "SN-1", "TL-3", 1000, instance=clone)
    return LoggerPlan(
        identity, START_NS + clone, iter(sorted([*made, *actions], key=lambda each: each.at_ns)), link or LinkPlan()
    )


def span(begin_s: float, end_s: float) -> Span:
    """Return seconds after the start as a span."""
    return Span(START_NS + round(begin_s * NS_PER_S), START_NS + round(end_s * NS_PER_S))


def go(
    url: str, plans: Sequence[LoggerPlan], length_s: float, connections: int = 100, drain_s: float = 5.0
) -> tuple[Summary, bool]:
    """Run plans in real time to their end."""
    clock = VirtualClock(START_NS, 1.0, time.time())
    run = Run(plans, parse_broker(url), clock, Truth(None), threading.Event(), connections)
    return simulate(run, clock, Limits(None, START_NS + round(length_s * NS_PER_S), drain_s))


def test_a_lost_network_shows_the_last_will_and_what_was_recorded_comes_later(mosquitto_server: Mosquitto) -> None:
    """No DISCONNECT, so the broker tells everyone; the same with the power; at the end the logger says it itself."""
    power = [Action(START_NS + round(at * NS_PER_S), kind) for at, kind in ((1.0, "power-off"), (1.4, "power-on"))]  # type: ignore[arg-type]  # both are kinds
    plans = [
        plan("C-NET", "L-net", [0.1, 0.7, 1.3], LinkPlan(down=(span(0.4, 1.0),))),
        plan("C-NET", "L-power", [0.5, 1.9], None, *power),
        plan("C-NET", "L-refused", [0.7], LinkPlan(refused=(span(0.0, 1.0),))),
    ]
    with monitor(mosquitto_server, "C-NET") as one:
        summary, is_settled = go(mosquitto_server.url, plans, 2.0)
        assert is_settled
        assert summary == Summary(created=6, published=6, acknowledged=6, lost=0)
        names = ("L-net", "L-power", "L-refused")
        wait_until(
            lambda: all(one.states(name)[-1:] == ["offline"] for name in names), LIMIT_S, "the last offline statuses"
        )
        assert one.states("L-net") == ["online", "offline", "online", "offline"]
        assert one.states("L-power") == ["online", "offline", "online", "offline"]
        assert one.states("L-refused") == ["online", "offline"]


def test_several_loggers_share_a_connection(mosquitto_server: Mosquitto) -> None:
    """Each has its birth, its acknowledgements and its own offline status, also when only it loses its network."""
    plans = [plan("C-MANY", f"L-{i}", [0.3, 0.9]) for i in range(30)]
    plans.append(plan("C-MANY", "L-alone", [0.3, 0.9], LinkPlan(down=(span(0.5, 0.8),))))
    with monitor(mosquitto_server, "C-MANY") as one:
        before = _connections(mosquitto_server)
        summary, is_settled = go(mosquitto_server.url, plans, 1.2, connections=2)
        assert _connections(mosquitto_server) - before == 2
        assert is_settled
        assert summary == Summary(created=62, published=62, acknowledged=62, lost=0)
        wait_until(lambda: one.states("L-29")[-1:] == ["offline"], LIMIT_S, "the last offline status")
        assert one.states("L-alone") == ["online", "offline", "online", "offline"]
        for i in range(30):
            assert one.states(f"L-{i}") == ["online", "offline"]


def _connections(broker: Mosquitto) -> int:
    """Return how many clients of the simulator the broker's log has seen."""
    lines = (broker.folder / "log.txt").read_text().splitlines()
    return sum(" as fleet-" in line for line in lines if "New client connected" in line)


def test_a_clone_and_its_original_throw_each_other_out(mosquitto_server: Mosquitto) -> None:
    """One client id, so the broker lets in who came last: both come in again, more and more slowly, and are heard."""
    plans = [plan("C-TWO", "L-1", [0.2]), plan("C-TWO", "L-1", [0.2], clone=1)]
    with monitor(mosquitto_server, "C-TWO") as one:
        go(mosquitto_server.url, plans, 2.0, drain_s=0.0)
        births = [content["boot"] for _, content in one.heard if content.get("state") == "online"]
        assert len(set(births)) == 2
        assert 2 <= len(births) <= 8
        assert {content["boot"] for _, content in one.heard if "seq" in content} == set(births)


def test_a_broker_that_comes_later_is_found(own_mosquitto_server: Mosquitto) -> None:
    """One message that it is away and one that it is there, no traceback, and nothing is lost."""
    own_mosquitto_server.stop()
    simulator = _start(
        ["--broker", own_mosquitto_server.url, "--for", "8s", "--speed", "60", "--drain", "0s", "--json"]
    )
    assert simulator.stderr is not None
    first = simulator.stderr.readline()
    own_mosquitto_server.start()
    out, errors = simulator.communicate(timeout=LIMIT_S)
    assert "no connection to mqtt://" in first
    assert errors.splitlines() == [f"tcm-sim: connected to {own_mosquitto_server.url}"]
    counts = json.loads(out)
    assert counts["created"] >= counts["published"] > 0
    assert simulator.returncode == 1  # nobody settled anything


@pytest.mark.parametrize(("number", "is_there"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_signal_ends_it_within_a_second(mosquitto_server: Mosquitto, number: signal.Signals, is_there: bool) -> None:
    """Also with a hundred connections and while the broker is away; the summary is printed, and nothing else."""
    url = mosquitto_server.url if is_there else f"mqtt://{HOST}:{free_port()}"

    def took_s() -> float:
        with monitor(mosquitto_server, "+") as one:
            simulator = _start(["--broker", url, "--loggers", "100", "--connections", "100", "--speed", "60", "--json"])
            if is_there:
                wait_until(lambda: len(one.born()) >= 100, LIMIT_S, "100 births")
            else:
                assert simulator.stderr is not None
                assert "no connection" in simulator.stderr.readline()
        began_s = time.monotonic()
        simulator.send_signal(number)
        out, errors = simulator.communicate(timeout=LIMIT_S)
        ended_s = time.monotonic()
        assert (simulator.returncode, errors) == (0, "")
        assert set(json.loads(out)) == {"created", "published", "acknowledged", "lost"}
        return ended_s - began_s

    assert any(took_s() < 1.0 for _ in range(BUSY_TRIES))


def _start(options: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(SIM + options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
