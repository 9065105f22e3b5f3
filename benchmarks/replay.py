"""Seconds that a back-test takes over a month of a dozen loggers at 1 Hz, in a journal as the daemon writes it.

The command is measured as its user runs it, `tcm replay STATE --limits LIMITS --json`, from its start to its end: the
alerts, running totals and the margin of every limit. To write the journal is not measured, and nothing of it is kept
but itself; as it was just written its pages are in the system's memory.

Two processes judge half of the containers each. So what counts is how evenly these share the records: in one container
alone (`--in-container 12`) all is judged by one of them. `cpu_s` is the processor time of all processes: where half of
it is far less than `seconds`, something else had the machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import REPOSITORY, positive, report, rounded, table
from benchmarks.journey import Journey, write_journey

LIMITS = REPOSITORY / "config" / "limits" / "flight-hardware.toml"
LIMIT_S = 3600.0


def main() -> None:
    """Write the journal, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=positive, default=30)
    parser.add_argument("--loggers", type=positive, default=12)
    parser.add_argument("--in-container", type=positive, default=3, help="loggers in each container")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tcm-replay-") as folder:
        state_dir = write_journey(Path(folder), Journey(options.days, options.loggers, options.in_container))
        rounds = [_round(state_dir) for _ in range(options.rounds)]
    medians = rounded({name: median(figures[name] for figures in rounds) for name in rounds[0]})
    rows = [(f"round {number}", rounded(figures)) for number, figures in enumerate(rounds, 1)]
    text = f"{options.days} days of {options.loggers} loggers\n{table([*rows, ('median', medians)])}"
    report(medians | {"days": options.days, "loggers": options.loggers}, text, options.json)


def _round(state_dir: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "monitor", "replay", str(state_dir), "--limits", str(LIMITS), "--json"]
    began_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=LIMIT_S, check=False)
    seconds, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the replay failed: {done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return {
        "seconds": seconds,
        "readings_per_s": answer["readings"] / seconds,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "readings": answer["readings"],
        "alerts": len(answer["alerts"]),
        "margins": len(answer["margins"]),
        "peak_rss_mb": after.ru_maxrss * 1024 / 1e6,  # of the largest process
    }


if __name__ == "__main__":
    main()
