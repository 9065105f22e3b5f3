"""What becomes of the entries of a container's streams when it is settled, and what the world is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from monitor.alerts.chains import made_anew
from monitor.alerts.entries import Entry
from monitor.alerts.reconcile import MERGED, ONE_WITH, REVISED, UNCHANGED, Change
from monitor.model.alert import CLEARED, FIRING, alert_text, stored_alert
from monitor.model.clock import rfc3339


class News(NamedTuple):
    """A transition: its kind, and the public alert from then on; of one that `is_joined` nothing else is left."""

    kind: str
    body: dict[str, Any]
    is_joined: bool = False


def settled(
    entries: Sequence[Entry], changes: Sequence[Change], apart: frozenset[str], new_entry: Callable[[Change], Entry]
) -> list[Entry]:
    """The entries of some streams after changes to them, with their chains made anew.

    What was judged again takes its turn in official order, behind what fired before. What is judged `apart` (ids) for
    good has no turn. `new_entry` makes the entry of an exceedance that nobody reported.
    """
    known = {entry.id: entry for entry in entries}
    turns: dict[str, int] = {}
    for entry in entries:
        turns[entry.stream] = max(turns.get(entry.stream, 0), entry.turn or 0)
    for change in sorted(changes, key=_turn):
        entry = _changed(known, change, new_entry)
        if change.told.turn is not None:
            turns[entry.stream] = turn = turns.get(entry.stream, 0) + 1
            entry = entry._replace(turn=turn)
        known[entry.id] = entry
    for key in apart:
        known[key] = known[key]._replace(turn=None)
    streams: dict[str, list[Entry]] = {}
    for entry in known.values():
        streams.setdefault(entry.stream, []).append(entry)
    made = {entry.id: entry for stream in streams.values() for entry in made_anew(stream)}
    for change in changes:
        if change.kind == MERGED:
            key = change.body["id"]
            made[key] = _told_by(made[key], made[change.into])
    return list(made.values())


def news(before: Sequence[Entry], after: Sequence[Entry], at_ns: int) -> list[News]:
    """What the world is told of entries that became others: of each alert that is another than before.

    First of those that stay, in order of occurrence, then of those that were found one with another.
    """
    stood, stands = standing(before), standing(after)
    chains = {entry.id: entry.chain for entry in after}
    told = [each for key, entry in stands.items() for each in _news(stood.get(key), entry)]
    for key in stood.keys() - stands.keys():
        told.append(News(MERGED, _joined(stood[key], chains[stood[key].id], at_ns), is_joined=True))
    return sorted(told, key=lambda one: (one.kind == MERGED, one.body["occurred_at"], one.body["id"]))


def standing(entries: Sequence[Entry]) -> Mapping[str, Entry]:
    """By public id, the entry that stands for the alert."""
    return {entry.chain: entry for entry in entries if entry.is_last}


def _turn(change: Change) -> int:
    return change.told.turn or 0


def _changed(known: Mapping[str, Entry], change: Change, new_entry: Callable[[Change], Entry]) -> Entry:
    if change.kind == FIRING:
        return new_entry(change)
    entry, told = known[change.body["id"]], change.told
    if change.kind == UNCHANGED:
        return entry
    made = entry._replace(
        state=change.body["state"],
        occurred_ns=told.occurred_ns,
        cleared_ns=told.cleared_ns,
        exceedance=told.entry.exceedance,
        hold_ns=told.entry.hold_ns,
        body=alert_text(change.body),
    )
    return made._replace(merged_into=change.into, turn=None) if change.kind == MERGED else made


def _told_by(merged: Entry, other: Entry) -> Entry:
    """A merged entry with the public id of the alert that tells of it."""
    body = stored_alert(merged.body) | {"merged_into": other.chain}
    if other.id != merged.id:
        body["message"] += ONE_WITH + other.chain
    return merged._replace(merged_into=other.chain, body=alert_text(body))


def _news(before: Entry | None, after: Entry) -> Iterator[News]:
    body = after.public()
    if before is None or (after.reopened > before.reopened and after.state == FIRING):
        yield News(FIRING, body | {"state": FIRING, "cleared_at": None, "acknowledged": None})
        if after.state != FIRING:
            yield News(after.state, body)
    elif body != before.public():
        yield News(MERGED if after.merged_into and not before.merged_into else REVISED, body)


def _joined(entry: Entry, into: str, at_ns: int) -> dict[str, Any]:
    """An alert whose exceedances go on under the id of another."""
    body = entry.public()
    cleared_at = body["cleared_at"] or rfc3339(max(entry.occurred_ns, at_ns))
    message = body["message"] + ONE_WITH + into
    return body | {"state": CLEARED, "cleared_at": cleared_at, "merged_into": into, "message": message}
