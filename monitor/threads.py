"""Threads: each part's loop, and the group of them that ends as a whole when one fails."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable

from monitor.model.errors import TcmError

IDLE_S = 0.1  # how often a part without work looks at time: acknowledgements and ticks fall due without a message
STALL_S = 30.0  # a step does a bounded piece of work, tens of ms; one that takes this long is stuck
STOP_S = 15.0  # longer than a write's time-out, shorter than systemd's patience

log = logging.getLogger(__name__)


class Loop:
    """Steps a part until told to stop, and wakes others when there was something to do."""

    def __init__(self, name: str, step: Callable[[], bool], wakes: tuple[Loop, ...] = ()) -> None:
        self.name, self._step, self._wakes = name, step, wakes
        self.wake = threading.Event()
        self._beat_s = time.monotonic()

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        while not stopping.is_set():
            self._beat_s = time.monotonic()
            if self._step():
                for other in self._wakes:
                    other.wake.set()
            else:
                self.wake.wait(IDLE_S)
                self.wake.clear()

    @property
    def problem(self) -> str:
        """That the part is stuck, "" while it moves."""
        idle_s = time.monotonic() - self._beat_s
        return f"no progress for {idle_s:.0f} s" if idle_s > STALL_S else ""


class Threads:
    """Threads that live and end together: whatever ends one, even without an error, ends all."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def start(self, name: str, body: Callable[[], None]) -> None:
        """Run `body` in a thread of its own."""
        thread = threading.Thread(target=self._guard, args=(name, body), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait until `stopping` is set, at most `limit_s`; raises what ended a thread."""
        ended = self.stopping.wait(limit_s)
        if self._failure is not None:
            raise self._failure
        return ended

    def join(self) -> list[str]:
        """Wait for all to end; the names of those that did not within STOP_S."""
        end_s = time.monotonic() + STOP_S
        for thread in self._threads:
            thread.join(max(end_s - time.monotonic(), 0.0))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _guard(self, name: str, body: Callable[[], None]) -> None:
        try:
            body()
            if not self.stopping.is_set():
                raise TcmError("run", name, "the thread ended by itself")
        except BaseException as error:  # kept for `wait`, which raises it: the process ends and systemd starts it anew
            self._failure = self._failure or error
            log.critical("part %s failed: %s", name, error, exc_info=not isinstance(error, TcmError | sqlite3.Error))
        self.stopping.set()
