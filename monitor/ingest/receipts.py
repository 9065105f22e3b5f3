"""The messages of a connection that are not acknowledged yet.

Packet ids start anew when a session is lost: an acknowledgement on another connection than the one that brought its
message would take a different message off the broker's queue. MQTT wants them in the order of receipt.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class _Receipt:
    mid: int
    is_due: bool = False


class Receipts:
    """Safe between the network's thread, which takes messages, and the writer's, which acknowledges them.

    The broker's window bounds how many there are. `generation` is another number after each connect and each break.
    """

    def __init__(self, send: Callable[[Sequence[int]], None]) -> None:
        self.generation = 0
        self._send, self._lock = send, threading.Lock()
        self._waiting: deque[_Receipt] = deque()

    def begin_anew(self) -> None:
        """A connection came or went: nothing from before can be acknowledged any more."""
        with self._lock:
            self.generation += 1
            self._waiting.clear()

    def take(self, mid: int) -> Callable[[], None]:
        """A message came; what is returned frees its place in the broker's window, once those ahead of it are free."""
        receipt, generation = _Receipt(mid), self.generation
        with self._lock:
            self._waiting.append(receipt)

        def acknowledge() -> None:
            with self._lock:  # so that no reconnect comes between the look and the act
                receipt.is_due = True
                if generation != self.generation:
                    return
                due = []
                while self._waiting and self._waiting[0].is_due:
                    due.append(self._waiting.popleft().mid)
                if due:
                    self._send(due)

        return acknowledge
