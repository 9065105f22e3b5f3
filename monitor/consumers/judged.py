"""What a run of records led to, and what becomes of single ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.alerts import Origin
from monitor.config import Rules
from monitor.consumers.settled import Settled
from monitor.model.batch import Batch, Finding, Table, Tick
from monitor.model.operator import OperatorRecord
from monitor.model.record import Record


class Passed(NamedTuple):
    """A tick, and the containers of which records may still come that belong before others (None: of any).

    `steady_ns` is the time since the journal began, as the ticks' steady clock counts it; `before_pos` is the position
    of the tick before, 0 for the first.
    """

    pos: int
    before_pos: int
    received_ns: int
    steady_ns: int
    open_containers: frozenset[str] | None

    def is_open(self, container: str) -> bool:
        """Whether something of the container may still come."""
        return self.open_containers is None or container in self.open_containers


@dataclass(slots=True)
class Judged:
    """What a run of records led to under `rules`.

    `origins` has by position what alerts say of their record; `quarantine` are the positions there, behind the first
    up to the second, that are to be looked at for conflicts. `provisional` are the containers of which records may
    still come that belong before these; `ticks` are those among these, and `conditions` began or ended at the first.
    What was judged again `is_again`; when all of it is, the container is `settled`. `said` is what operators entered,
    with the positions of their records: then nothing else is in it but what that ends. `started_anew` has by profile
    the rules that a configuration changed.
    """

    rules: Rules
    findings: list[Finding] = field(default_factory=list)
    results: list[Table] = field(default_factory=list)
    origins: dict[int, Origin] = field(default_factory=dict)
    readings: int = 0
    events: int = 0
    quarantine: tuple[int, int] | None = None
    provisional: frozenset[str] = frozenset()
    ticks: list[Passed] = field(default_factory=list)
    conditions: list[Finding] = field(default_factory=list)
    settled: Settled | None = None
    is_again: bool = False
    said: list[tuple[int, OperatorRecord]] = field(default_factory=list)
    started_anew: dict[str, list[str]] = field(default_factory=dict)

    @property
    def passed(self) -> Passed | None:
        """The last tick, None where there is none."""
        return self.ticks[-1] if self.ticks else None

    @property
    def is_news(self) -> bool:
        """Whether a tick says anything but that time has passed."""
        return self.quarantine is not None or bool(self.conditions)


def ends_of(batch: Batch) -> Iterator[tuple[str, int]]:
    """Of each container, with the time of its newest reading; then of each event, with that of its end."""
    times_ns: dict[str, list[NDArray[np.int64]]] = {}
    for block in batch.blocks:
        if len(block.times_ns):
            times_ns.setdefault(block.container, []).append(block.times_ns)
    yield from ((container, int(np.concatenate(parts).max())) for container, parts in times_ns.items())
    yield from ((event.container, event.end_ns) for event in batch.events)


def tick_of(record: Record, content: dict[str, Any]) -> Tick:
    """The tick that a record of that kind holds."""
    is_drained = content.get("queue", 0) == 0
    return Tick(record.pos, record.received_ns, content.get("mono_ns", 0), bool(content.get("connected")), is_drained)
