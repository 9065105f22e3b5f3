"""The composition root: builds the parts from the configuration, gives each its thread, starts and stops them."""

from __future__ import annotations

import functools
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable

from monitor.config import Config
from monitor.config.operator_token import make_token
from monitor.consumers.long import Long
from monitor.consumers.said import Said
from monitor.consumers.store import MAX_CALLS
from monitor.model.clock import Clock, SystemClock
from monitor.model.errors import TcmError
from monitor.parts import Parts
from monitor.service import Load, Service
from monitor.sinks.opening import open_long, open_sink
from monitor.supervise import ServiceManager, Supervisor
from monitor.threads import Loop, Pool, Threads, Turn
from monitor.web import make_server

NOTIFIERS_AFTER_S = 0.001  # behind the board, which needs as long
STORE_AFTER_S = 0.02  # an alert is told by then; and what comes meanwhile goes into the same body
SWITCH_INTERVAL_S = 0.0005  # with Python's 5 ms a message that passes four threads waits up to 172 ms, with this 27
DRAIN_POLL_S = 0.05
# What `stop` may take: 8.5 s, less than supervise.LEAVE_S, and the rest for closing the files.
REST_S = 5.0  # until what was taken is committed, judged, stored and told
JOIN_S = 2.5  # until every thread has ended: a step takes tens of ms, the web server gives open requests 2 s
WRITES_S = 0.5  # until the writes to the store are back, and then those to its copy

log = logging.getLogger(__name__)


class Daemon:
    """All parts of one gateway. `start`, then `wait`, then `stop`; it may be built only once for a state directory.

    `wait` returns once somebody sets `ended`. The configuration is taken up anew, from what `load` returns, whenever
    somebody sets `hangup` or asks for it by HTTP.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock | None = None,
        ended: threading.Event | None = None,
        hangup: threading.Event | None = None,
        load: Load | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._manager = ServiceManager()
        self._threads, self._hangup = Threads(ended or threading.Event()), hangup or threading.Event()
        self._pool = Pool(MAX_CALLS, "store-write")
        sink = open_sink(config.store, config.state_dir)
        self._copy_pool, pair = Pool(1, "copy"), open_long(config.store)
        self.parts = parts = Parts(config, clock, sink, self._pool, copying=pair and (*pair, self._copy_pool))
        parts.intake.decoder = self._decoder = Pool(1, "decode")
        self._loops = [*_loops(parts)]
        self.service = Service(config, parts, self._loops, self._threads, clock, load)
        if config.store.kind == "influxdb":  # of the embedded store nobody asks how things stood
            said = Said(self.service, clock, parts.store.say)
            # The service, of which it asks how things stand, has the same list: this loop may stall like any.
            self._loops.append(Loop("said", said.step, said.progress, gives_way=lambda: parts.watch.is_flooded))
        self._supervisor = Supervisor(self._loops, lambda: self._server.started, self.service.problems, self._manager)
        self._supervisor.on_look = self.service.look
        parts.stalled = self._supervisor.conditions
        self._socket = _listen(config.web.host, config.web.port)
        token = make_token(config.web.token_in(config.state_dir), config.web.operators_group)
        self._server = make_server(self.service, token, clock)

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
        self._threads.start("reload", functools.partial(self.service.reload_at, self._hangup))
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
        self._hangup.set()
        self.parts.notifiers.cut()
        self._cut()
        for session in self.parts.sessions:
            session.stop()
        hanging = self._threads.join(JOIN_S)
        self._cut()
        self._decoder.end(0)  # what it still reads was not acknowledged
        is_store_busy, is_copy_busy = not self._pool.end(WRITES_S), not self._copy_pool.end(WRITES_S)
        if is_store_busy:
            log.warning("a write to the store hangs: it is sent again after the next start")
        if hanging:
            log.error("threads that did not end: %s", ", ".join(hanging))
        if set(hanging) - {session.name for session in self.parts.sessions}:
            return  # their files stay open until the process ends
        self.service.close()
        self.parts.close(is_store_busy=is_store_busy, is_copy_busy=is_copy_busy)
        self._socket.close()

    def _cut(self) -> None:
        """End what is under way to the store and to its copy."""
        self.parts.store.cut()
        if self.parts.long is not None:
            self.parts.long.cut()

    def _wait_for(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Wait until `condition` holds, at most `limit_s` and as long as no part fails; whether it does."""
        end_s = time.monotonic() + limit_s
        while self._threads.is_running and time.monotonic() < end_s:
            if condition():
                return True
            time.sleep(DRAIN_POLL_S)
        return False


def _loops(parts: Parts) -> tuple[Loop, ...]:
    """A loop for each part, woken by what gives it work."""
    progress = parts.progress

    def is_flooded() -> bool:
        return parts.watch.is_flooded

    turn = Turn()
    store = Loop("store", parts.store.step, progress["store"], turn=turn, after_s=STORE_AFTER_S, gives_way=is_flooded)
    notify = Loop("notify", parts.board.step, progress["notify"], gives_way=is_flooded)
    notifiers = [
        Loop(f"notifier {each.name}", each.step, each.progress, after_s=NOTIFIERS_AFTER_S, gives_way=is_flooded)
        for each in parts.notifiers.each
    ]
    watch = Loop("watch", parts.watch.step, progress["watch"], (notify, *notifiers, store), is_local=True, turn=turn)
    writer = Loop("journal", parts.intake.step, progress["journal"], (watch, store), is_local=True, turn=turn)
    parts.inbox.on_arrival = parts.desk.on_entry = writer.wake.set
    parts.store.on_confirmed = store.wake.set
    parts.watch_reader.on_batch_again = turn.pass_on
    return writer, watch, store, notify, *notifiers, *_copy_loops(parts.long, is_flooded)


def _copy_loops(long: Long | None, is_flooded: Callable[[], bool]) -> list[Loop]:
    """The loop of the copy, where there is one."""
    if long is None:
        return []
    loop = Loop("copy", long.step, lambda: long.progress, gives_way=is_flooded)
    long.on_done = loop.wake.set
    return [loop]


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise TcmError("listen", f"{host}:{port}", str(error), "choose another web.listen") from None
