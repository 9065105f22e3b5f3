"""Replay: a journal or a recording through the judge of the live daemon, with other limits if asked for."""

from __future__ import annotations

import functools
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from monitor.alerts import AlertBook
from monitor.alerts.book import ALERT_TABLES
from monitor.config import Rules, load_profile
from monitor.config.settings import IngestSettings
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged
from monitor.consumers.ordered_run import OrderedRun, began_by
from monitor.consumers.reading import phases_of
from monitor.consumers.settling import Settling
from monitor.consumers.watch import keep_findings
from monitor.ingest.recording import payloads, read_recording
from monitor.journal import JournalReader, Place
from monitor.journal.ordered import MAX_ORDERED_RECORDS, MAX_SCAN, batches, official_order, scan, too_many
from monitor.journal.reader import MAX_BATCH_RECORDS
from monitor.model.clock import SystemClock, rfc3339
from monitor.model.errors import TcmError
from monitor.model.limit import Profile
from monitor.model.record import Record

CONTAINER = "recording"
Progress = Callable[[int, int], None]
Adapt = Callable[[Rules], Rules]


def replay_source(source: Path, limits: Path | None, progress: Progress, *, is_ordered: bool = False) -> dict[str, Any]:
    """Judge a state directory or a recording; the answer of `tcm replay --json`.

    As it came, which is as the daemon judged it, or `is_ordered`: with each late record in its place. `progress` is
    told how many of how many records are done. TcmError when the source cannot be read.
    """
    began_s = time.monotonic()
    profile = load_profile(limits) if limits else None
    outcome = Outcome()
    if (source / "journal.db").exists():
        with closing(JournalReader(source)) as reader:
            adapt = functools.partial(_under, profile=profile)
            if is_ordered:
                _replay_in_order(reader, adapt, outcome, progress)
            else:
                settling = Settling(Judge(None, reader.anchor, adapt), reader)
                for batch in _journal_batches(reader, progress):
                    outcome.keep(settling.step(batch), reader)
    elif profile is not None and source.exists():
        rules = Rules(profiles={profile.name: profile}, ingest=IngestSettings(default_limits=profile.name))
        outcome.keep(Judge(rules, lambda _logger, _boot: None).step(_recording_batch(source, progress)), None)
    else:
        cause = "expected a state directory with journal.db, or a recording together with --limits"
        raise TcmError("replay", str(source), cause)
    return outcome.document() | {
        "source": str(source),
        "limits": str(limits) if limits else None,
        "seconds": round(time.monotonic() - began_s, 3),
    }


class Outcome:
    """What a replay led to: the book of alerts, counts, and the last running totals of each rule and stream."""

    def __init__(self) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(ALERT_TABLES)
        self.book = AlertBook(connection)
        self.readings = self.events = 0
        self._exposure: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}

    def keep(self, run: Iterable[Judged], reader: JournalReader | None) -> None:
        """Enter what a run leads to; without `reader` there is no quarantine to look into."""
        for judged in run:
            keep_findings(self.book, judged, reader)
            self.note(judged)

    def note(self, judged: Judged) -> None:
        """Count, and note the totals of what is in the book already."""
        self.readings += judged.readings
        self.events += judged.events
        for result in judged.results:
            if result.measurement == "exposure":
                at = {"at": rfc3339(result.times_ns[-1])}
                self._exposure[result.tags] = (
                    dict(result.tags)
                    | at
                    | {name: value[-1] if isinstance(value, list) else value for name, value in result.fields.items()}
                )

    def document(self) -> dict[str, Any]:
        """The outcome as JSON."""
        alerts = self.book.alerts(limit=-1)
        count = Counter(alert["rule"] for alert in alerts if alert["merged_into"] is None)
        return {
            "readings": self.readings,
            "events": self.events,
            "alerts": alerts,
            "totals": dict(sorted(count.items())),
            "exposure": [self._exposure[tags] for tags in sorted(self._exposure)],
        }


def _replay_in_order(reader: JournalReader, adapt: Adapt, outcome: Outcome, progress: Progress) -> None:
    """Two passes: what depends on when records arrived, as they came; then the readings in official order."""
    head = reader.head()[0]
    arrival = Judge(None, reader.anchor, adapt, judges="arrival")
    for batch in _journal_batches(reader, lambda done, total: progress(done, 2 * total)):
        for judged in arrival.step(batch):
            keep_findings(outcome.book, judged, reader)
    phases, began_ns = phases_of(reader.operators()), began_by(reader, head)
    for container in [None] if head <= MAX_ORDERED_RECORDS else reader.containers():
        rows = [row for at in range(0, head, MAX_SCAN) for row in scan(reader, at, min(at + MAX_SCAN, head), container)]
        if len(rows) > MAX_ORDERED_RECORDS:
            raise too_many(container or "journal", len(rows))
        positions = np.array([rows[i].pos for i in official_order(rows, began_ns).tolist()], dtype=np.int64)
        run = OrderedRun(Judge(None, reader.anchor, adapt, phases, "readings"), outcome.book)
        done = 0
        for batch in batches(reader, positions):
            for judged in run.step(batch):
                outcome.note(judged)
            done += len(batch)
            progress(head + done * head // len(rows), 2 * head)


def _journal_batches(reader: JournalReader, progress: Progress) -> Iterator[list[Record]]:
    place, head = Place(), reader.head()[0]
    while place.pos < head:
        records, place = reader.read(place, min(MAX_BATCH_RECORDS, head - place.pos))
        yield records
        progress(place.pos, head)


def _recording_batch(source: Path, progress: Progress) -> list[Record]:
    start_ns = SystemClock().now_ns()
    logger = source.stem.partition(".")[0]
    records = [
        Record(pos, start_ns, CONTAINER, logger, boot, seq, kind, f"tcm/v1/{CONTAINER}/{logger}/up/{kind}", payload)
        for pos, (kind, boot, seq, payload) in enumerate(
            payloads(read_recording(source), CONTAINER, logger, start_ns), 1
        )
    ]
    progress(len(records), len(records))
    return records


def _under(rules: Rules, profile: Profile | None) -> Rules:
    """The rules with every container under one profile; unchanged without one."""
    if profile is None:
        return rules
    containers = {key: box.model_copy(update={"limits": profile.name}) for key, box in rules.containers.items()}
    ingest = rules.ingest.model_copy(update={"default_limits": profile.name})
    return Rules(
        instance=rules.instance,
        ingest=ingest,
        profiles={profile.name: profile},
        containers=containers,
        consignments=rules.consignments,
    )
