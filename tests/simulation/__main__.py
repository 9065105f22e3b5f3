"""`python -m tests.simulation SEED` lives through one seed again, with `--trace` line by line; `--seeds N` soaks.

Each batch of seeds has a process of its own, under one hash seed, so that a seed means the same everywhere.
"""

from __future__ import annotations

import argparse
import functools
import gc
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.simulation.invariants import check
from tests.simulation.world import World

BATCH_SEEDS = 25  # of one process; it takes a second to start
BATCH_LIMIT_S = 900
HASH_SEED = "0"
_SHARED_MEMORY = Path("/dev/shm")
SHARED_MEMORY = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None  # what is durable is simulated: no disk is needed


def live(seed: int, trace: Callable[[str], None] | None = None, keep: Path | None = None) -> None:
    """Live through a seed; whatever it raises is a finding. The state directory is copied to `keep`."""
    with tempfile.TemporaryDirectory(prefix=f"tcm-simulation-{seed}-", dir=SHARED_MEMORY) as root:
        world = World(seed, Path(root), trace)
        try:
            world.run()
            check(world)
        finally:
            world.gateway.die(None, 0.0)
            world.disk.close()
            if keep is not None:
                shutil.copytree(root, keep, dirs_exist_ok=True)


def run_batch(seeds: Sequence[int], *, is_brief: bool = False) -> tuple[int, str]:
    """Live through seeds in a process of its own: exit status, and what it printed of those that failed."""
    command = [sys.executable, "-m", "tests.simulation", *map(str, seeds), *(["--stop"] if is_brief else [])]
    environment = os.environ | {"PYTHONHASHSEED": HASH_SEED}
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=BATCH_LIMIT_S, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def fix_hash_seed() -> None:
    """Begin this process anew unless it has the hash seed under which a seed means the same everywhere."""
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.execve(sys.executable, sys.orig_argv, os.environ | {"PYTHONHASHSEED": HASH_SEED})


def batches(first: int, count: int) -> Iterator[range]:
    """`count` seeds from `first` on, in batches."""
    for begin in range(first, first + count, BATCH_SEEDS):
        yield range(begin, min(begin + BATCH_SEEDS, first + count))


def main() -> int:
    """Exit status 0 when every invariant held in every seed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="*", type=int, help="seeds to live through in this process")
    parser.add_argument("--trace", action="store_true", help="print everything that happens")
    parser.add_argument("--keep", type=Path, help="a folder to which the state directory is copied at the end")
    parser.add_argument("--seeds", type=int, default=0, help="live through so many seeds, in processes of their own")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--stop", action="store_true", help="end with the first that fails")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    asked = parser.parse_args()
    if asked.seeds:
        return _soak(asked.first, asked.seeds, asked.jobs, is_brief=asked.stop)
    fix_hash_seed()
    logging.basicConfig(level=logging.INFO if asked.trace else logging.CRITICAL + 1, stream=sys.stdout)
    gc.freeze()  # each death collects garbage: what is imported need not be looked at
    failed = 0
    for seed in asked.seed:
        failed += not _is_well(seed, print if asked.trace else None, asked.keep)
        if failed and asked.stop:
            break
    return 1 if failed else 0


def _is_well(seed: int, trace: Callable[[str], None] | None, keep: Path | None) -> bool:
    try:
        live(seed, trace, keep)
    except Exception:  # noqa: BLE001  # whatever it is, it is told and counts
        told = traceback.format_exc(limit=-8)
        print(f"seed {seed} failed; again: python -m tests.simulation {seed} --trace\n{told}", flush=True)
        return False
    return True


def _soak(first: int, count: int, jobs: int, *, is_brief: bool) -> int:
    began_s = time.monotonic()
    failures = done = 0
    with ThreadPoolExecutor(jobs) as pool:
        parts = list(batches(first, count))
        run = functools.partial(run_batch, is_brief=is_brief)
        for part, (status, told) in zip(parts, pool.map(run, parts), strict=True):
            done += len(part)
            if status:
                failures += max(told.count("failed; again:"), 1)
                print(told, flush=True)
                if is_brief:
                    pool.shutdown(cancel_futures=True)
                    break
            if done % (BATCH_SEEDS * 20) == 0:
                print(f"{done} seeds, {failures} failed, {time.monotonic() - began_s:.0f} s", flush=True)
    print(f"{done} seeds, {failures} failed, {time.monotonic() - began_s:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
