"""Store: writes the journal's readings and watch's results to the sink, each confirmed before its cursor passes it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

from monitor.consumers.bodies import Bodies
from monitor.consumers.feed import MAX_IN_FLIGHT, Feed
from monitor.consumers.store_book import StoreBook
from monitor.consumers.touched import Copied
from monitor.consumers.watch_file import WatchReader
from monitor.consumers.writes import Write, delay_s
from monitor.journal import JournalReader
from monitor.model.batch import Points
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.condition import GATEWAY, STORE_HELD, Condition
from monitor.model.errors import SinkError
from monitor.sinks.sink import Held, RefusedLines, Sink, TooLarge

MAX_CALLS = MAX_IN_FLIGHT + 1  # to the sink at once: alerts wait for no body of anything else
SLOW_S = 30.0  # three time-outs: a server that drips its answer never runs into one
# A body whose outcome was unknown may still lie with the server when a second try of it is confirmed. What could meet
# it there waits so long: a server that answers again has read what came before within a moment.
LATE_NS = 5 * NS_PER_S
SILENT_NS = 10 * NS_PER_S  # after so long without anything to send the server is asked whether it is there
SOURCES = ("journal", "judged", "transitions")  # the numbers of `results`, of earlier versions, were others

log = logging.getLogger(__name__)


class Store:
    """One `step`: collect confirmations, then fill the free places in flight with what the feed has next.

    A cursor passes a body once that and all before it of its source are confirmed.
    """

    def __init__(
        self,
        state_dir: Path,
        journal: JournalReader,
        results: WatchReader,
        sink: Sink,
        executor: Executor,
        clock: Clock,
    ) -> None:
        self._journal, self._watch, self._sink, self._executor, self._clock = journal, results, sink, executor, clock
        self._book, self._bodies = StoreBook(state_dir), Bodies(sink, clock)
        self._book.count_in(sink.target, results.identity)
        saved = self._book.cursors()
        self.confirmed: dict[str, int] = {source: saved.get(source, 0) for source in SOURCES}
        # After a power loss watch's file may have fallen back further than this one.
        self.confirmed["judged"] = min(self.confirmed["judged"], results.kept_pos)
        self.confirmed["transitions"] = min(self.confirmed["transitions"], results.book.last_transition())
        self._feed = Feed(journal, results, self._bodies, self.confirmed)
        self._results_confirmed = self._feed.results_read
        self._confirmed_late: list[tuple[int, Write]] = []  # until when others that meet it have to wait
        # First of all the store is opened; until it answers nothing is read.
        self._flying: list[Write] = [Write("open", None, send=sink.open)]
        self._problem = "not opened yet"
        self._held = ""
        self._waiting_since_ns: int | None = None
        self._sent_ns = clock.mono_ns()
        self.points = 0
        self.on_confirmed: Callable[[], None] = lambda: None
        self._copied: Callable[[], Copied] = Copied  # what the copy has of table `touched`
        self.last_received_ns = 0

    @property
    def pos(self) -> int:
        """Position up to which the journal's records are confirmed."""
        return self.confirmed["journal"]

    @property
    def problem(self) -> str:
        """What keeps the store from taking what it is sent, "" for nothing."""
        since_ns = self._waiting_since_ns
        waited_s = 0.0 if since_ns is None else (self._clock.mono_ns() - since_ns) / NS_PER_S
        return self._problem or (f"no answer for {waited_s:.0f} s" if waited_s > SLOW_S else "")

    def say(self, points: Sequence[Points]) -> None:
        """Write points that no record led to, and that no cursor counts; any thread may call it."""
        self._feed.say(points)

    def copy_to(self, copied: Callable[[], Copied]) -> None:
        """Note from now on what a copy will lack in table `touched`; it answers what of that it has by then."""
        self._copied, self._feed.is_copied = copied, True

    def conditions(self) -> list[Condition]:
        """That nothing is stored until an operator acts (token, permission, database), and what was refused lately."""
        held = self._held
        conditions = [Condition(STORE_HELD, GATEWAY, GATEWAY, held)] if held else []
        return conditions + self._bodies.conditions()

    @property
    def is_caught_up(self) -> bool:
        """Whether everything in the journal and in watch's file is confirmed."""
        heads = (self._journal.head()[0], self._watch.book.last_transition())
        is_passed = (self.confirmed["journal"], self.confirmed["transitions"]) == heads
        return is_passed and not self._watch.results.has_after(self._results_confirmed)

    def step(self) -> bool:
        """Do what can be done without waiting; False when nothing could."""
        did = self._collect()
        did = self._send_due() or did
        did = self._read_more() or did
        if not did:
            self._book.idle()
        self._ask_if_silent()
        self._waiting_since_ns = min((write.sent_ns for write in self._flying if _is_waiting(write)), default=None)
        self._look_at_errors()
        return did

    def cut(self) -> None:
        """End the writes under way, so that nobody waits for a slow server when the daemon ends."""
        self._sink.cut()

    def close(self) -> None:
        """Give files and connections back; what is not confirmed is sent again at the next start."""
        self._book.close()
        self._sink.close()

    def _read_more(self) -> bool:
        if any(write.source == "open" for write in self._flying):
            return False
        did = False
        while (write := self._feed.next(self._flying, self._late())) is not None:
            self._flying.append(write)
            self._submit(write)
            did = True
        return self._feed.make_ready() or did

    def _ask_if_silent(self) -> None:
        """A server that hangs is noticed also while there is nothing to send."""
        if not self._flying and self._clock.mono_ns() - self._sent_ns >= SILENT_NS:
            self._flying.append(Write("ping", None, send=self._sink.ping))
            self._submit(self._flying[0])

    def _late(self) -> list[Write]:
        """Confirmed bodies of which an earlier try may still be on its way."""
        now_ns = self._clock.mono_ns()
        self._confirmed_late = [(until_ns, write) for until_ns, write in self._confirmed_late if until_ns > now_ns]
        return [write for _, write in self._confirmed_late]

    def _submit(self, write: Write) -> None:
        write.sent_ns = self._clock.mono_ns()
        if write.send is None:
            write.future = Future()
            write.future.set_result(None)
        else:
            self._sent_ns = write.sent_ns
            write.future = self._executor.submit(write.send)
            write.future.add_done_callback(lambda _: self.on_confirmed())

    def _send_due(self) -> bool:
        waiting = [write for write in self._flying if write.future is None and not write.is_confirmed]
        due = [write for write in waiting if self._clock.mono_ns() >= write.retry_at_ns]
        for write in due:
            self._submit(write)
        return bool(due)

    def _collect(self) -> bool:
        """Take up answers, and pass the cursors over confirmed bodies, of each source the oldest first."""
        ended = [(write, write.future) for write in self._flying if write.future is not None and write.future.done()]
        for write, future in ended:
            self._take(write, future.exception())
        sources = dict.fromkeys(write.source for write in self._flying)
        passed = [write for source in sources for write in self._confirmed_of(source)]
        self._save(passed)
        for write in passed:
            self._flying.remove(write)
            self.points += write.confirmed_points
            self.last_received_ns = write.received_ns or self.last_received_ns
            if write.attempts:
                log.info("store answers again")
                late = Write(write.source, None, spans=write.spans)
                self._confirmed_late.append((self._clock.mono_ns() + LATE_NS, late))
        if not any(write.source == "judged" for write in self._flying):
            self._results_confirmed = self._feed.results_read
        return bool(ended or passed)

    def _confirmed_of(self, source: str) -> list[Write]:
        """What of a source may be passed: all before it is confirmed too."""
        flying = [write for write in self._flying if write.source == source]
        return list(itertools.takewhile(lambda write: write.is_confirmed, flying))

    def _save(self, passed: Sequence[Write]) -> None:
        """Cursors that passed something, with what was refused of it; with DiskFull none has."""
        cursors = {write.source: write.upto for write in passed if write.upto is not None}
        refusals = [refusal for write in passed for refusal in write.refusals]
        touched = [write.touched for write in passed if write.touched]
        if cursors or refusals or touched:
            self._book.save(cursors, refusals, touched, self._copied())
            self.confirmed = self.confirmed | cursors

    def _take(self, write: Write, error: BaseException | None) -> None:
        """Take up an answer: the next piece is sent, or all is confirmed, or the same has to be sent again."""
        write.future = None
        if isinstance(error, RefusedLines | TooLarge) and write.points:
            self._bodies.narrow(write, error)
        elif isinstance(error, SinkError):
            self._put_off(write, error)
            return
        elif error is not None:
            raise error
        else:
            write.confirmed_points += sum(len(points.times_ns) for points in write.points)
        write.error = None
        if write.rest:
            self._bodies.make(write, write.rest.pop())
            self._submit(write)
        else:
            write.is_confirmed = True

    def _put_off(self, write: Write, error: SinkError) -> None:
        write.attempts += 1
        write.retry_at_ns = self._clock.mono_ns() + round(delay_s(write.attempts, error) * NS_PER_S)
        if all(str(each.error) != str(error) for each in self._flying):
            log.warning("%s; trying again, nothing is lost", error)
        write.error = error

    def _look_at_errors(self) -> None:
        errors = [write.error for write in self._flying if write.error is not None]
        is_opening = any(write.source == "open" for write in self._flying)
        self._problem = str(errors[0]) if errors else "not opened yet" if is_opening else ""
        self._held = next((str(error) for error in errors if isinstance(error, Held)), "")


def _is_waiting(write: Write) -> bool:
    """Whether an answer is still to come."""
    return write.future is not None and not write.future.done()
