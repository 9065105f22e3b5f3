"""A logger as a state machine. It is told the true time, of which it knows only what its oscillator shows.

A record is encoded once, when it is made, so a resend is byte-identical. It is freed only by the monitor's own
acknowledgement: the broker's says nothing of storage. What was made on the present connection goes first, by the live
topics; everything else that is not settled goes by the fill topics, oldest first.
"""

from collections.abc import Callable
from typing import TypeVar
from zlib import crc32

import cbor2
import numpy as np

from firmware_sim.codec import Env, Shock, Stamp, decode_ack, encode_env, encode_shock
from firmware_sim.device.announcer import Announcer
from firmware_sim.device.battery import Battery
from firmware_sim.device.flight import Flight
from firmware_sim.device.identity import Identity, Message
from firmware_sim.device.oscillator import Oscillator
from firmware_sim.device.ring import Fate, Ledger, Record, Ring

MAX_BOOT = 2**53  # so that JSON and floats carry it exactly
OVERRUN_BYTES = 9  # the widest integer: see _add
HEAD_BYTES = 320  # at most, without arrays and channel names: 17 keys of 76 letters, 20 numbers of 9 bytes, tags

Content = TypeVar("Content", Env, Shock)


class Logger:
    """One logger, switched on when made. Times given to the methods are true ns UTC.

    on_fate is called with each record that leaves the memory. created, published (sent at least once), acknowledged,
    lost (overwritten or torn before they were settled) count records of all boots, overrun the overwritten ones of
    this boot. A logger that is off neither sends nor hears; RuntimeError for what only one that is on can do.
    """

    __slots__ = (
        "_announcer",
        "_battery",
        "_flight",
        "_ledger",
        "_on_fate",
        "_ring",
        "_starts",
        "_upto",
        "acknowledged",
        "boot",
        "commands",
        "created",
        "identity",
        "is_on",
        "lost",
        "next_seq",
        "online",
        "oscillator",
        "overrun",
    )

    def __init__(
        self,
        identity: Identity,
        oscillator: Oscillator,
        true_ns: int,
        on_fate: Callable[[Record, Fate], None] = lambda record, fate: None,
    ) -> None:
        self.identity = identity
        self.oscillator = oscillator
        self.created = self.acknowledged = self.lost = self.commands = 0
        self.online = self.is_on = False
        self._on_fate = on_fate
        self._battery = Battery(identity.battery_s, identity.battery_pct)
        self._ring = Ring(identity.capacity_bytes)
        self._ledger = Ledger()
        self._flight = Flight(self._ring, identity.window_records, identity.resend_s)
        self._announcer = Announcer(identity, oscillator, self._battery, self._ring, self._ledger)
        self._starts = 0
        self.power_up(true_ns)

    @property
    def armed(self) -> bool:
        """Return whether this is the journey."""
        return self._announcer.is_armed

    @property
    def published(self) -> int:
        """Return the number of records sent at least once."""
        return self._flight.published

    @property
    def empty_ns(self) -> int | None:
        """Return the true time at which the battery is empty if the logger stays on; None while it is off."""
        return self._battery.empty_ns if self.is_on else None

    @property
    def held(self) -> int:
        """Return the number of records in memory that are not settled."""
        return len(self._ring)

    def still_held(self) -> list[Record]:
        """Return the records in memory that are not settled, oldest first."""
        return list(self._ring.unsettled())

    def power_up(self, true_ns: int) -> None:
        """Start a new boot with seq from 0, the memory as it was; a logger that was on is cut off first."""
        self.power_off(true_ns)
        # The time is part of it, so that a second run against the same monitor is not taken for the first. The instance
        # is not, so that a clone of one start has the boot number of its original.
        purpose = [crc32(self.identity.logger.encode()), crc32(b"boot"), self._starts, true_ns]
        self.boot = int(np.random.default_rng([self.identity.seed, *purpose]).integers(MAX_BOOT))
        self.next_seq = self.overrun = 0
        self._upto = -1  # of this boot, as the monitor said last
        self._starts += 1
        self.is_on = True
        self.oscillator.power_up(true_ns)
        self._battery.switch_on(true_ns)

    def power_off(self, true_ns: int, torn: int = 0) -> None:
        """Cut the power, while the `torn` newest records were still being written: they are lost."""
        if not self.is_on:
            return
        self.is_on = self.online = False
        self._battery.switch_off(true_ns)
        if self._upto < self.next_seq - 1:
            self._ledger.add(self.boot, self.next_seq)
        self._release(self._ring.tear(torn), Fate.LOST)

    def arm(self, true_ns: int, is_armed: bool) -> None:
        """Change whether this is the journey; announced when online."""
        self._announcer.is_armed = is_armed
        self._announcer.look()

    def synchronise(self, true_ns: int, reference_ns: int) -> None:
        """Set the clock to a reference's time, unless the logger is off."""
        if self.is_on:
            self.oscillator.synchronise(true_ns, reference_ns)
            self._announcer.look()

    def shrink(self, true_ns: int, capacity_bytes: int) -> None:
        """Lose part of the flash, and the oldest records that no longer fit."""
        self._overwritten(self._ring.shrink(capacity_bytes))
        self._announcer.look()

    def add_env(self, true_ns: int, env: Env) -> Record:
        """Make a record of a block of readings whose first reading was at true_ns."""
        dt_bytes = 0 if isinstance(env.dt_us, int) else env.dt_us.nbytes
        names_bytes = sum(2 + len(name.encode()) for name in env.channels)
        return self._add("env", true_ns, env, encode_env, names_bytes + dt_bytes + 4 * env.x.size)

    def add_shock(self, true_ns: int, shock: Shock) -> Record:
        """Make a record of a waveform whose first sample was at true_ns."""
        return self._add("shock", true_ns, shock, encode_shock, len(shock.acc.encode()) + shock.counts.nbytes)

    def will(self, true_ns: int) -> Message:
        """Return the last will for a connection that is made now."""
        return self._announcer.will(true_ns, self.boot)

    def connected(self, true_ns: int) -> Message:
        """Note a new connection and return the birth, which goes out before everything else."""
        self._require_power("connect")
        self._flight.begin()
        self.online = True
        return self._announcer.birth(true_ns, self.boot, self.next_seq)

    def disconnected(self, true_ns: int) -> None:
        """Note that the connection is gone; records are made and kept all the same."""
        self.online = False

    def sleep(self, true_ns: int, until_ns: int) -> Message:
        """Return the announcement that the logger is going to disconnect and stay away until until_ns."""
        return self._announcer.sleep(true_ns, self.boot, until_ns)

    def receive(self, true_ns: int, payload: bytes, error_ns: Callable[[int], int] | None = None) -> None:
        """Take an acknowledgement: free what is settled; send again what the monitor misses and is still held.

        error_ns: tells by how much its `now` is wrong; None: `now` is true time.
        Raises AckError if it is not an acknowledgement; then nothing has changed.
        """
        ack = decode_ack(payload)
        if not self.is_on:
            return
        self._settle(ack.boot, ack.upto)
        self._flight.want(true_ns, ack.boot, ack.want)
        if self.identity.sync == "ack":
            now_ns = ack.now_ns if error_ns is None else true_ns + error_ns(ack.now_ns)
            if self.oscillator.wants(true_ns, now_ns):
                self.synchronise(true_ns, now_ns)

    def command(self, true_ns: int, payload: bytes) -> None:
        """Count a command; there is none yet that changes what a logger records or sends."""
        self.commands += 1

    def due(self, true_ns: int) -> list[Message]:
        """Return what to send now: a changed status, live records, then the fill, as far as the window allows."""
        if not self.online:
            return []
        topic = self.identity.topic
        news = self._announcer.news(true_ns, self.boot, self.next_seq)
        sent = [Message(f"{topic}/{path}/{record.kind}", record.payload) for path, record in self._flight.due(true_ns)]
        return sent if news is None else [news, *sent]

    def next_due_ns(self) -> int | None:
        """Return the true time from which `due` has something to do if nothing arrives; 0: already, None: never."""
        if not self.online:
            return None
        moments = (self._announcer.look_ns, self._flight.next_due_ns())
        return min((at_ns for at_ns in moments if at_ns is not None), default=None)

    def _add(
        self,
        kind: str,
        true_ns: int,
        content: Content,
        encode: Callable[[Stamp, int, int, int, Content], bytes],
        content_bytes: int,
    ) -> Record:
        self._require_power(f"record {kind}")
        # room is made first: the overwriting belongs into this record already, and it is encoded only once
        self._overwritten(self._ring.make_room(HEAD_BYTES + content_bytes))
        stamp = self.oscillator.stamp(true_ns, self.boot)
        oldest = self._ring.oldest(self.boot, self.next_seq)
        payload = encode(stamp, self.next_seq, oldest, self.overrun, content)
        # what is overrun hangs on acknowledgements; its width must not, as what fits decides what is overwritten next
        spare_bytes = OVERRUN_BYTES - len(cbor2.dumps(self.overrun))
        record = Record(self.boot, self.next_seq, kind, stamp.t0_ns, payload, spare_bytes)
        self._ring.add(record)
        if self.online:
            self._flight.made(record)
        self.next_seq += 1
        self.created += 1
        self._announcer.look_at_memory()
        return record

    def _overwritten(self, records: list[Record]) -> None:
        self.overrun += sum(record.boot == self.boot for record in records)
        self._release(records, Fate.LOST)

    def _settle(self, boot: int, upto: int) -> None:
        if boot == self.boot:
            self._upto = max(self._upto, upto)
        self._ledger.settle(boot, upto)
        self._release(self._ring.settle(boot, upto), Fate.ACKNOWLEDGED)
        self._announcer.look_at_memory()

    def _release(self, records: list[Record], fate: Fate) -> None:
        if fate is Fate.LOST:
            self.lost += len(records)
        else:
            self.acknowledged += len(records)
        for record in records:
            self._flight.forget(record)
            self._on_fate(record, fate)

    def _require_power(self, what: str) -> None:
        if not self.is_on:
            raise RuntimeError(f"{self.identity.logger}: cannot {what} while switched off; power it up first")
