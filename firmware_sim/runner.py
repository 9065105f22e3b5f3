"""The loop that lets plans happen to loggers: time passes, and each logger is stepped when it has something to do.

All loggers are stepped in one thread; the sessions' threads only leave word, which also wakes the loop.
"""

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_sim.clock import NS_PER_S, VirtualClock
from firmware_sim.device import Identity
from firmware_sim.plan import Action, Happening, LoggerPlan, Made
from firmware_sim.publish.broker import CONNECTIONS, Broker
from firmware_sim.publish.hub import Doorbell, close_hubs, make_hubs
from firmware_sim.publish.line import Line
from firmware_sim.recorder.truth import Truth
from firmware_sim.recording import Piece
from firmware_sim.unit import REPORT_REAL_S, Unit

log = logging.getLogger("firmware_sim")

TICK_S = 0.05  # the loop wakes at least this often; at 600 times real speed that is half a virtual minute
LOOK_S = 0.25  # between looks at all loggers together: progress, whether everything is settled
SYNC_EVERY_NS = 12 * 3600 * NS_PER_S  # of a replayed logger's clock: half of what a logger vouches for


@dataclass(frozen=True, slots=True)
class Summary:
    """Records: made, sent at least once, settled by the monitor, lost on the logger before they were settled."""

    created: int
    published: int
    acknowledged: int
    lost: int


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends: after for_s real seconds, or at end_ns of its clock (None: never); drain_s for the rest."""

    for_s: float | None
    end_ns: int | None
    drain_s: float


Look = Callable[[int, Summary], None]  # is shown the virtual time (ns UTC) and the counts so far


class Fleet:
    """The loggers of a run, of which only those that are due cost anything. No clock of its own: see `advance`."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self._until_ns: int | None = None
        self._heap: list[tuple[int, int]] = []  # (due_ns, number); valid while it is the unit's own due_ns

    def add(self, unit: Unit) -> None:
        """Add a logger; its number is its place in `units`."""
        self.units.append(unit)
        self._schedule(len(self.units) - 1, unit.plan.boot_ns)

    def end_at(self, until_ns: int | None) -> None:
        """Let nothing be done or recorded after until_ns (None: no end); what there is is still sent and settled."""
        self._until_ns = until_ns
        for number in range(len(self.units)):
            self._schedule(number, 0)  # when it is due next may have changed

    def ring(self, number: int, now_ns: int) -> None:
        """Step the logger of this number at once: something came from outside."""
        unit = self.units[number]
        self._schedule(number, unit.step(now_ns, self._until_ns, is_rung=True))

    def advance(self, now_ns: int, limit_s: float = float("inf")) -> bool:
        """Let happen what is due by now_ns, earliest first, for limit_s real seconds; return whether that was all."""
        end_s = time.monotonic() + limit_s
        while self._heap and self._heap[0][0] <= now_ns:
            if time.monotonic() >= end_s:
                return False
            due_ns, number = heapq.heappop(self._heap)
            unit = self.units[number]
            if due_ns == unit.due_ns:
                unit.due_ns = None
                self._schedule(number, unit.step(now_ns, self._until_ns))
        return True

    def waits_in_vain(self, until_ns: int) -> bool:
        """Return whether nothing more can be settled by until_ns (true ns)."""
        return all(unit.waits_in_vain(until_ns) for unit in self.units)

    def summary(self) -> Summary:
        """Return the counts so far."""
        loggers = [unit.logger for unit in self.units]
        return Summary(
            created=sum(logger.created for logger in loggers),
            published=sum(logger.published for logger in loggers),
            acknowledged=sum(logger.acknowledged for logger in loggers),
            lost=sum(logger.lost for logger in loggers),
        )

    def _schedule(self, number: int, due_ns: int | None) -> None:
        unit = self.units[number]
        if due_ns is not None and due_ns != unit.due_ns:
            heapq.heappush(self._heap, (due_ns, number))
        unit.due_ns = due_ns


