"""One run from its seed to its verdicts: what a worker process does."""

from __future__ import annotations

import json
import logging
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.quality.drive import Witness, drive
from benchmarks.quality.gateway import alerts_of, content_of, journalled
from benchmarks.quality.limits import Limit, read_limits
from benchmarks.quality.measures import score_forecasts, score_health, score_statistics
from benchmarks.quality.reading import read_truth
from benchmarks.quality.report import is_told
from benchmarks.quality.score import Alarm, Verdict, alarms_of, score
from benchmarks.quality.shocks import score_shocks
from benchmarks.quality.truth import SENSOR_FAULTS, Arrival, LoggerTruth

MEMORY = Path("/dev/shm")  # a run's files are 60 MB; on a disk they would cost more than the run


class Task(NamedTuple):
    """One run."""

    scenario: str
    seed: int
    limits: tuple[Path, ...]


class Scored(NamedTuple):
    """What came of it: how often each kind, rule and verdict; rows of those to be told; how many days of loggers."""

    counts: Counter[tuple[str, str, str]]
    rows: list[dict[str, Any]]
    logger_days: float


def say_nothing() -> None:
    """In a process of its own: hostile messages are meant to be refused, nobody need read of it."""
    for name in ("monitor", "firmware_sim"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def run(task: Task) -> Scored:
    """Let one scenario happen and score what the monitor said of it."""
    limits = read_limits(task.limits)
    with tempfile.TemporaryDirectory(prefix="quality-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        witness = drive(task.scenario, task.seed, folder, task.limits)
        alerts = alerts_of(folder)
        loggers = read_truth(folder, _arrivals(folder, witness))
        vibration = json.loads((folder / "scenario.json").read_text(encoding="utf-8"))["vibration"]
        speakers = _speakers(loggers)
        alarms = [alarms_of(logger, alerts, speaks_for_all=logger.name in speakers) for logger in loggers]
        verdicts = [
            verdict
            for logger, mine in zip(loggers, alarms, strict=True)
            for verdict in _score(logger, limits, mine, vibration)
        ]
    counts = Counter((verdict.kind, verdict.rule, verdict.verdict) for verdict in verdicts)
    rows = [row for verdict in verdicts if is_told(row := verdict.to_json(task.scenario, task.seed))]
    return Scored(counts, rows, sum(logger.days for logger in loggers))


def _score(
    logger: LoggerTruth, limits: list[Limit], alarms: list[Alarm], vibration: list[dict[str, Any]]
) -> list[Verdict]:
    return [
        *score(logger, limits, alarms),
        *score_shocks(logger, limits, alarms, vibration),
        *score_health(logger, limits, alarms),
        *score_statistics(logger, limits, alarms),
        *score_forecasts(logger, limits, alarms),
    ]


def _speakers(loggers: list[LoggerTruth]) -> set[str]:
    """Of each container the logger that alerts on the whole container are laid to: one with a fault, if there is."""
    ordered = sorted(loggers, key=lambda logger: any(fault["kind"] in SENSOR_FAULTS for fault in logger.faults))
    return set({logger.container: logger.name for logger in ordered}.values())


def _arrivals(folder: Path, witness: Witness) -> dict[str, list[Arrival]]:
    """What reached the journal, by logger; a record whose content was never made so is foreign."""
    found: dict[str, list[Arrival]] = defaultdict(list)
    for key, topic, received_ns, payload in journalled(folder):
        logger, boot, seq = key
        is_foreign = logger in witness.watched and content_of(topic, payload) not in witness.told.get(key, ())
        found[logger].append(Arrival(boot, seq, received_ns, "/fill/" in topic, is_foreign))
    return found
