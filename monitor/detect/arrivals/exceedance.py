"""Exceedances of values that come now and then: limit, dwell and hysteresis in plain Python, one value at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from monitor.detect.lane import LIMITS_CHANGED, LaneKey, lane_key
from monitor.model.batch import Finding
from monitor.model.limit import HealthRule


class Seen(NamedTuple):
    """A value at its time and the record or tick that says so; `since_ns`, since when it is so (None: that time).

    `steady_ns` is the time by which a dwell is counted.
    """

    value: float
    time_ns: int
    pos: int
    boot: int = 0
    note: str = ""
    since_ns: int | None = None
    steady_ns: int = 0


@dataclass(slots=True)
class _Open:
    """A lane that is pending or firing: since when, its peak, and the last value with its record.

    It is to fire at `due_ns` of steady time.
    """

    is_firing: bool
    due_ns: int
    start_ns: int
    peak: float
    value: float
    last_ns: int
    pos: int
    boot: int
    note: str


class Exceedances:
    """What is pending or firing, by lane; a lane within its limit is not remembered."""

    def __init__(self) -> None:
        self._open: dict[LaneKey, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, key: LaneKey) -> bool:
        return key in self._open

    def judge(self, key: LaneKey, rule: HealthRule, seen: Seen, dwell_ns: int = 0) -> list[Finding]:
        """Judge a value that is a number; that it grows further is kept for the end, not told."""
        lane = self._open.get(key)
        level = rule.clear if lane is not None and lane.is_firing else rule.limit
        if (seen.value - level) * rule.sign <= 0:
            return self.end(key, seen)
        if lane is None:
            start_ns = seen.time_ns if seen.since_ns is None else seen.since_ns
            due_ns = seen.steady_ns + dwell_ns
            lane = _Open(False, due_ns, start_ns, seen.value, seen.value, seen.time_ns, seen.pos, seen.boot, seen.note)
            self._open[key] = lane
        lane.peak = max(lane.peak, seen.value, key=lambda value: value * rule.sign)
        lane.value, lane.last_ns, lane.pos, lane.boot = seen.value, seen.time_ns, seen.pos, seen.boot
        lane.note = seen.note
        return _fire(key, lane) if not lane.is_firing and seen.steady_ns >= lane.due_ns else []

    def ripen(self, now_ns: int, pos: int, steady_ns: int) -> list[Finding]:
        """Fire what has been pending for its dwell, without a further value."""
        found = []
        for key, lane in self._open.items():
            if not lane.is_firing and steady_ns >= lane.due_ns:
                lane.last_ns, lane.pos = now_ns, pos
                found += _fire(key, lane)
        return found

    def end(self, key: LaneKey, seen: Seen) -> list[Finding]:
        """End a lane: `cleared` if it was firing."""
        lane = self._open.pop(key, None)
        if lane is None or not lane.is_firing:
            return []
        return [_finding("cleared", key, lane, seen.value, seen.time_ns, seen.pos, seen.boot)]

    def lanes(self, container: str | None = None) -> list[LaneKey]:
        """The open lanes of a container (None: of all)."""
        return [key for key in self._open if container in (None, key.container)]

    def snapshot(self, container: str | None) -> list[list[Any]]:
        """The open lanes of a container (None: of all), for `adopt`."""
        return [
            [list(key), [getattr(self._open[key], name) for name in _Open.__slots__]]
            for key in sorted(self.lanes(container))
        ]

    def adopt(self, content: list[list[Any]], is_in_force: Callable[[LaneKey], bool]) -> list[Finding]:
        """Go on with remembered lanes; those whose rule is not in force are dropped, `cleared` if they fired."""
        found = []
        for fields, values in content:
            key, lane = lane_key(fields), _Open(*values)
            if is_in_force(key):
                self._open[key] = lane
            elif lane.is_firing:
                last_ns = max(lane.start_ns, lane.last_ns)
                ended = _finding("cleared", key, lane, lane.value, last_ns, lane.pos, lane.boot)
                found.append(ended._replace(note=LIMITS_CHANGED))
        return found

    def forget(self, container: str) -> None:
        """Remember nothing more of a container."""
        for key in self.lanes(container):
            del self._open[key]


def _fire(key: LaneKey, lane: _Open) -> list[Finding]:
    lane.is_firing = True
    return [_finding("fired", key, lane, lane.value, lane.last_ns, lane.pos, lane.boot)]


def _finding(change: str, key: LaneKey, lane: _Open, value: float, time_ns: int, pos: int, boot: int) -> Finding:
    return Finding(
        change, key.rule, key.container, key.logger, key.channel, None, lane.start_ns, time_ns, value, lane.peak,
        pos, boot, 0, note=lane.note if change == "fired" else "",
    )  # fmt: skip
