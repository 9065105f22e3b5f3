"""Supervision: whether every part moves, what the service manager is told of it, and the end of the process.

systemd's protocol (sd_notify) is a datagram of lines to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from monitor.model.condition import GATEWAY, PART_STALLED, Condition
from monitor.model.errors import TcmError
from monitor.threads import STALL_S, Loop

LOOK_S = 1.0
CALM_S = 30.0  # of movement until the alarm of a stalled part is over: one that hovers around the limit has but one
MAX_LOOK_S = 2 * LOOK_S  # what one look may count: while the whole process was stopped no part was stuck
END_S = 120.0  # a step that takes this long never comes back: a disk that hangs, a lock that nobody gives back
LEAVE_S = 9.5  # from SIGTERM to the end at the latest: the 10 s that are promised, less the interpreter's own end
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = logging.getLogger(__name__)


class ServiceManager:
    """Whoever started the daemon and wants to hear of it; without NOTIFY_SOCKET nobody does."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        if address and address[0] not in "/@":
            raise TcmError("notify the service manager", f"NOTIFY_SOCKET={address}", "expected a path, or @ and a name")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_us = int(environment.get("WATCHDOG_USEC", "0")) if is_ours else 0
        self.look_s = min(LOOK_S, watchdog_us / 2e6) if watchdog_us else LOOK_S
        self._is_watching, self._is_lost = bool(watchdog_us), False

    def tell(self, *lines: str) -> None:
        """Send a message; one that nobody takes is logged once, and the manager draws its own conclusions."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._is_lost:
                log.warning("notify the service manager: %s: %s", self._address, error)
            self._is_lost = True

    def pat(self) -> None:
        """Tell the watchdog, where there is one, that all is alive."""
        if self._is_watching:
            self.tell("WATCHDOG=1")


class Supervisor:
    """Looks at every loop once a second; raises when one is stuck past END_S, which ends the process.

    READY once `is_started`, whatever broker and store do; WATCHDOG as long as no part is stuck by itself.
    """

    def __init__(
        self,
        loops: Sequence[Loop],
        is_started: Callable[[], bool],
        problems: Callable[[], Mapping[str, str]],
        manager: ServiceManager,
    ) -> None:
        self._loops, self._is_started, self._problems, self._manager = loops, is_started, problems, manager
        self._is_ready, self._told = False, ""
        self.on_look: Callable[[], None] = lambda: None
        self._calm_s: dict[str, float] = {}  # by stalled part: for how long it has moved since

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        last_s = time.monotonic()
        while not stopping.wait(self._manager.look_s):
            now_s = time.monotonic()
            self.look(min(now_s - last_s, MAX_LOOK_S))
            last_s = now_s

    def look(self, elapsed_s: float) -> None:
        """Look at every loop, `elapsed_s` after the last time; TcmError when one is stuck for good."""
        for loop in self._loops:
            loop.pace.look(elapsed_s)
            loop.step_pace.look(elapsed_s)
            self._note(loop, elapsed_s)
        self.on_look()
        worst = max(self._loops, key=lambda loop: loop.stuck_s)
        if worst.stuck_s >= END_S:
            hint = "nothing is lost; if it happens again after the restart, look at the disk and at who locks its files"
            as_long = worst.stuck_s - MAX_LOOK_S  # who waits for one that hangs stands as still, give or take a look
            names = ", ".join(loop.name for loop in self._loops if loop.stuck_s >= as_long)
            raise TcmError("supervise", names, f"no progress for {worst.stuck_s:.0f} s: the daemon ends", hint)
        if worst.stuck_s < STALL_S:
            self._manager.pat()
        self._report()

    def conditions(self) -> list[Condition]:
        """That parts do not move, for whatever reason, or have not for long enough since."""
        names = ", ".join(self._calm_s.copy())
        text = f"no progress though work waits: {names}; tcm status tells why"
        return [Condition(PART_STALLED, GATEWAY, GATEWAY, text)] if names else []

    def _note(self, loop: Loop, elapsed_s: float) -> None:
        if loop.is_stalled:
            self._calm_s[loop.name] = 0.0
        elif loop.name in self._calm_s and not loop.still_s:
            self._calm_s[loop.name] += elapsed_s
            if self._calm_s[loop.name] >= CALM_S:
                del self._calm_s[loop.name]

    def _report(self) -> None:
        if not self._is_ready and self._is_started() and all(loop.steps for loop in self._loops):
            self._is_ready = True
            self._manager.tell("READY=1")
        problems = self._problems()
        said = "; ".join(f"{part}: {problem}" for part, problem in problems.items()) or "every part moves"
        if said != self._told:
            self._told = said
            self._manager.tell(f"STATUS={' '.join(said.split())}")


def end_on_signal(ended: threading.Event, hangup: threading.Event) -> None:
    """Set `ended` at SIGTERM or Ctrl-C, and see to it that the process ends within LEAVE_S of it; `hangup` at SIGHUP.

    A thread waits for the signals: a handler would run amid whatever the main thread does, the event's own lock held.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # threads that start from now on inherit it

    def wait() -> None:
        while (number := signal.sigwait(SIGNALS)) == signal.SIGHUP:
            hangup.set()
        leave_later()
        ended.set()
        log.info("%s: coming to an end", signal.Signals(number).name)

    threading.Thread(target=wait, name="signals", daemon=True).start()


def leave() -> NoReturn:
    """End the process now, with status 0: all that is kept is durable.

    Python's own end waits for locks and threads that hanging calls and libraries may hold; what they still do was not
    confirmed, and the log's lines were written one by one.
    """
    os._exit(0)


def leave_later() -> None:
    """End the process in LEAVE_S, whatever hangs then, and say where; what was not confirmed comes again."""
    faulthandler.dump_traceback_later(LEAVE_S, exit=True)
