"""What a run of records led to, and what becomes of single ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from monitor.alerts import Origin
from monitor.config import Rules
from monitor.consumers.settled import Settled
from monitor.model.batch import Batch, Finding, Table, Tick
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
    still come that belong before these; `passed` is of a tick, and so are `conditions` that began or ended.
    What was judged again `is_again`; when all of it is, the container is `settled`.
    """

    rules: Rules
    findings: list[Finding] = field(default_factory=list)
    results: list[Table] = field(default_factory=list)
    origins: dict[int, Origin] = field(default_factory=dict)
    readings: int = 0
    events: int = 0
    quarantine: tuple[int, int] | None = None
    provisional: frozenset[str] = frozenset()
    passed: Passed | None = None
    conditions: list[Finding] = field(default_factory=list)
    settled: Settled | None = None
    is_again: bool = False


def ends_of(batch: Batch) -> Iterator[tuple[str, int]]:
    """Container and time of the newest reading of each block and of each event."""
    yield from ((block.container, int(block.times_ns.max())) for block in batch.blocks if len(block.times_ns))
    yield from ((event.container, event.end_ns) for event in batch.events)


def tick_of(record: Record, content: dict[str, Any]) -> Tick:
    """The tick that a record of that kind holds."""
    is_drained = content.get("queue", 0) == 0
    return Tick(record.pos, record.received_ns, content.get("mono_ns", 0), bool(content.get("connected")), is_drained)
