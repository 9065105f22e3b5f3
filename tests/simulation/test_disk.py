"""The simulated disk loses what no fsync made durable, and nothing else: SQLite itself is the witness."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulation.disk import Disk

SEEDS = 40
LIVES = 4


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder whose SQLite files are watched until the end of the test."""
    yield tmp_path
    Disk(tmp_path, random.Random(0)).close()


def opened(root: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(root / "a.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, body BLOB)")
    return connection


def last(connection: sqlite3.Connection) -> int:
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return int(connection.execute("SELECT coalesce(max(n), 0) FROM t").fetchone()[0])


def lost(root: Path, seed: int, synchronous: str) -> int:
    """How many commits were lost in some lives that each ended in the middle of an operation."""
    rng = random.Random(seed)
    disk = Disk(root, rng)
    committed = missing = 0
    for _ in range(LIVES):
        with closing(opened(root, synchronous)) as connection:
            missing += max(committed - last(connection), 0)
            committed = number = last(connection)
            disk.dies_at = disk.operations + rng.randrange(1, 60)
            with pytest.raises(sqlite3.OperationalError):
                while True:
                    number += 1
                    connection.execute("INSERT INTO t VALUES(?, ?)", (number, rng.randbytes(900)))
                    committed = number
                    if rng.random() < 0.1:
                        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        if rng.random() < 0.7:
            disk.power_cut(rng, rng.random())
        disk.revive()
    with closing(opened(root, synchronous)) as connection:
        return missing + max(committed - last(connection), 0)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_durable_commit_outlives_every_power_cut(root: Path, seed: int) -> None:
    """Whatever is torn, WAL and checkpoints included: with synchronous=FULL no commit is lost."""
    assert lost(root, seed, "FULL") == 0


def test_a_commit_without_fsync_does_not(root: Path) -> None:
    """The same lives without the fsync lose commits: the disk does what a power cut does."""
    total = 0
    for seed in range(5):
        folder = root / str(seed)
        folder.mkdir()
        total += lost(folder, seed, "NORMAL")
    assert total > 0


def test_what_a_failed_fsync_dropped_is_not_written_by_the_next(tmp_path: Path) -> None:
    """The file shows it until the power goes; so whoever goes on after a failed fsync may have lost it."""
    left = set()
    for seed in range(10):
        disk = Disk(tmp_path, random.Random(seed))
        path = str(tmp_path / f"{seed}.db-wal")
        disk.open(path)
        disk.write(path, 0, b"first")
        disk.sync(path)
        disk.write(path, 5, b"second")
        disk.fails_sync = True
        assert disk.sync(path) != 0
        assert disk.sync(path) == 0
        disk.power_cut(random.Random(0), 0.0)
        disk.close()
        left.add(Path(path).read_bytes())
    assert left == {b"first", b"firstsecond"}
