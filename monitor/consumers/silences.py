"""Silences: alerts of which operators do not want to be told for a time; they are raised and shown all the same."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, NamedTuple

from monitor.consumers.reading import said_in
from monitor.journal import JournalReader
from monitor.model.clock import rfc3339
from monitor.model.operator import OperatorRecord

PATTERNS = ("logger", "rule", "channel")  # of a silence, where it has them: all have to fit
_MARK = b'"silence'  # in the payload of every record that concerns one


class Silence(NamedTuple):
    """From `begin_ns` to just before `end_ns` (UTC), which is before what `record` says where somebody ended it."""

    pos: int
    record: OperatorRecord
    begin_ns: int
    end_ns: int

    def covers(self, alert: Mapping[str, Any]) -> bool:
        """Whether it is of this alert (its JSON), at whatever time."""
        details = self.record.details
        return self.record.container == alert["container"] and all(
            fnmatchcase(alert[key] or "", details.get(key, "*")) for key in PATTERNS
        )

    def document(self, now_ns: int) -> dict[str, Any]:
        """The silence as JSON has it at a time in ns UTC."""
        state = "active" if self.begin_ns <= now_ns else "planned"
        state = state if self.is_coming(now_ns) else "over"
        return {"pos": self.pos} | self.record.document() | {"ends_at": rfc3339(self.end_ns), "state": state}

    def is_coming(self, now_ns: int) -> bool:
        """Whether it is or will be at a time in ns UTC."""
        return self.end_ns > max(now_ns, self.begin_ns)


class _Seen(NamedTuple):
    """Those entered up to a position of the journal, by container, in order."""

    upto: int = 0
    silences: Mapping[str, tuple[Silence, ...]] = MappingProxyType({})


class Silences:
    """What operators silenced, as far as `refresh` has read the journal; several threads may ask."""

    def __init__(self, journal: JournalReader) -> None:
        self._journal, self._seen = journal, _Seen()

    def refresh(self) -> None:
        """Read what operators entered since; where nothing was it takes some 10 us."""
        rows = self._journal.operators(self._seen.upto)
        if not rows:
            return
        silences = dict(self._seen.silences)
        for pos, record in said_in(row for row in rows if _MARK in (row.payload or b"")):
            known = silences.get(record.container, ())
            if record.type == "silence":
                silences[record.container] = (*known, _begun(pos, record))
            elif record.type == "silence-end":
                silences[record.container] = tuple(_ended(one, record) for one in known)
        self._seen = _Seen(rows[-1].pos, silences)  # in one step: another thread that reads the same sets the same

    def silenced_by(self, alert: Mapping[str, Any], now_ns: int) -> OperatorRecord | None:
        """The silence in which an alert (its JSON) is at `now_ns` (UTC), the one that lasts longest; None for none."""
        found = [
            one
            for one in self._seen.silences.get(alert["container"], ())
            if one.begin_ns <= now_ns < one.end_ns and one.covers(alert)
        ]
        return max(found, key=lambda one: one.end_ns).record if found else None

    def all(self, container: str | None = None) -> list[Silence]:
        """Every silence, also those that are over, or those of one container; in the order of their entry."""
        seen = self._seen.silences
        of = seen.values() if container is None else (seen.get(container, ()),)
        return sorted(one for silences in of for one in silences)

    def coming(self, now_ns: int, container: str | None = None) -> list[Silence]:
        """Those that are or will be at `now_ns` (UTC)."""
        return [one for one in self.all(container) if one.is_coming(now_ns)]


def _begun(pos: int, record: OperatorRecord) -> Silence:
    assert record.until_ns is not None  # every silence has an end
    return Silence(pos, record, record.effective_ns, record.until_ns)


def _ended(silence: Silence, end: OperatorRecord) -> Silence:
    if silence.pos != end.details["silence"]:
        return silence
    return silence._replace(end_ns=min(silence.end_ns, end.effective_ns))
