"""What a logger sends when: live first, then the fill, never more than a window of unsettled records in flight."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from firmware_sim.clock import NS_PER_S
from firmware_sim.device.ring import Record, Ring

WANT_QUIET = 1 / 6  # of the resend time: a record sent this recently is still on its way, whatever `want` says

Key = tuple[int, int]  # boot, seq


class Flight:
    """What is on its way on the present connection, of the unsettled records in a ring.

    A record there is either live (made on this connection and not sent), in flight (sent), or it waits to be sent by
    the fill topics. Nothing lists the last: it is the rest. published: records sent at least once, ever.
    """

    __slots__ = ("_live", "_resend_ns", "_ring", "_sent", "_sent_ns", "_window_records", "published")

    def __init__(self, ring: Ring, window_records: int, resend_s: float) -> None:
        self.published = 0
        self._ring = ring
        self._window_records = window_records
        self._resend_ns = round(resend_s * NS_PER_S)
        self._live: deque[Key] = deque()  # some may have left the ring by now
        self._sent_ns: dict[Key, int] = {}  # of what is in flight, earliest first
        self._sent: set[Key] = set()  # of what is in the ring, sent at least once

    def begin(self) -> None:
        """Begin anew on a new connection: who knows what the last one carried."""
        self._live.clear()
        self._sent_ns.clear()

    def made(self, record: Record) -> None:
        """Note a record that was made on this connection."""
        self._live.append((record.boot, record.seq))

    def forget(self, record: Record) -> None:
        """Note that a record has left the ring."""
        key = (record.boot, record.seq)
        self._sent_ns.pop(key, None)
        self._sent.discard(key)

    def want(self, true_ns: int, boot: int, ranges: Sequence[tuple[int, int]]) -> None:
        """Take back what the monitor misses from what is in flight, unless it was sent a moment ago."""
        before_ns = true_ns - round(self._resend_ns * WANT_QUIET)
        for first, last in ranges:
            for key in [key for key in self._sent_ns if key[0] == boot and first <= key[1] <= last]:
                if self._sent_ns[key] <= before_ns:
                    del self._sent_ns[key]

    def due(self, true_ns: int) -> list[tuple[str, Record]]:
        """Return what to send now, each with "up" or "up/fill", in the order of sending."""
        self._expire(true_ns)
        sent = []
        while self._live and len(self._sent_ns) < self._window_records:
            record = self._ring.get(*self._live.popleft())
            if record is not None:
                sent.append(("up", record))
                self._send(true_ns, record)
        free = self._free()
        if free > 0:  # so nothing is live any more
            waiting = (record for record in self._ring.unsettled() if (record.boot, record.seq) not in self._sent_ns)
            for record in list(islice(waiting, free)):
                sent.append(("up/fill", record))
                self._send(true_ns, record)
        return sent

    def next_due_ns(self) -> int | None:
        """Return the true time from which `due` has something if nothing else happens; 0: already, None: never."""
        if self._free() > 0:
            return 0
        return next(iter(self._sent_ns.values())) + self._resend_ns if self._sent_ns else None

    def _free(self) -> int:
        """Return how many of the records that wait the window admits."""
        return min(self._window_records, len(self._ring)) - len(self._sent_ns)

    def _send(self, true_ns: int, record: Record) -> None:
        key = (record.boot, record.seq)
        self._sent_ns[key] = true_ns
        if key not in self._sent:
            self._sent.add(key)
            self.published += 1

    def _expire(self, true_ns: int) -> None:
        while self._sent_ns:
            key, sent_ns = next(iter(self._sent_ns.items()))
            if true_ns - sent_ns < self._resend_ns:
                return
            del self._sent_ns[key]
