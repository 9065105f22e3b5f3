"""Which phase holds when: the consignment's plan, and over it what operators set."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Self

from monitor.model.leg import DEFAULT_PHASE
from monitor.model.operator import PLAN, PhaseRecord

Spans = tuple[tuple[int, str], ...]  # (start ns UTC, phase), ascending: each holds until the next start


def phase_in(spans: Spans, time_ns: int) -> str:
    """The phase of spans at a time in ns UTC; storage before the first."""
    at = bisect_right(spans, time_ns, key=_start_ns)
    return spans[at - 1][1] if at else DEFAULT_PHASE


def _start_ns(span: tuple[int, str]) -> int:
    return span[0]


class PhaseSet(NamedTuple):
    """A phase that an operator set: from when (ns UTC), and the position of its record in the journal.

    In this order they hold, whenever they were entered; of two from one time the one entered last.
    """

    effective_ns: int
    pos: int
    phase: str


@dataclass(frozen=True, slots=True)
class PhaseBook:
    """What operators set, by container, ascending; `add` gives another book and leaves this one as it is."""

    sets: Mapping[str, tuple[PhaseSet, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def add(self, pos: int, record: PhaseRecord) -> Self:
        """This book and the record at a position of the journal; one that it has already changes nothing."""
        sets = list(self.sets.get(record.container, ()))
        if all(one.pos != pos for one in sets):
            insort(sets, PhaseSet(record.effective_ns, pos, record.phase))
        return type(self)(MappingProxyType({**self.sets, record.container: tuple(sets)}))

    def spans(self, container: str, plan: Spans) -> Spans:
        """The spans of `plan` with the operators' phases over them; before the first of these the plan holds."""
        sets = self.sets.get(container, ())
        if not sets:
            return plan
        spans = [span for span in plan if span[0] < sets[0].effective_ns]
        for one, following in zip(sets, (*sets[1:], None), strict=True):
            start_ns, end_ns = one.effective_ns, following.effective_ns if following else None
            if start_ns == end_ns:
                continue
            if one.phase != PLAN:
                spans.append((start_ns, one.phase))
                continue
            spans.append((start_ns, phase_in(plan, start_ns)))
            spans += [span for span in plan if start_ns < span[0] and (end_ns is None or span[0] < end_ns)]
        return tuple(spans)

    def in_force(self, container: str, time_ns: int) -> PhaseSet | None:
        """What an operator set that decides at a time in ns UTC, None where the plan does."""
        earlier = [one for one in self.sets.get(container, ()) if one.effective_ns <= time_ns]
        return earlier[-1] if earlier and earlier[-1].phase != PLAN else None

    def rows(self) -> list[tuple[str, int, int, str]]:
        """The book in plain values for `from_rows`."""
        return [(container, *one) for container, sets in self.sets.items() for one in sets]

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[str, int, int, str]]) -> Self:
        """The book that `rows` wrote."""
        sets: dict[str, tuple[PhaseSet, ...]] = {}
        for container, effective_ns, pos, phase in rows:
            sets[container] = (*sets.get(container, ()), PhaseSet(effective_ns, pos, phase))
        return cls(MappingProxyType(sets))
