"""One seed, one story: the scheduler that picks what is stepped next, which fault strikes and how time passes.

Which kinds of fault a story has is drawn first, so that some stories have many of one kind and none of another.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from firmware_sim.codec import decode_ack
from tests.simulation.broker import Broker
from tests.simulation.clock import S, SimClock
from tests.simulation.disk import Disk
from tests.simulation.gateway import PARTS, Gateway, Stopped
from tests.simulation.loggers import HostileLogger, Made, SimLogger
from tests.simulation.server import FAULTS, Server

SETTLE_ROUNDS = 900  # of SETTLE_S: an hour of waiting for what never comes, then requests, then judging again
SETTLE_S = 10
FLOODS = 1_000  # as many steps as nothing needs in one round


class World:
    """Everything of one seed; `trace` is called with a line for each thing that happens."""

    actions = 500
    recording_rounds = 40  # of the settling, in which the loggers go on

    def __init__(self, seed: int, root: Path, trace: Callable[[str], None] | None = None) -> None:
        self.seed, self.root = seed, root
        self.rng = rng = random.Random(seed)
        random.seed(seed)  # the store's back-off draws from the common source
        self._trace = trace
        self.clock = SimClock()
        self.disk = Disk(root, rng)
        self.broker = Broker(rng)
        self.server = Server(rng, self.clock)
        self.gateway = Gateway(root, self.disk, self.broker, self.server, self.clock, rng)
        self.made: Made = {}
        self.acks: dict[tuple[str, int], int] = {}  # the highest upto told of a logger's boot
        self.freed: set[tuple[str, bytes]] = set()  # topics and payloads that a PUBACK freed
        self.loggers = [
            SimLogger(self.broker, f"L-{number}", self.clock.true_ns, rng, self.made)
            for number in range(rng.choice((1, 2, 3)))
        ]
        self.broker.heard, self.broker.on_freed = self._hear, lambda packet: self.freed.add(packet[:2])
        self.hostile = HostileLogger(self.broker, rng, lambda: self.clock.true_ns)
        self._faults = [fault for fault in self._all_faults() if rng.random() < 0.4]
        self._fault_share = rng.choice((0.01, 0.03, 0.08))
        self.deaths = 0
        self._is_hostile = rng.random() < 0.3

    def say(self, text: str) -> None:
        """A line of the trace."""
        if self._trace is not None:
            self._trace(f"{(self.clock.true_ns - 1_795_413_600 * S) / S:10.3f} {text}")

    def run(self) -> None:
        """Live through the story, and let everything settle."""
        self._start()
        for _ in range(self.actions):
            self._pass_time()
            if self.rng.random() < self._fault_share and self._faults:
                fault = self.rng.choice(self._faults)
                self.say(f"FAULT {fault.__name__.strip('_')}")
                fault()
            else:
                self._act()
        self._settle()

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/down/ack"):
            ack = decode_ack(payload)
            key = topic.split("/")[3], ack.boot
            self.acks[key] = max(self.acks.get(key, -1), ack.upto)

    def _start(self) -> None:
        while self.gateway.parts is None:
            try:
                self.gateway.start()
                self.say("started")
            except Stopped as stopped:
                self.say(f"stopped at start: {stopped.__cause__}")
                self._end()

    def _end(self) -> None:
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

    def _pass_time(self) -> None:
        self.clock.true_ns += self.rng.randrange(50_000_000 if self.rng.random() < 0.8 else 10 * S)

    def _act(self) -> None:
        acts = (self._step_part, self._step_part, self._step_broker, self._step_logger, self._run_job)
        self.rng.choice(acts)()

    def _step_part(self) -> None:
        if self.gateway.parts is None:
            self._start()
        name = self.rng.choice(PARTS)
        try:
            did = self.gateway.step(name)
            self.say(f"{name} {did}")
        except Stopped as stopped:
            self.say(f"{name} stopped: {stopped.__cause__}")
            self._end()

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
        self.server.step()
        self.gateway.jobs.run_one(self.rng)

    def _all_faults(self) -> list[Callable[[], None]]:
        return [
            self._die_now, self._die_soon, self._stop, self._fill_disk, self._fail_sync, self._cut, self._lose_session,
            self._restart_broker, self._stall_broker, self._fail_store, self._step_clock, self._cut_logger, self._restart_logger,
        ]  # fmt: skip

    def _die_now(self) -> None:
        self._end()

    def _die_soon(self) -> None:
        self.disk.dies_at = self.disk.operations + self.rng.randrange(1, 100)

    def _stop(self) -> None:
        if self.gateway.parts is not None:
            try:
                self.gateway.stop()
            except Stopped:
                self._end()

    def _fill_disk(self) -> None:
        self.disk.is_full = not self.disk.is_full

    def _fail_sync(self) -> None:
        self.disk.fails_sync = True

    def _cut(self) -> None:
        for client in self.gateway.clients:
            if client.connection is not None and self.rng.random() < 0.7:
                self.broker.cut(client, has_read=self.rng.choice((0, 1, 5, None)))

    def _lose_session(self) -> None:
        for client in self.gateway.clients:
            if self.rng.random() < 0.7:
                self.broker.cut(client, has_read=0)
                self.broker.forget(client.client_id, keeps_waiting=self.rng.random() < 0.5)

    def _restart_broker(self) -> None:
        self.broker.restart(is_persistent=self.rng.random() < 0.5)
        for logger in self.loggers:
            logger.cut(self.clock.true_ns, is_noticed=False)

    def _stall_broker(self) -> None:
        self.broker.is_stalled = not self.broker.is_stalled

    def _fail_store(self) -> None:
        self.server.fault = "" if self.server.fault else self.rng.choice(FAULTS)
        self.say(f"store: {self.server.fault or 'well'}")

    def _step_clock(self) -> None:
        self.clock.step(self.rng.choice((-1, 1)) * self.rng.choice((1, 60, 3_600, 86_400)) * S)

    def _cut_logger(self) -> None:
        self.rng.choice(self.loggers).cut(self.clock.true_ns, is_noticed=self.rng.random() < 0.7)

    def _restart_logger(self) -> None:
        self.rng.choice(self.loggers).restart(self.clock.true_ns)

    def _settle(self) -> None:
        """All faults are over: everything has to move again without a hand."""
        self._end_faults()
        for number in range(SETTLE_ROUNDS):
            self._start()
            self.clock.true_ns += SETTLE_S * S
            for logger in self.loggers:
                logger.connect(self.clock.true_ns)
                if number < self.recording_rounds:
                    logger.record(self.clock.true_ns)
            try:
                self._run_dry()
            except Stopped:
                self._end()
                continue
            self.server.step()
            if number > self.recording_rounds and self.is_settled:
                return

    def _end_faults(self) -> None:
        self.say("all faults end")
        self.disk.dies_at, self.disk.is_full, self.disk.fails_sync = None, False, False
        self.broker.is_stalled, self.server.fault = False, ""

    def _run_dry(self) -> None:
        """Step everything until nothing moves."""
        for _ in range(FLOODS):
            did = any([logger.step(self.clock.true_ns) for logger in self.loggers])
            for client in self.gateway.clients:
                if client.connection is None:
                    self.broker.accept(client)
                did |= self.broker.read(client, FLOODS) | self.broker.deliver(client, FLOODS)
            did |= any([self.gateway.step(name) for name in PARTS])
            did |= self.gateway.jobs.run_one(self.rng)
            if not did:
                return
        raise AssertionError("something moves for ever")

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way or waited for."""
        parts = self.gateway.parts
        assert parts is not None
        is_drained = parts.is_caught_up and not any(logger.device.held for logger in self.loggers)
        open_containers = parts.journal.open_containers() or []
        return is_drained and "C-1" not in open_containers and "C-1" not in parts.watch.judge.forks
