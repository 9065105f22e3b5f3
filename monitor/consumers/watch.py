"""Watch: judges every record in the order of the journal and keeps alerts, results and its own state in `watch.db`."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from monitor.alerts import AlertBook
from monitor.config import Rules
from monitor.consumers.base import BaseBook, base_at
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged
from monitor.consumers.keeping import keep_findings
from monitor.consumers.results import ResultBook
from monitor.consumers.settling import Settling
from monitor.consumers.watch_file import WATCH_MIGRATIONS, WATCH_TABLES, WATCH_VERSION
from monitor.journal import JournalReader, Page, Place
from monitor.journal.failure import write_failure
from monitor.journal.ordered import dropped_upto
from monitor.journal.reader import MAX_BATCH_RECORDS
from monitor.journal.schema import Checkpoint, open_for_writing
from monitor.model.clock import HOUR_NS, NS_PER_S, Clock
from monitor.model.errors import DiskFull, JournalError, SnapshotError

log = logging.getLogger(__name__)

# An alert is told once all of its batch is judged, events of others included: 23 of 3 x 4 096 samples take 0.2 s. As
# many bytes are 500 blocks of 60 readings of four channels, which take as long as they did.
MAX_STEP_BYTES = 576 << 10
STEP_NS = 100_000_000  # what a step should take, for the sake of the alerts that wait for its commit: see `_limit_next`
AHEAD_RECORDS = 25  # judged again at once, some 10 ms: what comes live waits for them
AHEAD_NS = NS_PER_S // 2  # a step that has nothing else to do goes on with it so long
LEAST_RECORDS = 40  # of a step all the same: of fewer each costs several times as much, and all wait for all
FLOOD_FINDINGS = 200  # of a step: more than that, and each would better be found before the others are told
SNAPSHOT_NS = 10 * NS_PER_S  # a restart judges at most this much again
BASE_NS = 24 * HOUR_NS  # a container whose records come late is judged again from so far back, up to twice that
WANTED_BASE_NS = 10 * NS_PER_S  # while the journal's budget is short: at each tick


class _Step(NamedTuple):
    """What a batch of so many records led to, up to the place that was reached; `received_ns` of its last record."""

    records: int
    judged: list[Judged]
    reached: Place
    received_ns: int


class Watch:
    """One `step`: read a batch, judge it, commit what it led to.

    1. read the records behind the cursor;
    2. judge them, under the rules that the journal says were in force;
    3. write alerts, transitions and results in one transaction, together with how far it has come: what is judged again
       after a restart is not written again. What a full disk does not take is written by the next step, before anything
       else is judged;
    4. at most every 10 s the judge's snapshot and the cursor go along: a restart judges again from there; of another
       version of this program, from the base (see there) or the journal's beginning.
    """

    def __init__(self, state_dir: Path, reader: JournalReader, clock: Clock) -> None:
        self._reader, self._clock, self._path = reader, clock, state_dir / "watch.db"
        self._connection = open_for_writing(
            self._path, WATCH_TABLES, can_fall_back=True, version=WATCH_VERSION, migrations=WATCH_MIGRATIONS
        )
        self._checkpoint = Checkpoint(self._connection)
        self.book, self._results = AlertBook(self._connection), ResultBook(self._connection)
        self.stored_results: Callable[[], int] = lambda: 0  # up to which position the store has confirmed them
        self.is_base_wanted = False  # the journal is short of room: whoever waits for `base_pos` may set it at any time
        self._bases = BaseBook(self._connection)
        self.judge, self._place = self._resumed()
        self._base_made_ns: int | None
        self._look_at_base()
        self._settling = Settling(self.judge, reader, self._bases.read)
        row = self._connection.execute("SELECT pos, given FROM kept").fetchone()
        self._kept = Place(*row) if row else Place()
        self._saved_ns, self._is_whole = clock.mono_ns(), True
        self._unwritten: _Step | None = None
        self._limit = MAX_BATCH_RECORDS
        self.is_flooded = False  # whether so much is found at present that others had better wait
        self.last_received_ns = 0
        self.readings = self.events = 0

    @property
    def pos(self) -> int:
        """Position up to which the journal is judged."""
        return self._place.pos

    @property
    def kept_pos(self) -> int:
        """Position up to which the file has what the journal led to; after a restart it may be ahead of `pos`."""
        return max(self._kept.pos, self._place.pos)

    def step(self) -> bool:
        """Judge one batch; False when nothing waited.

        DiskFull when it could not be written: the next step tries again. JournalError when the disk fails.
        """
        start_ns = self._clock.mono_ns()
        step = self._unwritten or self._judge()
        try:
            if step is None:
                self._checkpoint.idle()
                self._judge_ahead(AHEAD_NS)
                return False
            self._unwritten = step
            self._write(step)
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._checkpoint.failed(error)
            raise write_failure("keep alerts and results", self._path, error) from None
        self._unwritten = None
        self._place, self._is_whole = step.reached, not step.reached.given
        self._kept = max(self._kept, step.reached)
        self.last_received_ns = step.received_ns or self.last_received_ns
        self._checkpoint.committed()
        self._limit_next(step.records, self._clock.mono_ns() - start_ns)
        self._judge_ahead(0)
        return True

    def close(self) -> None:
        """Save the state where it stands, so that the next start judges nothing again; not after a failed step."""
        try:
            if self.pos and self._is_whole:
                self._write_snapshot(self.pos, self.judge.snapshot())
        except sqlite3.Error as error:
            failure = write_failure("save the state", self._path, error)
            if not isinstance(failure, DiskFull):
                raise failure from None
            log.warning("%s; the next start judges a little again", failure)
        finally:
            self._connection.close()

    def _judge(self) -> _Step | None:
        """Read a batch and judge it; the judge runs ahead of the file until the commit."""
        records, reached = self._read()
        if reached == self._place:
            self.is_flooded = False
            return None
        self._is_whole = False
        self.judge.wants_events = self._place >= self._kept  # else all that the batch leads to stands already
        try:
            judged = list(self._settling.step(records))
        except sqlite3.Error as error:
            raise self._damaged(error) from None
        self.is_flooded = sum(len(each.findings) for each in judged) > FLOOD_FINDINGS
        if reached > self._kept:
            self.readings += sum(each.readings for each in judged)
            self.events += sum(each.events for each in judged)
            _log_limits(judged)
        return _Step(len(records), judged, reached, records[-1].received_ns if records else 0)

    def _read(self) -> Page:
        """The next records; up to where the file has all they led to, not beyond."""
        limit = self._limit
        if self._place < self._kept:
            limit = max(1, min(limit, self._kept.pos - self._place.pos))
        return self._reader.read(self._place, limit, MAX_STEP_BYTES)

    def _judge_ahead(self, limit_ns: int) -> None:
        """Judge some of what is to be judged again before the next tick: for so long, and until something comes."""
        end_ns = self._clock.mono_ns() + limit_ns
        try:
            while self._settling.judge_ahead(AHEAD_RECORDS) and self._clock.mono_ns() < end_ns:
                if self._reader.head()[0] != self._place.pos:
                    return
        except sqlite3.Error as error:
            raise self._damaged(error) from None

    def _damaged(self, error: sqlite3.Error) -> JournalError:
        hint = "the file is damaged: restore it from a backup"
        return JournalError("judge", str(self._path.with_name("journal.db")), str(error), hint)

    def _limit_next(self, records: int, taken_ns: int) -> None:
        """Have the next step take at most STEP_NS, if it goes on like this one, which took so long for its records.

        In a storm, or on a slow machine, a step of the most records takes seconds. What comes of them does not depend
        on how they are cut.
        """
        if taken_ns > STEP_NS:
            self._limit = max(records * STEP_NS // taken_ns, LEAST_RECORDS)
        else:
            self._limit = min(self._limit * 2, MAX_BATCH_RECORDS)

    def _write(self, step: _Step) -> None:
        """Commit what a batch led to, and with it the state when that is due; a base is durable when this returns."""
        reached = step.reached
        is_whole = not reached.given  # a snapshot amid records that waited would have some of them judged twice
        is_base = is_whole and self._is_base_due()
        is_due = is_whole and self._clock.mono_ns() - self._saved_ns >= SNAPSHOT_NS
        self._connection.execute(f"PRAGMA synchronous={'FULL' if is_base else 'NORMAL'}")
        self._connection.execute("BEGIN IMMEDIATE")
        if reached > self._kept:
            for judged in step.judged:
                keep_findings(self.book, judged, self._reader)
                self._results.enter(judged.results, reached, is_again=judged.is_again)
            self._results.finish(reached)
            self._connection.execute("INSERT OR REPLACE INTO kept VALUES(1, ?, ?)", reached)
        state = self.judge.snapshot() if is_base or is_due else b""
        if state:
            self._write_snapshot(reached.pos, state)
        if is_base:
            young = base_at(self._reader, reached.pos, self.judge, state)
            self._bases.move_on(young, is_urgent=self.is_base_wanted)
        self._connection.execute("COMMIT")
        if is_base:
            self._look_at_base()

    def _look_at_base(self) -> None:
        base = self._bases.read()
        self.base_pos = 0 if base is None else base.needed_from - 1
        self._base_made_ns = self._bases.newest_ns()

    def _is_base_due(self) -> bool:
        """Whether the base may move on: once a day, or as soon as the journal is short of room."""
        age_ns = self.judge.steady_ns - (self._base_made_ns or 0)
        is_wanted = self.is_base_wanted and (self._base_made_ns is None or age_ns >= WANTED_BASE_NS)
        return (is_wanted or age_ns >= BASE_NS) and not self.judge.forks.rootless

    def _resumed(self) -> tuple[Judge, Place]:
        """The judge as the snapshot or else the base has it, and where that stands; else at the journal's beginning."""
        statement = "SELECT 0, pos, state FROM snapshot UNION ALL SELECT 1, pos, state FROM base ORDER BY 1, 2 DESC"
        for _, pos, state in self._connection.execute(statement).fetchall():
            config = self._reader.last_config(pos)
            if config is None:
                continue
            judge = Judge(Rules.from_json(config), self._reader.anchor)
            try:
                judge.restore(state)
            except SnapshotError as error:
                log.warning("%s", error)
            else:
                return judge, Place(pos)
        self._require_whole_journal()
        self._bases.drop()
        return Judge(None, self._reader.anchor), Place()

    def _require_whole_journal(self) -> None:
        """Nothing can be judged from the journal's beginning that retention has dropped."""
        dropped_pos = dropped_upto(self._reader)
        if dropped_pos:
            cause = f"no usable state, and the journal has dropped its records up to {dropped_pos}"
            hint = "start the version of this program that wrote it, or restore watch.db from a backup"
            raise JournalError("judge again", str(self._path), cause, hint)
        if self._connection.execute("SELECT 1 FROM kept").fetchone():
            log.warning("the journal is judged again from its beginning, what was told already stands")

    def _write_snapshot(self, pos: int, state: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO snapshot VALUES(1, ?, ?)", (pos, state))
        self._results.drop(self.stored_results())
        self._saved_ns = self._clock.mono_ns()


def _log_limits(judged: Sequence[Judged]) -> None:
    """Say which limits changed, as they do for the first time; whatever is judged again says nothing."""
    said = "limits %s changed; rules that start anew: %s; all others go on with what they know"
    for profile, rules in ((name, rules) for each in judged for name, rules in each.started_anew.items()):
        log.warning(said, profile, ", ".join(rules) or "none")
