"""Replay: a journal or a recording through the judge of the live daemon, with other limits if asked for."""

from __future__ import annotations

import functools
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.config import Rules, load_profile
from monitor.config.settings import IngestSettings
from monitor.consumers.beginning import Beginning, Progress, journal_batches
from monitor.consumers.judge import Judge
from monitor.consumers.ordered_replay import replay_in_order
from monitor.consumers.outcome import Outcome
from monitor.consumers.settling import Settling
from monitor.examine.rules import unplaced
from monitor.ingest.acceleration import logger_of
from monitor.ingest.recording import payloads, read_recording
from monitor.journal import JournalReader
from monitor.model.clock import SystemClock
from monitor.model.errors import TcmError
from monitor.model.leg import Container, Logger
from monitor.model.limit import Profile
from monitor.model.record import Record

CONTAINER = "recording"


def replay_source(
    source: Path, limits: Path | None, progress: Progress, *, is_ordered: bool = False, place: str | None = None
) -> dict[str, Any]:
    """Judge a state directory or a recording; the answer of `tcm replay --json`.

    As it came, which is as the daemon judged it, or `is_ordered`: with each late record in its place. `from_pos` is the
    first record that was judged: where the journal has dropped what was before, that was told by the daemon and is
    taken as told. `place` is where the sensor of a recording sat; without it `unplaced` holds the ids of the rules for
    shocks that are not judged for that. `progress` is told how many of how many records are done. TcmError when the
    source cannot be read.
    """
    began_s = time.monotonic()
    profile = load_profile(limits) if limits else None
    outcome, from_pos = Outcome(), 1
    left_out: tuple[str, ...] = ()
    if (source / "journal.db").exists():
        if place is not None:
            raise TcmError("replay", str(source), "--place is for recordings; here the configuration says it")
        with closing(JournalReader(source)) as reader:
            adapt = functools.partial(_under, profile=profile) if profile else None
            beginning = Beginning(source, reader, adapt, is_ordered=is_ordered)
            beginning.tell_before(outcome.book)
            from_pos = beginning.pos + 1
            (replay_in_order if is_ordered else _replay_as_it_came)(reader, beginning, outcome, progress)
    elif profile is not None and source.exists():
        rules, left_out = _rules_for(profile, logger_of(source), place), unplaced(profile, place)
        outcome.keep(Judge(rules, lambda _logger, _boot: None).step(_recording_batch(source, progress)), None)
    else:
        cause = "expected a state directory with journal.db, or a recording together with --limits"
        raise TcmError("replay", str(source), cause)
    return outcome.document() | {
        "source": str(source),
        "from_pos": from_pos,
        "limits": str(limits) if limits else None,
        "unplaced": list(left_out),
        "seconds": round(time.monotonic() - began_s, 3),
    }


def _replay_as_it_came(reader: JournalReader, beginning: Beginning, outcome: Outcome, progress: Progress) -> None:
    settling = Settling(beginning.judge(), reader, lambda: beginning.base)
    for batch in journal_batches(reader, beginning.pos, progress):
        outcome.keep(settling.step(batch), reader)


def _recording_batch(source: Path, progress: Progress) -> list[Record]:
    start_ns = SystemClock().now_ns()
    logger = logger_of(source)
    records = [
        Record(pos, start_ns, CONTAINER, logger, boot, seq, kind, f"tcm/v1/{CONTAINER}/{logger}/up/{kind}", payload)
        for pos, (kind, boot, seq, payload) in enumerate(
            payloads(read_recording(source), CONTAINER, logger, start_ns), 1
        )
    ]
    progress(len(records), len(records))
    return records


def _rules_for(profile: Profile, logger: str, place: str | None) -> Rules:
    """One logger under one profile; what its file is called need not be what a logger may be."""
    box = Container.model_construct(id=CONTAINER, logger=(Logger.model_construct(id=logger, place=place),))
    ingest = IngestSettings(default_limits=profile.name)
    return Rules.model_construct(profiles={profile.name: profile}, containers={CONTAINER: box}, ingest=ingest)


def _under(rules: Rules, profile: Profile) -> Rules:
    """The rules with every container under one profile."""
    containers = {key: box.model_copy(update={"limits": profile.name}) for key, box in rules.containers.items()}
    ingest = rules.ingest.model_copy(update={"default_limits": profile.name})
    return Rules(
        instance=rules.instance,
        ingest=ingest,
        alerts=rules.alerts,
        profiles={profile.name: profile},
        containers=containers,
        consignments=rules.consignments,
    )
