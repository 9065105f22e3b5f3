"""The composition root: builds the parts from the configuration, gives each its thread, starts and stops them."""

from __future__ import annotations

import functools
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from monitor.alerts.book import MAX_LISTED
from monitor.config import Config
from monitor.consumers.store import MAX_CALLS
from monitor.ingest import Session
from monitor.ingest.importing import import_deliveries, require_accepted
from monitor.ingest.operating import admit, answer
from monitor.model.clock import Clock, SystemClock
from monitor.model.condition import DISK_FULL
from monitor.model.errors import TcmError
from monitor.parts import Parts
from monitor.shock.spectrum.srs import kernel_in_use
from monitor.sinks.opening import open_sink
from monitor.supervise import ServiceManager, Supervisor
from monitor.telemetry import Rate, StateReader, metrics
from monitor.threads import Loop, Pool, Threads
from monitor.web import make_app

SWITCH_INTERVAL_S = 0.0005  # with Python's 5 ms a message that passes four threads waits up to 172 ms, with this 27
DRAIN_POLL_S = 0.05
# What `stop` may take: 8 s, less than supervise.LEAVE_S, and the rest for closing the files.
REST_S = 5.0  # until what was taken is committed, judged, stored and told
JOIN_S = 2.5  # until every thread has ended: a step takes tens of ms, the web server gives open requests 2 s
WRITES_S = 0.5  # until the store's writes are back
IMPORT_S = 120.0
IMPORT_LOOK_S = 0.5  # how often an import that waits looks whether the daemon ends

log = logging.getLogger(__name__)


