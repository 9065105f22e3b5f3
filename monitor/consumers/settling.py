"""Settling: once nothing of a container can come any more that belongs before others, it is judged in official order.

At each tick, for each container with a fork:

1. while the tick names it among the open ones nothing is done for an hour: the live alerts stand, and are provisional;
2. the journal is looked through from the fork to the tick. Records that stand in official order need no judging;
3. else a judge of its own goes on from the fork's state: a few records at once, the others are planned. These are
   judged ahead of the next tick, between live ones that would have to wait for them, and count from then on;
4. when it has come up to the tick its state takes the place of the live one, and the alerts are reconciled.

Ticks alone decide, so every replay settles at the same records. A record that belongs before one that was judged again
lets it begin again; one that belongs before the fork lets it begin at the base, or without one at the journal's
beginning. What belongs before the base keeps the judgement that it got when it came.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Self

from monitor.consumers.base import Base, find_root
from monitor.consumers.forks import MAX_FORK_BYTES, MAX_FORKS, Fork, Forks
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged, Passed
from monitor.consumers.runs import Run
from monitor.journal import JournalReader
from monitor.journal.ordered import MAX_ORDERED_RECORDS, MAX_SCAN
from monitor.model.batch import Table
from monitor.model.clock import HOUR_NS
from monitor.model.record import Record

log = logging.getLogger(__name__)

AT_ONCE_RECORDS = 100  # judged again at a tick itself, of all containers together: some 20 ms
LEAST_AT_ONCE = 15  # of each all the same: what came since the tick before, and that tick
# Planned at a tick, of all containers together; and as many as came since the tick before, up to MAX_CAUGHT_RECORDS, as
# a container that gets more than are judged again would never be settled.
PIECE_RECORDS = 1_000
MAX_CAUGHT_RECORDS = 9_000
MIN_PIECE_RECORDS = 50  # of each
MAX_RUNS = 10  # containers for which records are planned, each with a judge of some 5 MB; others wait for them
# What is missing for so long may never come, as of a boot that a changed byte invented; and nobody should wait longer
# for an exceedance that came in pieces. If it does come, the container is judged again from the base.
MAX_WAIT_NS = HOUR_NS


class NotApart(Exception):  # noqa: N818 - named for what it is
    """Containers cannot be judged apart from one another: they have to share what is judged again at a tick."""


class Share(NamedTuple):
    """What may be used of what all containers share, for their number not to matter.

    `records` are those that one container may judge again at a tick, `bytes` and `forks` what may be kept of states.
    """

    records: int
    forks: int
    bytes: int

    @classmethod
    def of(cls, containers: int, parts: int) -> Self:
        """The share in one of so many parts of so many containers."""
        return cls(AT_ONCE_RECORDS // containers, MAX_FORKS // parts, MAX_FORK_BYTES // parts)

    def require_room(self, forks: Forks) -> None:
        """NotApart where these containers keep more than their share."""
        if len(forks) > self.forks or forks.kept_bytes > self.bytes:
            raise NotApart

    def require_time(self, records: int) -> None:
        """NotApart where a container has more to judge again than its share."""
        if records > self.records:
            raise NotApart


def _no_base() -> None:
    """Nothing was saved: whatever is judged again begins with the journal."""


def _is_due(fork: Fork, passed: Passed, container: str) -> bool:
    return not passed.is_open(container) or passed.steady_ns - fork.since_ns >= MAX_WAIT_NS


class Settling:
    """Judges records live, and settles containers at ticks."""

    def __init__(
        self,
        judge: Judge,
        reader: JournalReader,
        base: Callable[[], Base | None] = _no_base,
        share: Share | None = None,
    ) -> None:
        """`base` tells what to begin with where a container has no state of its own.

        With a `share` others judge the other containers, and NotApart is raised where that would change anything.
        """
        self.judge, self._reader, self._base, self._share = judge, reader, base, share
        self._runs: dict[str, Run] = {}

    def step(self, records: Sequence[Record]) -> Iterator[Judged]:
        """Judge records in order."""
        for judged in self.judge.step(records):
            yield judged
            if judged.passed is not None:
                yield from self._settle(judged.passed)

    def judge_ahead(self, records: int) -> bool:
        """Judge some of the records that are to be judged again before the next tick; False when there are none."""
        return any(run.judge_ahead(records) for run in self._runs.values() if self._is_on(run))

    def _settle(self, passed: Passed) -> Iterator[Judged]:
        if self._share is not None:
            self._share.require_room(self.judge.forks)
        yield from self._complete()
        forks, waiting = self.judge.forks, self._find_roots()
        ready = [name for name in forks if name not in waiting and _is_due(forks[name], passed, name)]
        room = PIECE_RECORDS + min(passed.pos - passed.before_pos, MAX_CAUGHT_RECORDS)
        share = max(room // max(min(len(ready), MAX_RUNS), 1), MIN_PIECE_RECORDS)
        at_once, runs = AT_ONCE_RECORDS, MAX_RUNS
        for container in sorted(ready, key=lambda name: forks[name].number):
            run = self._run_of(container, passed)
            if run is None:
                continue
            if self._share is not None:
                self._share.require_time(len(run.rows) - run.done)
            stop = min(run.done + max(at_once, LEAST_AT_ONCE), len(run.rows))
            at_once -= stop - run.done
            yield self._again(run.exposures(stop, passed.pos))
            if stop == len(run.rows):
                yield Judged(self.judge.rules, settled=run.finish(passed))
                del self._runs[container]
                continue
            run.fork.planned = min(stop + share, len(run.rows))
            room, runs = room - (run.fork.planned - stop), runs - 1
            if room <= 0 or not runs:
                return

    def _complete(self) -> Iterator[Judged]:
        """What was planned at the tick before is judged by now."""
        forks = self.judge.forks
        self._runs = {name: run for name, run in self._runs.items() if self._is_on(run)}
        for container in forks:
            fork = forks[container]
            if fork.planned > fork.judged:
                if container not in self._runs:  # after a restart
                    self._runs[container] = Run(container, fork, self.judge, self._reader)
                yield self._again(self._runs[container].planned())

    def _again(self, exposures: list[Table]) -> Judged:
        """What is told of records that are judged again; their alerts are told when all of them are."""
        return Judged(self.judge.rules, results=exposures, is_again=True)

    def _is_on(self, run: Run) -> bool:
        """Whether a run is that of its container's fork, rather than of one before."""
        return self.judge.forks.get(run.container) is run.fork

    def _find_roots(self) -> list[str]:
        """Give the base's state to the forks that have none; the containers for which there is no room yet."""
        forks = self.judge.forks
        rootless = forks.rootless
        base = self._base() if rootless else None
        if base is None:
            return []
        config = self._reader.last_config(base.pos)
        assert config is not None  # a base is that of a judge under rules
        at_base = self.judge.at_base(config, base.state)
        while rootless and forks.has_room:
            container = rootless.pop(0)
            find_root(forks[container], container, base, at_base)
        return rootless

    def _run_of(self, container: str, passed: Passed) -> Run | None:
        """The container's run with all records up to the tick in order; None when there is nothing to judge now."""
        forks = self.judge.forks
        fork, run = forks[container], self._runs.get(container)
        if run is None or not self._is_on(run):
            run = self._runs[container] = Run(container, fork, self.judge, self._reader)
        upto = min(passed.pos, max(fork.scanned_pos, fork.since_pos, fork.after_pos) + MAX_SCAN)
        run.scan(upto)
        if len(run.rows) > MAX_ORDERED_RECORDS:
            log.warning("%s stays as it was told: more than %d records to judge again", container, MAX_ORDERED_RECORDS)
            forks.end(container)
            return None
        if upto < passed.pos:
            return None
        if not run.put_in_order():
            forks.begin_anew(container, fork.since_ns)
            return None
        if run.is_in_order:
            forks.end(container)
            return None
        return run
