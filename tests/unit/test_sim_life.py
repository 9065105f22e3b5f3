"""Whatever happens to a logger: its records have one fate each, and a monitor learns of every one that is lost."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import cbor2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Env, Shock
from firmware_sim.device import Fate, Identity, Logger, Message, Oscillator, Record

START_NS = 1_795_413_600 * NS_PER_S
WINDOW_RECORDS = 4
RESEND_NS = 60 * NS_PER_S
CAPACITY_BYTES = 2500  # about ten records

Key = tuple[int, int]  # boot, seq
Step = tuple[str, Any]

recording = st.one_of(st.tuples(st.just("env"), st.integers(1, 6)), st.tuples(st.just("shock"), st.integers(1, 60)))
time_passing = st.tuples(st.just("wait"), st.sampled_from([1, 9, 11, 50, 61, 90_000]))
power = st.one_of(st.tuples(st.just("cut"), st.integers(0, 4)), st.tuples(st.just("arm"), st.booleans()))
clock = st.tuples(st.sampled_from(["synchronise", "step"]), st.integers(-99, 99))
# "send": whether what is due arrives; "ack": whether the monitor asks for what it misses; "birth": whether it arrives
link = st.tuples(st.sampled_from(["birth", "send", "ack", "disconnect"]), st.booleans())
shrinking = st.tuples(st.just("shrink"), st.integers(1200, CAPACITY_BYTES))
lives = st.lists(st.one_of(recording, recording, time_passing, power, clock, link, link, shrinking), max_size=50)


@dataclass
class Monitor:
    """A plain one: it believes what the wire format lets it believe, seq by seq."""

    received: dict[Key, bytes] = field(default_factory=dict)
    lost: set[Key] = field(default_factory=set)
    made: dict[int, int] = field(default_factory=dict)  # by boot: seqs below are known to have been made

    def take(self, message: Message) -> None:
        content = cbor2.loads(message.payload)
        boot = content["boot"]
        if "seq" in content:
            known = self.received.setdefault((boot, content["seq"]), message.payload)
            assert known == message.payload
            self.made[boot] = max(self.made.get(boot, 0), content["seq"] + 1)
            self.lose(boot, range(content["oldest"]))
        elif content["state"] == "online":
            held = {(b, seq) for b, first, last in content["held"] for seq in range(first, last + 1)}
            for b, next_seq in [*content.get("boots", []), (boot, content["next"])]:
                self.made[b] = max(self.made.get(b, 0), next_seq)
                self.lose(b, [seq for seq in range(next_seq) if (b, seq) not in held])

    def lose(self, boot: int, seqs: Iterable[int]) -> None:
        self.lost |= {(boot, seq) for seq in seqs}
        self.lost -= set(self.received)

    def acknowledgement(self, boot: int, at_ns: int, wants: bool) -> bytes:
        open_seqs = [seq for seq in range(self.made[boot]) if (boot, seq) not in {*self.received, *self.lost}]
        upto = min(open_seqs, default=self.made[boot]) - 1
        want = [[seq, seq] for seq in open_seqs] if wants else []
        return cbor2.dumps({"v": 1, "boot": boot, "upto": upto, "want": want, "now": at_ns})


class Life:
    """A logger, its monitor, what happened between them, and what must be true after everything that happens."""

    def __init__(self, capacity_bytes: int = CAPACITY_BYTES, drift_ppm: float = 15.0) -> None:
        identity = Identity("C-1", "L-1", "SN-1", "TL-3", 1, capacity_bytes=capacity_bytes, window_records=4)
        self.now_ns = START_NS
        self.created: list[Record] = []
        self.fates: dict[Key, Fate] = {}
        self.flight: dict[Key, int] = {}  # when it was last sent on this connection
        self.last_mono_ns = 0
        self.monitor = Monitor()
        self.logger = Logger(identity, Oscillator(drift_ppm), START_NS, self.fated)

    def fated(self, record: Record, fate: Fate) -> None:
        key = (record.boot, record.seq)
        assert key not in self.fates
        self.fates[key] = fate
        self.flight.pop(key, None)

    def take(self, step: Step) -> None:
        name, value = step
        self.now_ns += 1
        getattr(self, name)(value)

    def env(self, rows: int) -> None:
        x = np.full((rows, 2), 20.5, dtype=np.float32)
        self.record(self.logger.add_env(self.now_ns, Env(("temperature.air", "humidity.air"), 10**6, x)))

    def shock(self, samples: int) -> None:
        counts = np.ones((3, samples), np.int16)
        shock = Shock(3200.0, 1, (0.1, 0.1, 0.1), 16.0, counts, "a", 1.0)
        self.record(self.logger.add_shock(self.now_ns, shock))

    def record(self, record: Record) -> None:
        content = cbor2.loads(record.payload)
        unsettled = [held.seq for held in self.logger.still_held() if held.boot == record.boot]
        assert content["oldest"] <= min(unsettled)
        assert content["mono"] >= self.last_mono_ns
        self.last_mono_ns = content["mono"]
        self.created.append(record)

    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * NS_PER_S

    def cut(self, torn: int) -> None:
        self.logger.power_off(self.now_ns, torn)
        self.logger.power_up(self.now_ns + 1)
        self.now_ns += 2
        self.last_mono_ns = 0

    def arm(self, is_armed: bool) -> None:
        self.logger.arm(self.now_ns, is_armed)

    def synchronise(self, error_s: int) -> None:
        self.logger.synchronise(self.now_ns, self.now_ns + error_s * NS_PER_S)

    def step(self, by_s: int) -> None:
        self.logger.oscillator.step(self.now_ns, by_s)

    def shrink(self, capacity_bytes: int) -> None:
        self.logger.shrink(self.now_ns, capacity_bytes)

    def birth(self, arrives: bool) -> None:
        message = self.logger.connected(self.now_ns)
        self.flight.clear()
        self.check_held(message)
        if arrives:
            self.monitor.take(message)

    def disconnect(self, _: bool) -> None:
        self.logger.disconnected(self.now_ns)

    def send(self, arrives: bool) -> None:
        self.check_promise()
        messages = self.logger.due(self.now_ns)
        turns = [0 if message.retain else 2 if "/up/fill/" in message.topic else 1 for message in messages]
        assert turns == sorted(turns)
        for message in messages:
            self.check_held(message) if message.retain else self.check_sent(message)
            if arrives:
                self.monitor.take(message)
        next_ns = self.logger.next_due_ns()
        assert next_ns is None or next_ns > self.now_ns

    def ack(self, wants: bool) -> None:
        for boot in sorted(self.monitor.made):
            payload = self.monitor.acknowledgement(boot, self.now_ns, wants)
            for first, _ in cbor2.loads(payload)["want"]:
                self.flight.pop((boot, first), None)
            self.logger.receive(self.now_ns, payload)

    def check_promise(self) -> None:
        """Before next_due_ns nothing is due, unless something happened that makes it 0."""
        next_ns = self.logger.next_due_ns()
        if next_ns is None or next_ns > self.now_ns:
            assert self.logger.due(self.now_ns) == []

    def check_sent(self, message: Message) -> None:
        content = cbor2.loads(message.payload)
        key = (content["boot"], content["seq"])
        assert message.payload == next(r.payload for r in self.created if (r.boot, r.seq) == key)
        assert key not in self.fates
        self.flight[key] = self.now_ns
        assert sum(self.now_ns - at_ns < RESEND_NS for at_ns in self.flight.values()) <= WINDOW_RECORDS

    def check_held(self, status: Message) -> None:
        held = cbor2.loads(status.payload)["held"]
        keys = [(boot, seq) for boot, first, last in held for seq in range(first, last + 1)]
        assert keys == [(record.boot, record.seq) for record in self.logger.still_held()]

    def check_fates(self) -> None:
        logger = self.logger
        held = [(record.boot, record.seq) for record in logger.still_held()]
        assert Counter([*self.fates, *held]) == Counter((record.boot, record.seq) for record in self.created)
        counted = Counter(self.fates.values())
        assert (counted[Fate.ACKNOWLEDGED], counted[Fate.LOST]) == (logger.acknowledged, logger.lost)
        assert (len(self.created), len(held)) == (logger.created, logger.held)

    def check_losses(self) -> None:
        """What the monitor takes for lost is: it was lost on the logger."""
        assert self.monitor.lost <= self.lost()

    def lost(self) -> set[Key]:
        return {key for key, fate in self.fates.items() if fate is Fate.LOST} - set(self.monitor.received)

    def settle_everything(self) -> None:
        self.birth(True)
        for _ in range(len(self.created) + 2):
            self.ack(False)
            self.send(True)


@given(lives)
@settings(max_examples=150)
def test_every_record_has_one_fate_and_no_loss_is_silent(life_steps: list[Step]) -> None:
    """After each step the laws hold; at the end a monitor that is heard knows exactly the lost ones for lost."""
    life = Life()
    for step in life_steps:
        life.take(step)
        life.check_fates()
        life.check_losses()
    life.settle_everything()
    assert life.logger.held == 0
    assert life.monitor.lost == life.lost()
    assert {key for key in life.fates if key not in life.lost()} <= set(life.monitor.received)
    assert cbor2.loads(life.logger.connected(life.now_ns).payload)["boots"] == []


@given(lives)
@settings(max_examples=60)
def test_the_bytes_do_not_depend_on_the_link(life_steps: list[Step]) -> None:
    """With a flash that nothing overruns, a logger that is never online makes the same records."""
    linked, alone = Life(capacity_bytes=2**20), Life(capacity_bytes=2**20)
    for step in life_steps:
        if step[0] == "shrink":
            continue
        linked.take(step)
        if step[0] in ("birth", "send", "ack", "disconnect"):
            alone.now_ns = linked.now_ns
        else:
            alone.take(step)
    assert linked.created == alone.created


@given(st.lists(st.integers(1, 5), min_size=5, max_size=20))
@settings(max_examples=30)
def test_the_bytes_do_not_depend_on_when_an_acknowledgement_comes(batches: list[int]) -> None:
    """Also when the flash has gone round many times, so that each record overwrites a settled one."""
    prompt, late = Life(), Life()
    for batch in batches:
        for life, each in ((prompt, True), (late, False)):
            life.birth(True)
            for index in range(batch):
                life.now_ns += 1
                life.env(3)
                if each or index == batch - 1:
                    life.send(True)
                    life.send(True)
                    life.ack(False)
                    life.send(True)
                    life.ack(False)
            assert life.logger.lost == 0
        late.now_ns = prompt.now_ns
    assert prompt.created == late.created
    assert cbor2.loads(late.created[-1].payload)["oldest"] > 0 or sum(batches) < 20
