"""What really happened to each logger, on the grid of its truth, and which of it the monitor could know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.arrays import F64, Mask

NS_PER_S = 1_000_000_000
SYNCHRONISED = 2
SENSOR_FAULTS = ("stuck", "drift", "dropout", "clip")


def time_ns(text: str) -> int:
    """Ns UTC of RFC 3339 with Z and any number of decimals."""
    whole, _, decimals = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * NS_PER_S + int(f"{decimals:0<9}"[:9])


class Arrival(NamedTuple):
    """A record in the journal, in its order; `at_ns` is the receipt. `is_foreign`: no logger ever made it so."""

    boot: int
    seq: int
    at_ns: int
    is_fill: bool
    is_foreign: bool


class Made(NamedTuple):
    """A record as its logger made it: true time of its first reading, what its clock told, and what became of it."""

    boot: int
    seq: int
    kind: str
    t0_ns: int
    told_ns: int
    clk: int
    fate: str

    @property
    def error_ns(self) -> int:
        """By how much the times that the monitor gives its readings are wrong; an unset clock's are anchored."""
        return self.told_ns - self.t0_ns if self.clk == SYNCHRONISED else 0


class Leg(NamedTuple):
    """A stretch of the journey in s since the start."""

    begin_s: float
    end_s: float
    id: str
    phase: str


