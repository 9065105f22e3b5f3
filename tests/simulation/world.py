"""One seed, one story: the scheduler that picks what is stepped next, which fault strikes and how time passes.

Which kinds of fault a story has is drawn first, so that some stories have many of one kind and none of another.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from firmware_sim.codec import decode_ack
from tests.simulation.broker import Broker
from tests.simulation.client import Packet
from tests.simulation.clock import START_NS, S, SimClock
from tests.simulation.disk import Disk
from tests.simulation.faults import Faults
from tests.simulation.gateway import PARTS, Gateway, Stopped
from tests.simulation.loggers import HostileLogger, Made, SimLogger
from tests.simulation.operators import Operators
from tests.simulation.receiver import Receiver
from tests.simulation.server import Server

SETTLE_ROUNDS = 900  # of SETTLE_S: an hour of waiting for what never comes, then requests, then judging again
SETTLE_S = 10
OPERATING = 0.03  # of the steps that are no faults
FLOODS = 1_000  # as many steps as nothing needs in one round


class World:
    """Everything of one seed; `trace` is called with a line for each thing that happens."""

    actions = 400
    recording_rounds = 15  # of the settling, in which the loggers go on at least

    def __init__(self, seed: int, root: Path, trace: Callable[[str], None] | None = None) -> None:
        self.seed, self.root = seed, root
        self.rng = rng = random.Random(seed)
        random.seed(seed)  # the store's back-off draws from the common source
        self._trace = trace
        self.clock = SimClock()
        self.disk = Disk(root, rng)
        self.broker = Broker(rng)
        self.server, self.copy_server = Server(rng, self.clock), Server(rng, self.clock)
        self.receiver, self.operators = Receiver(rng), Operators(rng)
        self.gateway = Gateway(
            *(root, self.disk, self.broker, (self.server, self.copy_server), self.receiver, self.clock, rng)
        )
        self.made: Made = {}
        self.acks: dict[tuple[str, int], int] = {}  # the highest upto told of a logger's boot
        self.board: dict[str, bytes] = {}  # what was published of each alert last, by its id
        self.freed: set[tuple[str, bytes]] = set()  # topics and payloads that a PUBACK freed
        self.loggers = [
            SimLogger(self.broker, f"L-{number}", self.clock.true_ns, rng, self.made)
            for number in range(rng.choice((1, 2, 3)))
        ]
        self.broker.heard, self.broker.on_freed = self._hear, self._free
        self.hostile = HostileLogger(self.broker, rng, lambda: self.clock.true_ns)
        self.faults = Faults(self)
        self.deaths = 0
        self._is_hostile = rng.random() < 0.3

    def say(self, text: str) -> None:
        """A line of the trace."""
        if self._trace is not None:
            self._trace(f"{(self.clock.true_ns - START_NS) / S:10.3f} {text.replace(str(self.root), '')}")

    def run(self) -> None:
        """Live through the story, and let everything settle."""
        self._start()
        for _ in range(self.actions):
            self._pass_time()
            if not self.faults.strike():
                self._act()
            self._look()
        self._settle()

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/down/ack"):
            ack = decode_ack(payload)
            key = topic.split("/")[3], ack.boot
            self.acks[key] = max(self.acks.get(key, -1), ack.upto)
        elif "/alerts/" in topic:
            self.board[topic.rpartition("/")[2]] = payload

    def _free(self, packet: Packet) -> None:
        self.freed.add((packet.topic, packet.payload))
        if packet.payload not in self.gateway.journalled:
            raise AssertionError(f"I5 the broker may forget a message that is in no commit: {packet.topic}")

    def _start(self) -> None:
        while self.gateway.parts is None:
            try:
                self.gateway.start()
                self.say("started")
            except Stopped as stopped:
                self.say(f"stopped at start: {stopped.__cause__}")
                self.end()

    def end(self) -> None:
        """The process died: perhaps the machine lost power with it."""
        if self.rng.random() < 0.5:
            self._lose_power(self.rng.choice((0.0, 0.5, 1.0)))
            return
        self.deaths += 1
        self.gateway.die(None, 0.0)
        self.say("killed")

    def _lose_power(self, share: float) -> None:
        """Leave of what was not durable such a share."""
        self.deaths += 1
        self.gateway.die(self.rng, share)
        self.clock.reboot()
        self.say(f"power cut, {share:.0%} of what was not durable is there")

    def _look(self) -> None:
        """What must hold at any time: I8, nothing looks well that is not."""
        parts = self.gateway.parts
        if parts is None:
            return
        for session in parts.sessions:
            if not session.is_connected and not session.problem:
                raise AssertionError(f"I8 the {session.name} session is not connected and has no problem")

    def _pass_time(self) -> None:
        self.clock.true_ns += self.rng.randrange(50_000_000 if self.rng.random() < 0.8 else 10 * S)

    def _act(self) -> None:
        acts = (self._step_part, self._step_part, self._step_broker, self._step_logger, self._run_job)
        self._operate() if self.rng.random() < OPERATING else self.rng.choice(acts)()

    def _step_part(self) -> None:
        if self.gateway.parts is None:
            self._start()
        name = self.rng.choice(PARTS)
        try:
            did = self.gateway.step(name)
            self.say(f"{name} {did}")
        except Stopped as stopped:
            self.say(f"{name} stopped: {stopped.__cause__}")
            self.end()

    def _operate(self) -> None:
        if self.gateway.parts is not None:
            did = self.operators.act(self.gateway.parts, self.clock.now_ns())
            self.say(f"operator {did or 'has nothing to do'}")

    def _step_broker(self) -> None:
        for client in self.gateway.clients:
            if client.wants_connection and client.connection is None:
                self.broker.accept(client)
            count = self.rng.choice((1, 3, 30))
            self.rng.choice((self.broker.read, self.broker.deliver))(client, count)

    def _step_logger(self) -> None:
        logger, now_ns = self.rng.choice(self.loggers), self.clock.true_ns
        logger.record(now_ns)
        if not logger.is_connected and self.rng.random() < 0.5:
            logger.connect(now_ns)
        logger.step(now_ns, self.rng.choice((1, 5, 100)))
        if self._is_hostile:
            self.hostile.send()

    def _run_job(self) -> None:
        for server, jobs in ((self.server, self.gateway.jobs), (self.copy_server, self.gateway.copy_jobs)):
            server.step()
            jobs.run_one(self.rng)

    def _settle(self) -> None:
        """All faults are over: everything has to move again without a hand."""
        self._end_faults()
        for number in range(SETTLE_ROUNDS):
            self._start()
            self.clock.true_ns += SETTLE_S * S
            for logger in self.loggers:
                logger.connect(self.clock.true_ns)
                if number < self.recording_rounds or self._is_awaiting:
                    logger.record(self.clock.true_ns)
            try:
                self._run_dry()
            except Stopped:
                self.end()
                continue
            self.server.step()
            self.copy_server.step()
            if number > self.recording_rounds and self.is_settled:
                return

    def _end_faults(self) -> None:
        self.say("all faults end")
        self.disk.dies_at, self.disk.is_full, self.disk.fails_sync = None, False, False
        self.broker.is_up, self.broker.is_stalled = True, False
        self.server.fault = self.copy_server.fault = ""
        self.receiver.is_ill = False

    def _run_dry(self) -> None:
        """Step everything until nothing moves."""
        for _ in range(FLOODS):
            did = sum(logger.step(self.clock.true_ns) for logger in self.loggers) > 0
            for client in self.gateway.clients:
                if client.connection is None:
                    self.broker.accept(client)
                did |= self.broker.read(client, FLOODS) | self.broker.deliver(client, FLOODS)
            did |= sum(self.gateway.step(name) for name in PARTS) > 0
            did |= self.gateway.jobs.run_one(self.rng) | self.gateway.copy_jobs.run_one(self.rng)
            if not did:
                return
        raise AssertionError("something moves for ever")

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way or waited for."""
        parts = self.gateway.parts
        assert parts is not None
        is_drained = parts.is_caught_up and not any(logger.device.held for logger in self.loggers)
        return is_drained and not self._is_awaiting and "C-1" not in parts.watch.judge.forks

    @property
    def _is_awaiting(self) -> bool:
        """Whether records may still come. A request for one that its logger overwrote since, without a word of it, is
        in vain only once something else came of that logger: loggers that fall silent leave it open for ever.
        """
        assert self.gateway.parts is not None
        return "C-1" in (self.gateway.parts.journal.open_containers() or [])
