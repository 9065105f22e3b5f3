"""What was told live against what is so in official order: one alert for each exceedance, and no others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from monitor.model.alert import ACKNOWLEDGED, CLEARED, FIRING
from monitor.model.clock import rfc3339

REVISED, MERGED = "revised", "merged"  # kinds of transition beside the states of an alert
WITHDRAWN = "; withdrawn: judged again with everything that came later, it is no exceedance"
ONE_WITH = "; one with "
APART = "; ended: it came too late to be judged in its place, and nothing goes on with it"
KEPT = ("id", "severity", "reported_at", "suspect", "merged_into", "state")  # of an alert that is revised
_END = 1 << 62


@dataclass(slots=True)
class Told:
    """An exceedance as an alert tells of it: start and end (None: it goes on) in ns UTC, and the alert's JSON.

    `exceedance` is what the detector knows it by; `key` the id of the alert in the book, `number` of its first
    transition there.
    """

    exceedance: str
    occurred_ns: int
    cleared_ns: int | None
    body: dict[str, Any]
    key: str = ""
    was_acknowledged: bool = False
    number: int = 0

    def overlaps(self, other: Told) -> bool:
        """Whether the two have a moment in common."""
        ends_ns = (_END if self.cleared_ns is None else self.cleared_ns), (other.cleared_ns or _END)
        return self.occurred_ns <= ends_ns[1] and other.occurred_ns <= ends_ns[0]


class Change(NamedTuple):
    """What becomes of an alert: `kind` is firing (a new one), revised or merged; `body` its JSON from now on."""

    kind: str
    told: Told
    body: dict[str, Any]


def reconcile(live: Iterable[Told], official: Iterable[Told], at_ns: int) -> list[Change]:
    """The changes by which the alerts `live` become those that are `official`, in order.

    Of the live ones that an exceedance overlaps the one reported first stays, revised, the others are merged into it;
    one that overlaps none is withdrawn (merged into itself). An exceedance that nobody reported fires at `at_ns` (UTC).
    """
    streams: dict[tuple[Any, ...], tuple[list[Told], list[Told]]] = defaultdict(lambda: ([], []))
    for alert in live:
        streams[_stream(alert)][0].append(alert)
    for exceedance in official:
        streams[_stream(exceedance)][1].append(exceedance)
    changes: list[Change] = []
    for told, true in streams.values():
        changes += _reconcile_stream(sorted(told, key=_report), sorted(true, key=_start), at_ns)
    return changes


def ended_apart(alert: Told, at_ns: int) -> Change:
    """An open alert of a record that is judged apart from all others for good ends at `at_ns` (UTC)."""
    cleared_ns = max(alert.occurred_ns, at_ns)
    body = alert.body | {"state": CLEARED, "cleared_at": rfc3339(cleared_ns), "message": alert.body["message"] + APART}
    return Change(REVISED, replace(alert, cleared_ns=cleared_ns), body)


def _stream(told: Told) -> tuple[Any, ...]:
    return tuple(told.body[key] for key in ("rule", "container", "logger", "channel", "axis"))


def _report(told: Told) -> int:
    return told.number


def _start(told: Told) -> tuple[int, int]:
    return told.occurred_ns, _END if told.cleared_ns is None else told.cleared_ns


def _reconcile_stream(live: list[Told], official: list[Told], at_ns: int) -> list[Change]:
    told_of: list[list[Told]] = [[] for _ in official]
    changes: list[Change] = []
    for alert in live:
        index = _place(alert, official, told_of)
        if index is None:
            changes.append(_merged(alert, alert.key, WITHDRAWN, at_ns))
        else:
            told_of[index].append(alert)
    for true, told in zip(official, told_of, strict=True):
        if not told:
            changes.append(Change(FIRING, true, true.body | {"reported_at": rfc3339(at_ns)}))
            continue
        changes += _revised(told[0], true)
        changes += [_merged(other, told[0].key, ONE_WITH + told[0].key, at_ns) for other in told[1:]]
    return changes


def _place(alert: Told, official: list[Told], told_of: list[list[Told]]) -> int | None:
    """Which exceedance an alert tells of: that of its start, else the first that overlaps it and is not told of yet.

    Else the first that overlaps it.
    """
    overlapping = [index for index, true in enumerate(official) if true.overlaps(alert)]
    if not overlapping:
        return None
    return min(
        overlapping,
        key=lambda index: (official[index].occurred_ns != alert.occurred_ns, bool(told_of[index]), index),
    )


def _revised(alert: Told, true: Told) -> list[Change]:
    state = CLEARED if true.cleared_ns is not None else ACKNOWLEDGED if alert.was_acknowledged else FIRING
    body = true.body | {key: alert.body[key] for key in KEPT} | {"state": state}
    is_same = (alert.exceedance, alert.occurred_ns, alert.cleared_ns) == _identity(true)
    return [] if is_same and body == alert.body else [Change(REVISED, true, body)]


def _identity(told: Told) -> tuple[str, int, int | None]:
    return told.exceedance, told.occurred_ns, told.cleared_ns


def _merged(alert: Told, into: str, why: str, at_ns: int) -> Change:
    body = alert.body | {"state": CLEARED, "merged_into": into, "message": alert.body["message"] + why}
    if alert.cleared_ns is not None:
        return Change(MERGED, alert, body)
    cleared_ns = max(alert.occurred_ns, at_ns)  # a logger's clock may be ahead
    return Change(MERGED, replace(alert, cleared_ns=cleared_ns), body | {"cleared_at": rfc3339(cleared_ns)})
