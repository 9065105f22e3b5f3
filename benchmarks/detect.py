"""How fast the detector judges the shipped profile, on one core; a sample is one value of one channel.

Batches of 1 000 blocks of 60 readings x 5 channels, every 10 s (`--interval`), after 25 h (at most `--warm` batches)
in which windows fill. Only the engine is timed, in processor time: decoding and making the blocks is not.

quiet_samples_per_s: no stream comes near a limit. storm_samples_per_s: every stream with a limit crosses one every 10
readings; the time to build the alert objects is measured apart, on the very findings told, and taken off
(storm_with_alerts_per_s has it in). ratio_to_rowwise: quiet against the plain loop of `detect_rowwise` over 50 loggers,
which raises and clears what the engine does for readings (`tests/unit/test_detect_rowwise.py`).
cost_ratio_100k_to_100: a sample's cost with 100 000 loggers, 1 000 others in each batch, over that with 100 loggers of
10 blocks each, after as many blocks of each logger. state_mb_10k: what tracemalloc says is held after 3 blocks each of
10 000 loggers. snapshot_core_pct: processor time of a snapshot and of its writing into SQLite every 10 s, the larger of
quiet and storm.
"""

from __future__ import annotations

import argparse
import gc
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import positive, report, rounded, table
from benchmarks.detect_fleet import CHANNELS, READINGS, Fleet, shipped_rules
from benchmarks.detect_rowwise import Rowwise
from monitor.consumers.watch_file import WATCH_TABLES
from monitor.detect.engine import Engine
from monitor.journal.schema import open_for_writing
from monitor.model.batch import Detected, Finding

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LOGGERS = 1_000
BLOCKS = 1_000
SAMPLES_PER_BLOCK = READINGS * len(CHANNELS)
WARM_S = 25 * 3600.0  # the longest window of the profile, a day, is full
ROWWISE_LOGGERS = 50
FEW, MANY, VISITS = 100, 100_000, 3
STATE_LOGGERS, STATE_BLOCKS = 10_000, 3
SNAPSHOT_EVERY_S = 10.0
MIN_RUNS = 5
EXTRA_INTERVALS_S = (1.0, 60.0)


class Bench:
    """One engine and the fleet it judges."""

    def __init__(self, loggers: int, interval_s: float, *, is_storm: bool = False) -> None:
        self.engine = Engine(shipped_rules())
        self._fleet = Fleet(loggers, interval_s, is_storm=is_storm)

    def step(self, blocks: int = BLOCKS) -> tuple[float, Detected]:
        """Judge the next batch: seconds and what was told."""
        batch = self._fleet.batch(blocks)
        begin_s = time.process_time()
        detected = self.engine.step(batch)
        elapsed_s = time.process_time() - begin_s
        if self.engine.refused_streams:
            raise RuntimeError(f"benchmark: {self.engine.refused_streams} streams were not judged")
        return elapsed_s, detected

    def warm(self, batches: int) -> None:
        """Let windows fill."""
        for _ in range(batches):
            self.step()


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detect", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=positive, default=5, help="for each figure")
    parser.add_argument("--interval", type=positive, default=10, help="seconds between readings")
    parser.add_argument("--warm", type=positive, default=150, help="batches of 1 000 blocks before the clock starts")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if os.environ | ONE_THREAD != os.environ:  # NumPy reads them when it is loaded, so once more from the start
        command = [sys.executable, "-m", "benchmarks.detect", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=os.environ | ONE_THREAD, check=False).returncode)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures = _figures(options.seconds, float(options.interval), options.warm)
    for interval_s in EXTRA_INTERVALS_S:
        quiet = _quiet(Bench(LOGGERS, interval_s), interval_s, options.seconds, options.warm)
        figures[f"quiet_at_{interval_s:.0f}s_per_s"] = quiet
    shown = rounded(figures)
    settings = {"loggers": LOGGERS, "interval_s": options.interval, "warm_batches": options.warm}
    text = "\n".join(table([(name, {"figure": value})]).splitlines()[-1] for name, value in shown.items())
    report(shown | settings, text, options.json)


def _figures(seconds: int, interval_s: float, warm: int) -> dict[str, float]:
    bench = Bench(LOGGERS, interval_s)
    quiet = _quiet(bench, interval_s, seconds, warm)
    quiet_snapshot = _snapshot_core_pct(bench.engine)
    bench = Bench(LOGGERS, interval_s, is_storm=True)
    bench.warm(_batches(interval_s, warm))
    storm, with_alerts = _storm(bench, seconds)
    storm_snapshot = _snapshot_core_pct(bench.engine)
    rowwise = _rowwise(interval_s, seconds)
    return {
        "quiet_samples_per_s": quiet,
        "storm_samples_per_s": storm,
        "storm_with_alerts_per_s": with_alerts,
        "rowwise_samples_per_s": rowwise,
        "ratio_to_rowwise": quiet / rowwise,
        "cost_ratio_100k_to_100": _cost_s(MANY, interval_s) / _cost_s(FEW, interval_s),
        "state_mb_10k": _state_mb(interval_s),
        "snapshot_core_pct": max(quiet_snapshot, storm_snapshot),
        "snapshot_quiet_core_pct": quiet_snapshot,
    }


