"""Threads: each part's loop, the pool of the store's writes, and the group that ends as a whole when one fails."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from monitor.model.errors import DiskFull, TcmError
from monitor.model.progress import Progress

IDLE_S = 0.1  # how often a part without work looks at time: acknowledgements and ticks fall due without a message
# A part that gives way waits after a step at least so long, or so many times as long as the step took: what is found
# first is told second and stored third, by one interpreter.
GIVEN_WAY_S, GIVEN_WAY_TIMES, GIVEN_WAY_MAX_S = 0.1, 2.0, 1.0
FULL_S = 1.0  # until what a full disk did not take is tried again
STALL_S = 10.0  # a step does a bounded piece of work, tens of ms; work that nobody takes up for so long is stuck

_NO_TURN = nullcontext()

log = logging.getLogger(__name__)


class Pace:
    """How long work has waited without the position moving, as far as somebody looked."""

    def __init__(self, progress: Callable[[], Progress]) -> None:
        self._progress = progress
        self._position = progress().position
        self.still_s = 0.0

    def look(self, elapsed_s: float) -> None:
        """Look again, `elapsed_s` after the last time."""
        position, target = self._progress()
        self.still_s = self.still_s + elapsed_s if self._position == position < target else 0.0
        self._position = position


class Turn:
    """One step at a time, in the order of asking.

    One interpreter runs one thread at once. Three that have much to do take it from each other 2 000 times a second,
    and with three more that wait for it an alert needs 80 ms for what takes it two.
    """

    def __init__(self) -> None:
        self._lock, self._waiting, self._is_taken = threading.Lock(), deque[threading.Lock](), False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __enter__(self) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # released by whoever hands the turn over

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_taken = bool(self._waiting)
            if self._waiting:
                self._waiting.popleft().release()

    def pass_on(self) -> None:
        """Whoever has the turn lets all that wait go first."""
        self.__exit__()
        self.__enter__()


class Loop:
    """Steps a part until told to stop, and wakes others when there was something to do.

    `pace` is that of the part's work, `step_pace` that of the steps themselves. What the disk has no room for was not
    kept and is tried again. Work that `is_local` needs no server. Heavy work is done in `turn`. Who is woken waits
    `after_s` first, for those whose work is more urgent; while `gives_way` says so it pauses after each step.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        progress: Callable[[], Progress],
        wakes: tuple[Loop, ...] = (),
        *,
        is_local: bool = False,
        turn: AbstractContextManager[None] = _NO_TURN,
        after_s: float = 0.0,
        gives_way: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name, self._step, self._progress, self._wakes, self._is_local = name, step, progress, wakes, is_local
        self._turn, self._after_s, self._gives_way = turn, after_s, gives_way
        self.wake = threading.Event()
        self.steps = 0
        self.pace, self.step_pace = Pace(progress), Pace(self._step_progress)
        self._full = ""

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        while not stopping.is_set():
            self.steps += 1
            start_s = time.monotonic()
            try:
                with self._turn:
                    did = self._step()
            except DiskFull as error:
                if not self._full:
                    log.error("%s", error)
                self._full = str(error)
                stopping.wait(FULL_S)
                continue
            self._full = ""
            if did:
                for other in self._wakes:
                    other.wake.set()
                if self._gives_way():
                    taken_s = time.monotonic() - start_s
                    stopping.wait(min(max(taken_s * GIVEN_WAY_TIMES, GIVEN_WAY_S), GIVEN_WAY_MAX_S))
            else:
                if self.wake.wait(IDLE_S) and self._after_s:
                    stopping.wait(self._after_s)
                self.wake.clear()

    def _step_progress(self) -> Progress:
        """Steps go on for ever; work that moves within one counts too."""
        position = self.steps + self._progress().position
        return Progress(position, position + 1)

    @property
    def still_s(self) -> float:
        """For how long step or work has not moved, whatever the reason."""
        return max(self.pace.still_s, self.step_pace.still_s)

    @property
    def is_stalled(self) -> bool:
        """Whether work waits and nothing moves."""
        return self.still_s >= STALL_S

    @property
    def stuck_s(self) -> float:
        """For how long it has not moved though neither a server nor the disk's room keeps it."""
        is_own = self._is_local and not self._full
        return self.still_s if is_own else self.step_pace.still_s

    @property
    def problem(self) -> str:
        """That the part is stuck or the disk full, "" while it moves."""
        return self._full or (f"no progress for {self.still_s:.0f} s" if self.is_stalled else "")


class Pool(Executor):
    """Threads for calls that may hang; unlike those of the standard pool they do not hold the end of the process."""

    def __init__(self, size: int, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True) for number in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `call` in the next free thread."""
        future: Future[Any] = Future()
        self._calls.put((future, lambda: call(*args, **kwargs)))
        return future

    def end(self, limit_s: float) -> bool:
        """Take nothing more; False when a call has not come to its end within `limit_s`."""
        for _ in self._threads:
            self._calls.put(None)
        return not join(self._threads, limit_s)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            future, run = call
            try:
                future.set_result(run())
            except BaseException as error:  # noqa: BLE001 - whoever has the future raises it
                future.set_exception(error)


class Threads:
    """Threads that live and end together: whatever ends one, even without an error, ends all.

    `ended` is set when somebody wants the end or a thread had one, `stopping` when all have to come to theirs.
    """

    def __init__(self, ended: threading.Event) -> None:
        self.ended, self.stopping = ended, threading.Event()
        self.failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def start(self, name: str, body: Callable[[], None]) -> None:
        """Run `body` in a thread of its own."""
        thread = threading.Thread(target=self._guard, args=(name, body), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def is_running(self) -> bool:
        """Whether threads were started and none has to end yet."""
        return bool(self._threads) and not self.stopping.is_set()

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait until `ended` is set, at most `limit_s`; raises what ended a thread."""
        is_ended = self.ended.wait(limit_s)
        if self.failure is not None:
            raise self.failure
        return is_ended

    def join(self, limit_s: float) -> list[str]:
        """Wait for all to end; the names of those that did not within `limit_s`."""
        return join(self._threads, limit_s)

    def _guard(self, name: str, body: Callable[[], None]) -> None:
        try:
            body()
            if not self.stopping.is_set():
                raise TcmError("run", name, "the thread ended by itself")
        except BaseException as error:  # kept for `wait`, which raises it: the process ends and systemd starts it anew
            self.failure = self.failure or error
            log.critical("part %s failed: %s", name, error, exc_info=not isinstance(error, TcmError | sqlite3.Error))
            self.stopping.set()
            self.ended.set()


def join(threads: list[threading.Thread], limit_s: float) -> list[str]:
    """Wait for threads to end, at most `limit_s` for all; the names of those that did not."""
    end_s = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(end_s - time.monotonic(), 0.0))
    return [thread.name for thread in threads if thread.is_alive()]
