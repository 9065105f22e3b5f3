"""The bounded queue between paho's callbacks and the intake: live before fill."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

MAX_INBOX_BYTES = 32 << 20  # of a lane: 32 payloads of the largest size; a full lane stops reading its socket
MAX_INBOX_MESSAGES = 4_096  # of a lane: four windows of 1 000, so only QoS 0 can fill it
_WAIT_S = 0.5  # how often a callback that waits for room looks whether the daemon ends


class Delivery(NamedTuple):
    """A message as paho handed it over; `acknowledge` frees its place in the broker's window."""

    received_ns: int
    topic: str
    payload: bytes
    is_retained: bool
    is_prompt: bool
    acknowledge: Callable[[], None]


class Lane:
    """A queue with its own bounds: a full lane never stops the other, whose session may have to go on first."""

    def __init__(self) -> None:
        self._queue: deque[Delivery] = deque()
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be put."""
        return len(self._queue) >= MAX_INBOX_MESSAGES or self._bytes >= MAX_INBOX_BYTES

    def put(self, delivery: Delivery) -> None:
        """Add at the end."""
        self._queue.append(delivery)
        self._bytes += len(delivery.payload)

    def take(self, limit: int) -> list[Delivery]:
        """Take up to `limit` from the front."""
        taken = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
        self._bytes -= sum(len(delivery.payload) for delivery in taken)
        return taken

    def __len__(self) -> int:
        return len(self._queue)


def _nobody() -> None:
    """Nobody waits for arrivals."""


def _never() -> bool:
    """Nothing is held."""
    return False


class Inbox:
    """Filled by network threads, emptied by the one intake; its lock is held for microseconds."""

    def __init__(self) -> None:
        self._live, self._fill = Lane(), Lane()
        self._room = threading.Condition()
        self.on_arrival: Callable[[], None] = _nobody
        self.is_fill_held: Callable[[], bool] = _never
        self._closed = False

    def put(self, delivery: Delivery, *, is_fill: bool) -> bool:
        """Enqueue; waits while the inbox is full, so that the broker has to. False once the inbox is closed."""
        with self._room:
            lane = self._fill if is_fill else self._live
            while not self._closed and lane.is_full:
                self._room.wait(_WAIT_S)
            if self._closed:
                return False
            was_empty = not len(self)
            lane.put(delivery)
        if was_empty:  # else the intake is awake or has been told
            self.on_arrival()
        return True

    def take(self, limit: int) -> list[Delivery]:
        """Up to `limit` deliveries in order of arrival: live ones, and filled ones only when no live one waits.

        While `is_fill_held` says so, live ones may be waiting at the broker, and filled ones stay.
        """
        with self._room:
            lane = self._live if len(self._live) or self.is_fill_held() else self._fill
            taken = lane.take(limit)
            self._room.notify_all()
        return taken

    @property
    def is_drained(self) -> bool:
        """Whether no live message waits."""
        return not len(self._live)

    def __len__(self) -> int:
        return len(self._live) + len(self._fill)

    def close(self) -> None:
        """Let waiting callbacks go; what is queued stays unacknowledged and comes again."""
        with self._room:
            self._closed = True
            self._room.notify_all()
