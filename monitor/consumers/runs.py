"""A run: the records of one container from its fork on, and how far they are judged again in official order."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import numpy as np

from monitor.consumers import saved
from monitor.consumers.firing import Exceedance
from monitor.consumers.forks import Fork
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged, Passed
from monitor.consumers.order import Order, ranked
from monitor.consumers.ordered_run import OrderedRun
from monitor.consumers.reading import book_of
from monitor.consumers.settled import Before, Settled
from monitor.journal import JournalReader
from monitor.journal.ordered import Index, Row, batches, official_order, scan, turn_of
from monitor.model.alert import alert_id
from monitor.model.batch import Table
from monitor.model.operator_book import OperatorBook

log = logging.getLogger(__name__)


class Run:
    """`rows` as they were read, `order` official, of which the first `done` are judged.

    The first rows are the heads: how far the container's streams had come at the fork. What sorts before them belongs
    before the fork; where nothing older is known to go back to, it is put `apart`.
    """

    def __init__(self, container: str, fork: Fork, live: Judge, reader: JournalReader) -> None:
        """As far as the fork says that it was judged, without telling again what that led to."""
        self.container, self.fork = container, fork
        self._live, self._reader = live, reader
        order = saved.order_of(fork.state) if fork.state else Order()
        self._boots = order.boots
        self._heads = order.heads()
        self.rows = list(self._heads)
        self.apart: list[int] = []
        self.done = len(self._heads)
        self._order: Index = np.arange(self.done)
        self._ordered: OrderedRun | None = None
        self._operators, self._said_pos = OperatorBook(), 0  # and up to which position they are known
        self._firing: dict[Exceedance, float] = {}
        self._ahead: list[Table] = []  # exposure by rows behind the first `done`, up to `_ahead_to`
        self._ahead_to = self.done
        if fork.judged:
            self.rows += self._look_through(0, fork.scanned_pos)
            self.put_in_order()
            for _ in self.go_on(fork.judged, fork.scanned_pos):
                pass
        else:
            fork.scanned_pos = 0

    @property
    def is_in_order(self) -> bool:
        """Whether all stand where they were judged live, so that nothing has to be judged again."""
        is_untouched = self.fork.judged == 0 and not self.fork.must_judge
        return is_untouched and bool((self._order == np.arange(len(self.rows))).all())

    def scan(self, upto_pos: int) -> None:
        """Take the rows up to a position."""
        self.rows += self._look_through(self.fork.scanned_pos, upto_pos)
        self.fork.scanned_pos = upto_pos

    def put_in_order(self) -> bool:
        """Put all rows in order; False when some belong before the fork and something older is known."""
        if len(self._order) == len(self.rows):
            return True
        heads, order = len(self._heads), official_order(self.rows)
        if (order[:heads] != np.arange(heads)).any():
            if not self.fork.is_oldest:
                return False
            self._put_apart(order)
            order = official_order(self.rows)
        if self.done > heads and (order[: self.done] != self._order[: self.done]).any():
            self._begin_again()
        self._order = order
        return True

    def go_on(self, stop: int, upto_pos: int) -> Iterator[Judged]:
        """Judge up to a place in the order; what operators set up to a position is known beforehand."""
        yield from self._judge(self.done, stop, upto_pos)
        self.done = self._ahead_to = self.fork.judged = stop

    def exposures(self, stop: int, upto_pos: int) -> list[Table]:
        """Go on likewise, by what was judged ahead: the totals of exposure."""
        tables = self._ahead + _exposures(self._judge(self._ahead_to, stop, upto_pos))
        self.done = self._ahead_to = self.fork.judged = stop
        self._ahead = []
        return tables

    def planned(self) -> list[Table]:
        """Judge what was planned, as far as it was not judged ahead: the totals of exposure."""
        return self.exposures(self.fork.planned, self.fork.scanned_pos)

    def judge_ahead(self, records: int) -> bool:
        """Judge some of what was planned, which counts from `planned` on; False when there is nothing."""
        stop = min(self._ahead_to + records, self.fork.planned)
        if stop <= self._ahead_to:
            return False
        self._ahead += _exposures(self._judge(self._ahead_to, stop, self.fork.scanned_pos))
        self._ahead_to = stop
        return True

    def _judge(self, start: int, stop: int, upto_pos: int) -> Iterator[Judged]:
        entered = (record for record in self._reader.operators(self._said_pos) if record.pos <= upto_pos)
        self._operators, self._said_pos = book_of(entered, self._operators), upto_pos
        if self._ordered is None:
            rows = len(self.rows) - len(self._heads)
            log.info("%s is judged again in official order: %d records", self.container, rows)
            self._ordered = OrderedRun(self._judge_at_fork(self._operators))
            self._firing = self._ordered.judge.firing(self.container)
        if self._ordered.judge.in_force.operators is not self._operators:
            self._ordered.judge.learn(self._operators)
        for records in batches(self._reader, self._positions(start, stop)):
            yield from self._ordered.step(records)

    def finish(self, passed: Passed) -> Settled:
        """The container goes on live as the run leaves it."""
        assert self._ordered is not None  # it has judged
        ends = {
            (finding.rule, finding.logger, finding.channel, finding.start_ns): finding
            for finding in self._ordered.unknown
        }
        before = []
        for exceedance, peak in self._firing.items():
            rule, logger, channel, start_ns = exceedance
            last = ends.get(exceedance)
            ended = last if last is not None and last.change == "cleared" else None
            key = alert_id(rule, self.container, logger, channel, start_ns)
            before.append(Before(key, ended, peak if last is None else last.peak))
        positions, told = self._positions(len(self._heads), len(self.rows)), self._ordered.book.told(self.container)
        self._live.take_over(self.container, self._ordered.judge)
        log.info("%s is settled at record %d: its alerts and totals are official", self.container, passed.pos)
        return Settled(self.container, passed.received_ns, positions, self.apart, told, before)

    def _look_through(self, after_pos: int, upto_pos: int) -> Iterator[Row]:
        """The rows behind a position up to another, those before the fork left out; each of them once, in order."""
        fork = self.fork
        if not fork.since_pos:
            rows = scan(self._reader, max(after_pos, fork.after_pos), upto_pos, self.container)
        elif after_pos >= (turn := turn_of(self._reader, fork.since_pos)):
            rows = scan(self._reader, after_pos, upto_pos, self.container)
        else:
            rows = scan(self._reader, turn - 1, upto_pos, self.container)
            first = next((i for i, row in enumerate(rows) if row.pos == fork.since_pos), len(rows))
            rows = rows[first:]
        return ranked(rows, self._boots)

    def _put_apart(self, order: Index) -> None:
        """Take out what sorts before a head: all of it comes before the last head."""
        heads = len(self._heads)
        early = order[: int(np.flatnonzero(order < heads)[-1])]
        out = set(early[early >= heads].tolist())
        self.apart += [self.rows[i].pos for i in sorted(out)]
        if min(out) < len(self._order):
            self._begin_again()
        self.rows = [row for i, row in enumerate(self.rows) if i not in out]
        log.warning(
            "%s: %d records came too late to be judged in their place; what was told of them stands",
            *(self.container, len(out)),
        )

    def _begin_again(self) -> None:
        self._ordered, self.done, self.fork.judged, self.fork.planned = None, len(self._heads), 0, 0
        self._ahead, self._ahead_to = [], self.done

    def _positions(self, start: int, stop: int) -> Index:
        """Positions in the journal of a part of the order, int64 [n]."""
        return np.array([self.rows[i].pos for i in self._order[start:stop].tolist()], dtype=np.int64)

    def _judge_at_fork(self, operators: OperatorBook) -> Judge:
        """A judge for official order with the state of the fork."""
        fork = self.fork
        if not fork.state:
            return self._live.for_official_order(None, operators)
        came_to = turn_of(self._reader, fork.since_pos) - 1 if fork.since_pos else fork.after_pos
        judge = self._live.for_official_order(self._reader.last_config(came_to), operators)
        judge.restore(fork.state)
        judge.learn(operators)
        return judge


def _exposures(judged: Iterable[Judged]) -> list[Table]:
    return [result for each in judged for result in each.results if result.measurement == "exposure"]
