"""Replay: a journal or a recording through the judge of the live daemon, with other limits if asked for."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from monitor.alerts import AlertBook
from monitor.alerts.book import ALERT_TABLES
from monitor.config import Rules, load_profile
from monitor.config.settings import IngestSettings
from monitor.consumers.judge import Judge
from monitor.consumers.watch import keep_findings
from monitor.ingest.recording import payloads, read_recording
from monitor.journal import JournalReader, Place
from monitor.journal.reader import MAX_BATCH_RECORDS
from monitor.model.clock import SystemClock
from monitor.model.errors import TcmError
from monitor.model.limit import Profile
from monitor.model.record import Record

CONTAINER = "recording"
Progress = Callable[[int, int], None]


def replay_source(source: Path, limits: Path | None, progress: Progress) -> dict[str, Any]:
    """Judge a state directory or a recording; the answer of `tcm replay --json`.

    `progress` is told how many of how many records are done. TcmError when the source cannot be read.
    """
    began_s = time.monotonic()
    profile = load_profile(limits) if limits else None
    reader = None
    if (source / "journal.db").exists():
        reader = JournalReader(source)
        judge = Judge(None, reader.anchor, adapt=lambda rules: _under(rules, profile))
        batches = _journal_batches(reader, progress)
    elif profile is not None and source.exists():
        rules = Rules(profiles={profile.name: profile}, ingest=IngestSettings(default_limits=profile.name))
        judge = Judge(rules, lambda _logger, _boot: None)
        batches = iter([_recording_batch(source, progress)])
    else:
        cause = "expected a state directory with journal.db, or a recording together with --limits"
        raise TcmError("replay", str(source), cause)
    return _run(judge, batches, reader) | {
        "source": str(source),
        "limits": str(limits) if limits else None,
        "seconds": round(time.monotonic() - began_s, 3),
    }


def _run(judge: Judge, batches: Iterator[list[Record]], reader: JournalReader | None) -> dict[str, Any]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(ALERT_TABLES)
    book = AlertBook(connection)
    readings = events = 0
    for batch in batches:
        for judged in judge.step(batch):
            keep_findings(book, judged, reader)
            readings += judged.readings
            events += judged.events
    if reader is not None:
        reader.close()
    alerts = book.alerts(limit=-1)
    totals = dict(sorted(Counter(alert["rule"] for alert in alerts).items()))
    return {"readings": readings, "events": events, "alerts": alerts, "totals": totals}


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