class Daemon:
    """All parts of one gateway. `start`, then `wait`, then `stop`; it may be built only once for a state directory.

    `wait` returns once somebody sets `ended`.
    """

    def __init__(self, config: Config, clock: Clock | None = None, ended: threading.Event | None = None) -> None:
        self.config = config
        self._clock = clock or SystemClock()
        self._manager = ServiceManager()
        self._threads = Threads(ended or threading.Event())
        self._pool = Pool(MAX_CALLS, "store-write")
        sink = open_sink(config.store, config.state_dir)
        self.parts = parts = Parts(config, self._clock, sink, self._pool)
        parts.intake.decoder = self._decoder = Pool(1, "decode")
        self._loops = _loops(parts)
        self._supervisor = Supervisor(self._loops, lambda: self._server.started, self.problems, self._manager)
        parts.stalled = self._supervisor.conditions
        self._state = StateReader(config.state_dir)
        self._records_before = self._state.journal.records()
        self._socket = _listen(config.web.host, config.web.port)
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_app(self), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
            )
        )
        self._rate = Rate(self._records())
        self._supervisor.on_look = lambda: self._rate.look(self._records())

    @property
    def address(self) -> str:
        """Where the HTTP interface listens, host:port."""
        host, port = self._socket.getsockname()[:2]
        return f"{host}:{port}"

    def start(self) -> None:
        """Start every thread; a part that fails ends the daemon (see `wait`)."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        for session in self.parts.sessions:
            self._threads.start(session.name, session.run)
        for loop in self._loops:
            self._threads.start(loop.name, functools.partial(loop.run, self._threads.stopping))
        self._threads.start("web", lambda: self._server.run(sockets=[self._socket]))
        self._threads.start("supervise", functools.partial(self._supervisor.run, self._threads.stopping))

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait until the daemon shall end or a part fails, at most `limit_s`; raises what the part raised."""
        return self._threads.wait(limit_s)

    def drain(self, limit_s: float) -> bool:
        """Wait until every consumer has passed what is in the journal; False when that takes longer than `limit_s`."""
        return self._wait_for(lambda: self.parts.is_caught_up, limit_s)

    def stop(self) -> None:
        """Bring what was taken to its end as far as the time allows, end every thread, give back files and sockets.

        What is not acknowledged or confirmed by then comes again, or is sent again.
        """
        self._manager.tell("STOPPING=1")
        self._threads.ended.set()
        self.parts.close_door()
        if self._threads.failure is None:
            self._wait_for(lambda: self.parts.is_at_rest, REST_S)
        self._threads.stopping.set()
        self._server.should_exit = True
        self.parts.store.cut()
        for session in self.parts.sessions:
            session.stop()
        hanging = self._threads.join(JOIN_S)
        self.parts.store.cut()
        self._decoder.end(0)  # what it still reads was not acknowledged
        is_store_busy = not self._pool.end(WRITES_S)
        if is_store_busy:
            log.warning("a write to the store hangs: it is sent again after the next start")
        if hanging:
            log.error("threads that did not end: %s", ", ".join(hanging))
        if set(hanging) - {session.name for session in self.parts.sessions}:
            return  # their files stay open until the process ends
        self._state.close()
        self.parts.close(is_store_busy=is_store_busy)
        self._socket.close()

    def status(self) -> dict[str, Any]:
        """The status document of `tcm status` and `/api/status`."""
        problems = self.problems()
        live = {
            "instance": self.config.instance,
            "state": "degraded" if problems else "ready",
            "problems": problems,
            "ingest": {
                "connected": all(session.is_connected for session in self.parts.sessions),
                "records": self._records(),
                "records_per_s": self._rate.per_s(),
                "queue": len(self.parts.inbox),
                "duplicates": self.parts.intake.duplicates,
                "dropped": sum(session.dropped for session in self.parts.sessions),
            },
            "consumers": self.parts.consumers(self._clock.now_ns(), self._state.watch.book.last_transition()),
            "budget_bytes": self.config.journal.budget_bytes,
            "stalled": {loop.name: loop.is_stalled for loop in self._loops},
            "conditions": [condition._asdict() for condition in sorted(self.parts.conditions())],
            "provisional": list(self.parts.watch.judge.forks),
            "started_anew": self.parts.watch.judge.in_force.started_anew.copy(),
            "unknown_channels": sorted(self.parts.watch.judge.unknown_channels.copy()),
            "kernel": kernel_in_use(),
        }
        return live | self._state.document(self.config.rules, self._clock.now_ns())

    def problems(self) -> dict[str, str]:
        """What does not move, by part."""
        parts: list[tuple[str, str]] = [(part.name, _session_problem(part)) for part in self.parts.sessions]
        parts += [(loop.name, loop.problem) for loop in self._loops]
        parts += [("store", self.parts.store.problem), ("notify", self.parts.board.problem)]
        parts += [("journal", each.text) for each in self.parts.journal.conditions() if each.rule == DISK_FULL]
        parts += [("daemon", "coming to its end" if self._threads.ended.is_set() else "")]
        return {name: problem for name, problem in parts if problem}

    def latest(self) -> dict[tuple[str, str], dict[str, float]]:
        """Each (container, logger)'s latest reading: value by channel."""
        return self.parts.watch.judge.latest.copy()  # in one step: watch's thread goes on writing

    def transitions(self, after: int) -> list[tuple[int, int, dict[str, Any]]]:
        """(number, time ns, alert as it was then) of the changes of alerts behind number `after`."""
        return self._state.watch.book.transitions(after, MAX_LISTED)

    def alerts(self, state: str | None, container: str | None) -> list[dict[str, Any]]:
        """Published alerts."""
        return self._state.watch.book.alerts(state, container)

    def phases(self, container: str | None) -> list[dict[str, Any]]:
        """The present phase of each container, or of one, and what operators entered."""
        return self._state.phases.document(self.config.rules, self._clock.now_ns(), container)

    def enter(self, content: Any) -> dict[str, Any]:
        """Journal what an operator entered; returns once it is durable."""
        record, warnings = admit(content, self.config.rules, self._state.journal, self._clock.now_ns())
        return answer(self.parts.desk.enter(record), record, warnings)

    def metrics(self) -> bytes:
        """Prometheus' text form of the status."""
        return metrics(self.status())

    def import_recording(
        self, name: str, content: bytes, container: str, logger: str, start: str | None
    ) -> dict[str, int]:
        """Put a recording through the intake like a logger's memory; returns once all of it is journalled."""
        done = threading.Semaphore(0)
        require_accepted(self.config.rules, container, logger)
        deliveries, counts = import_deliveries(name, content, container, logger, start, self._clock, done.release)
        again = "import it again: what is there already is not taken twice"
        if not all(self.parts.inbox.put(delivery, is_fill=True) for delivery in deliveries):
            raise TcmError("import", name, "the daemon ends", again)
        end_s = time.monotonic() + IMPORT_S
        for _ in deliveries:
            while not done.acquire(timeout=IMPORT_LOOK_S):
                if self._threads.stopping.is_set() or time.monotonic() > end_s:
                    raise TcmError("import", name, "the journal did not take all of it in time", again)
        return counts

    def _wait_for(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait until `condition` holds, at most `limit_s` and as long as no part fails; whether it does."""
        end_s = time.monotonic() + limit_s
        while self._threads.is_running and time.monotonic() < end_s:
            if condition():
                return True
            time.sleep(DRAIN_POLL_S)
        return False

    def _records(self) -> int:
        """Env and shock records in the journal; counted once, as a journal of weeks holds millions."""
        return self._records_before + self.parts.intake.records


def _session_problem(session: Session) -> str:
    return session.problem or ("" if session.is_connected else "not connected")


def _loops(parts: Parts) -> tuple[Loop, ...]:
    """A loop for each part, woken by what gives it work."""
    progress = parts.progress
    store = Loop("store", parts.store.step, progress["store"])
    notify = Loop("notify", parts.board.step, progress["notify"])
    watch = Loop("watch", parts.watch.step, progress["watch"], (store, notify), is_local=True)
    writer = Loop("journal", parts.intake.step, progress["journal"], (watch, store), is_local=True)
    parts.inbox.on_arrival = parts.desk.on_entry = writer.wake.set
    parts.store.on_confirmed = store.wake.set
    return writer, watch, store, notify


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise TcmError("listen", f"{host}:{port}", str(error), "choose another web.listen") from None
