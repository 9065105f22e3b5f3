"""What operators entered, and how each container stands by that: its phase, whether it is armed, who has custody."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from monitor.config import Rules
from monitor.consumers.reading import said_in
from monitor.journal import JournalReader
from monitor.model.arming import is_armed_in
from monitor.model.clock import rfc3339
from monitor.model.operator import OperatorRecord
from monitor.model.operator_book import KEPT_TYPES, OperatorBook
from monitor.model.phase import word_set

Document = dict[str, Any]


class _Seen(NamedTuple):
    """Operators' records up to a position: those that set something, by their positions, and what that is."""

    upto: int = 0
    entered: Mapping[int, OperatorRecord] = MappingProxyType({})
    book: OperatorBook = OperatorBook()


class OperatorReader:
    """Reads each operator record once; several threads may ask."""

    def __init__(self, journal: JournalReader) -> None:
        self._journal = journal
        self._seen = _Seen()

    def containers(self, rules: Rules, now_ns: int) -> dict[str, Document]:
        """How each container stands at `now_ns` (UTC), registered or heard of: phase, custodian, whether it is armed.

        `disarmed` says who disarmed it (null: its file), since when and until when, null where it is armed; it is not
        where only its loggers still start up, until `starting_until`.
        """
        seen = self._read()
        in_force = rules.with_operators(seen.book)
        return {container: _standing(container, in_force, seen, now_ns) for container in self._containers(rules)}

    def phases(self, rules: Rules, now_ns: int, container: str | None = None) -> list[Document]:
        """Of each container, or one: its phase at `now_ns`, since when, who says so, and what operators entered.

        `since` is null where the phase never was another; `by` is null where the plan says so.
        """
        seen = self._read()
        in_force = rules.with_operators(seen.book)
        wanted = [name for name in self._containers(rules) if container in (None, name)]
        return [_phase(name, in_force, seen, now_ns) for name in wanted]

    def book(self) -> OperatorBook:
        """What operators set up to now."""
        return self._read().book

    def _containers(self, rules: Rules) -> list[str]:
        return sorted({*rules.containers, *self._journal.containers()})

    def _read(self) -> _Seen:
        upto, entered, book = self._seen
        rows = self._journal.operators(upto)
        if rows:
            said = {pos: record for pos, record in said_in(rows) if record.type in KEPT_TYPES}
            for pos, record in said.items():
                book = book.add(pos, record)
            self._seen = _Seen(rows[-1].pos, {**entered, **said}, book)  # in one step: another thread sets the same
        return self._seen


def entered_in(journal: JournalReader, container: str | None, kind: str | None) -> list[Document]:
    """Every record that operators entered, of a container and of a type where these are given, with its position."""
    rows = journal.operators(container=container, types=() if kind is None else (kind,))
    return [{"pos": pos} | record.document() for pos, record in said_in(rows)]


def _standing(container: str, rules: Rules, seen: _Seen, now_ns: int) -> Document:
    starting_ns = rules.starting_until_ns(container, now_ns)
    return {
        "phase": rules.phase_at(container, now_ns),
        "custodian": rules.custodian_at(container, now_ns),
        "armed": rules.is_armed(container, now_ns),
        "disarmed": _disarmed(container, rules, seen, now_ns),
        "starting_until": None if starting_ns is None else rfc3339(starting_ns),
    }


def _disarmed(container: str, rules: Rules, seen: _Seen, now_ns: int) -> Document | None:
    spans = rules.armed_spans(container)
    if is_armed_in(spans, now_ns):
        return None
    begun = [one for one in seen.book.arming.get(container, ()) if one.effective_ns <= now_ns]
    disarming = [one for one in begun if one.type == "disarm" and (not one.until_ns or one.until_ns > now_ns)]
    ends_ns = [start_ns for start_ns, is_armed in spans if is_armed and start_ns > now_ns]
    record = seen.entered[disarming[-1].pos] if disarming else None
    return {
        "by": record.by if record else None,
        "since": rfc3339(record.effective_ns) if record else None,
        "until": rfc3339(ends_ns[0]) if ends_ns else None,
    }


def _phase(container: str, rules: Rules, seen: _Seen, now_ns: int) -> Document:
    in_force = word_set(seen.book.phases.get(container, ()), now_ns)
    since = [start_ns for start_ns, _ in rules.phase_spans(container) if start_ns <= now_ns]
    phases = {
        pos: record for pos, record in seen.entered.items() if record.type == "phase" and record.container == container
    }
    return {
        "container": container,
        "phase": rules.phase_at(container, now_ns),
        "since": rfc3339(since[-1]) if since else None,
        "by": phases[in_force.pos].by if in_force else None,
        "records": [{"pos": pos} | record.document() for pos, record in phases.items()],
    }
