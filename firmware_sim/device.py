"""A logger as a state machine, without any input or output: it is told the time, and answers with what to send.

    readings, waveforms ─► record ─► memory (ring) ─► live ─┐
                                        │  ▲                ├─► in flight ─► settled: freed
                                        │  └ 60 s, want ──► fill ┘
                                        └► overwritten (lost) when the memory is full

A record is encoded once, when it is made, so a resend is byte-identical. It is freed only by the monitor's own
acknowledgement: the broker's says nothing of storage. First sendings go by the live topics; what is sent again, or
was made while there was no connection, goes by the fill topics, after everything live.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Ack, Env, Shock, Stamp, Status, encode_env, encode_shock, encode_status

MEMORY_BYTES = 8 * 2**20  # the flash of a logger; 25 000 blocks of five readings, which is 87 days
WINDOW_RECORDS = 256  # in flight; an acknowledgement a second then lets through 256 records a second
RESEND_S = 60.0
WANT_QUIET = 1 / 6  # of the resend time: a record sent this recently is still on its way, whatever `want` says
MAX_BOOT = 2**53  # so that JSON and floats carry it exactly


class Fate(StrEnum):
    """What became of a record."""

    ACKNOWLEDGED = "acknowledged"
    LOST = "lost"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a logger is and what it declares at birth.

    accs: for each accelerometer fs (Hz), range_g, level_g. resend_s: virtual seconds without settlement before a
    record is sent again.
    """

    container: str
    logger: str
    serial: str
    model: str
    interval_us: int
    accs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fw: str = "sim-1"
    seed: int = 0
    resend_s: float = RESEND_S
    memory_bytes: int = MEMORY_BYTES
    window_records: int = WINDOW_RECORDS


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it stands in memory. kind: "env" or "shock"."""

    boot: int
    seq: int
    kind: str
    t0_ns: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


def resend_time_s(speed: float) -> float:
    """Return the virtual seconds after which an unsettled record is sent again.

    60 s, but never less than 2 real seconds: under an accelerated clock the link and the monitor stay as fast as
    they are, and an acknowledgement comes at most once a real second.
    """
    return max(RESEND_S, 2.0 * speed)


Key = tuple[int, int]


class Logger:
    """One logger. Starts when made, with memory empty; `start` is a power cycle that keeps the memory.

    on_fate is called with each record that leaves the memory. Times given to the methods are ns UTC by its clock.
    """

    def __init__(
        self, identity: Identity, now_ns: int, on_fate: Callable[[Record, Fate], None] = lambda record, fate: None
    ) -> None:
        self.identity = identity
        self.created = self.published = self.acknowledged = self.lost = 0
        self.online = False
        self._on_fate = on_fate
        self._starts = 0
        self._held: dict[Key, Record] = {}  # oldest first
        self._held_bytes = 0
        self._live: dict[Key, None] = {}  # made on this connection, not yet sent
        self._fill: dict[Key, None] = {}  # to be sent by the fill topics
        self._flight: dict[Key, int] = {}  # sent on this connection and not settled: when, earliest first
        self._sent: set[Key] = set()  # of what is held, sent at least once
        self.start(now_ns)

    @property
    def topic(self) -> str:
        """Return the prefix of this logger's topics."""
        return f"tcm/v1/{self.identity.container}/{self.identity.logger}"

    @property
    def held(self) -> int:
        """Return the number of records in memory, none of them settled."""
        return len(self._held)

    def start(self, now_ns: int) -> None:
        """Switch on: a new boot, seq from 0, the memory as it was."""
        # the time is part of it, so that a second run against the same monitor is not taken for the first
        random = np.random.default_rng([self.identity.seed, now_ns, self._starts, *self.identity.logger.encode()])
        self.boot = int(random.integers(MAX_BOOT))
        self.boot_ns = now_ns
        self.next_seq = 0
        self.overrun = 0
        self._starts += 1
        self.disconnected()

    def will(self, now_ns: int) -> Message:
        """Return the last will for a connection that is made now."""
        return self._status(now_ns, Status(state="offline"))

    def connected(self, now_ns: int) -> Message:
        """Note a new connection and return the birth, which goes out before everything else.

        What the memory holds now goes by the fill topics: it was sent and not settled, or never could be sent.
        """
        self.online = True
        self._live.clear()
        self._flight.clear()
        self._fill = dict.fromkeys(self._held)
        birth = Status(
            state="online",
            serial=self.identity.serial,
            model=self.identity.model,
            fw=self.identity.fw,
            next_seq=self.next_seq,
            held=self._ranges(),
            armed=True,
            interval_us=self.identity.interval_us,
            accs=self.identity.accs,
            bat_pct=100.0,
            mem_pct=round(100.0 * self._held_bytes / self.identity.memory_bytes, 3),
        )
        return self._status(now_ns, birth)

    def disconnected(self) -> None:
        """Note that the connection is gone; records are made and kept all the same."""
        self.online = False

    def add_env(self, t0_ns: int, env: Env) -> Record:
        """Make a record of a block of readings whose first reading was at t0_ns."""
        return self._add(
            "env", t0_ns, lambda stamp, oldest: encode_env(stamp, self.next_seq, oldest, self.overrun, env)
        )

    def add_shock(self, t0_ns: int, shock: Shock) -> Record:
        """Make a record of a waveform whose first sample was at t0_ns."""
        return self._add(
            "shock", t0_ns, lambda stamp, oldest: encode_shock(stamp, self.next_seq, oldest, self.overrun, shock)
        )

    def settle(self, ack: Ack, now_ns: int) -> None:
        """Free what is settled; what the monitor misses and is still held goes out again by the fill topics."""
        for key in [key for key in self._held if key[0] == ack.boot and key[1] <= ack.upto]:
            self.acknowledged += 1
            self._free(key, Fate.ACKNOWLEDGED)
        quiet_ns = round(self.identity.resend_s * WANT_QUIET * NS_PER_S)
        for first, last in ack.want:
            for key in [key for key in self._flight if key[0] == ack.boot and first <= key[1] <= last]:
                if now_ns - self._flight[key] >= quiet_ns:
                    del self._flight[key]
                    self._fill[key] = None

    def due(self, now_ns: int) -> list[Message]:
        """Return what to send now: live records first, then the fill, as far as the window of records allows."""
        if not self.online:
            return []
        self._expire(now_ns)
        messages = []
        for queue, path in ((self._live, "up"), (self._fill, "up/fill")):
            while queue and len(self._flight) < self.identity.window_records:
                key = next(iter(queue))
                del queue[key]
                self._flight[key] = now_ns
                if key not in self._sent:
                    self._sent.add(key)
                    self.published += 1
                record = self._held[key]
                messages.append(Message(f"{self.topic}/{path}/{record.kind}", record.payload))
        return messages

    def still_held(self) -> list[Record]:
        """Return the records in memory, oldest first."""
        return list(self._held.values())

    def _expire(self, now_ns: int) -> None:
        resend_ns = round(self.identity.resend_s * NS_PER_S)
        while self._flight:
            key, sent_ns = next(iter(self._flight.items()))
            if now_ns - sent_ns < resend_ns:
                return
            del self._flight[key]
            self._fill[key] = None

    def _add(self, kind: str, t0_ns: int, encode: Callable[[Stamp, int], bytes]) -> Record:
        stamp = Stamp(boot=self.boot, t0_ns=t0_ns, mono_ns=t0_ns - self.boot_ns)
        payload = encode(stamp, self._oldest())
        if len(payload) > self.identity.memory_bytes:
            raise ValueError(
                f"{self.identity.logger}: a record of {len(payload)} bytes does not fit into a memory of "
                f"{self.identity.memory_bytes} bytes"
            )
        if self._make_room(len(payload)):
            payload = encode(stamp, self._oldest())  # the overwriting belongs into this record already
        record = Record(self.boot, self.next_seq, kind, t0_ns, payload)
        key = (record.boot, record.seq)
        self._held[key] = record
        self._held_bytes += len(payload)
        (self._live if self.online else self._fill)[key] = None
        self.next_seq += 1
        self.created += 1
        return record

    def _make_room(self, size: int) -> bool:
        """Overwrite the oldest records until `size` bytes fit; say whether any was."""
        before = self.lost
        # 18 bytes: `oldest` and `overrun` may each grow from 1 to 9 bytes when the record is encoded again
        while self._held and self._held_bytes + size + 18 > self.identity.memory_bytes:
            key = next(iter(self._held))
            self.lost += 1
            if key[0] == self.boot:
                self.overrun += 1
            self._free(key, Fate.LOST)
        return self.lost > before

    def _free(self, key: Key, fate: Fate) -> None:
        record = self._held.pop(key)
        self._held_bytes -= len(record.payload)
        for queue in (self._live, self._fill, self._flight):
            queue.pop(key, None)
        self._sent.discard(key)
        self._on_fate(record, fate)

    def _oldest(self) -> int:
        return next((seq for boot, seq in self._held if boot == self.boot), self.next_seq)

    def _ranges(self) -> list[tuple[int, int, int]]:
        """Return what is held as (boot, first, last), oldest first: one range a boot, as it is freed from its start."""
        ranges: list[tuple[int, int, int]] = []
        for boot, seq in self._held:
            if ranges and ranges[-1][0] == boot and ranges[-1][2] == seq - 1:
                ranges[-1] = (boot, ranges[-1][1], seq)
            else:
                ranges.append((boot, seq, seq))
        return ranges

    def _status(self, now_ns: int, status: Status) -> Message:
        stamp = Stamp(boot=self.boot, t0_ns=now_ns, mono_ns=now_ns - self.boot_ns)
        return Message(f"{self.topic}/up/status", encode_status(stamp, status), retain=True)
