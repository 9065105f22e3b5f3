"""`python -m benchmarks.quality --seeds 1-10 --json`: runs, scores, prints. See the package for how to read it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.common import REPOSITORY, report
from benchmarks.quality.report import figures_of, table
from benchmarks.quality.run import Task, run, say_nothing

SCENARIOS = (
    "turin-return", "quiet-storage", "nitrogen-leak", "quiet", "hostile", "rough-road", "long-silence", "departure",
)  # fmt: skip  # the long ones first, so that no worker ends with one
SHIPPED = REPOSITORY / "config" / "limits" / "flight-hardware.toml"
EXTRA = Path(__file__).parent / "extra.toml"


def main() -> None:
    """Run all tasks on all cores, print the figures."""
    options = _options()
    tasks = [Task(scenario, seed, options.limits) for scenario in options.scenarios for seed in range(*options.seeds)]
    began_s = time.monotonic()
    counts: Counter[tuple[str, str, str]] = Counter()
    rows: list[dict[str, Any]] = []
    logger_days = 0.0
    with get_context("spawn").Pool(options.processes, say_nothing) as pool:
        for done, scored in enumerate(pool.imap_unordered(run, tasks), start=1):
            counts += scored.counts
            rows += scored.rows
            logger_days += scored.logger_days
            if sys.stderr.isatty():
                print(f"\r{done} of {len(tasks)} runs", end="", file=sys.stderr, flush=True)  # noqa: T201 - progress
    rows.sort(key=lambda row: (row["scenario"], row["seed"], row["logger"], row["begin_s"]))
    figures = figures_of(counts, rows, logger_days) | {
        "runs": len(tasks),
        "seconds": round(time.monotonic() - began_s, 1),
    }
    report(figures, table(figures) + f"\n{len(tasks)} runs in {figures['seconds']} s", options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.partition(":")[0])
    parser.add_argument("--seeds", type=_seeds, default=(1, 3), metavar="FIRST-LAST", help="default: 1-2")
    parser.add_argument("--scenarios", type=_scenarios, default=SCENARIOS, metavar="A,B", help="default: all")
    parser.add_argument(
        "--limits", type=Path, nargs="+", default=[SHIPPED, EXTRA], help="default: the shipped profile and extra.toml"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    options.limits = tuple(path.resolve() for path in options.limits)
    return options


def _seeds(text: str) -> tuple[int, int]:
    """The range in "1-200" or "7", as `range` takes it."""
    first, _, last = text.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first)):
        raise argparse.ArgumentTypeError(f"expected FIRST-LAST such as 1-200, got {text!r}")
    return int(first), int(last or first) + 1


def _scenarios(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(SCENARIOS)}, got {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    main()