class Run:
    """A fleet under a clock, with connections to a broker. Used as: `go` until something is done, `close`."""

    def __init__(
        self,
        plans: Sequence[LoggerPlan],
        broker: Broker,
        clock: VirtualClock,
        truth: Truth,
        stop: threading.Event,
        connections: int = CONNECTIONS,
        look: Look = lambda now_ns, summary: None,
    ) -> None:
        self.fleet = Fleet()
        self._broker = broker
        self._clock = clock
        self._stop = stop
        self._look = look
        self._doorbell = Doorbell()
        self._hubs = make_hubs(broker, [plan.identity for plan in plans], connections, self._doorbell)
        self._is_reported = self._is_refusal_told = False
        lines: dict[int, Line] = {number: line for hub in self._hubs for number, line in hub.lines.items()}
        for number, plan in enumerate(plans):
            self.fleet.add(Unit(plan, lines[number], truth, clock.now_ns, clock.speed, clock.error_ns))
        self._tell_stretch()

    def go(self, for_s: float | None, is_done: Callable[[bool], bool]) -> bool:
        """Run until is_done, for_s real seconds are over, or stop; return whether it was done.

        is_done is asked every LOOK_S, and told whether everything that was due has happened.
        """
        end_s = float("inf") if for_s is None else time.monotonic() + for_s
        look_s = limit_s = 0.0
        while not self._stop.is_set():
            now_ns = self._clock.now_ns()
            for number in self._doorbell.wait(limit_s):
                if not self._stop.is_set():
                    self.fleet.ring(number, now_ns)
            has_caught_up = self.fleet.advance(now_ns, TICK_S)
            limit_s = TICK_S if has_caught_up else 0.0
            if time.monotonic() >= min(look_s, end_s):
                look_s = time.monotonic() + LOOK_S
                self._look(now_ns, self.fleet.summary())
                self._report_link()
                if is_done(has_caught_up):
                    return True
                if time.monotonic() >= end_s:
                    return False
        return False

    def close(self) -> Summary:
        """End all connections, tell the truth of what is still held, and return the summary."""
        close_hubs(self._hubs)
        for unit in self.fleet.units:
            unit.still_held()
        return self.fleet.summary()

    def is_online(self) -> bool:
        """Return whether every logger is connected and its birth is out."""
        return all(unit.logger.online for unit in self.fleet.units)

    def is_settled(self, records: int) -> bool:
        """Return whether so many records were made and all of them are settled or lost."""
        return self.fleet.summary().created == records and all(unit.logger.held == 0 for unit in self.fleet.units)

    def unreached(self) -> str | None:
        """Return which connections that were wanted never came about, and why the first; None if all did."""
        nevers = [hub.session.never for hub in self._hubs if hub.session.never is not None]
        if not nevers:
            return None
        return f"{len(nevers)} of {len(self._hubs)} connections to {self._broker.url} never came about: {nevers[0]}"

    def _tell_stretch(self) -> None:
        """Say that the radios report more rarely than the scenario says, if they do."""
        stretch = max((unit.report_stretch for unit in self.fleet.units), default=1.0)
        if stretch > 1.0:
            log.warning(
                "reports are stretched by %.3g at this speed, for %g real seconds each; so is the time between them",
                stretch,
                REPORT_REAL_S,
            )

    def _report_link(self) -> None:
        """Say once that the broker is away, that it is back, that it refuses, however many connections see it."""
        hubs = [hub for hub in self._hubs if not hub.is_contested]  # those are thrown out, as is meant
        failure = next((hub.session.failure for hub in hubs if hub.session.failure is not None), None)
        if failure is not None and not self._is_reported:
            log.warning("no connection to %s (%s); trying again until there is one", self._broker.url, failure)
            self._is_reported = True
        elif failure is None and self._is_reported and any(hub.session.online for hub in self._hubs):
            log.warning("connected to %s", self._broker.url)
            self._is_reported = False
        refusal = next((hub.session.refusal for hub in self._hubs if hub.session.refusal is not None), None)
        if refusal is not None and not self._is_refusal_told:
            log.warning("%s does not take all messages (%s); look at what it allows to whom", self._broker.url, refusal)
            self._is_refusal_told = True


def simulate(run: Run, clock: VirtualClock, limits: Limits) -> tuple[Summary, bool]:
    """Let a run happen to its end, wait for the rest; return the counts and whether all is settled that can be.

    What a logger holds that is off, or without a way to the broker as long as is waited, is not waited for.
    """
    fleet, end_ns = run.fleet, limits.end_ns
    fleet.end_at(end_ns)
    run.go(limits.for_s, lambda has_caught_up: has_caught_up and end_ns is not None and clock.now_ns() >= end_ns)
    now_ns = clock.now_ns()
    fleet.end_at(now_ns if end_ns is None else min(now_ns, end_ns))
    drained_ns = now_ns + round(limits.drain_s * clock.speed * NS_PER_S)
    is_settled = run.go(limits.drain_s, lambda has_caught_up: has_caught_up and fleet.waits_in_vain(drained_ns))
    return run.close(), is_settled


def make_replay(
    pieces: Sequence[Piece], identity: Identity, broker: Broker, start_ns: int, stop: threading.Event
) -> Run:
    """Return a run, for `replay`, of the logger that made a recording which began at start_ns.

    The clock begins at the end of the recording; the logger's own was right all the time.
    """
    end_ns = start_ns + max((piece.end_us for piece in pieces), default=0) * 1000
    clock = VirtualClock(end_ns, real_start_s=time.time())
    right = [Action(at_ns, "synchronise") for at_ns in range(start_ns, end_ns + 1, SYNC_EVERY_NS)]
    made = [Made(start_ns + piece.end_us * 1000, start_ns + piece.t0_us * 1000, piece.content) for piece in pieces]
    happenings: list[Happening] = sorted(
        [*right, *made], key=lambda happening: happening.at_ns
    )  # at one moment the clock comes first
    return Run([LoggerPlan(identity, start_ns, iter(happenings))], broker, clock, Truth(None), stop)


def replay(run: Run, start_ns: int, records: int, drain_s: float) -> Summary:
    """Let a run of `make_replay` send its records once there is a connection; wait until all of them are settled."""
    deadline_s = time.monotonic() + drain_s
    run.fleet.end_at(start_ns)  # so that what is recorded goes by the live topics
    run.go(drain_s, lambda has_caught_up: run.is_online())
    run.fleet.end_at(None)
    run.go(max(0.0, deadline_s - time.monotonic()), lambda has_caught_up: has_caught_up and run.is_settled(records))
    return run.close()
