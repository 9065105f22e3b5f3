"""Each container's present phase, from the plans and what operators entered."""

from __future__ import annotations

from typing import Any, NamedTuple

from monitor.config import Rules
from monitor.consumers.reading import read_phase
from monitor.journal import JournalReader
from monitor.model.clock import rfc3339
from monitor.model.operator import PhaseRecord
from monitor.model.phase import PhaseBook

Entered = tuple[tuple[int, PhaseRecord], ...]  # positions and records, in the journal's order


class _Seen(NamedTuple):
    """Operators' records up to a position, and what they set."""

    upto: int = 0
    entered: Entered = ()
    phases: PhaseBook = PhaseBook()


class PhaseReader:
    """Reads each operator record once; several threads may ask."""

    def __init__(self, journal: JournalReader) -> None:
        self._journal = journal
        self._seen = _Seen()

    def present(self, rules: Rules, now_ns: int) -> dict[str, str]:
        """The phase of each container at `now_ns`: of those registered, and of those that anything came from."""
        in_force = rules.with_phases(self._read().phases)
        return {container: in_force.phase_at(container, now_ns) for container in self._containers(rules)}

    def document(self, rules: Rules, now_ns: int, container: str | None = None) -> list[dict[str, Any]]:
        """Of each container, or one: its phase at `now_ns`, since when, who says so, and what operators entered.

        `since` is null where the phase never was another; `by` is null where the plan says so.
        """
        seen = self._read()
        in_force = rules.with_phases(seen.phases)
        wanted = [name for name in self._containers(rules) if container in (None, name)]
        return [_row(name, in_force, seen, now_ns) for name in wanted]

    def _containers(self, rules: Rules) -> list[str]:
        return sorted({*rules.containers, *self._journal.containers()})

    def _read(self) -> _Seen:
        upto, entered, phases = self._seen
        for row in self._journal.operators(upto):
            upto = row.pos
            record = read_phase(row)
            if record is not None:
                entered, phases = (*entered, (row.pos, record)), phases.add(row.pos, record)
        self._seen = _Seen(upto, entered, phases)  # in one step: another thread that reads the same sets the same
        return self._seen


def _row(container: str, rules: Rules, seen: _Seen, now_ns: int) -> dict[str, Any]:
    entered = {pos: record for pos, record in seen.entered if record.container == container}
    in_force = seen.phases.in_force(container, now_ns)
    since = [start_ns for start_ns, _ in rules.phase_spans(container) if start_ns <= now_ns]
    return {
        "container": container,
        "phase": rules.phase_at(container, now_ns),
        "since": rfc3339(since[-1]) if since else None,
        "by": entered[in_force.pos].by if in_force else None,
        "records": [{"pos": pos} | record.document() for pos, record in entered.items()],
    }
