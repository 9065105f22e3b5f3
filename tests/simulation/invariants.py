"""What must hold once all faults are over and everything had its time: see `check`.

The journal is read with SQL of this file's own; what the store must have and which alerts there are is made again
from the journal by a judge that runs through it once, without any fault.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firmware_sim.device import Fate
from monitor.consumers.audit import Audit
from monitor.consumers.copy_audit import Copying
from monitor.consumers.expected import END_NS, Period
from monitor.consumers.judge import Judge
from monitor.consumers.outcome import Outcome
from monitor.consumers.points import alert_points, record_points
from monitor.consumers.settling import Settling
from monitor.consumers.touched import COPIED
from monitor.consumers.watch_file import WatchReader
from monitor.journal import JournalReader, Place
from monitor.journal.chain import digest
from monitor.model.batch import Points as Batch
from monitor.replaying import replay_source
from monitor.sinks.line_protocol import lines
from tests.simulation.server import Series, body_points, is_refused
from tests.simulation.told import check_told

if TYPE_CHECKING:
    from tests.simulation.world import World

MAX_SHOWN = 5
Key = tuple[str, int, int]


class Again:
    """What watch makes of a journal in one go: `results` that stand in the end, `told` all before, `transitions`."""

    def __init__(self, journal: JournalReader) -> None:
        settling = Settling(Judge(None, journal.anchor, wants_events=True), journal)
        final: dict[tuple[Any, ...], Batch] = {}
        self.told: list[Batch] = []
        outcome = Outcome()
        for judged in settling.step(list(_records(journal))):
            outcome.keep([judged], journal)
            for points in (points for table in judged.results for points in table.split()):
                key = (points.key, points.measurement, points.tags)
                self.told.append(points)
                if judged.is_again or key not in final:
                    final[key] = points
        self.results = list(final.values())
        self.transitions = outcome.book.transitions(0, 1 << 30)


class Broken(AssertionError):  # noqa: N818  # named for what it is
    """An invariant does not hold."""


def check(world: World) -> None:
    """Raise Broken with everything that does not hold."""
    state_dir = world.gateway.config.state_dir
    with closing(JournalReader(state_dir)) as journal:
        again = Again(journal)
    found = [
        *_unsettled(world),
        *_journal(world, state_dir),
        *_alerts(world, state_dir),
        *check_told(world, state_dir, again.transitions),
        *_stored(world, state_dir, again),
        *_copied(world),
    ]
    if found:
        raise Broken("\n".join(found))


def _unsettled(world: World) -> Iterator[str]:
    parts = world.gateway.parts
    assert parts is not None
    yield from (f"I6 {part} is stuck at the end: {why}" for part, why in world.gateway.problems.items())
    if not parts.is_caught_up:
        yield f"I6 not caught up: journal {parts.journal.pos}, watch {parts.watch.pos}, store {parts.store.confirmed}"
    yield from (
        f"I6 {logger.name} holds {logger.device.held} records" for logger in world.loggers if logger.device.held
    )
    yield from (f"I6 {name} is provisional" for name in parts.watch.judge.forks if name == "C-1")
    yield from (
        f"I6 a message is stuck at the broker for {each.client_id}"
        for each in world.gateway.clients
        if not world.broker.is_idle(each)
    )


def _journal(world: World, state_dir: Path) -> Iterator[str]:
    """I1, I4, I5."""
    with closing(sqlite3.connect(f"file:{state_dir / 'journal.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT logger, boot, seq, payload FROM records WHERE seq IS NOT NULL").fetchall()
        quarantined = connection.execute("SELECT payload FROM quarantine").fetchall()
        every = {payload for (payload,) in connection.execute("SELECT payload FROM records").fetchall() + quarantined}
        gaps = connection.execute('SELECT logger, boot, "from", "to", state FROM gaps').fetchall()
        indices = connection.execute("SELECT sql FROM sqlite_master WHERE tbl_name = 'records'").fetchall()
        if not any("UNIQUE" in sql and "(logger, boot, seq)" in sql for (sql,) in indices if sql):
            yield "I1 the file itself does not refuse an identity that it has"
        yield from _chain(connection)
    kept = {(logger, boot, seq): payload for logger, boot, seq, payload in rows}
    if len(kept) != len(rows):
        yield f"I1 {len(rows) - len(kept)} identities are twice in the journal"
    gone = {
        (logger, boot, seq)
        for logger, boot, first, last, state in gaps
        if state == "lost" and logger != world.hostile.name
        for seq in range(first, last + 1)
    }
    waited = [gap for gap in gaps if gap[4] in ("open", "requested") and gap[0] != world.hostile.name]
    yield from _some("I4 open gaps at the end", waited)
    told = {
        (logger, boot, seq)
        for (logger, boot), upto in world.acks.items()
        if logger != world.hostile.name  # claims billions
        for seq in range(upto + 1)
    }
    yield from _some("I1 acknowledged but neither journalled nor lost", told - kept.keys() - gone)
    yield from _some("I4 made but neither journalled nor lost", world.made.keys() - kept.keys() - gone)
    yield from _some("I4 called lost but journalled", gone & kept.keys())
    freed = {key for logger in world.loggers for key, fate in logger.fates.items() if fate is Fate.ACKNOWLEDGED}
    yield from _some("I1 freed by its logger and lost", freed - kept.keys())
    changed = {key for key in kept.keys() & world.made.keys() if kept[key] != world.made[key]}
    yield from _some("I1 not as it was made", changed)
    yield from _some(
        "I5 taken from the broker and nowhere", {topic for topic, data in world.freed if data not in every}
    )


def _chain(connection: sqlite3.Connection) -> Iterator[str]:
    for table in ("records", "quarantine"):
        chain = bytes(32)
        for pos, *row in connection.execute(f"SELECT * FROM {table} ORDER BY pos"):
            *fields, row_digest, row_chain = row
            chain = hashlib.sha256(chain + row_digest).digest()
            if chain != row_chain or digest((pos, *fields)) != row_digest:
                yield f"I1 the chain of {table} breaks at position {pos}"
                return


def _alerts(world: World, state_dir: Path) -> Iterator[str]:
    """I3, of the containers whose gaps have settled; which the others may be, `_unsettled` says."""
    assert world.gateway.parts is not None
    provisional = set(world.gateway.parts.watch.judge.forks)
    with closing(WatchReader(state_dir)) as watch:
        told = _known(watch.book.alerts(limit=-1), provisional)
    ordered = replay_source(state_dir, None, lambda _done, _all: None, is_ordered=True)
    true = _known(ordered["alerts"], provisional)
    yield from _some("I3 alerts that a replay in order does not have", (told - true).elements())
    yield from _some("I3 alerts missed", (true - told).elements())


def _known(alerts: list[dict[str, Any]], provisional: set[str]) -> Counter[tuple[Any, ...]]:
    keys = ("rule", "container", "logger", "channel", "occurred_at", "cleared_at")
    return Counter(
        tuple(alert[key] for key in keys)
        for alert in alerts
        if not alert["merged_into"]
        and not alert["rule"].startswith("monitor.")
        and alert["container"] not in provisional
    )


def _stored(world: World, state_dir: Path, again: Again) -> Iterator[str]:
    """I2, after an audit where the store or its copy has lost what it had confirmed."""
    if world.server.has_forgotten or world.copy_server.has_forgotten:
        copying = Copying(world.server.sink(), world.copy_server.sink())
        everything = Period(0, END_NS, None)
        audit = Audit(state_dir, world.server.sink(), everything, world.clock.now_ns(), _silently, copying)
        outcome = audit.run(is_dry_run=False)
        if not outcome["ok"]:
            yield f"I2 the audit does not mend the store: {outcome}"
    with closing(JournalReader(state_dir)) as journal, closing(WatchReader(state_dir)) as watch:
        batches = [points for record in _records(journal) for points in record_points(record, journal)]
        batches += [alert_points(*each) for each in watch.book.apart(0, 1 << 30)]
        batches += again.results
        before = body_points(lines(again.told))
    expected = body_points(lines(batches))
    found = world.server.points
    refused = {series for series, fields in expected.items() if is_refused(fields)}
    yield from _some("I2 points missing in the store", expected.keys() - found.keys() - refused)
    yield from _some("I2 points that the store refused and nobody noted", refused - _noted(state_dir))
    # What was judged again keeps its points of before where their times are others: no store takes a point back.
    yield from _some("I2 points that the journal does not lead to", found.keys() - expected.keys() - before.keys())
    wrong = [(key, expected[key], found[key]) for key in expected.keys() & found.keys() if expected[key] != found[key]]
    yield from _some("I2 points with other values", wrong)


def _copied(world: World) -> Iterator[str]:
    """I2: the copy has of each minute what the readings come to, and no other."""
    store = world.server.sink()
    made = [
        store.minutes(measurement, *owner, 0, END_NS) for measurement in COPIED for owner in store.owners(measurement)
    ]
    expected = body_points(lines([points for points in made if points is not None]))
    found = world.copy_server.points
    yield from _some("I2 minutes missing in the copy", expected.keys() - found.keys())
    yield from _some("I2 minutes of no readings in the copy", found.keys() - expected.keys())
    wrong = [(key, expected[key], found[key]) for key in expected.keys() & found.keys() if expected[key] != found[key]]
    yield from _some("I2 minutes with other values in the copy", wrong)


def _noted(state_dir: Path) -> set[Series]:
    """Series and time of the points that the daemon noted as refused."""
    with closing(sqlite3.connect(f"file:{state_dir / 'store.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT measurement, tags, time_ns FROM refused").fetchall()
    return {(",".join([measurement, *sorted(tags.split(","))]), str(time_ns)) for measurement, tags, time_ns in rows}


def _records(journal: JournalReader) -> Iterator[Any]:
    place = Place()
    while True:
        records, reached = journal.read(place)
        if reached == place:
            return
        place = reached
        yield from records


def _silently(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def _some(what: str, found: Any) -> Iterator[str]:
    listed = sorted(found, key=repr)
    if listed:
        shown = "; ".join(map(repr, listed[:MAX_SHOWN]))
        yield f"{what}: {len(listed)}: {shown}"