def _batches(interval_s: float, most: int) -> int:
    """How many batches fill the windows, `most` at the most."""
    return min(round(WARM_S / (READINGS * interval_s)), most)


def _repeat(seconds: int, once: Callable[[], float]) -> float:
    """Median of what `once` gives, over `seconds` and at least 5 times."""
    found: list[float] = []
    end_s = time.monotonic() + seconds
    while len(found) < MIN_RUNS or time.monotonic() < end_s:
        found.append(once())
    return median(found)


def _quiet(bench: Bench, interval_s: float, seconds: int, warm: int) -> float:
    bench.warm(_batches(interval_s, warm))

    def once() -> float:
        elapsed_s, detected = bench.step()
        if detected.findings:
            raise RuntimeError(f"benchmark: the quiet fleet raised {detected.findings[0]}")
        return elapsed_s

    return BLOCKS * SAMPLES_PER_BLOCK / _repeat(seconds, once)


def _storm(bench: Bench, seconds: int) -> tuple[float, float]:
    """Samples a second without and with the time to build the alert objects."""
    told: list[Finding] = []
    spent_s: list[float] = []

    def once() -> float:
        elapsed_s, detected = bench.step()
        told.extend(detected.findings[:BLOCKS])
        built_s = _building_s(detected.findings)
        spent_s.append(elapsed_s)
        return elapsed_s - built_s

    without_s = _repeat(seconds, once)
    if not told:
        raise RuntimeError("benchmark: the storm raised nothing")
    return BLOCKS * SAMPLES_PER_BLOCK / without_s, BLOCKS * SAMPLES_PER_BLOCK / median(spent_s)


def _building_s(findings: list[Finding]) -> float:
    """How long it takes to make these objects from values that are there."""
    rows: list[Any] = [tuple(finding) for finding in findings]
    begin_s = time.process_time()
    for row in rows:
        Finding(*row)
    return time.process_time() - begin_s


def _rowwise(interval_s: float, seconds: int) -> float:
    """Samples a second by the plain loop, with windows of an hour full."""
    fleet, loop = Fleet(ROWWISE_LOGGERS, interval_s), Rowwise(shipped_rules())
    for _ in range(2 * round(3600 / (READINGS * interval_s)) + 1):
        loop.step(fleet.batch(ROWWISE_LOGGERS).blocks)

    def once() -> float:
        batch = fleet.batch(ROWWISE_LOGGERS)
        begin_s = time.process_time()
        loop.step(batch.blocks)
        return time.process_time() - begin_s

    return ROWWISE_LOGGERS * SAMPLES_PER_BLOCK / _repeat(seconds, once)


def _cost_s(loggers: int, interval_s: float) -> float:
    """Median seconds for a batch of 1 000 blocks, each logger having sent `VISITS` before."""
    bench = Bench(loggers, interval_s)
    rounds = max(loggers // BLOCKS, 1)
    if loggers < BLOCKS:  # in batches in which each sends one, up to the same number of each
        for _ in range(VISITS):
            bench.step(loggers)
    else:
        bench.warm(VISITS * rounds)
    gc.collect()
    return median(bench.step()[0] for _ in range(max(rounds // 4, MIN_RUNS)))


def _state_mb(interval_s: float) -> float:
    """What is held by the engine (arrays and objects), in MB of 1e6 bytes."""
    fleet = Fleet(STATE_LOGGERS, interval_s)
    rules = shipped_rules()
    tracemalloc.start()
    try:
        engine = Engine(rules)
        for _ in range(STATE_BLOCKS * STATE_LOGGERS // BLOCKS):
            engine.step(fleet.batch(BLOCKS))
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / 1e6
    finally:
        tracemalloc.stop()


def _snapshot_core_pct(engine: Engine) -> float:
    """Processor time of making and writing a snapshot, as a share of the 10 s after which the next is written."""
    with tempfile.TemporaryDirectory() as folder:
        connection: sqlite3.Connection = open_for_writing(Path(folder) / "watch.db", WATCH_TABLES, can_fall_back=True)

        def once() -> float:
            begin_s = time.process_time()
            connection.execute("INSERT OR REPLACE INTO snapshot VALUES(1, ?, ?)", (1, engine.snapshot()))
            return time.process_time() - begin_s

        spent_s = _repeat(1, once)
        connection.close()
    return 100 * spent_s / SNAPSHOT_EVERY_S


if __name__ == "__main__":
    main()
