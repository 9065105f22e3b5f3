"""Said: tells the store how containers, loggers and the daemon itself stand, which no record of the journal says."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from monitor.config import Config, Rules
from monitor.consumers.said_points import (
    Document,
    Stage,
    container_fields,
    container_point,
    logger_point,
    monitor_points,
    stage_point,
    stages,
)
from monitor.model.batch import Points
from monitor.model.clock import HOUR_NS, MINUTE_NS, NS_PER_S, Clock
from monitor.model.progress import Progress

LOOK_NS = NS_PER_S  # so soon a change shows
STATUS_NS = 10 * NS_PER_S
CONTAINER_NS = MINUTE_NS  # so often a container is told, whether it changed or not
JOURNEY_NS = HOUR_NS  # during an outage of days only the latest points are kept

log = logging.getLogger(__name__)

_STATM = Path("/proc/self/statm")


class Standing(Protocol):
    """What there is to tell; as the service answers it."""

    config: Config

    def rules_in_force(self) -> Rules:
        """The rules, with what operators set over them."""

    def status(self) -> Document:
        """The status document."""

    def containers(self) -> list[Document]:
        """Each container as it stands now."""

    def silent_loggers(self) -> set[tuple[str, str]]:
        """Container and logger of those whose silence is an open alert."""

    def newest_ns(self) -> dict[tuple[str, str], int]:
        """The time (ns UTC) of the newest reading of each container and logger, since the daemon began."""


class Said:
    """One `step`: every second the containers that changed or are due, every ten the daemon and its notifiers."""

    def __init__(self, standing: Standing, clock: Clock, tell: Callable[[Sequence[Points]], None]) -> None:
        self._standing, self._clock, self._tell = standing, clock, tell
        self._look_ns = self._status_ns = clock.mono_ns()
        self._loggers: dict[str, list[Document]] = {}  # by container
        self._failure = ""
        self._journeys: dict[str, list[Stage]] = {}  # by container, as told last
        self._journeys_ns = clock.mono_ns()  # when all of them are told anew
        # By container what was told last, with the states of its loggers, and until when that stands (monotonic).
        self._told: dict[str, tuple[tuple[Document, list[str]], int]] = {}

    def step(self) -> bool:
        """Tell what is due; False when nothing was."""
        mono_ns = self._clock.mono_ns()
        if mono_ns < self._look_ns:
            return False
        self._look_ns = mono_ns + LOOK_NS
        try:
            points = self._look(mono_ns)
        except (OSError, sqlite3.Error) as error:  # nothing depends on it: it is told again in a second
            if str(error) != self._failure:
                log.warning("how things stand could not be told to the store: %s; trying again", error)
            self._failure = str(error)
            return False
        self._failure = ""
        self._tell(points)
        return bool(points)

    def _look(self, mono_ns: int) -> list[Points]:
        points: list[Points] = []
        if mono_ns >= self._status_ns:
            self._status_ns = mono_ns + STATUS_NS
            points += self._daemon()
        points += self._containers(mono_ns)
        return points

    def progress(self) -> Progress:
        """Nothing ever waits for it."""
        return Progress(0, 0)

    def _daemon(self) -> Iterator[Points]:
        status, free_bytes = self._standing.status(), shutil.disk_usage(self._standing.config.state_dir).free
        self._loggers = {}
        for logger in status["loggers"]:
            self._loggers.setdefault(logger["container"], []).append(logger)
        yield from monitor_points(status, free_bytes, _rss_bytes(), self._clock.now_ns())

    def _containers(self, mono_ns: int) -> Iterator[Points]:
        rules, now_ns = self._standing.rules_in_force(), self._clock.now_ns()
        newest_ns, silent = self._standing.newest_ns(), self._standing.silent_loggers()
        n_silent = Counter(container for container, _ in silent)
        told, self._told = self._told, {}
        if mono_ns >= self._journeys_ns:
            self._journeys, self._journeys_ns = {}, mono_ns + JOURNEY_NS
        for described in self._standing.containers():
            name = described["container"]
            yield from self._journey(rules, name, now_ns)
            loggers = self._loggers.get(name, [])
            fields = container_fields(rules, described, len(loggers), n_silent[name], now_ns)
            now = fields, [logger["state"] for logger in loggers]
            before, due_ns = told.get(name, (None, 0))
            if now == before and mono_ns < due_ns:
                self._told[name] = now, due_ns
                continue
            self._told[name] = now, mono_ns + CONTAINER_NS
            yield container_point(described, fields, now_ns)
            for logger in loggers:
                yield logger_point(rules, logger, newest_ns.get((name, logger["logger"])), now_ns)

    def _journey(self, rules: Rules, container: str, now_ns: int) -> Iterator[Points]:
        """What of the journey was not told within the hour; what was told before, as ahead of a start, is the same."""
        before, journey = self._journeys.get(container, []), stages(rules, container, now_ns)
        self._journeys[container] = journey
        yield from (stage_point(container, stage) for stage in journey if stage not in before)


def _rss_bytes() -> int:
    """The memory that this process has, as Linux says."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
