"""The readings of one logger: the world at its moments, seen through its sensors, in blocks."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Env
from firmware_sim.physics import LocalSource, Sensor, SensorFault, SensorState, World, measure, spoil
from firmware_sim.physics.atmosphere import F64
from firmware_sim.physics.impact import Impact
from firmware_sim.physics.vibration import Vibration, interval_extremes
from firmware_sim.plan import Made
from firmware_sim.recorder.journey import random_of
from firmware_sim.recorder.truth import GRID_PARTS, Grid
from firmware_sim.scenario import Scenario
from firmware_sim.scenario.parts import DevicePart

CHUNK_READINGS = 480  # made at once: NumPy's calls cost little then, and a chunk of 4 channels is 31 kB
ACCELERATION = "acceleration."
HEATED = "temperature.hardware"  # what a source beside the hardware warms; the gas takes no part


@dataclass(frozen=True, slots=True)
class Post:
    """Where one logger stands, and with what: all that decides its readings.

    start_ns: true time of the scenario's start. sensors: by channel. rate: the oscillator's, logger's s in a true s.
    """

    scenario: Scenario
    name: str
    device: DevicePart
    start_ns: int
    world: World
    sources: Sequence[LocalSource]
    impacts: Sequence[Impact]
    vibration: Sequence[Vibration]
    sensors: Mapping[str, Sensor]
    faults: Sequence[SensorFault]
    rate: float
    grid: Grid | None = None

    def truth(self, t_s: F64, names: Sequence[str]) -> dict[str, F64]:
        """Return noise-free quantities at t_s (n,), ascending, s since the start: the world and what stands beside."""
        found = self.world.at(t_s, names) if names else {}
        if HEATED in found:
            for source in self.sources:
                found[HEATED] = found[HEATED] + source.at(t_s)
        return found


@dataclass(slots=True)
class Sampler:
    """Makes the blocks of one logger, chunk by chunk, and writes the truth beside them."""

    post: Post
    _states: dict[str, SensorState] = field(default_factory=dict)
    _grid_points: int = 0

    def blocks(self, boot: int, on_s: float, off_s: float) -> Iterator[Made]:
        """Yield the blocks that are complete while the power is on, on_s <= t < off_s since the start.

        Reading i of a boot is due when the logger's oscillator has counted i intervals. boot: count of the power-ups.
        """
        device = self.post.device
        step_s = device.interval / self.post.rate
        in_chunk = max(1, CHUNK_READINGS // device.block) * device.block
        first, chunk = 0, 0
        while on_s + (first + device.block - 1) * step_s < off_s:
            t_s: F64 = on_s + np.arange(first, first + in_chunk, dtype=np.float64) * step_s
            t_s = t_s[: int(np.searchsorted(t_s, off_s))]
            t_s = t_s[: len(t_s) // device.block * device.block]
            self._write_truth(float(t_s[-1]))
            x = self._measure(t_s, on_s, random_of(self.post.scenario, self.post.name, "noise", boot, chunk))
            yield from self._cut(t_s, x)
            first, chunk = first + in_chunk, chunk + 1

    def _cut(self, t_s: F64, x: NDArray[np.float32]) -> Iterator[Made]:
        device, start_ns = self.post.device, self.post.start_ns
        at_ns = start_ns + np.rint(t_s * NS_PER_S).astype(np.int64)
        interval_us = round(device.interval * 1e6)
        for row in range(0, len(t_s), device.block):
            if t_s[row] >= device.armed_at:
                env = Env(device.channels, interval_us, x[row : row + device.block])
                yield Made(int(at_ns[row + device.block - 1]), int(at_ns[row]), env)

    def _measure(self, t_s: F64, on_s: float, random: np.random.Generator) -> NDArray[np.float32]:
        """Return what the sensors show at t_s (n,), float32 (n, channels)."""
        post = self.post
        truth = self._felt(t_s, on_s, random)
        columns = np.empty((len(t_s), len(post.device.channels)), dtype=np.float32)
        for column, channel in enumerate(post.device.channels):
            state = self._states.setdefault(channel, SensorState())
            shown = measure(post.sensors[channel], truth[channel], post.device.interval, random, state)
            if channel.startswith(ACCELERATION):
                shown = np.abs(shown)  # a magnitude, whatever the noise
            columns[:, column] = spoil(channel, shown, t_s, post.faults, state) if post.faults else shown
        return columns

    def _felt(self, t_s: F64, on_s: float, random: np.random.Generator) -> dict[str, F64]:
        """Return what acts on each sensor; an acceleration at most as far as the first accelerometer's range.

        A peak is of the interval before its reading, but not of the time before the power was on, at on_s.
        """
        post = self.post
        channels = [channel for channel in post.device.channels if not channel.startswith(ACCELERATION)]
        truth = post.truth(t_s, channels)
        if len(channels) < len(post.device.channels):
            peak_g, rms_g = interval_extremes(
                t_s, post.device.interval, post.impacts, post.vibration, post.device.isolation, random
            )
            range_g = next((part.range_g for part in post.device.accelerometer.values()), math.inf)
            for name, felt_g in (("acceleration.peak", peak_g), ("acceleration.rms", rms_g)):
                truth[name] = np.where(t_s > on_s, np.minimum(felt_g, range_g), 0.0)
        return truth

    def _write_truth(self, until_s: float) -> None:
        """Write the noise-free quantities up to until_s on the grid of a part of the interval."""
        if self.post.grid is None:
            return
        step_s = self.post.device.interval / GRID_PARTS
        upto = int(until_s / step_s) + 1
        names = grid_columns(self.post.device)
        for begin in range(self._grid_points, upto, CHUNK_READINGS * GRID_PARTS):
            end = min(upto, begin + CHUNK_READINGS * GRID_PARTS)
            truth = self.post.truth(np.arange(begin, end, dtype=np.float64) * step_s, names)
            self.post.grid.append(np.stack([truth[name] for name in names], axis=1).astype(np.float32))
        self._grid_points = max(self._grid_points, upto)


def grid_columns(device: DevicePart) -> list[str]:
    """Return the quantities that the truth has of a logger: those it measures, but for its accelerations."""
    return [channel for channel in device.channels if not channel.startswith(ACCELERATION)]
