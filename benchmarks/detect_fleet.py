"""Readings for the benchmark of the detector: loggers whose blocks follow each other, quiet or in a storm."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import REPOSITORY
from monitor.config import Rules, load_profile
from monitor.config.settings import IngestSettings
from monitor.model.batch import Batch, Block, Heard
from monitor.model.clock import NS_PER_S

START_NS = 1_795_413_600 * NS_PER_S
READINGS = 60
LOGGERS_IN_CONTAINER = 4  # as in our scenarios
CROSSING = 10  # readings from one crossing of a limit to the next, in a storm
RESOLUTION = 0.01
PROFILE = REPOSITORY / "config" / "limits" / "flight-hardware.toml"


class Channel(NamedTuple):
    """A channel as it is: `quiet` is far from every limit, `storm` beyond one, `noise` is the sensor's sigma."""

    name: str
    quiet: float
    storm: float
    noise: float


CHANNELS = (
    Channel("temperature.air", 20.0, 29.0, 0.02),
    Channel("temperature.hardware", 20.0, 31.0, 0.02),
    Channel("humidity.air", 40.0, 62.0, 0.1),
    Channel("pressure.inside", 103_000.0, 108_000.0, 2.0),  # the profile has no limit for it, but for the leak
    Channel("differential.inside", 1_500.0, 6_500.0, 2.0),
)


def shipped_rules() -> Rules:
    """The shipped profile for every container; nobody registered them, so each is in storage, without calibration."""
    profile = load_profile(PROFILE)
    return Rules(profiles={profile.name: profile}, ingest=IngestSettings(default_limits=profile.name))


class Fleet:
    """Loggers that send a block each in turn; a logger's readings follow each other without a gap."""

    def __init__(self, loggers: int, interval_s: float, *, is_storm: bool = False) -> None:
        self._interval_ns = round(interval_s * NS_PER_S)
        self._names = [(f"C-{n // LOGGERS_IN_CONTAINER}", f"L-{n}") for n in range(loggers)]
        self._sent = [0] * loggers
        self._next = self._pos = 0
        generator = np.random.default_rng(1)
        self._offset_ns = generator.integers(0, self._interval_ns, loggers).tolist()  # nobody starts them at once
        level = np.array([channel.quiet for channel in CHANNELS])
        storm = np.array([channel.storm for channel in CHANNELS])
        is_beyond = (np.arange(READINGS) // CROSSING % 2 == 1) & is_storm
        pattern = np.where(is_beyond[:, None], storm, level)
        noise = generator.normal(0.0, [channel.noise for channel in CHANNELS], (64, READINGS, len(CHANNELS)))
        # 64 blocks that loggers send in turn, each from one of its own on: no two neighbours send the same.
        self._values = np.round((pattern + noise) / RESOLUTION).astype(np.float32) * np.float32(RESOLUTION)

    def batch(self, blocks: int) -> Batch:
        """The next `blocks` blocks, each with its logger's being heard."""
        batch = Batch()
        for _ in range(blocks):
            batch.blocks.append(self._block(self._next))
            self._next = (self._next + 1) % len(self._names)
        batch.heard = [Heard(block.pos, block.container, block.logger, block.received_ns) for block in batch.blocks]
        return batch

    def _block(self, n: int) -> Block:
        container, logger = self._names[n]
        sent = self._sent[n]
        self._sent[n] += 1
        self._pos += 1
        first_ns = START_NS + self._offset_ns[n] + sent * READINGS * self._interval_ns
        times_ns: NDArray[np.int64] = first_ns + np.arange(READINGS, dtype=np.int64) * self._interval_ns
        values = self._values[(n + sent) % len(self._values)].copy()
        received_ns = int(times_ns[-1]) + NS_PER_S
        names = tuple([channel.name for channel in CHANNELS])
        return Block(
            self._pos, container, logger, 1, sent, False, names, times_ns, values, self._interval_ns,
            mono_ns=first_ns - START_NS, received_ns=received_ns,
        )  # fmt: skip
