"""What a logger sends when, never more than a window of unsettled records in flight: live first, then the fill.

But for a share of the window that is the fill's while anything waits for it. What holds `upto` back is the oldest
record that is missing, and that goes by the fill: with live records in every place nothing would ever settle. A smaller
share is never the fill's, so that a live record need not wait until some of it is settled.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile

from firmware_sim.clock import NS_PER_S
from firmware_sim.device.ring import Record, Ring

WANT_QUIET = 1 / 30  # of the resend time, 2 s: a record sent this recently is still on its way, whatever `want` says
FILL_SHARE = 1 / 4  # of the window: of 256 places 64, so 64 missing records a second, and three times as many live ones
LIVE_SHARE = 1 / 8  # of 256 places 32

Key = tuple[int, int]  # boot, seq


class Flight:
    """What is on its way on the present connection, of the unsettled records in a ring.

    A record there is either live (made on this connection and not sent), in flight (sent), or it waits to be sent by
    the fill topics. Nothing lists the last: it is the rest. published: records sent at least once, ever.
    """

    __slots__ = (
        "_filling",
        "_fills_least",
        "_fills_most",
        "_live",
        "_resend_ns",
        "_ring",
        "_sent",
        "_sent_ns",
        "_window_records",
        "published",
    )

    def __init__(self, ring: Ring, window_records: int, resend_s: float) -> None:
        self.published = 0
        self._ring = ring
        self._window_records = window_records
        self._fills_least = max(1, int(FILL_SHARE * window_records))
        self._fills_most = window_records - int(LIVE_SHARE * window_records)
        self._resend_ns = round(resend_s * NS_PER_S)
        self._live: deque[Record] = deque()  # oldest first
        self._sent_ns: dict[Key, int] = {}  # of what is in flight, earliest first
        self._filling: set[Key] = set()  # of what is in flight, what went by the fill topics
        self._sent: set[Key] = set()  # of what is in the ring, sent at least once

    def begin(self) -> None:
        """Begin anew on a new connection: who knows what the last one carried."""
        self._live.clear()
        self._sent_ns.clear()
        self._filling.clear()

    def made(self, record: Record) -> None:
        """Note a record that was made on this connection."""
        self._live.append(record)

    def forget(self, record: Record) -> None:
        """Note that a record has left the ring."""
        if self._live and self._live[0] is record:  # the oldest leave first, but for a torn tail, which is not online
            self._live.popleft()
        key = (record.boot, record.seq)
        if key in self._sent_ns:
            self._take_back(key)
        self._sent.discard(key)

    def want(self, true_ns: int, boot: int, ranges: Sequence[tuple[int, int]]) -> None:
        """Take back what the monitor misses from what is in flight, unless it was sent a moment ago."""
        before_ns = true_ns - round(self._resend_ns * WANT_QUIET)
        for first, last in ranges:
            for key in [key for key in self._sent_ns if key[0] == boot and first <= key[1] <= last]:
                if self._sent_ns[key] <= before_ns:
                    self._take_back(key)

    def due(self, true_ns: int) -> list[tuple[str, Record]]:
        """Return what to send now, each with "up" or "up/fill", in the order of sending."""
        self._expire(true_ns)
        return [*self._send_live(true_ns), *self._send_fill(true_ns)]

    def next_due_ns(self) -> int | None:
        """Return the true time from which `due` has something if nothing else happens; 0: already, None: never."""
        if self._live_places() > 0 or self._fill_places() > 0:
            return 0
        return next(iter(self._sent_ns.values())) + self._resend_ns if self._sent_ns else None

    def _send_live(self, true_ns: int) -> list[tuple[str, Record]]:
        sent = [self._live.popleft() for _ in range(self._live_places())]
        for record in sent:
            self._send(true_ns, record)
        return [("up", record) for record in sent]

    def _send_fill(self, true_ns: int) -> list[tuple[str, Record]]:
        """Send the oldest records that wait; the first live one ends them."""
        records = self._fill_places()
        if records == 0:  # the usual case, without looking through what is in flight
            return []
        first_live = self._live[0] if self._live else None
        before_live = takewhile(lambda record: record is not first_live, self._ring.unsettled())
        waiting = (record for record in before_live if (record.boot, record.seq) not in self._sent_ns)
        sent = list(islice(waiting, records))
        for record in sent:
            self._send(true_ns, record)
            self._filling.add((record.boot, record.seq))
        return [("up/fill", record) for record in sent]

    def _waiting(self) -> int:
        """Return how many records wait for the fill."""
        return len(self._ring) - len(self._sent_ns) - len(self._live)

    def _live_places(self) -> int:
        """Return how many live records the window admits, less what is kept for the fill."""
        kept = min(self._waiting(), max(0, self._fills_least - len(self._filling)))
        return max(0, min(len(self._live), self._window_records - len(self._sent_ns) - kept))

    def _fill_places(self) -> int:
        """Return how many of the records that wait for the fill the window admits."""
        free = min(self._window_records - len(self._sent_ns), self._fills_most - len(self._filling))
        return max(0, min(self._waiting(), free))

    def _send(self, true_ns: int, record: Record) -> None:
        key = (record.boot, record.seq)
        self._sent_ns[key] = true_ns
        if key not in self._sent:
            self._sent.add(key)
            self.published += 1

    def _take_back(self, key: Key) -> None:
        """Take a record out of the flight."""
        del self._sent_ns[key]
        self._filling.discard(key)

    def _expire(self, true_ns: int) -> None:
        while self._sent_ns:
            key, sent_ns = next(iter(self._sent_ns.items()))
            if true_ns - sent_ns < self._resend_ns:
                return
            self._take_back(key)
