"""The loggers of a simulation: firmware_sim's device on a simulated line, and one that keeps to no rule."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

import numpy as np

from firmware_sim.codec import AckError, Env, Shock, Stamp, Status, encode_env, encode_status
from firmware_sim.device import Fate, Identity, Logger, Message, Oscillator, Record
from tests.simulation.broker import Broker
from tests.simulation.client import Packet
from tests.simulation.clock import S

INTERVAL_S = 2
ROWS = 5
RECORD_NS = ROWS * INTERVAL_S * S
CHANNELS = ("temperature.hardware", "temperature.air", "humidity.air")
LEVELS_C = (20.0, 22.0, 23.5, 24.2, 25.5, 26.5, 28.0)
REFUSED_VALUE = 66.6  # the store holds it to be wrong
Made = dict[tuple[str, int, int], bytes]  # payload by logger, boot and seq


class SimLogger:
    """One logger: it records as time passes, keeps to the wire format, and is cut off and restarted by the scheduler.

    `made` and `fates` are the truth of what it recorded and what became of it.
    """

    def __init__(self, broker: Broker, name: str, now_ns: int, rng: random.Random, made: Made) -> None:
        self._broker, self._rng, self._made = broker, rng, made
        clock = rng.choice(("network", "network", "ack", "never"))
        identity = Identity(
            *("C-1", name, f"SN-{name}", "TL-3", INTERVAL_S * 1_000_000),
            seed=rng.randrange(1 << 30),
            capacity_bytes=rng.choice((4_000, 20_000, 1 << 20)),
            window_records=rng.choice((8, 256)),
            sync=clock,  # type: ignore[arg-type]  # one of three literals
        )
        self.name, self.topic = name, identity.topic
        self.fates: dict[tuple[str, int, int], Fate] = {}
        self.device = Logger(identity, Oscillator(rng.uniform(-20, 20), clock == "network"), now_ns, self._tell)
        if clock == "network":
            self.device.synchronise(now_ns, now_ns)
        self.is_connected = self.is_reachable = False
        self._out: deque[Message] = deque()
        self._in: deque[tuple[str, bytes]] = deque()
        self._will: Message | None = None
        self._recorded_ns, self._level_c = now_ns, LEVELS_C[0]

    def record(self, now_ns: int) -> None:
        """Record what is due: blocks of readings, now and then an event."""
        self._recorded_ns = max(self._recorded_ns, now_ns - 3 * RECORD_NS)
        while self.device.is_on and self._recorded_ns + RECORD_NS <= now_ns:
            t0_ns = self._recorded_ns
            self._recorded_ns += RECORD_NS
            self._keep(self.device.add_env(t0_ns, self._readings()))
            if self._rng.random() < 0.1:
                self._keep(self.device.add_shock(t0_ns + S, self._event()))

    def connect(self, now_ns: int) -> None:
        """Connect, with the birth as the first message."""
        if self.is_connected or not self.device.is_on or not self._broker.is_up:
            return
        self.is_connected = True
        self._will = self.device.will(now_ns)
        self._broker.listeners[self.topic] = self._hear
        self._out.append(self.device.connected(now_ns))

    def cut(self, now_ns: int, *, is_noticed: bool = True) -> None:
        """Lose the connection and what is under way on it; the broker publishes the will."""
        if not self.is_connected:
            return
        self.is_connected = False
        self._out.clear()
        self._in.clear()
        self.device.disconnected(now_ns)
        self._broker.listeners.pop(self.topic, None)
        if self._will is not None and is_noticed:
            self._broker.route(Packet(self._will.topic, self._will.payload, 1, True))

    def restart(self, now_ns: int) -> None:
        """Lose power for a moment, in the middle of a write perhaps."""
        self.device.power_off(now_ns, self._rng.choice((0, 0, 1, 2)))
        self.cut(now_ns)
        self.device.power_up(now_ns)
        self._recorded_ns = now_ns
        if self.device.identity.sync == "network":
            self.device.synchronise(now_ns, now_ns)

    def step(self, now_ns: int, packets: int = 1_000) -> bool:
        """Send and hear; whether there was anything."""
        if not self.is_connected:
            return False
        self._out += self.device.due(now_ns)
        did = bool(self._out or self._in)
        for _ in range(min(packets, len(self._out))):
            message = self._out.popleft()
            self._broker.route(Packet(message.topic, message.payload, 1, message.retain))
        while self._in:
            level, payload = self._in.popleft()
            if level == "ack":
                self._receive(now_ns, payload)
        return did

    def _receive(self, now_ns: int, payload: bytes) -> None:
        try:
            self.device.receive(now_ns, payload)
        except AckError as error:
            raise AssertionError(f"{self.name}: the monitor sent what is no acknowledgement: {error}") from error

    def _hear(self, level: str, payload: bytes) -> None:
        if self._rng.random() > 0.05:  # QoS 0
            self._in.append((level, payload))

    def _keep(self, record: Record) -> None:
        self._made[self.name, record.boot, record.seq] = record.payload

    def _tell(self, record: Record, fate: Fate) -> None:
        self.fates[self.name, record.boot, record.seq] = fate

    def _readings(self) -> Env:
        values = np.empty((ROWS, len(CHANNELS)), dtype=np.float32)
        for row in range(ROWS):
            if self._rng.random() < 0.2:
                self._level_c = self._rng.choice(LEVELS_C)
            values[row] = (self._level_c, 21.0, self._rng.choice((25.0, 40.0, 60.0)))
        if self._rng.random() < 0.05:
            values[0, 0] = np.nan
        if self._rng.random() < 0.02:
            values[1, 2] = REFUSED_VALUE
        return Env(CHANNELS, INTERVAL_S * 1_000_000, values)

    def _event(self) -> Shock:
        counts = np.zeros((3, 64), dtype=np.int16)
        counts[0, 20:30] = self._rng.choice((150, 500))
        return Shock(1000.0, 16, (0.01, 0.01, 0.01), 16.0, counts, "a", 1.0)


class HostileLogger:
    """Sends what no logger should: other content under one identity, seqs that go back, claims that are not true."""

    def __init__(self, broker: Broker, rng: random.Random, clock_ns: Callable[[], int]) -> None:
        self._broker, self._rng, self._clock_ns = broker, rng, clock_ns
        self.name = "L-hostile"
        self._boots = [rng.randrange(1 << 40) for _ in range(3)]
        self.sent: list[bytes] = []

    def send(self) -> None:
        """Publish one message."""
        rng = self._rng
        kind = rng.choice(("env", "env", "env", "fill/env", "status", "junk"))
        boot, seq = rng.choice(self._boots), rng.choice((0, 1, 2, 3, 5, 8, 100, 1 << 40))
        now_ns = self._clock_ns()
        stamp = Stamp(boot, now_ns, seq * 1000, rng.choice((0, 1, 2)))
        if kind == "junk":
            payload = rng.randbytes(rng.randrange(40))
        elif kind == "status":
            held = [(rng.choice(self._boots), 0, rng.choice((3, 1 << 41)))]
            payload = encode_status(stamp, Status("online", serial="X", next_seq=seq, held=held, interval_us=1))
        else:
            values = np.full((2, 1), rng.choice((20.0, 90.0)), dtype=np.float32)
            payload = encode_env(stamp, seq, rng.choice((0, 0, seq)), 0, Env(("temperature.hardware",), 1, values))
        topic = f"tcm/v1/C-2/{self.name}/up/{'env' if kind == 'junk' else kind}"
        self.sent.append(payload)
        self._broker.route(Packet(topic, payload, 1, kind == "status"))
