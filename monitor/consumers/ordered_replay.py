"""A replay in official order: what goes by the arrival of records, as they came; then each reading in its place."""

from __future__ import annotations

import numpy as np

from monitor.consumers.base import Base, find_root
from monitor.consumers.beginning import Beginning, Progress, journal_batches
from monitor.consumers.judged import Passed
from monitor.consumers.keeping import keep_findings
from monitor.consumers.order import ranked
from monitor.consumers.ordered_run import OrderedRun
from monitor.consumers.outcome import Outcome
from monitor.consumers.reading import book_of
from monitor.consumers.runs import Run
from monitor.consumers.settled import settle
from monitor.journal import JournalReader
from monitor.journal.ordered import (
    MAX_ORDERED_RECORDS,
    MAX_SCAN,
    Row,
    batches,
    official_order,
    received_ns,
    scan,
    too_many,
)
from monitor.journal.succession import Successions


def replay_in_order(reader: JournalReader, beginning: Beginning, outcome: Outcome, progress: Progress) -> None:
    """Judge a journal in official order; what it leads to is entered into `outcome`."""
    head, base = reader.head()[0], beginning.base
    arrival = beginning.judge("arrival")
    for page in journal_batches(reader, beginning.pos, head):
        for judged in arrival.step(page.records):
            keep_findings(outcome.book, judged, reader)
        progress(page.reached.pos, 2 * head)
    if base is None:
        _from_the_journal(reader, beginning, outcome, progress, head)
    else:
        _from_base(reader, beginning, base, outcome, progress, head)


def _from_the_journal(
    reader: JournalReader, beginning: Beginning, outcome: Outcome, progress: Progress, head: int
) -> None:
    """All containers together, or one after the other where they are too many records for that."""
    operators = book_of(reader.operators())
    for container in [None] if head <= MAX_ORDERED_RECORDS else reader.containers():
        rows = _rows(reader, head, container)
        positions = np.array([rows[i].pos for i in official_order(rows).tolist()], dtype=np.int64)
        run = OrderedRun(beginning.judge().for_official_order(None, operators), outcome.book)
        done = 0
        for batch in batches(reader, positions):
            for judged in run.step(batch):
                outcome.note(judged)
            done += len(batch)
            progress(head + done * head // len(rows), 2 * head)


def _from_base(
    reader: JournalReader, beginning: Beginning, base: Base, outcome: Outcome, progress: Progress, head: int
) -> None:
    """Each container settled once, from its state in the base to the head."""
    judge, at_base = beginning.judge(), beginning.judge()
    containers, at_ns = reader.containers(), received_ns(reader, head)
    for number, container in enumerate(containers, 1):
        judge.forks.begin_anew(container, 0)
        fork = judge.forks[container]
        find_root(fork, container, base, at_base)
        run = Run(container, fork, judge, reader)
        for upto in [*range(base.needed_from - 1 + MAX_SCAN, head, MAX_SCAN), head]:
            run.scan(upto)
            if len(run.rows) > MAX_ORDERED_RECORDS:
                raise too_many(container, len(run.rows))
        run.put_in_order()
        beginning.tell_apart(outcome.book, run.apart)
        for judged in run.go_on(len(run.rows), head):
            outcome.note(judged)
        settle(outcome.book, run.finish(Passed(head, 0, at_ns, 0, frozenset())))
        progress(head + number * head // len(containers), 2 * head)


def _rows(reader: JournalReader, head: int, container: str | None) -> list[Row]:
    read = (row for at in range(0, head, MAX_SCAN) for row in scan(reader, at, min(at + MAX_SCAN, head), container))
    rows = list(ranked(read, Successions()))
    if len(rows) > MAX_ORDERED_RECORDS:
        raise too_many(container or "journal", len(rows))
    return rows
