"""What operators set over plans and files: phases, custody, and whether containers are armed."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeVar

from monitor.model.arming import ARMING_TYPES, Arming
from monitor.model.operator import OperatorRecord
from monitor.model.phase import Word

KEPT_TYPES = ("phase", "custody", *ARMING_TYPES)  # of the records that the book keeps

T = TypeVar("T", Word, Arming)
Words = Mapping[str, tuple[Word, ...]]  # by container, ascending
Armings = Mapping[str, tuple[Arming, ...]]  # likewise
_NO_WORDS: Words = MappingProxyType({})
_NO_ARMINGS: Armings = MappingProxyType({})


class OperatorBook(NamedTuple):
    """What operators set, by container; `add` gives another book and leaves this one as it is."""

    phases: Words = _NO_WORDS
    custody: Words = _NO_WORDS
    arming: Armings = _NO_ARMINGS

    def add(self, pos: int, record: OperatorRecord) -> Self:
        """This book and the record at a position of the journal, known already or not.

        Itself for a record that sets nothing.
        """
        container, at_ns, details = record.container, record.effective_ns, record.details
        if record.type == "phase":
            return self._replace(phases=_with(self.phases, container, Word(at_ns, pos, details["phase"])))
        if record.type == "custody":
            return self._replace(custody=_with(self.custody, container, Word(at_ns, pos, details["custodian"])))
        if record.type in ARMING_TYPES:
            one = Arming(at_ns, pos, record.type, details.get("logger", ""), record.until_ns or 0)
            return self._replace(arming=_with(self.arming, container, one))
        return self

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """The book in plain values for `from_rows`."""
        return {
            name: [(container, *one) for container, rows in known.items() for one in rows]
            for name, known in self._asdict().items()
        }

    @classmethod
    def from_rows(cls, rows: Mapping[str, Iterable[Iterable[Any]]]) -> Self:
        """The book that `rows` wrote; earlier versions knew phases only."""
        return cls(
            _read(Word, rows["phases"]), _read(Word, rows.get("custody", ())), _read(Arming, rows.get("arming", ()))
        )


def _with(known: Mapping[str, tuple[T, ...]], container: str, one: T) -> Mapping[str, tuple[T, ...]]:
    rows = list(known.get(container, ()))
    if any(row.pos == one.pos for row in rows):
        return known
    insort(rows, one)
    return MappingProxyType({**known, container: tuple(rows)})


def _read(kind: type[T], rows: Iterable[Iterable[Any]]) -> Mapping[str, tuple[T, ...]]:
    found: dict[str, list[T]] = {}
    for container, *values in rows:
        found.setdefault(container, []).append(kind(*values))
    return MappingProxyType({container: tuple(ones) for container, ones in found.items()})
