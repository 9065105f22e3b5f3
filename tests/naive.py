"""Slow, obvious twins of the kernels: plain loops over readings, to be read against the definitions.

Here are those of limit and shock; those of the other families stand in files of their own and are named here too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.journal import Usable
from monitor.model.batch import Block, Finding
from monitor.model.limit import ThresholdRule
from monitor.model.record import Status
from tests.naive_air import NaiveGrid, NaiveLeak
from tests.naive_climate import NaiveDamage, NaiveExposure, NaiveKinetic, NaiveMeans, NaiveRange, NaiveRate
from tests.naive_health import (
    NaiveClock,
    NaiveCusum,
    NaiveMissing,
    NaiveReach,
    NaiveStuck,
    NaiveTrend,
    NaiveZScore,
)
from tests.naive_shock import NaiveTally

__all__ = [
    "NaiveClock",
    "NaiveCusum",
    "NaiveDamage",
    "NaiveExposure",
    "NaiveGrid",
    "NaiveKinetic",
    "NaiveLeak",
    "NaiveMeans",
    "NaiveMissing",
    "NaivePlacing",
    "NaiveRange",
    "NaiveRate",
    "NaiveReach",
    "NaiveStuck",
    "NaiveTally",
    "NaiveThreshold",
    "NaiveTrend",
    "NaiveZScore",
    "crossings_around",
    "peak",
    "resultant",
    "static_vector",
    "velocity_change",
]


@dataclass
class Lane:
    """One stream under one rule."""

    mode: str = "idle"
    first_ns: int = 0
    last_ns: int = 0
    peak: float = 0.0


class NaiveThreshold:
    """Twin of the threshold machine for one rule; every growing peak is told at once."""

    def __init__(self, rule: ThresholdRule, spans: Sequence[tuple[int, str]] = ()) -> None:
        self.rule, self.spans = rule, spans
        self.lanes: dict[tuple[str, str, bool, str], Lane] = {}
        self.findings: list[Finding] = []

    def feed(self, blocks: Iterable[Block]) -> list[Finding]:
        """Judge blocks reading by reading; the findings so far."""
        for block in blocks:
            for row, time_ns in enumerate(block.times_ns.tolist()):
                for column, channel in enumerate(block.channels):
                    value = float(block.values[row, column])
                    if self.rule.judges(channel) and not math.isnan(value):
                        self._reading(block, channel, time_ns, value)
        return self.findings

    def _reading(self, block: Block, channel: str, time_ns: int, value: float) -> None:
        lane = self.lanes.setdefault((block.container, block.logger, block.is_late, channel), Lane())
        sign = self.rule.sign
        is_watched = self.rule.phases is None or self._phase(time_ns) in self.rule.phases
        beyond = is_watched and value * sign > float(np.float32(self.rule.limit)) * sign
        clears = not is_watched or value * sign <= float(np.float32(self.rule.clear)) * sign

        def tell(change: str) -> None:
            self.findings.append(
                Finding(change, self.rule.id, block.container, block.logger, channel, None, lane.first_ns, time_ns,
                        value, lane.peak, block.pos, block.boot, block.seq)
            )  # fmt: skip

        spacing_ns = time_ns - lane.last_ns
        is_gap = spacing_ns <= 0 or (block.interval_ns is not None and spacing_ns > 2.5 * block.interval_ns)
        if lane.mode == "firing":
            if clears:
                tell("cleared")
                lane.mode = "idle"
            elif value * sign > lane.peak * sign:
                lane.peak = value
                tell("peak")
        elif not beyond:
            lane.mode = "idle"
        else:
            if lane.mode == "idle" or is_gap:
                lane.mode, lane.first_ns, lane.peak = "pending", time_ns, value
            lane.peak = max(lane.peak * sign, value * sign) * sign
            is_second = time_ns != lane.first_ns
            is_slow = block.interval_ns is not None and block.interval_ns > self.rule.for_s * 1e9
            if time_ns - lane.first_ns >= round(self.rule.for_s * 1e9) or (is_second and is_slow):
                lane.mode = "firing"
                tell("fired")
        lane.last_ns = time_ns

    def _phase(self, time_ns: int) -> str:
        phase = "storage"
        for start_ns, name in self.spans:
            if time_ns >= start_ns:
                phase = name
        return phase


def static_vector(accel_g: NDArray[np.float64], fs_hz: float, pre: int) -> list[float]:
    """Twin of `monitor.shock.static.static_vector`."""
    width = max(round(0.1 * fs_hz), 1)
    if pre == 0:
        return [float(np.median(axis)) for axis in accel_g]
    if pre <= width:
        mean = [sum(axis[:pre].tolist()) / pre for axis in accel_g]
        behind = _rest_behind(accel_g, fs_hz, pre, mean) if math.hypot(*mean) < 0.3 else mean
        return _surer(accel_g, fs_hz, pre, mean) if behind == mean and pre < 0.05 * fs_hz else behind
    windows = []
    for start in range(pre - width + 1):
        pieces = [axis[start : start + width].tolist() for axis in accel_g]
        mean = [sum(piece) / width for piece in pieces]
        spread = sum(sum((v - m) ** 2 for v in piece) for piece, m in zip(pieces, mean, strict=True))
        windows.append((spread, mean))
    if any(0.5 <= math.hypot(*mean) <= 1.5 for _, mean in windows):
        windows = [(spread, mean) for spread, mean in windows if math.hypot(*mean) >= 0.3]
    mean = min(windows, key=lambda window: window[0])[1]
    return _rest_behind(accel_g, fs_hz, pre, mean) if math.hypot(*mean) < 0.3 else mean


def _rest_behind(accel_g: NDArray[np.float64], fs_hz: float, pre: int, fall: list[float]) -> list[float]:
    """The quietest 0.05 s behind the trigger where they are steady and 1 g away from the fall, else the fall."""
    width = round(0.05 * fs_hz)
    if width < 2 or accel_g.shape[1] - pre < width:
        return fall
    pieces = [accel_g[:, at : at + width] for at in range(pre, accel_g.shape[1] - width + 1)]
    quietest = min(pieces, key=lambda piece: float(piece.var(axis=1).sum()))
    mean = [sum(axis.tolist()) / width for axis in quietest]
    halves = [sum(axis[-(width // 2) :].tolist()) - sum(axis[: width // 2].tolist()) for axis in quietest]
    is_steady = math.hypot(*halves) / (width // 2) < 0.03
    return mean if is_steady and abs(math.dist(mean, fall) - 1.0) <= 0.3 else fall


def _surer(accel_g: NDArray[np.float64], fs_hz: float, pre: int, mean: list[float]) -> list[float]:
    """The mean of the record, of four blocks of 25 ms or more, where that of the little before the trigger is worse."""
    medians, overall = (list(of(accel_g, axis=1)) for of in (np.median, np.mean))
    error = math.sqrt(sum(float(np.var(axis[:pre])) for axis in accel_g))
    if pre < 0.01 * fs_hz and accel_g.shape[1] >= 0.1 * fs_hz:
        error = max(error, math.dist(medians, mean))
    width = max(round(0.025 * fs_hz), 1)
    count = accel_g.shape[1] // width
    if error <= 0.15 or count < 4:
        return mean
    blocks = [[float(axis[at * width : (at + 1) * width].mean()) for at in range(count)] for axis in accel_g]
    swing = math.sqrt(sum(float(np.var(means, ddof=1)) for means in blocks) / count) / 2
    return overall if max(swing, math.dist(overall, medians)) < error else mean


def velocity_change(rows: Sequence[Sequence[float]], fs_hz: float, axis: int, index: int) -> list[float]:
    """Twin of `monitor.shock.pulse`: trapezoids from the peak at `index` out to where the axis comes to zero or rest.

    `rows` are the vectors sample by sample. The last trapezoid on each side ends in a vector that lies between the
    last sample of the pulse and the first outside of it; or in a sample, as far from 10 % as these points are apart.
    """
    peak = rows[index][axis]
    area = [0.0, 0.0, 0.0]
    crossings = crossings_around([math.copysign(1, peak) * row[axis] for row in rows], 0.1 * abs(peak), index)
    for step, crossing in zip((-1, 1), crossings, strict=True):
        at = index
        furthest = max(math.ceil(abs(index - crossing) + crossings[1] - crossings[0]), 1)
        while 0 <= at + step < len(rows) and abs(at - index) < furthest:
            inner, outer = rows[at], rows[at + step]
            height, below = inner[axis] / peak, outer[axis] / peak
            share = reach = 1.0
            if below <= 0.001:
                share = height / (height - min(below, 0.0))
                slope = 0.0 if at == index else rows[at - step][axis] / peak - height
                reach = min(height / slope, 1.0) if slope > 0 and below >= -0.001 else share
            end = [value + share * (following - value) for value, following in zip(inner, outer, strict=True)]
            area = [total + reach * (value + last) / 2 for total, value, last in zip(area, inner, end, strict=True)]
            if below <= 0.001:
                break
            at += step
    return [9.80665 * total / fs_hz for total in area]


def peak(samples: Sequence[float]) -> float:
    """The sample of largest magnitude, signed, the earliest of equals."""
    largest = samples[0]
    for sample in samples:
        if abs(sample) > abs(largest):
            largest = sample
    return largest


def resultant(accel_g: NDArray[np.float64]) -> float:
    """Largest length of the vector over time."""
    return max(math.sqrt(x * x + y * y + z * z) for x, y, z in accel_g.T.tolist())


def crossings_around(samples: Sequence[float], level: float, index: int) -> tuple[float, float]:
    """Twin of `monitor.shock.duration.around`: walk out from `index` to the crossings on either side."""

    def walk(step: int) -> float:
        at = index
        while 0 <= at + step < len(samples) and np.float32(samples[at + step]) > np.float32(level):
            at += step
        if not 0 <= at + step < len(samples):
            return float(at)
        return at + step * (samples[at] - level) / (samples[at] - samples[at + step])

    return walk(-1), walk(1)


class NaivePlacing:
    """Twin of the journal's placing: positions in the order in which they are given out, and each boot's anchor.

    Fed with the messages and ticks of a journal in order. `anchors` are (start_ns, mono_ns), mono_ns None where nothing
    came live in time; `unplaced` are the positions that wait.
    """

    def __init__(self, wait_ns: int, max_bytes: int) -> None:
        self.wait_ns, self.max_bytes = wait_ns, max_bytes
        self.pos = 0
        self.given: list[int] = []
        self.anchors: dict[tuple[str, int], tuple[int, int | None]] = {}
        self.starts: dict[tuple[str, int], list[int]] = {}
        self.waiting: list[tuple[int, tuple[str, int], int]] = []  # position, boot, bytes
        self.since_ns: dict[tuple[str, int], int | None] = {}  # the tick before; None where the start had none yet
        self.mono_ns: int | None = None  # of the last tick

    @property
    def unplaced(self) -> list[int]:
        return [pos for pos, _, _ in self.waiting]

    def restart(self) -> None:
        """The daemon starts anew."""
        self.mono_ns = None

    def take(self, arrival: Usable) -> None:
        """The next message that is journalled."""
        assert arrival.message is not None
        self.pos += 1
        stamp, key = arrival.message.stamp, (arrival.logger, arrival.message.stamp.boot)
        is_will = isinstance(arrival.message, Status) and arrival.message.state == "offline"
        is_placed = isinstance(arrival.message, Status) or stamp.clk == 2
        if key not in self.anchors and not is_will:
            start_ns = arrival.received_ns - stamp.mono_ns
            self.starts.setdefault(key, []).append(start_ns)
            if arrival.is_prompt:
                self._anchor({key: (start_ns, stamp.mono_ns)})
            elif not is_placed:
                self.waiting.append((self.pos, key, len(arrival.payload)))
                self.since_ns.setdefault(key, self.mono_ns)
                if sum(size for _, other, size in self.waiting if other == key) > self.max_bytes:
                    self._anchor({key: (min(self.starts[key]), None)})
                return
        self.given.append(self.pos)

    def tick(self, mono_ns: int) -> None:
        """The next tick."""
        self.pos += 1
        self.mono_ns = mono_ns
        for key, since_ns in self.since_ns.items():
            if since_ns is None or since_ns > mono_ns:
                self.since_ns[key] = mono_ns
        over = [key for key, since_ns in self.since_ns.items() if mono_ns - (since_ns or 0) >= self.wait_ns]
        self._anchor({key: (min(self.starts[key]), None) for key in over})
        self.given.append(self.pos)

    def _anchor(self, anchors: dict[tuple[str, int], tuple[int, int | None]]) -> None:
        self.anchors |= anchors
        self.given += [pos for pos, key, _ in self.waiting if key in anchors]
        self.waiting = [entry for entry in self.waiting if entry[1] not in anchors]
        self.since_ns = {key: since_ns for key, since_ns in self.since_ns.items() if key not in anchors}
