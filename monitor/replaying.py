"""Replay: a journal or a recording through the judge of the live daemon, with other limits if asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from monitor.backtest.against import compare
from monitor.backtest.apart import judge_apart, parts_of
from monitor.backtest.judging import Result, Under, judge_as_it_came
from monitor.backtest.margins import margins, unjudged
from monitor.config import Rules, load_profile
from monitor.config.settings import IngestSettings
from monitor.consumers.beginning import Beginning, Progress
from monitor.consumers.judge import Judge
from monitor.consumers.ordered_replay import replay_in_order
from monitor.consumers.outcome import Outcome, document
from monitor.detect.nearest import Nearest
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
JOURNAL = "journal.db"
JOURNALLED = "journalled"  # in place of a limits file: the rules that the journal says were in force


class Wanted(NamedTuple):
    """What of a source is judged: in official order or as it came; `place` is where the sensor of a recording sat."""

    source: Path
    is_ordered: bool
    place: str | None


class _Replayed(NamedTuple):
    """A result, the first position that was judged, and the profiles by which."""

    result: Result
    from_pos: int
    profiles: Sequence[Profile]


def replay_source(
    source: Path,
    limits: Path | None,
    progress: Progress,
    *,
    against: str | None = None,
    is_ordered: bool = False,
    place: str | None = None,
) -> dict[str, Any]:
    """Judge a state directory, its `journal.db` or a recording; the answer of `tcm replay --json`.

    As it came, which is as the daemon judged it, or `is_ordered`: with each late record in its place. `against` is
    another limits file to compare with, or JOURNALLED. `from_pos` is the first record that was judged: where the
    journal has dropped what was before, that was told by the daemon and is taken as told. `place` is where the sensor
    of a recording sat; without it `unplaced` holds the ids of the rules for shocks that are not judged for that.
    `progress` is told how many of how many records are done. TcmError when the source cannot be read.
    """
    began_s = time.monotonic()
    profile = load_profile(limits) if limits else None
    older = None if against in (None, JOURNALLED) else load_profile(Path(str(against)))
    wanted = Wanted(source.parent if source.name == JOURNAL else source, is_ordered, place)
    replayed = _replay(wanted, profile, progress)
    before = None if against is None else _replay(wanted, older, progress)
    result = replayed.result
    return document(result.alerts, result.sums) | {
        "source": str(source),
        "from_pos": replayed.from_pos,
        "limits": str(limits) if limits else None,
        "unplaced": [] if _is_journal(wanted) else list(unplaced(replayed.profiles[0], place)),
        "against": None if before is None else compare(result.alerts, before.result.alerts),
        "margins": margins(result.nearest),
        "unjudged": unjudged(result.nearest, replayed.profiles),
        "seconds": round(time.monotonic() - began_s, 3),
    }


def _is_journal(wanted: Wanted) -> bool:
    return (wanted.source / JOURNAL).exists()


def _replay(wanted: Wanted, profile: Profile | None, progress: Progress) -> _Replayed:
    """Judge under a profile, without one as journalled."""
    source = wanted.source
    if _is_journal(wanted):
        if wanted.place is not None:
            raise TcmError("replay", str(source), "--place is for recordings; here the configuration says it")
        with closing(JournalReader(source)) as reader:
            return _replay_journal(reader, wanted, profile, progress)
    if profile is None or not source.exists():
        cause = "expected a state directory with journal.db, or a recording together with --limits"
        raise TcmError("replay", str(source), cause)
    outcome, nearest = Outcome(), Nearest()
    judge = Judge(_rules_for(profile, logger_of(source), wanted.place), lambda _logger, _boot: None, nearest=nearest)
    outcome.keep(judge.step(_recording_batch(source, progress)), None)
    return _Replayed(Result(outcome.alerts(), outcome.sums, nearest), 1, [profile])


def _replay_journal(reader: JournalReader, wanted: Wanted, profile: Profile | None, progress: Progress) -> _Replayed:
    source, head = wanted.source, reader.head()[0]
    under, outcome, nearest = Under(profile) if profile else None, Outcome(), Nearest()
    beginning = Beginning(source, reader, under, is_ordered=wanted.is_ordered, nearest=nearest)
    profiles = [profile] if profile else _profiles_in(reader)
    parts = [] if wanted.is_ordered else parts_of(source, reader, beginning, under, head)
    result = judge_apart(parts, progress) if parts else None
    if result is None:
        beginning.tell_before(outcome.book)
        if wanted.is_ordered:
            replay_in_order(reader, beginning, outcome, progress)
        else:
            judge_as_it_came(reader, beginning, outcome, head, lambda pos: progress(pos, head))
        result = Result(outcome.alerts(), outcome.sums, nearest)
    return _Replayed(result, beginning.pos + 1, profiles)


def _profiles_in(reader: JournalReader) -> list[Profile]:
    """The profiles of the containers, as the last configuration has them."""
    config = reader.last_config()
    if config is None:
        return []
    rules = Rules.from_json(config)
    return list({rules.profile(container).name: rules.profile(container) for container in reader.containers()}.values())


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
