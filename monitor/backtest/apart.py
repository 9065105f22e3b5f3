"""Judging the containers of a long journal in two processes, which comes to the same: see `Share`.

Each process judges its containers and enters their alerts, from the file to the book. What concerns the gateway itself
one of them does. Alerts come together in the order that one book would have given them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import closing
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from monitor.backtest.judging import Result, Under, judge_as_it_came
from monitor.backtest.times import time_key
from monitor.consumers.beginning import Beginning, Progress
from monitor.consumers.outcome import Outcome, Sums
from monitor.consumers.settling import NotApart, Share
from monitor.detect.nearest import Nearest
from monitor.journal import JournalReader
from monitor.journal.sizes import sizes_of
from monitor.model.errors import TcmError

PARTS = 2
MIN_RECORDS = 50_000  # of the journal: below, a second process takes longer to start than it saves
# What is remembered of all loggers together is bounded: 800 000 streams, 32 768 tallies of events. So many loggers stay
# far below, so that containers that are judged apart meet no bound that they would not meet together.
MAX_BOOTS = 1_000


class Part(NamedTuple):
    """What one process judges: some containers of a state directory up to a position, and the gateway if it is so."""

    state_dir: Path
    under: Under | None
    containers: frozenset[str]
    share: Share
    head: int
    with_gateway: bool


def parts_of(
    state_dir: Path, reader: JournalReader, beginning: Beginning, under: Under | None, head: int
) -> list[Part]:
    """Parts of about as many records each; none where one process is to judge all containers.

    The state of a base is that of all containers, and goes on with all of them.
    """
    sizes = sizes_of(reader, MAX_BOOTS)
    is_long = head - beginning.pos >= MIN_RECORDS
    if beginning.base is not None or not is_long or len(sizes) < PARTS or (os.cpu_count() or 1) < PARTS:
        return []
    held: list[set[str]] = [set() for _ in range(PARTS)]
    filled = [0] * PARTS
    for container, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        least = filled.index(min(filled))
        held[least].add(container)
        filled[least] += size
    share = Share.of(len(sizes), PARTS)
    return [
        Part(state_dir, under, frozenset(containers), share, head, with_gateway=number == 0)
        for number, containers in enumerate(held)
    ]


def judge_apart(parts: Sequence[Part], progress: Progress) -> Result | None:
    """Judge all parts at once, each in its own process; None where they cannot be judged apart.

    TcmError when one of the processes fails.
    """
    context = multiprocessing.get_context("spawn")  # not a copy of this one, whose threads and files are its own
    running: dict[Connection, SpawnProcess] = {}
    try:
        for part in parts:
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_run, args=(part, sender), daemon=True)
            process.start()
            sender.close()  # the child's copy is the only one: when it ends the pipe does
            running[receiver] = process
        results = _collect(list(running), parts[0], progress)
    finally:
        for receiver, process in running.items():
            process.terminate()
            process.join()
            receiver.close()
    return None if results is None else _together(results)


def _collect(receivers: list[Connection], part: Part, progress: Progress) -> list[Result] | None:
    """The results in the order of the parts; None as soon as one says that it cannot go on by itself."""
    passed = dict.fromkeys(receivers, 0)
    results: dict[Connection, Result] = {}
    while pending := [each for each in receivers if each not in results]:
        ready = wait(pending)
        for receiver in [each for each in pending if each in ready]:
            said = _said(receiver, part)
            if said is None:
                return None
            if isinstance(said, Result):
                results[receiver] = said
            else:
                passed[receiver] = said
                progress(min(passed.values()), part.head)
    return [results[receiver] for receiver in receivers]


def _said(receiver: Connection, part: Part) -> Result | int | None:
    """What a process has to say: its result, how far it is, or that it cannot go on by itself (None)."""
    try:
        said: Result | int | TcmError | None = receiver.recv()
    except EOFError:
        cause = "the process that judged a part of the containers ended"
        raise TcmError("replay", str(part.state_dir), cause, "is there memory enough?") from None
    if isinstance(said, TcmError):
        raise said
    return said


def _run(part: Part, sender: Connection) -> None:
    """The body of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is interrupted ends this one
    try:
        sender.send(_judge(part, sender.send))
    except NotApart:
        sender.send(None)
    except TcmError as error:
        sender.send(TcmError(str(error)))


def _judge(part: Part, passed: Callable[[int], None]) -> Result:
    with closing(JournalReader(part.state_dir, part.containers)) as reader:
        outcome, nearest = Outcome(), Nearest()
        beginning = Beginning(part.state_dir, reader, part.under, is_ordered=False, nearest=nearest)
        judge_as_it_came(*(reader, beginning, outcome, part.head, passed, part.share), with_gateway=part.with_gateway)
        return Result(outcome.alerts(), outcome.sums, nearest)


def _together(results: Sequence[Result]) -> Result:
    """One result of those of disjoint containers."""
    sums, nearest = Sums(), Nearest()
    for result in results:
        sums.add(result.sums)
        nearest.add(result.nearest)
    alerts = sorted((alert for result in results for alert in result.alerts), key=itemgetter("id"), reverse=True)
    return Result(sorted(alerts, key=lambda alert: time_key(alert["occurred_at"])), sums, nearest)
