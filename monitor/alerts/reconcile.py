"""What was told live against what is so in official order: one entry for each exceedance, and no others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from monitor.alerts.entries import Entry
from monitor.model.alert import ACKNOWLEDGED, CLEARED, FIRING, stored_alert
from monitor.model.clock import rfc3339

REVISED, MERGED = "revised", "merged"  # kinds of transition beside the states of an alert
UNCHANGED = "unchanged"
WITHDRAWN = "; withdrawn: judged again with everything that came later, it is no exceedance"
ONE_WITH = "; one with "
APART = "; ended: it came too late to be judged in its place, and nothing goes on with it"
# Keys of an alert that is revised which stay: what is decided while it lives, by whom and when it was told.
KEPT = (
    "id",
    "severity",
    "reported_at",
    "suspect",
    "merged_into",
    "acknowledged",
    "escalates",
    "escalated_to",
)
_END = 1 << 62


@dataclass(slots=True)
class Told:
    """An exceedance as an entry of a book tells of it: start and end (None: it goes on) in ns UTC, and its JSON.

    `turn` is its place among those of its stream that were judged again, None of one that was not.
    """

    entry: Entry
    occurred_ns: int
    cleared_ns: int | None
    body: dict[str, Any]
    turn: int | None = None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """What an entry tells."""
        return cls(entry, entry.occurred_ns, entry.cleared_ns, stored_alert(entry.body))

    @property
    def number(self) -> int:
        """Counts what the book was told, in that order."""
        assert self.entry.number is not None  # it stands in a book
        return self.entry.number

    def overlaps(self, other: Told) -> bool:
        """Whether the two have a moment in common."""
        ends_ns = (_END if self.cleared_ns is None else self.cleared_ns), (other.cleared_ns or _END)
        return self.occurred_ns <= ends_ns[1] and other.occurred_ns <= ends_ns[0]


class Change(NamedTuple):
    """What becomes of an entry, by `kind`: firing (a new one), revised, merged or unchanged; `body` is its JSON then.

    One that is merged is told of by the entry with the id `into`; by itself where it is withdrawn.
    """

    kind: str
    told: Told
    body: dict[str, Any]
    into: str = ""


def reconcile(live: Iterable[Told], official: Iterable[Told], at_ns: int) -> list[Change]:
    """The changes by which the entries `live` become those that are `official`, in order; each of these has one.

    Of the live ones that an exceedance overlaps the one reported first stays, revised, the others are merged into it;
    one that overlaps none is withdrawn (merged into itself). An exceedance that nobody reported fires at `at_ns` (UTC).
    """
    streams: dict[str, tuple[list[Told], list[Told]]] = defaultdict(lambda: ([], []))
    for told in live:
        streams[told.entry.stream][0].append(told)
    for exceedance in official:
        streams[exceedance.entry.stream][1].append(exceedance)
    changes: list[Change] = []
    for told_of, true in streams.values():
        changes += _reconcile_stream(sorted(told_of, key=_report), sorted(true, key=_start), at_ns)
    return changes


def ended_apart(told: Told, at_ns: int) -> Change:
    """An open entry of a record that is judged apart from all others for good ends at `at_ns` (UTC)."""
    cleared_ns = max(told.occurred_ns, at_ns)
    body = told.body | {"state": CLEARED, "cleared_at": rfc3339(cleared_ns), "message": told.body["message"] + APART}
    return Change(REVISED, replace(told, cleared_ns=cleared_ns), body)


def _report(told: Told) -> int:
    return told.number


def _start(told: Told) -> tuple[int, int]:
    return told.occurred_ns, _END if told.cleared_ns is None else told.cleared_ns


def _reconcile_stream(live: list[Told], official: list[Told], at_ns: int) -> list[Change]:
    told_of: list[list[Told]] = [[] for _ in official]
    changes: list[Change] = []
    for told in live:
        index = _place(told, official, told_of)
        if index is None:
            changes.append(_merged(told, told, WITHDRAWN, at_ns))
        else:
            told_of[index].append(told)
    for true, known in zip(official, told_of, strict=True):
        if not known:
            changes.append(Change(FIRING, true, true.body | {"reported_at": rfc3339(at_ns)}))
            continue
        changes.append(_revised(known[0], true))
        changes += [_merged(other, known[0], "", at_ns) for other in known[1:]]
    return changes


def _place(told: Told, official: list[Told], told_of: list[list[Told]]) -> int | None:
    """Which exceedance an entry tells of: that of its start, else the first that overlaps it and is not told of yet.

    Else the first that overlaps it.
    """
    overlapping = [index for index, true in enumerate(official) if true.overlaps(told)]
    if not overlapping:
        return None
    return min(
        overlapping,
        key=lambda index: (official[index].occurred_ns != told.occurred_ns, bool(told_of[index]), index),
    )


def _revised(told: Told, true: Told) -> Change:
    is_acknowledged = told.body["acknowledged"] is not None
    state = CLEARED if true.cleared_ns is not None else ACKNOWLEDGED if is_acknowledged else FIRING
    body = true.body | {key: told.body[key] for key in KEPT} | {"state": state}
    is_same = _identity(told) == _identity(true) and body == told.body
    return Change(UNCHANGED if is_same else REVISED, true, body)


def _identity(told: Told) -> tuple[str | None, int, int | None]:
    return told.entry.exceedance, told.occurred_ns, told.cleared_ns


def _merged(told: Told, into: Told, why: str, at_ns: int) -> Change:
    body = told.body | {"state": CLEARED, "message": told.body["message"] + why}
    if told.cleared_ns is not None:
        return Change(MERGED, told, body, into.entry.id)
    cleared_ns = max(told.occurred_ns, at_ns)  # a logger's clock may be ahead
    body["cleared_at"] = rfc3339(cleared_ns)
    return Change(MERGED, replace(told, cleared_ns=cleared_ns), body, into.entry.id)
