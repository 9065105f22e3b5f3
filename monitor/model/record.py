"""Records: what a logger sends, as it lies in the journal and as it reads when decoded."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SYNCHRONISED = 2  # `clk`: 0 unset, 1 free running, 2 synchronised
SEQ_LIMIT = 2**53  # boot and seq stay below, so that JSON and floats carry them exactly


class Record(NamedTuple):  # made thousands of times a second: a third of a frozen dataclass's time
    """One row of the journal: the bytes as received and what identifies them.

    `kind` is env, shock, status, operator, config or tick; `container`, `logger`, `boot`, `seq` are None where
    the kind has none.
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

    @property
    def is_fill(self) -> bool:
        """Whether the logger sent it from memory, after a break or on request."""
        return self.topic is not None and "/up/fill/" in self.topic


class Stamp(NamedTuple):  # as Record
    """The keys that every message of a logger carries."""

    boot: int
    t0_ns: int
    mono_ns: int
    clk: int
    sync_age_s: float | None = None

    def time_ns(self, seq: int, anchor_ns: int | None) -> int:
        """When the message's first reading was taken, int64 ns UTC.

        The logger's own time where its clock is synchronised; else `mono` plus the boot's anchor, with crc32 of
        boot and seq (two u64, big-endian) mod 1000 ns added, so that two boots never overwrite each other.
        """
        if self.clk == SYNCHRONISED or anchor_ns is None:
            return self.t0_ns
        identity = self.boot.to_bytes(8, "big") + seq.to_bytes(8, "big")
        return self.mono_ns + anchor_ns + zlib.crc32(identity) % 1000


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


@dataclass(frozen=True, slots=True)
class Shock:
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
    """A decoded status: birth, change of state, or the last will (`offline`)."""

    stamp: Stamp
    state: str
    until_ns: int | None = None
    serial: str | None = None
    model: str | None = None
    firmware: str | None = None
    next_seq: int | None = None
    held: tuple[tuple[int, int, int], ...] | None = None
    armed: bool | None = None
    interval_us: int | None = None
    accelerometers: dict[str, dict[str, float]] = field(default_factory=dict)
    battery_pct: float | None = None
    memory_pct: float | None = None


Message = Env | Shock | Status
