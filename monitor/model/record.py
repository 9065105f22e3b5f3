"""Records: what a logger sends, as it lies in the journal and as it reads when decoded."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SYNCHRONISED = 2  # `clk`: 0 unset, 1 free running, 2 synchronised
CLOCK_DRIFT = 20e-6  # 20 ppm, a plain crystal: 17 s in 10 days without synchronisation
LIVE_DELAY_S = 1.0  # of a live message through radio and broker, and how long its logger took to make it
NATIVE_TOPICS = "tcm/v1/"
MAX_RATE_HZ = 1e7  # no accelerometer is sampled faster, so such a rate is a wrong one
SEQ_LIMIT = 2**53  # boot and seq stay below, so that JSON and floats carry them exactly


class Record(NamedTuple):  # made thousands of times a second: a third of a frozen dataclass's time
    """One row of the journal: the bytes as received and what identifies them.

    `kind` is env, shock, status, operator, config or tick; `container`, `logger`, `boot`, `seq` are None where
    the kind has none. `has_waited` says that it was read later than its turn, once its boot's clock was known.
    """

    pos: int
    received_ns: int
    container: str | None
    logger: str | None
    boot: int | None
    seq: int | None
    kind: str
    topic: str | None
    payload: bytes
    has_waited: bool = False

    @property
    def is_fill(self) -> bool:
        """Whether the logger sent it from memory, after a break or on request."""
        return self.topic is not None and self.topic.startswith(NATIVE_TOPICS) and "/up/fill/" in self.topic

    @property
    def is_derived(self) -> bool:
        """Whether it came in another format, so that its boot and seq are derived from what it holds."""
        return self.topic is not None and not self.topic.startswith(NATIVE_TOPICS)


class Anchor(NamedTuple):
    """Where a boot's `mono` lies in calendar time.

    `start_ns` is calendar time minus `mono`, ns UTC; `mono_ns` that of the live message that said so, None where none
    did: then the boot began at `start_ns` at the latest.
    """

    start_ns: int
    mono_ns: int | None


class Stamp(NamedTuple):  # as Record
    """The keys that every message of a logger carries."""

    boot: int
    t0_ns: int
    mono_ns: int
    clk: int
    sync_age_s: float | None = None

    def time_ns(self, seq: int, anchor: Anchor | None) -> int:
        """When the message's first reading was taken, int64 ns UTC.

        The logger's own time where its clock is synchronised; else `mono` plus the boot's anchor, with crc32 of
        boot and seq (two u64, big-endian) mod 1000 ns added, so that two boots never overwrite each other.
        """
        if self.clk == SYNCHRONISED or anchor is None:
            return self.t0_ns
        identity = self.boot.to_bytes(8, "big") + seq.to_bytes(8, "big")
        return self.mono_ns + anchor.start_ns + zlib.crc32(identity) % 1000

    def clock_uncertainty_s(self, anchor: Anchor | None) -> float | None:
        """How far `time_ns` may be from the true time; None where nothing says so.

        What the crystal drifts since the clock was known: since the last synchronisation, where the time is the
        logger's own; else between the live message that anchored the boot and this one, and how long that travelled.
        """
        if self.clk == SYNCHRONISED or anchor is None:
            return None if self.sync_age_s is None else self.sync_age_s * CLOCK_DRIFT
        if anchor.mono_ns is None:
            return None
        return abs(self.mono_ns - anchor.mono_ns) * 1e-9 * CLOCK_DRIFT + LIVE_DELAY_S


class Env(NamedTuple):  # as Record
    """A decoded block of readings.

    `values` is float32 [rows, channels], NaN where a sensor gave nothing; `offsets_ns` is int64 [rows], each row's
    distance from the first; `interval_ns` the constant distance, or None where each row has its own.
    """

    stamp: Stamp
    seq: int
    oldest: int
    overrun: int
    channels: tuple[str, ...]
    values: NDArray[np.float32]
    offsets_ns: NDArray[np.int64]
    interval_ns: int | None


class Shock(NamedTuple):  # as Record
    """A decoded event: int16 `counts` [3, n] on sensor axes, `scale` [3] g a count, `pre` samples before trigger."""

    stamp: Stamp
    seq: int
    oldest: int
    overrun: int
    fs_hz: float
    pre: int
    scale: NDArray[np.float64]
    range_g: float
    counts: NDArray[np.int16]
    accelerometer: str
    level_g: float
    rejected: int

    @property
    def accel_g(self) -> NDArray[np.float64]:
        """Samples in g, float64 [3, n], sensor axes, static part included."""
        return self.counts * self.scale[:, None]

    @property
    def offsets_ns(self) -> NDArray[np.int64]:
        """Distance of each sample from the first: round(i * 1e9 / fs), int64 [n]."""
        offsets: NDArray[np.int64] = np.rint(np.arange(self.samples) * (1e9 / self.fs_hz)).astype(np.int64)
        return offsets

    @property
    def samples(self) -> int:
        """Number of samples on each axis."""
        return int(self.counts.shape[1])


@dataclass(frozen=True, slots=True)
class Status:
    """A decoded status: birth, change of state, or the last will (`offline`).

    `held` are ranges (boot, from, to) that are unsettled and still in memory; `boots` pairs (boot, next) of earlier
    boots that the logger does not know to be settled: what lies below `next` and outside `held` is lost.
    """

    stamp: Stamp
    state: str
    until_ns: int | None = None
    serial: str | None = None
    model: str | None = None
    firmware: str | None = None
    next_seq: int | None = None
    held: tuple[tuple[int, int, int], ...] | None = None
    boots: tuple[tuple[int, int], ...] | None = None
    armed: bool | None = None
    interval_us: int | None = None
    accelerometers: dict[str, dict[str, float]] = field(default_factory=dict)
    battery_pct: float | None = None
    memory_pct: float | None = None


Message = Env | Shock | Status
