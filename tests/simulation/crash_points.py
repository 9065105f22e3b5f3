"""A short journey without any fault but one: the machine loses power at a given write or fsync of the daemon.

`python -m tests.simulation.crash_points` counts them, and lives through the journey with each of them in turn as the
last; `--every` and `--offset` take some of them.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import tempfile
import traceback
from pathlib import Path

from tests.simulation.__main__ import SHARED_MEMORY, fix_hash_seed
from tests.simulation.invariants import check
from tests.simulation.world import World

SEED = 7
SHARES = ((0.0, 1.0), (0.0, 0.5))  # of what was not durable: by turns nothing and all of it, nothing and any part


class Journey(World):
    """`dies_at` is the operation of the disk that is the last; None: none is."""

    actions = 150
    recording_rounds = 5

    def __init__(self, root: Path, dies_at: int | None = None, share: float = 0.0) -> None:
        super().__init__(SEED, root)
        self.faults.strike = lambda: False  # type: ignore[method-assign]  # but the one
        self._is_hostile = True
        self.disk.dies_at, self._share = dies_at, share

    def end(self) -> None:
        self._lose_power(self._share)

    def _end_faults(self) -> None:
        """The one fault may come while everything settles, too."""


def live(dies_at: int | None = None, share: float = 0.0) -> int:
    """Live through the journey; the number of operations that were asked of the disk."""
    with tempfile.TemporaryDirectory(prefix="tcm-crash-", dir=SHARED_MEMORY) as root:
        journey = Journey(Path(root), dies_at, share)
        try:
            journey.run()
            check(journey)
            if dies_at is not None and journey.deaths != 1:
                raise AssertionError(f"the power was cut {journey.deaths} times, expected once")
        finally:
            journey.gateway.die(None, 0.0)
            journey.disk.close()
        return journey.disk.operations


def main() -> int:
    """Exit status 0 when every invariant held after each crash, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.crash_points", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each n-th operation")
    parser.add_argument("--offset", type=int, default=0, help="beginning with this one")
    parser.add_argument("--stop", action="store_true", help="end with the first that fails")
    asked = parser.parse_args()
    fix_hash_seed()
    logging.disable(logging.CRITICAL)
    gc.freeze()
    total, failures = live(), 0
    points = [
        (at, share)
        for turn, at in enumerate(range(1 + asked.offset, total + 1, asked.every))
        for share in SHARES[turn % len(SHARES)]
    ]
    for dies_at, share in reversed(points):  # late ones put most at stake
        if failures and asked.stop:
            break
        try:
            live(dies_at, share)
        except Exception:  # noqa: BLE001  # whatever it is, it is told and counts
            failures += 1
            print(f"crash at operation {dies_at}, share {share}: {traceback.format_exc(limit=-8)}", flush=True)
    print(f"{total} operations, {len(points)} crashes, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
