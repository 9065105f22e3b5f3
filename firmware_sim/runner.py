"""The loop that joins the parts: time passes, sensors are read, records are made, sent, and settled.

All loggers are stepped in one thread; the sessions' threads only leave word in the inbox, which also wakes the loop.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from firmware_sim.clock import VirtualClock
from firmware_sim.codec import AckError, Env, decode_ack
from firmware_sim.device import Fate, Identity, Logger, Record
from firmware_sim.publish import MAX_INBOX, Broker, Inbox, Session
from firmware_sim.recording import Piece
from firmware_sim.scenario import Scenario
from firmware_sim.streams import Made, Truth, scenario_identity, scenario_stream

log = logging.getLogger("firmware_sim")

TICK_S = 0.05  # the loop wakes at least this often; at 600 times real speed that is half a virtual minute
MAX_RECORDS_A_STEP = 1000  # of one logger, so that a jump of the clock does not hold up the others


@dataclass(frozen=True, slots=True)
class Summary:
    """Records: made, sent at least once, settled by the monitor, overwritten before they were settled."""

    created: int
    published: int
    acknowledged: int
    lost: int


@dataclass(slots=True)
class Unit:
    """One logger with its connection and the stream of what it is going to record, in the order of time."""

    logger: Logger
    session: Session
    stream: Iterator[Made]
    coming: Made | None = None
    generation: int = 0

    def step(self, now_ns: int, until_ns: int | None) -> None:
        """Follow the connection, record what has happened by now, send what is due."""
        self._follow_connection(now_ns)
        self._record(now_ns if until_ns is None else min(now_ns, until_ns))
        for message in self.logger.due(now_ns):
            self.session.publish(message)

    def _follow_connection(self, now_ns: int) -> None:
        generation = self.session.generation
        if generation != self.generation and self.session.online:
            self.generation = generation
            self.session.begin(self.logger.connected(now_ns))
        elif self.logger.online and not self.session.online:
            self.logger.disconnected()

    def _record(self, until_ns: int) -> None:
        for _ in range(MAX_RECORDS_A_STEP):
            self.coming = self.coming or next(self.stream, None)
            if self.coming is None or self.coming.end_ns > until_ns:
                return
            if isinstance(self.coming.content, Env):
                self.logger.add_env(self.coming.t0_ns, self.coming.content)
            else:
                self.logger.add_shock(self.coming.t0_ns, self.coming.content)
            self.coming = None


class Fleet:
    """All loggers of a run. Used as: `open`, `run` until a deadline, `drain`, `close`."""

    def __init__(self, broker: Broker, clock: VirtualClock, truth: Truth, stop: threading.Event) -> None:
        self._broker = broker
        self._clock = clock
        self._truth = truth
        self._stop = stop
        self._inbox: Inbox = queue.Queue(MAX_INBOX)
        self._units: dict[str, Unit] = {}
        self._reported = False

    def add(self, identity: Identity, boot_ns: int, stream: Iterator[Made]) -> None:
        """Add a logger that was switched on at boot_ns."""

        def on_fate(record: Record, fate: Fate) -> None:
            self._truth.fate(identity.logger, record, fate)

        logger = Logger(identity, boot_ns, on_fate)
        session = Session(
            self._broker, identity.logger, logger.topic, lambda: logger.will(self._clock.now_ns()), self._inbox
        )
        self._units[identity.logger] = Unit(logger, session, stream)

    def open(self) -> None:
        """Start to connect all sessions."""
        for unit in self._units.values():
            unit.session.open()

    def online(self) -> bool:
        """Return whether every logger is connected and its birth is out."""
        return all(unit.logger.online for unit in self._units.values())

    def created(self) -> int:
        """Return the number of records made so far."""
        return sum(unit.logger.created for unit in self._units.values())

    def settled(self) -> bool:
        """Return whether every logger's memory is empty."""
        return all(unit.logger.held == 0 for unit in self._units.values())

    def run(self, for_s: float | None, until_ns: int | None, done: Callable[[], bool] = lambda: False) -> None:
        """Step until for_s real seconds are over, `done`, or stop is set. Nothing later than until_ns is recorded."""
        deadline_s = None if for_s is None else time.monotonic() + for_s
        while not (self._stop.is_set() or done() or (deadline_s is not None and time.monotonic() >= deadline_s)):
            self._receive()
            now_ns = self._clock.now_ns()
            for unit in self._units.values():
                unit.step(now_ns, until_ns)
            self._report_link()

    def close(self) -> Summary:
        """End all sessions, write what is still held, and return the summary."""
        loggers = [unit.logger for unit in self._units.values()]
        for unit in self._units.values():
            unit.session.close()
        for logger in loggers:
            for record in logger.still_held():
                self._truth.fate(logger.identity.logger, record, Fate.HELD)
        return Summary(
            created=sum(logger.created for logger in loggers),
            published=sum(logger.published for logger in loggers),
            acknowledged=sum(logger.acknowledged for logger in loggers),
            lost=sum(logger.lost for logger in loggers),
        )

    def _receive(self) -> None:
        """Wait for a tick or the first arrival, then take everything that is there."""
        try:
            item = self._inbox.get(timeout=TICK_S)
            for _ in range(MAX_INBOX):
                if item is not None:
                    self._settle(item.logger, item.payload)
                item = self._inbox.get_nowait()
        except queue.Empty:
            return

    def _settle(self, name: str, payload: bytes) -> None:
        try:
            self._units[name].logger.settle(decode_ack(payload), self._clock.now_ns())
        except AckError as error:
            log.warning("%s: ignored a message on down/ack: %s", name, error)

    def _report_link(self) -> None:
        """Say once that the broker is away, and once that it is back, however many loggers see it."""
        failure = next((unit.session.failure for unit in self._units.values() if unit.session.failure), None)
        if failure is not None and not self._reported:
            log.warning("no connection to %s (%s); trying again until there is one", self._broker.url, failure)
            self._reported = True
        elif failure is None and self._reported and self.online():
            log.warning("connected to %s", self._broker.url)
            self._reported = False


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends: after for_s real seconds, or at end_ns of its clock (None: never); drain_s for the rest."""

    for_s: float | None
    end_ns: int | None
    drain_s: float


def simulate(
    scenario: Scenario, broker: Broker, clock: VirtualClock, limits: Limits, truth: Truth, stop: threading.Event
) -> Summary:
    """Run a scenario. The clock's start is the scenario's: the moment at which all loggers were switched on."""
    fleet = Fleet(broker, clock, truth, stop)
    for part in scenario.logger:
        identity = scenario_identity(scenario, part, clock.speed)
        fleet.add(identity, clock.start_ns, scenario_stream(scenario, part, clock.start_ns, truth))
    fleet.open()
    end_ns = limits.end_ns
    fleet.run(limits.for_s, end_ns, done=lambda: end_ns is not None and clock.now_ns() >= end_ns)
    fleet.run(limits.drain_s, clock.now_ns() if end_ns is None else end_ns, done=fleet.settled)
    return fleet.close()


def replay(
    pieces: Sequence[Piece], identity: Identity, broker: Broker, start_ns: int, drain_s: float, stop: threading.Event
) -> Summary:
    """Send a recording that began at start_ns, once there is a connection, and wait until all of it is settled.

    The clock begins at the end of the recording, when the logger has everything in its memory.
    """
    length_ns = max((piece.end_us for piece in pieces), default=0) * 1000
    clock = VirtualClock(start_ns + length_ns, real_start_s=time.time())
    fleet = Fleet(broker, clock, Truth(None), stop)
    fleet.add(
        identity, start_ns, (Made(start_ns + p.end_us * 1000, start_ns + p.t0_us * 1000, p.content) for p in pieces)
    )
    fleet.open()
    deadline_s = time.monotonic() + drain_s
    fleet.run(drain_s, until_ns=start_ns - 1, done=fleet.online)
    rest_s = max(0.0, deadline_s - time.monotonic())
    fleet.run(rest_s, until_ns=None, done=lambda: fleet.created() == len(pieces) and fleet.settled())
    return fleet.close()
