"""What a logger says of itself: birth, sleep, last will, and a new status when its condition has changed."""

from bisect import bisect_right
from typing import NamedTuple

from firmware_sim.codec import Status, encode_status
from firmware_sim.device.battery import Battery
from firmware_sim.device.identity import Identity, Message
from firmware_sim.device.oscillator import Oscillator
from firmware_sim.device.ring import Ledger, Ring

MEMORY_LEVELS_PCT = (75.0, 90.0)


class Condition(NamedTuple):
    """What is announced anew when it changes: the clock's state, arming, how many levels are passed."""

    clk: int
    is_armed: bool
    battery: int
    memory: int


class Announcer:
    """Makes one logger's statuses out of its parts; times are true ns UTC.

    is_armed: whether this is the journey. look_ns: from when the condition may differ from the one announced; None:
    never by itself.
    """

    __slots__ = ("_announced", "_battery", "_identity", "_ledger", "_oscillator", "_ring", "is_armed", "look_ns")

    def __init__(
        self, identity: Identity, oscillator: Oscillator, battery: Battery, ring: Ring, ledger: Ledger
    ) -> None:
        self.is_armed = True
        self.look_ns: int | None = None
        self._identity = identity
        self._oscillator = oscillator
        self._battery = battery
        self._ring = ring
        self._ledger = ledger
        self._announced: Condition | None = None

    def look(self) -> None:
        """Let `news` look at the condition when it is asked next."""
        self.look_ns = 0

    def look_at_memory(self) -> None:
        """The same, but only if the memory has passed a level."""
        if self._announced is not None and self._memory_level() != self._announced.memory:
            self.look()

    def birth(self, true_ns: int, boot: int, next_seq: int) -> Message:
        """Return the status that says everything."""
        self._announced = self._condition(true_ns)
        self.look_ns = self._next_change_ns(true_ns)
        identity = self._identity
        status = Status(
            state="online",
            serial=identity.serial,
            model=identity.model,
            fw=identity.fw,
            next_seq=next_seq,
            held=self._ring.held(),
            armed=self.is_armed,
            interval_us=identity.interval_us,
            accs=identity.accs,
            bat_pct=round(self._battery.pct(true_ns), 2),
            mem_pct=round(self._ring.unsettled_pct, 3),
            boots=self._ledger.boots(),
        )
        return self._message(true_ns, boot, status)

    def news(self, true_ns: int, boot: int, next_seq: int) -> Message | None:
        """Return a birth's content if the condition is another than the one announced."""
        if self.look_ns is None or true_ns < self.look_ns:
            return None
        if self._condition(true_ns) != self._announced:
            return self.birth(true_ns, boot, next_seq)
        self.look_ns = self._next_change_ns(true_ns)
        return None

    def sleep(self, true_ns: int, boot: int, until_ns: int) -> Message:
        """Return the announcement that nothing will be heard until until_ns."""
        return self._message(true_ns, boot, Status(state="sleeping", until_ns=self._oscillator.wall_ns(until_ns)))

    def will(self, true_ns: int, boot: int) -> Message:
        """Return the last will for a connection that is made now."""
        return self._message(true_ns, boot, Status(state="offline"))

    def _condition(self, true_ns: int) -> Condition:
        battery = self._battery.levels_passed(true_ns)
        return Condition(self._oscillator.clk(true_ns), self.is_armed, battery, self._memory_level())

    def _memory_level(self) -> int:
        return bisect_right(MEMORY_LEVELS_PCT, self._ring.unsettled_pct)

    def _next_change_ns(self, true_ns: int) -> int | None:
        """Return the true time of the next change that time alone brings."""
        moments = (self._oscillator.trusted_until_ns(), self._battery.next_level_ns(true_ns))
        return min((at_ns for at_ns in moments if at_ns is not None and at_ns > true_ns), default=None)

    def _message(self, true_ns: int, boot: int, status: Status) -> Message:
        payload = encode_status(self._oscillator.stamp(true_ns, boot), status)
        return Message(f"{self._identity.topic}/up/status", payload, retain=True)
