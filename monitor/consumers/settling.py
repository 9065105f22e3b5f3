"""Settling: once nothing of a container can come any more that belongs before others, it is judged in official order.

At each tick, for each container with a fork:

1. while the tick names it among the open ones nothing is done for an hour: the live alerts stand, and are provisional;
2. the journal is looked through from the fork to the tick. Records that stand in official order need no judging;
3. else a judge of its own goes on from the fork's state, a bounded number of records a tick, so that it never keeps
   the live ones waiting for long;
4. when it has come up to the tick its state takes the place of the live one, and the alerts are reconciled.

Ticks alone decide, so every replay settles at the same records. A record that belongs before one that was judged again
lets it begin again, one that belongs before the fork from the journal's beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from monitor.alerts import AlertBook
from monitor.alerts.book import cleared_ns, end
from monitor.alerts.reconcile import Told, reconcile
from monitor.alerts.wording import UNTIL
from monitor.consumers.forks import Before, Exceedance, Fork, Settled
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged, Passed
from monitor.consumers.ordered_run import OrderedRun, began_by
from monitor.consumers.reading import phases_of
from monitor.journal import JournalReader
from monitor.journal.ordered import (
    MAX_ORDERED_RECORDS,
    MAX_SCAN,
    Index,
    Row,
    batches,
    official_order,
    scan,
    turn_of,
)
from monitor.model.alert import CLEARED, FIRING, alert_id, in_json
from monitor.model.clock import NS_PER_S
from monitor.model.phase import PhaseBook
from monitor.model.record import Record

log = logging.getLogger(__name__)

MAX_PIECE_RECORDS = 1_000  # judged again at a tick, of all containers together
MIN_PIECE_RECORDS = 50  # of each
# What is missing for so long may never come, as of a boot that a changed byte invented; and nobody should wait longer
# for an exceedance that came in pieces. If it does come, the container is judged again from the journal's beginning.
MAX_WAIT_NS = 3600 * NS_PER_S


def _is_due(fork: Fork, passed: Passed, container: str) -> bool:
    return not passed.is_open(container) or passed.received_ns - fork.since_ns >= MAX_WAIT_NS


@dataclass(slots=True)
class Run:
    """A container's records from the fork on: `rows` as read, `order` official, of which the first `done` are judged.

    The first `heads` of the rows are how far its streams had come at the fork: what sorts before them belongs before
    the fork. `firing` is what fired then.
    """

    number: int
    heads: int
    rows: list[Row]
    done: int
    order: Index = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ordered: OrderedRun | None = None
    phases: PhaseBook = field(default_factory=PhaseBook)
    firing: dict[Exceedance, float] = field(default_factory=dict)

    def positions(self, start: int, stop: int) -> Index:
        """Positions in the journal of a part of the order, int64 [n]."""
        return np.array([self.rows[i].pos for i in self.order[start:stop].tolist()], dtype=np.int64)


class Settling:
    """Judges records live, and settles containers at ticks."""

    def __init__(self, judge: Judge, reader: JournalReader) -> None:
        self.judge, self._reader = judge, reader
        self._runs: dict[str, Run] = {}
        self._too_long: set[int] = set()  # forks by number

    def step(self, records: Sequence[Record]) -> Iterator[Judged]:
        """Judge records in order."""
        for judged in self.judge.step(records):
            yield judged
            if judged.passed is not None:
                yield from self._settle(judged, judged.passed)

    def _settle(self, judged: Judged, passed: Passed) -> Iterator[Judged]:
        forks = self.judge.forks
        self._runs = {name: run for name, run in self._runs.items() if name in forks}
        ready = [
            name for name in forks if _is_due(forks[name], passed, name) and forks[name].number not in self._too_long
        ]
        room, share = MAX_PIECE_RECORDS, max(MAX_PIECE_RECORDS // max(len(ready), 1), MIN_PIECE_RECORDS)
        for container in sorted(ready, key=lambda name: forks[name].number):
            run = self._run_of(container, passed)
            if run is None:
                continue
            stop = min(run.done + share, len(run.rows))
            room -= stop - run.done
            for again in self._go_on(container, run, stop, passed.pos):
                exposures = [result for result in again.results if result.measurement == "exposure"]
                yield Judged(judged.rules, results=exposures, is_again=True)
            if stop == len(run.rows):
                yield Judged(judged.rules, settled=self._finish(container, run, passed))
            if room <= 0:
                return

    def _run_of(self, container: str, passed: Passed) -> Run | None:
        """The container's run with all records up to the tick in order; None when there is nothing to judge now."""
        fork = self.judge.forks[container]
        run = self._runs.get(container)
        if run is None or run.number != fork.number:
            run = self._runs[container] = self._resume(container, fork)
        upto = min(passed.pos, max(fork.scanned_pos, fork.since_pos) + MAX_SCAN)
        run.rows += self._look_through(container, fork, fork.scanned_pos, upto)
        fork.scanned_pos = upto
        if len(run.rows) > MAX_ORDERED_RECORDS:
            log.warning("%s stays provisional: more than %d records to judge again", container, MAX_ORDERED_RECORDS)
            self._too_long.add(fork.number)
            del self._runs[container]
            return None
        return run if upto == passed.pos and self._put_in_order(container, run, fork) else None

    def _resume(self, container: str, fork: Fork) -> Run:
        """The run of a fork; after a restart as far as it was, without telling again what that led to."""
        rows: list[Row] = []
        if fork.state:
            heads = self.judge.heads(fork.state)
            rows = [Row(0, container, head.logger, head.boot, head.seq, head.is_derived) for head in heads]
        run = Run(fork.number, len(rows), rows, len(rows))
        if fork.judged:
            run.rows = rows + self._look_through(container, fork, 0, fork.scanned_pos)
            run.order = official_order(run.rows, began_by(self._reader, fork.scanned_pos))
            for _ in self._go_on(container, run, fork.judged, fork.scanned_pos):
                pass
        else:
            fork.scanned_pos = 0
        return run

    def _look_through(self, container: str, fork: Fork, after_pos: int, upto_pos: int) -> list[Row]:
        """The rows behind a position up to another, those before the fork left out."""
        turn = turn_of(self._reader, fork.since_pos)
        if after_pos >= turn or not fork.since_pos:
            return scan(self._reader, after_pos, upto_pos, container)
        rows = scan(self._reader, turn - 1, upto_pos, container)
        first = next((i for i, row in enumerate(rows) if row.pos == fork.since_pos), len(rows))
        return rows[first:]

    def _put_in_order(self, container: str, run: Run, fork: Fork) -> bool:
        """Whether there is anything to judge; else the fork has ended, or a longer one has begun."""
        if len(run.order) < len(run.rows):
            order = official_order(run.rows, began_by(self._reader, fork.scanned_pos))
            if (order[: run.heads] != np.arange(run.heads)).any():
                self.judge.forks.begin_anew(container, fork.since_ns)
                return False
            if run.done > run.heads and (order[: run.done] != run.order[: run.done]).any():
                run.ordered, run.done, fork.judged = None, run.heads, 0
            run.order = order
        is_in_order = fork.judged == 0 and bool((run.order == np.arange(len(run.rows))).all())
        if is_in_order and not fork.must_judge:
            self.judge.forks.end(container)
            return False
        return True

    def _go_on(self, container: str, run: Run, stop: int, upto_pos: int) -> Iterator[Judged]:
        """Judge up to a place in the order; phases that operators set are known beforehand."""
        fork = self.judge.forks[container]
        phases = phases_of(record for record in self._reader.operators() if record.pos <= upto_pos)
        if run.ordered is None:
            log.info("%s is judged again in official order: %d records", container, len(run.rows) - run.heads)
            run.ordered, run.phases = OrderedRun(self._judge_at(fork, phases)), phases
            run.firing = run.ordered.judge.firing(container)
        if run.phases != phases:
            run.ordered.judge.learn(phases)
            run.phases = phases
        for records in batches(self._reader, run.positions(run.done, stop)):
            yield from run.ordered.step(records)
        run.done = fork.judged = stop

    def _judge_at(self, fork: Fork, phases: PhaseBook) -> Judge:
        """A judge for official order with the state of a fork."""
        if not fork.state:
            return self.judge.for_official_order(None, phases)
        turn = turn_of(self._reader, fork.since_pos)
        judge = self.judge.for_official_order(self._reader.last_config(turn - 1), phases)
        judge.restore(fork.state)
        judge.learn(phases)
        return judge

    def _finish(self, container: str, run: Run, passed: Passed) -> Settled:
        """The container goes on live as the run left it."""
        assert run.ordered is not None  # it has judged
        ends = {
            (finding.rule, finding.logger, finding.channel, finding.start_ns): finding
            for finding in run.ordered.unknown
        }
        before = []
        for exceedance, peak in run.firing.items():
            rule, logger, channel, start_ns = exceedance
            last = ends.get(exceedance)
            ended = last if last is not None and last.change == "cleared" else None
            key = alert_id(rule, container, logger, channel, start_ns)
            before.append(Before(key, ended, peak if last is None else last.peak))
        positions = run.positions(run.heads, len(run.rows))
        settled = Settled(container, passed.received_ns, positions, run.ordered.book.told(container), before)
        self.judge.take_over(container, run.ordered.judge)
        del self._runs[container]
        log.info("%s is settled at record %d: its alerts and totals are official", container, passed.pos)
        return settled


def settle(book: AlertBook, settled: Settled) -> None:
    """Make the alerts of a container those of its exceedances in official order."""
    told = book.told(settled.container)
    positions = set(settled.positions.tolist())
    before = {each.exceedance: each for each in settled.before}
    live = [alert for alert in told if alert.body["evidence"]["pos"] in positions]
    earlier = {
        alert.exceedance: alert
        for alert in sorted(told, key=lambda alert: alert.number)
        if alert.exceedance in before and alert.body["evidence"]["pos"] not in positions
    }
    official = settled.official + [_continued(alert, before[key]) for key, alert in earlier.items()]
    changes = reconcile([*live, *earlier.values()], official, settled.at_ns)
    book.apply(changes, settled.at_ns)


def _continued(alert: Told, before: Before) -> Told:
    """An alert that fired before the fork with its peak and end in official order."""
    body = alert.body | {"state": FIRING, "cleared_at": None, "peak": in_json(before.peak)}
    if alert.body["state"] == CLEARED:
        body["message"] = body["message"].rsplit(UNTIL, 1)[0]
    if before.ended is None:
        return replace(alert, cleared_ns=None, body=body)
    end(body, before.ended)
    return replace(alert, cleared_ns=cleared_ns(before.ended), body=body)
