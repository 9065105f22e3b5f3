"""A store between a journal and a server that does as it is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from monitor.config import Rules
from monitor.consumers import Store, Watch, WatchReader
from monitor.journal import Journal, JournalReader, Usable
from monitor.model.batch import Points
from monitor.model.errors import SinkError
from monitor.sinks import RefusedLines, TooLarge, Unavailable, lines
from tests.intakes import ManualClock
from tests.journals import arrival
from tests.messages import env

P = ParamSpec("P")
T = TypeVar("T")
Verdict = Callable[[str], SinkError | None]
RULES = Rules.model_validate(
    {
        "ingest": {"default_limits": "hardware"},
        "profiles": {
            "hardware": {
                "name": "hardware",
                "rule": [
                    {
                        "id": "hot",
                        "kind": "threshold",
                        "channel": "temperature.*",
                        "above": "25 degC",
                        "severity": "alarm",
                    },
                    {"id": "jolt", "kind": "shock", "axis": "resultant", "peak": "3 g", "severity": "warning"},
                ],
            }
        },
    }
)
DOWN = Unavailable("write", "here", "down")


def fine(_line: str) -> None:
    """Every line is good."""


class Ledger:
    """A store that records each body and refuses, as a server would, by what its lines say."""

    name = target = "ledger"

    def __init__(self, verdict: Verdict = fine, max_lines: int = 10**9) -> None:
        self.verdict, self.max_lines = verdict, max_lines
        self.tried: list[bytes] = []
        self.kept: list[str] = []
        self.closed = False

    def open(self) -> None:
        """Nothing to open."""

    def prepare(self, points: Sequence[Points]) -> bytes:
        try:
            return lines(points)
        except (ValueError, TypeError) as error:
            raise RefusedLines("build", "here", str(error)) from error

    def write(self, body: bytes) -> None:
        self.tried.append(body)
        texts = body.decode().splitlines()
        if len(texts) > self.max_lines:
            raise TooLarge("write", "here", f"{len(texts)} lines")
        for error in map(self.verdict, texts):
            if error is not None:
                raise error
        self.kept += texts

    def series(
        self, container: str, logger: str, field: str, from_ns: int, to_ns: int, measurement: str = "env"
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        raise NotImplementedError

    def ping(self) -> None:
        """It is always there."""

    def try_write(self) -> None:
        """It takes what is written."""

    def close(self) -> None:
        self.closed = True


class AtOnce(Executor):
    """Runs what is submitted before `submit` returns."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as a pool does, whatever it is
            future.set_exception(error)
        return future


class ByHand(Executor):
    """Runs what is submitted when the test says so, in any order."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - as a pool does, whatever it is
                future.set_exception(error)

        self.waiting.append(run)
        return future


class Bench:
    """A journal with a watch behind it, and stores on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.journal = Journal(folder)
        self.journal.append_own("config", 1, RULES.to_json())
        self.reader = JournalReader(folder)
        self.watch = Watch(folder, self.reader, self.clock)
        self.results = WatchReader(folder)

    def append(self, *arrivals: Usable) -> None:
        self.journal.append(arrivals)
        while self.watch.step():
            pass

    def store(self, sink: Any, executor: Executor | None = None) -> Store:
        return Store(self.folder, self.reader, self.results, sink, executor or AtOnce(), self.clock)

    def refused(self) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.folder / "store.db") as connection:
            return connection.execute("SELECT measurement, key, time_ns, reason FROM refused ORDER BY n").fetchall()

    def saved(self) -> dict[str, int]:
        with sqlite3.connect(self.folder / "store.db") as connection:
            return dict(connection.execute("SELECT name, n FROM cursors").fetchall())


def run(store: Store, limit: int = 500) -> None:
    """Step until nothing can be done without waiting; a confirmation that came meanwhile wakes it once more."""
    idle = 0
    for _ in range(limit):
        idle = 0 if store.step() else idle + 1
        if idle == 2:
            return
    raise AssertionError("the store never rests")


def blocks(count: int, first: int = 0) -> list[Usable]:
    return [arrival("env", env(seq)) for seq in range(first, first + count)]


def of(measurement: str, texts: list[str]) -> list[str]:
    return [text for text in texts if text.startswith(measurement + ",")]
