"""Judging a journal as it came: all containers together, or some of them where the others are judged apart."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from monitor.config import Rules
from monitor.consumers.beginning import Beginning, journal_batches
from monitor.consumers.judged import Judged
from monitor.consumers.outcome import Outcome, Sums
from monitor.consumers.settling import Settling, Share
from monitor.detect.nearest import Nearest
from monitor.journal import JournalReader
from monitor.model.limit import Profile

GC_OBJECTS = 500_000  # more than a batch and what is made of it
KEPT_BYTES = 31 << 20  # glibc learns from nothing larger than 32 MiB


@dataclass(frozen=True, slots=True)
class Under:
    """Has every container judged under one profile, whatever the journal says."""

    profile: Profile

    def __call__(self, rules: Rules) -> Rules:
        """The rules in force where the journal has these."""
        name = self.profile.name
        return Rules(
            instance=rules.instance,
            ingest=rules.ingest.model_copy(update={"default_limits": name}),
            alerts=rules.alerts,
            profiles={name: self.profile},
            containers={key: box.model_copy(update={"limits": name}) for key, box in rules.containers.items()},
            consignments=rules.consignments,
        )


class Result(NamedTuple):
    """What judging led to: alerts as JSON, counts and totals, and how near everything came to its limits."""

    alerts: list[dict[str, Any]]
    sums: Sums
    nearest: Nearest


def judge_as_it_came(
    reader: JournalReader,
    beginning: Beginning,
    outcome: Outcome,
    head: int,
    passed: Callable[[int], None],
    share: Share | None = None,
    *,
    with_gateway: bool = True,
) -> None:
    """Judge what a reader reads up to a position, as the daemon did; `passed` is told how far it has come.

    With a `share` others judge the other containers, one of them what the ticks say of the gateway itself too; NotApart
    where that would change anything.
    """
    settling = Settling(beginning.judge(), reader, lambda: beginning.base, share)
    with _at_full_speed():
        for page in journal_batches(reader, beginning.pos, head):
            judged = settling.step(page.records)
            outcome.keep(judged if with_gateway else map(_of_loggers, judged), reader)
            passed(page.reached.pos)


@contextmanager
def _at_full_speed() -> Iterator[None]:
    """Memory is looked after seldom.

    Records make no cycles: to look for some at each few hundred of them takes a fifth of the time. And the C library
    gives a large array back to the kernel at once, until it has seen that one of such a size comes and goes: pages that
    are asked for again and again take a seventh.
    """
    before = gc.get_threshold()
    gc.set_threshold(GC_OBJECTS, *before[1:])
    np.empty(KEPT_BYTES, dtype=np.uint8)  # comes and goes
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _of_loggers(judged: Judged) -> Judged:
    return replace(judged, conditions=[], quarantine=None)