@dataclass(frozen=True)
class LoggerTruth:
    """One logger: its truth on a grid of `step_s` from the scenario's start, its records and what reached the journal.

    `quantities` float32 [n, columns]; `told` is what scenario.json says of it.
    """

    container: str
    name: str
    start_ns: int
    told: Mapping[str, Any]
    quantities: NDArray[np.float32]
    legs: Sequence[Leg]
    made: Sequence[Made]
    arrivals: Sequence[Arrival]
    faults: Sequence[Mapping[str, Any]]
    shocks: Sequence[Mapping[str, Any]]

    @property
    def interval_s(self) -> float:
        """The declared interval."""
        return float(self.told["interval_s"])

    @property
    def block_s(self) -> float:
        """From the first reading of a record to the first of the next."""
        return self.interval_s * int(self.told["block"])

    @property
    def step_s(self) -> float:
        """Of the grid: a tenth of the interval."""
        return float(self.told["grid"]["step_s"])

    @property
    def columns(self) -> list[str]:
        """Channels of which there is a truth."""
        return list(self.told["grid"]["columns"]) if self.told["grid"] else []

    @property
    def points(self) -> int:
        """Of the grid."""
        return len(self.quantities)

    @property
    def days(self) -> float:
        """Length of the truth."""
        return self.points * self.step_s / 86_400.0 if self.columns else self.legs[-1].end_s / 86_400.0

    @property
    def is_cloned(self) -> bool:
        """Whether a second logger speaks under its name."""
        return any(fault["kind"] == "clone" for fault in self.faults)

    def of(self, channel: str) -> F64:
        """The truth of a channel, float64 [n]."""
        return self.quantities[:, self.columns.index(channel)].astype(np.float64)

    def seconds(self, at_ns: int) -> float:
        """S since the scenario's start."""
        return (at_ns - self.start_ns) / NS_PER_S

    @cached_property
    def by_key(self) -> dict[tuple[int, int], Made]:
        """Records by boot and seq; of a clone's the original's."""
        return {(made.boot, made.seq): made for made in reversed(self.made)}

    @cached_property
    def foreign(self) -> frozenset[tuple[int, int]]:
        """Boot and seq of what the journal holds and no logger made so: messages with a byte changed."""
        return frozenset((one.boot, one.seq) for one in self.arrivals if one.is_foreign)

    @cached_property
    def _known(self) -> list[tuple[Made, Arrival]]:
        """Blocks in the journal, in the order of true time."""
        blocks = [
            (self.by_key[one.boot, one.seq], one)
            for one in self.arrivals
            if not one.is_foreign and (one.boot, one.seq) in self.by_key
        ]
        return sorted((pair for pair in blocks if pair[0].kind == "env"), key=lambda pair: pair[0].t0_ns)

    @cached_property
    def stretch(self) -> NDArray[np.int32]:
        """Which unbroken stretch of readings in the journal each point lies in, int32 [n]; 0: in none.

        A stretch ends where a reading is missing, at a new boot and where the logger's clock jumps: there dwell and
        windows begin anew.
        """
        return self._numbered([made for made, _ in self._known])

    @cached_property
    def live_stretch(self) -> NDArray[np.int32]:
        """The same of the readings that came in their order: the others are known, but nobody waits for them."""
        heads: dict[int, int] = {}
        ordered, newest = set(), None
        for one in self.arrivals:
            if one.seq > heads.get(one.boot, -1) and (not one.is_fill or one.boot == newest):
                heads[one.boot], newest = one.seq, one.boot
                ordered.add(one)
        return self._numbered([made for made, one in self._known if one in ordered])

    @property
    def is_live(self) -> Mask:
        """Points whose readings came in their order, bool [n]: what live totals count at least."""
        return np.asarray(self.live_stretch > 0)

    def _numbered(self, blocks: Sequence[Made]) -> NDArray[np.int32]:
        found = np.zeros(self.points, dtype=np.int32)
        number, before = 0, None
        for made in blocks:
            first_s, last_s = self._readings_s(made)
            if before is None or not self._follows(before, made):
                number += 1
            else:
                first_s = self._readings_s(before)[1]  # also between the blocks
            found[self._slice(first_s, last_s)] = number
            before = made
        return found

    @cached_property
    def is_disturbed(self) -> Mask:
        """Points about which a changed message told something else, or a wrong clock put elsewhere, bool [n]."""
        found = np.zeros(self.points, dtype=np.bool_)
        for one in self.arrivals:
            if one.is_foreign:
                at_s = self.seconds(one.at_ns)
                found[self._slice(at_s - 3 * self.block_s, at_s + 2 * self.block_s)] = True
        for made in self.made:
            if abs(made.error_ns) > self.interval_s * NS_PER_S:
                first_s, last_s = self._readings_s(made)
                found[self._slice(first_s - self.block_s, last_s + self.block_s)] = True
        return found

    def is_faulty(self, channel: str) -> Mask:
        """Points at which the channel's sensor does not show the truth, widened by an interval, bool [n]."""
        found = self.is_disturbed.copy()
        for fault in self.faults:
            if fault["kind"] in SENSOR_FAULTS and fault["channel"] == channel:
                begin_s, end_s = self.seconds(time_ns(fault["at"])), self.seconds(time_ns(fault["until"]))
                found[self._slice(begin_s - self.interval_s, end_s + self.interval_s)] = True
        return found

    def leg_of(self) -> NDArray[np.int32]:
        """The number of the leg at each point, int32 [n]; -1 behind the last."""
        begins = np.array([leg.begin_s for leg in self.legs])
        found = (np.searchsorted(begins, np.arange(self.points) * self.step_s, side="right") - 1).astype(np.int32)
        found[int(self.legs[-1].end_s / self.step_s) + 1 :] = -1
        return found

    def _readings_s(self, made: Made) -> tuple[float, float]:
        """Times of a block's first and last reading."""
        first_s = self.seconds(made.t0_ns)
        return first_s, first_s + self.block_s - self.interval_s

    def _follows(self, before: Made, made: Made) -> bool:
        spacing_s = self.seconds(made.t0_ns) - self._readings_s(before)[1]
        jump_s = (made.error_ns - before.error_ns) / NS_PER_S
        return before.boot == made.boot and spacing_s < 1.5 * self.interval_s and abs(jump_s) < 0.4 * self.interval_s

    def _slice(self, begin_s: float, end_s: float) -> slice:
        first = int(np.ceil(begin_s / self.step_s - 1e-6))
        return slice(max(first, 0), max(int(end_s / self.step_s + 1e-6) + 1, 0))
