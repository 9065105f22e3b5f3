"""Rounds of faults with real processes: what is lost, doubled, missed, and how long it takes to recover.

    python -m benchmarks.soak --rounds 60 [--seed N] [--hold 30] [--json]

The rounds go through all faults of `tests.chaos.faults`: first each alone, then each with others beside it. A round's
number and the seed make it again: `--seed 1 --first 17 --rounds 1`.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.common import positive, report
from tests.chaos.disk import why_no_disk
from tests.chaos.faults import FAULTS, MAX_FAULTS, Fault, draw
from tests.chaos.rounds import Outcome, play

HOLD_S = 30.0
COLUMNS = ("rounds", "acknowledged", "lost", "doubled", "alerts missed", "alerts doubled", "recovery s")


def drawn(number: int, seed: int, faults: Sequence[Fault]) -> list[Fault]:
    """The faults of a round: in the first pass each alone, later with others drawn from the seed."""
    random = np.random.default_rng([seed, number])
    count = 1 if number < len(faults) else int(random.integers(2, MAX_FAULTS + 1))
    return draw(faults[number % len(faults)], random, count)


def totals(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of all rounds."""
    return {
        "rounds": len(outcomes),
        "acknowledged": sum(outcome.evidence.acknowledged for outcome in outcomes),
        "lost": sum(outcome.evidence.lost for outcome in outcomes),
        "doubled": sum(outcome.evidence.doubled for outcome in outcomes),
        "alerts_missed": sum(outcome.evidence.alerts_missed for outcome in outcomes),
        "alerts_doubled": sum(outcome.evidence.alerts_doubled for outcome in outcomes),
        "recovery_p99_s": round(float(np.percentile([outcome.recovery_s for outcome in outcomes], 99)), 1),
        "failed": sum(bool(outcome.problems) for outcome in outcomes),
    }


def rows(outcomes: Sequence[Outcome]) -> Iterable[tuple[str, Sequence[Outcome]]]:
    """The rounds by their first fault, then all of them."""
    for fault in FAULTS:
        group = [outcome for outcome in outcomes if outcome.main == fault.name]
        if group:
            yield fault.name, group
    yield "all", outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """One line for each fault; the last column is the longest of its rounds."""
    lines = [f"{'fault':<34}" + "".join(f"{name:>16}" for name in COLUMNS)]
    for name, group in rows(outcomes):
        figures = list(totals(group).values())[: len(COLUMNS) - 1]
        longest_s = max(outcome.recovery_s for outcome in group)
        lines.append(f"{name:<34}" + "".join(f"{figure:>16}" for figure in figures) + f"{longest_s:>16.1f}")
    return "\n".join(lines)


def main() -> None:
    """Exit status 1 when a round found something wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=positive, default=60)
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hold", type=float, default=HOLD_S, help="seconds that a stopped part stands still")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that servers and folders go
    reason = why_no_disk()
    if reason:
        _say(f"without rounds of a full disk: {reason}")
    faults = [fault for fault in FAULTS if not (reason and fault.needs_disk)]
    logging.getLogger("firmware_sim").setLevel(logging.ERROR)  # that a broker is away is what is meant
    outcomes: list[Outcome] = []
    try:
        for number in range(options.first, options.first + options.rounds):
            outcomes.append(play(options.seed * 100_000 + number, drawn(number, options.seed, faults), options.hold))
            _say(f"round {number}: {outcomes[-1]}")
    finally:  # a round that cannot be played ends the run, not what was found so far
        figures = totals(outcomes)
        report(figures, table(outcomes), options.json)
    sys.exit(1 if figures["failed"] else 0)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress, and what a failed round found


if __name__ == "__main__":
    main()
