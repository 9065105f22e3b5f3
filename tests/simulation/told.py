"""What must hold of alerts, of those who were told of them, and of operators who were told that they were heard.

Which transitions there are is made again from the journal by a judge that runs through it once, without any fault.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.consumers.watch_file import WatchReader
from monitor.model.alert import CLEARED
from tests.simulation.operators import Entered

if TYPE_CHECKING:
    from tests.simulation.world import World

Transition = tuple[int, int, dict[str, Any]]
WOKEN = ("warning", "alarm")


def check_told(world: World, state_dir: Path, expected: list[Transition]) -> Iterator[str]:
    """I3, I7 and I9."""
    with closing(WatchReader(state_dir)) as watch:
        transitions = watch.book.transitions(0, 1 << 30)
        alerts = {alert["id"]: alert for alert in watch.book.alerts(limit=-1)}
    yield from _transitions(transitions, expected)
    yield from _lives(transitions, alerts)
    yield from _operators(world.operators.entered, transitions, state_dir)
    yield from _board(world.board, alerts)
    yield from _notified(world, transitions, alerts)


def _transitions(found: list[Transition], expected: list[Transition]) -> Iterator[str]:
    """I3: none is lost, doubled or changed, and they have the same numbers."""
    if len(found) != len(expected):
        yield f"I3 {len(found)} transitions, one run through the journal makes {len(expected)}"
    for one, other in zip(found, expected, strict=False):
        if _comparable(one) != _comparable(other):
            yield f"I3 transition {one} is {other} in one run through the journal"
            return


def _comparable(transition: Transition) -> Transition:
    """Without the peak so far of what goes on: it is told once a batch, however large that was."""
    number, at_ns, body = transition
    return number, at_ns, body if body["state"] == CLEARED else body | {"peak": None}


def _lives(transitions: list[Transition], alerts: dict[str, dict[str, Any]]) -> Iterator[str]:
    """I3: an alert begins by firing, and is what its last transition says."""
    last: dict[str, dict[str, Any]] = {}
    for _, _, body in transitions:
        if body["id"] not in last and body["state"] != "firing":
            yield f"I3 an alert begins with {body}"
        last[body["id"]] = body
    for key in alerts.keys() ^ last.keys():
        yield f"I3 alert {key} stands only in {'its transitions' if key in last else 'the list'}"
    for key in alerts.keys() & last.keys():
        if _comparable((0, 0, alerts[key])) != _comparable((0, 0, last[key])):
            yield f"I3 alert {alerts[key]} was told of last as {last[key]}"


def _operators(entered: list[Entered], transitions: list[Transition], state_dir: Path) -> Iterator[str]:
    """I7: what somebody was told is entered stands there, once; what was acknowledged is, or it ended before."""
    with closing(sqlite3.connect(f"file:{state_dir / 'journal.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT pos, payload FROM records WHERE kind = 'operator'").fetchall()
    twice = [payload for payload, count in Counter(payload for _, payload in rows).items() if count > 1]
    if twice:
        yield f"I7 entered once and there {len(twice)} times more: {twice[0]!r}"
    known = {payload: pos for pos, payload in rows}
    for each in entered:
        pos = known.get(each.record.to_json())
        if each.is_told and pos != each.pos.result():
            yield f"I7 told to stand at {each.pos.result()}, stands at {pos}: {each.record}"
        if pos is not None and each.record.type == "ack" and not _came_to_something(each, transitions):
            yield f"I7 acknowledged, and nothing came of it: {each.record}"


def _came_to_something(each: Entered, transitions: list[Transition]) -> bool:
    """Whether the alert was acknowledged, or was not firing any more, after what was seen of it."""
    key = each.record.details["alert"]
    return any(body["id"] == key and body["state"] != "firing" for n, _, body in transitions if n > each.seen)


def _board(board: dict[str, bytes], alerts: dict[str, dict[str, Any]]) -> Iterator[str]:
    """I9: on the board are the alerts that are open, as they stand; nobody was told of any that does not exist."""
    for key in board.keys() - alerts.keys():
        yield f"I9 published and unknown: {key}"
    for key, alert in alerts.items():
        payload = board.get(key, b"")
        if alert["state"] == CLEARED and payload:
            yield f"I9 cleared and on the board: {key}"
        elif alert["state"] != CLEARED and (not payload or _stripped(json.loads(payload)) != _stripped(alert)):
            yield f"I9 on the board as {payload!r}: {alert}"


def _stripped(alert: dict[str, Any]) -> dict[str, Any]:
    return alert | {"peak": None}


def _notified(world: World, transitions: list[Transition], alerts: dict[str, dict[str, Any]]) -> Iterator[str]:
    """I9: whoever is notified hears of every alert that woke somebody, by its id, but of what a silence covers."""
    heard = {alert["id"] for content in world.receiver.notified.values() for alert in content["alerts"]}
    for key in heard - alerts.keys():
        yield f"I9 notified and unknown: {key}"
    silenced = {each.record.details["rule"] for each in world.operators.entered if each.record.type == "silence"}
    for _, _, body in transitions:
        is_due = body["state"] == "firing" and body["severity"] in WOKEN and body["rule"] not in silenced
        if is_due and not body["escalated_to"] and body["id"] not in heard:
            yield f"I9 nobody was notified of {body}"
            return
