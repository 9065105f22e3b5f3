"""One logger of a run: its device, its line to the broker, and what is going to happen to it, joined step by step."""

import logging
from collections.abc import Callable
from typing import assert_never

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import AckError, Env
from firmware_sim.device import Fate, Logger, Oscillator, Record
from firmware_sim.plan import Action, Fact, Happening, LoggerPlan, Made
from firmware_sim.publish.line import Line
from firmware_sim.publish.way import Way
from firmware_sim.recorder.truth import Truth

log = logging.getLogger("firmware_sim")

MAX_MOMENTS = 4  # in a step: loggers that catch up stay together, and share what the world keeps of that time
REPORT_REAL_S = 2.0  # a report lasts at least so long: acknowledgements come at most once a real second


class Unit:
    """A logger that is stepped through its plan. Times are true ns UTC and never go back."""

    __slots__ = (
        "_at_ns",
        "_error_ns",
        "_generation",
        "_happenings",
        "_line",
        "_next",
        "_now_ns",
        "_on_ns",
        "_truth",
        "_way",
        "due_ns",
        "logger",
        "plan",
    )

    def __init__(
        self,
        plan: LoggerPlan,
        line: Line,
        truth: Truth,
        now_ns: Callable[[], int],
        speed: float = 1.0,
        error_ns: Callable[[int], int] | None = None,
    ) -> None:
        """now_ns: the true time, for the last will. speed: true seconds in a real one.

        error_ns: by how much the time that an acknowledgement tells is wrong; None: it tells true time.
        """

        def on_fate(record: Record, fate: Fate) -> None:
            truth.fate(plan, record, fate)

        self.plan = plan
        self.logger = Logger(plan.identity, Oscillator(plan.drift_ppm, plan.has_rtc), plan.boot_ns, on_fate)
        self.due_ns: int | None = None  # when to step it next; kept by the fleet
        self._line = line
        self._way = Way(plan.link, plan.identity, plan.boot_ns, round(REPORT_REAL_S * speed * NS_PER_S))
        self._truth = truth
        self._now_ns = now_ns
        self._error_ns = error_ns
        self._happenings = iter(plan.happenings)
        self._next: Happening | None = None
        self._on_ns = plan.boot_ns  # last powered up
        self._at_ns = plan.boot_ns - 1  # lived through so far
        self._generation = -1  # of the line, when the birth went out

    @property
    def report_stretch(self) -> float:
        """Return how many times longer than planned a report lasts, and the time from one to the next."""
        return self._way.stretch

    def step(self, now_ns: int, until_ns: int | None, *, is_rung: bool = False) -> int | None:
        """Let happen what is due by now_ns, moment by moment; return when the next is due, None: never.

        Nothing is done or recorded after until_ns; what was recorded is still sent and settled. is_rung: something
        came from outside, too.
        """
        has_caught_up = self._catch_up(now_ns, until_ns)
        if is_rung:
            self._live_through(now_ns if has_caught_up else self._at_ns, until_ns)
        return self._next_ns(until_ns)

    def waits_in_vain(self, until_ns: int) -> bool:
        """Return whether nothing more can be settled by until_ns: all is, or it is off, or has no way until then."""
        return self.logger.held == 0 or not self.logger.is_on or not self._way.is_up_within(self._at_ns, until_ns)

    def still_held(self) -> None:
        """Tell the truth of what is left in the memory at the end of the run."""
        for record in self.logger.still_held():
            self._truth.fate(self.plan, record, Fate.HELD)

    def _catch_up(self, now_ns: int, until_ns: int | None) -> bool:
        """Live through what is due by now_ns, at most MAX_MOMENTS; return whether that was all."""
        for _ in range(MAX_MOMENTS):
            due_ns = self._next_ns(until_ns)
            if due_ns is None or due_ns > now_ns:
                return True
            self._live_through(max(due_ns, self._at_ns), until_ns)
        return False

    def _next_ns(self, until_ns: int | None) -> int | None:
        happening = self._peek(until_ns)
        moments = [self._way.next_change_ns(self._at_ns), self.logger.next_due_ns(), self._line.next_ns()]
        moments.append(self._empty_ns(until_ns))
        if happening is not None:
            moments.append(happening.at_ns)
        return min((moment for moment in moments if moment is not None), default=None)

    def _empty_ns(self, until_ns: int | None) -> int | None:
        """Return when the battery will be empty; None if that is not before until_ns."""
        empty_ns = self.logger.empty_ns
        return None if empty_ns is None or (until_ns is not None and empty_ns > until_ns) else empty_ns

    def _peek(self, until_ns: int | None) -> Happening | None:
        """Return what happens next; None if there is nothing before until_ns."""
        if self._next is None:
            self._next = next(self._happenings, None)
        if self._next is None or (until_ns is not None and self._next.at_ns > until_ns):
            return None
        return self._next

    def _live_through(self, at_ns: int, until_ns: int | None) -> None:
        """Live through one moment: what happens, what becomes of the connection, what comes, what goes."""
        self._at_ns = at_ns
        happening = self._peek(until_ns)
        if happening is not None and happening.at_ns <= at_ns:
            self._next = None
            self._happen(happening)
        self._follow_way(at_ns)
        self._follow_line(at_ns)
        self._receive(at_ns)
        for message in self.logger.due(at_ns):
            for copy in self._way.carry(message, at_ns):
                self._line.send(copy, at_ns)
        self._receive(at_ns)  # an acknowledgement that comes at once
        self._run_down(at_ns, until_ns)

    def _run_down(self, at_ns: int, until_ns: int | None) -> None:
        """Switch off an empty logger, whose status is out, after all else that happens in this moment."""
        empty_ns, happening = self._empty_ns(until_ns), self._peek(until_ns)
        is_last = happening is None or happening.at_ns > at_ns
        if empty_ns is not None and empty_ns <= at_ns and is_last:
            self.logger.power_off(at_ns)
            self._drop(at_ns)

    def _happen(self, happening: Happening) -> None:
        if isinstance(happening, Fact):
            self._truth.tell(self.plan.identity, happening)
        elif isinstance(happening, Action):
            self._act(happening)
        elif self.logger.is_on and happening.t0_ns >= self._on_ns:
            self._record(happening)
        else:  # it was in the RAM when the power failed
            self._truth.unrecorded(self.plan, happening)

    def _record(self, made: Made) -> None:
        if isinstance(made.content, Env):
            record = self.logger.add_env(made.t0_ns, made.content)
        else:
            record = self.logger.add_shock(made.t0_ns, made.content)
        self._truth.recorded(self.plan, made, record, self.logger.oscillator.clk(made.t0_ns))

    def _act(self, action: Action) -> None:
        logger, at_ns, value = self.logger, action.at_ns, action.value
        match action.kind:
            case "power-off":
                logger.power_off(at_ns, int(value))
            case "power-on":
                self._drop(at_ns)
                logger.power_up(at_ns)
                self._on_ns = at_ns
            case "arm" | "disarm":
                logger.arm(at_ns, action.kind == "arm")
            case "synchronise":
                logger.synchronise(at_ns, at_ns + round(value * NS_PER_S))
            case "clock-step":
                logger.oscillator.step(at_ns, value)
            case "flash":
                logger.shrink(at_ns, int(value))
            case _:
                assert_never(action.kind)

    def _follow_way(self, at_ns: int) -> None:
        """Open the line while the logger is on and there is a way; end it as the power, network or radio does."""
        state = self._way.state(at_ns)
        if self.logger.is_on and state == "up":
            if not self._line.is_open:
                self._line.open(lambda: self.logger.will(self._now_ns()))
        elif self._line.is_open and self.logger.online and state == "asleep":
            self._line.close(self.logger.sleep(at_ns, self._way.next_report_ns(at_ns)))
            self._lost(at_ns)
        else:
            self._drop(at_ns)

    def _follow_line(self, at_ns: int) -> None:
        """Begin with the birth on a new connection, notice the end of one."""
        if self._line.online and self._line.generation != self._generation:
            self._lost(at_ns)
            self._generation = self._line.generation
            self._line.begin(self.logger.connected(at_ns), at_ns)
        elif self.logger.online and not self._line.online:
            self._lost(at_ns)

    def _receive(self, at_ns: int) -> None:
        for level, payload in self._line.arrived(at_ns):
            if level == "cmd":
                self.logger.command(at_ns, payload)
                continue
            try:
                self.logger.receive(at_ns, payload, self._error_ns)
            except AckError as error:
                log.warning("%s: ignored a message on down/ack: %s", self.plan.identity.logger, error)

    def _drop(self, at_ns: int) -> None:
        if self._line.is_open:
            self._line.drop()
            self._lost(at_ns)

    def _lost(self, at_ns: int) -> None:
        self._way.cut()
        self.logger.disconnected(at_ns)
