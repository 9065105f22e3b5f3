"""The phase, and the leg, in which each reading was taken, and the stretches of time in which a rule watches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.gather import Rows
from monitor.detect.kernels.readings import NO_SPAN
from monitor.detect.rules import RulesView
from monitor.model.phase import Spans, phase_in

FOREVER_NS = 1 << 62  # the year 2116
MAX_CONTAINERS = 1 << 16  # of a cache, emptied when full, as senders may invent containers for ever; about 1 kB each


class Scope(NamedTuple):
    """When a rule watches: in which phases (None: always), and whether it begins anew with each leg."""

    phases: tuple[str, ...] | None = None
    is_per_leg: bool = False

    @property
    def is_bound(self) -> bool:
        """Whether the time of a reading matters at all."""
        return self.phases is not None or self.is_per_leg


class _Watch(NamedTuple):
    """Stretches of a container's time under a scope: `starts_ns` [k]; [k + 1]: whether watched, and since when."""

    starts_ns: NDArray[np.int64]
    is_watched: NDArray[np.bool_]
    since_ns: NDArray[np.int64]


class Phases:
    """Phases under one configuration: each container's spans are asked for once."""

    def __init__(self, rules: RulesView) -> None:
        self._rules = rules
        self._spans: dict[str, tuple[Spans, Spans]] = {}
        self._watches: dict[tuple[int, int, Scope], _Watch] = {}  # containers of one consignment share theirs
        self._of_scope: dict[Scope, dict[str, _Watch]] = {}

    def at(self, container: str, time_ns: int) -> str:
        """The container's phase at a time."""
        return phase_in(self._of(container)[0], time_ns)

    def end_ns(self, container: str, time_ns: int) -> int:
        """When the phase that stands at a time ends (ns UTC); FOREVER_NS for the last one."""
        return next((start_ns for start_ns, _ in self._of(container)[0] if start_ns > time_ns), FOREVER_NS)

    def watched(self, rows: Rows, scope: Scope) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Whether the rule watches at each row's time, bool [n], and since when (NO_SPAN: always), int64 [n]."""
        known = self._of_scope.setdefault(scope, {})
        watches = [known.get(block.container) or self._watch(block.container, scope) for block in rows.blocks]
        if len(set(map(id, watches))) == 1:
            return _look_up(watches[0], rows.times_ns)
        kinds = {id(watch): watch for watch in watches}
        numbers = {key: number for number, key in enumerate(kinds)}
        kind = np.repeat(np.array([numbers[id(watch)] for watch in watches]), rows.counts)
        is_watched, since_ns = np.empty(len(kind), dtype=np.bool_), np.empty(len(kind), dtype=np.int64)
        for number, watch in enumerate(kinds.values()):
            of_kind = kind == number
            is_watched[of_kind], since_ns[of_kind] = _look_up(watch, rows.times_ns[of_kind])
        return is_watched, since_ns

    def _of(self, container: str) -> tuple[Spans, Spans]:
        found = self._spans.get(container)
        if found is None:
            if len(self._spans) >= MAX_CONTAINERS:
                self._forget()
            found = self._rules.phase_spans(container), self._rules.leg_spans(container)
            self._spans[container] = found  # keeps the spans alive, and with them their ids
        return found

    def _forget(self) -> None:
        self._spans.clear()
        self._watches.clear()
        self._of_scope.clear()

    def _watch(self, container: str, scope: Scope) -> _Watch:
        spans, legs = self._of(container)
        key = (id(spans), id(legs), scope)
        if key not in self._watches:
            self._watches[key] = _watch_of(spans, legs if scope.is_per_leg else (), scope)
        watch = self._of_scope.setdefault(scope, {})[container] = self._watches[key]
        return watch


def _look_up(watch: _Watch, times_ns: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    index = np.searchsorted(watch.starts_ns, times_ns, side="right")
    return watch.is_watched[index], watch.since_ns[index]


def _watch_of(spans: Spans, legs: Spans, scope: Scope) -> _Watch:
    """Phases watched one after the other are one stretch, unless a leg begins in between."""
    starts_ns = sorted({start_ns for start_ns, _ in (*spans, *legs)})
    leg_starts_ns = {start_ns for start_ns, _ in legs}
    is_watched: list[bool] = []
    since_ns: list[int] = []
    for start_ns in (NO_SPAN, *starts_ns):
        watched = scope.phases is None or phase_in(spans, start_ns) in scope.phases
        goes_on = bool(is_watched) and watched and is_watched[-1] and start_ns not in leg_starts_ns
        since_ns.append(since_ns[-1] if goes_on else start_ns)
        is_watched.append(watched)
    return _Watch(
        np.array(starts_ns, dtype=np.int64), np.array(is_watched, dtype=np.bool_), np.array(since_ns, dtype=np.int64)
    )
