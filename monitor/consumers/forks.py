"""Forks: where the records of a container ceased to come in order, and what the judge knew of it just before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.alerts.reconcile import Told
from monitor.config import Rules
from monitor.detect.arrivals.judge import ARRIVAL_CHECKS
from monitor.model.batch import Finding
from monitor.model.limit import Profile

MAX_FORKS = 1_000  # containers; of further ones the whole journal is judged again, as of those below
MAX_FORK_BYTES = 64 << 20  # of all states together: as much again as the detector's own


@dataclass(slots=True)
class Fork:
    """From the record at `since_pos` on a container is judged again in official order, from `state`.

    Without `state` it is from the journal's beginning. `since_ns` is when that became so. `must_judge` says so even
    when the records are in order. `scanned_pos` and `judged` are how far that has come: rows up to which position, how
    many of them. `number` is another for each fork.
    """

    since_pos: int
    since_ns: int
    state: bytes
    number: int
    must_judge: bool = False
    scanned_pos: int = 0
    judged: int = 0


class Before(NamedTuple):
    """An exceedance that fired before the fork: its id, the finding that cleared it (None: it goes on), its peak."""

    exceedance: str
    ended: Finding | None
    peak: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What a container's exceedances are in official order, as of a tick at `at_ns`.

    `positions` int64 [n] are those of the records that were judged again; `official` fired in them, `before` earlier.
    """

    container: str
    at_ns: int
    positions: NDArray[np.int64]
    official: list[Told]
    before: list[Before]


class Forks:
    """At most one fork for each container; whoever has one is provisional."""

    def __init__(self) -> None:
        self._forks: dict[str, Fork] = {}
        self._number = 0

    def __contains__(self, container: str) -> bool:
        return container in self._forks

    def __iter__(self) -> Iterator[str]:
        """The containers, in order of their names."""
        return iter(sorted(self._forks))

    def __getitem__(self, container: str) -> Fork:
        return self._forks[container]

    @property
    def has_room(self) -> bool:
        """Whether the state of one container more can be kept."""
        kept = [len(fork.state) for fork in self._forks.values() if fork.state]
        return len(kept) < MAX_FORKS and sum(kept) < MAX_FORK_BYTES

    def begin(self, container: str, since_pos: int, since_ns: int, state: bytes) -> None:
        """Go back to `state` when the container is judged again."""
        self._number += 1
        self._forks[container] = Fork(since_pos, since_ns, state, self._number)

    def begin_anew(self, container: str, since_ns: int) -> None:
        """Judge the container again from the journal's beginning, whatever is in order."""
        self._number += 1
        self._forks[container] = Fork(0, since_ns, b"", self._number, must_judge=True)

    def mark(self, container: str) -> None:
        """A record was judged apart from its stream: though it may stand in its place, that was not its place."""
        self._forks[container].must_judge = True

    def end(self, container: str) -> None:
        """The container is settled."""
        del self._forks[container]

    def snapshot(self) -> dict[str, Any]:
        """The forks for `restore`."""
        return {"number": self._number, "forks": [[name, *astuple(fork)] for name, fork in self._forks.items()]}

    def restore(self, content: dict[str, Any]) -> None:
        """Take up the forks of a snapshot."""
        self._number = content["number"]
        self._forks = {name: Fork(*fields) for name, *fields in content["forks"]}


Exceedance = tuple[str, str, str, int]  # rule, logger, channel, start ns


def arrival_rules(profile: Profile) -> frozenset[str]:
    """The rules of a profile that are judged by when records arrive: these are never judged again in another order."""
    return frozenset(rule.id for rule in profile.rule if getattr(rule, "check", None) in ARRIVAL_CHECKS)


def is_by_arrival(finding: Finding, rules: Rules) -> bool:
    """Whether a finding depends on when records arrive."""
    return finding.rule in arrival_rules(rules.profile(finding.container))


class Firing:
    """What fires at present by the readings, with its peak, by container: as many as lanes fire."""

    def __init__(self) -> None:
        self._peaks: dict[str, dict[Exceedance, float]] = {}

    def of(self, container: str) -> dict[Exceedance, float]:
        """Peak of each exceedance of a container that goes on."""
        return dict(self._peaks.get(container, {}))

    def put(self, container: str, peaks: dict[Exceedance, float]) -> None:
        """These go on, and no others."""
        self._peaks.pop(container, None)
        if peaks:
            self._peaks[container] = peaks

    def take(self, findings: list[Finding], rules: Rules) -> None:
        """Go on with findings in order."""
        passed_over: dict[str, frozenset[str]] = {}
        for finding in findings:
            container = finding.container
            if container not in passed_over:
                passed_over[container] = arrival_rules(rules.profile(container))
            if finding.rule in passed_over[container]:
                continue
            peaks = self._peaks.setdefault(container, {})
            exceedance = (finding.rule, finding.logger, finding.channel, finding.start_ns)
            if finding.change == "cleared":
                peaks.pop(exceedance, None)
            else:
                peaks[exceedance] = finding.peak
            if not peaks:
                del self._peaks[container]

    def snapshot(self, container: str | None = None) -> list[list[Any]]:
        """The state for `restore`, or that of a container."""
        return [
            [name, *exceedance, peak]
            for name, peaks in self._peaks.items()
            if container in (None, name)
            for exceedance, peak in peaks.items()
        ]

    def restore(self, rows: list[list[Any]]) -> None:
        """Take up the state of a snapshot."""
        self._peaks = {}
        for name, rule, logger, channel, start_ns, peak in rows:
            self._peaks.setdefault(name, {})[rule, logger, channel, start_ns] = peak
