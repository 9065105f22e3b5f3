"""Batch: what the detector is given, records read from the journal together, decoded and placed in time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor.model.record import Shock


@dataclass(frozen=True, slots=True)
class Block:
    """The readings of one env record at their places in time.

    `times_ns` int64 [n], `values` float32 [n, channels], NaN where a sensor gave nothing; `interval_ns` is the
    logger's declared interval (None: not declared yet).
    """

    pos: int
    container: str
    logger: str
    boot: int
    seq: int
    is_late: bool
    channels: tuple[str, ...]
    times_ns: NDArray[np.int64]
    values: NDArray[np.float32]
    interval_ns: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """One shock record at its place in time (`start_ns`: first sample)."""

    pos: int
    container: str
    logger: str
    boot: int
    seq: int
    start_ns: int
    shock: Shock

    @property
    def trigger_ns(self) -> int:
        """Time of the trigger sample; the last sample's when `pre` lies behind the record."""
        index = min(self.shock.pre, self.shock.samples - 1)
        return self.start_ns + round(index * 1e9 / self.shock.fs_hz)

    @property
    def end_ns(self) -> int:
        """Time of the last sample."""
        return self.start_ns + round((self.shock.samples - 1) * 1e9 / self.shock.fs_hz)


@dataclass(slots=True)
class Batch:
    """Blocks and events in journal order."""

    blocks: list[Block] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one series for a store.

    `key` is the position of the record they come from: writing the same key again replaces it. `times_ns` int64 [n];
    `fields` maps a name to an array [n] or a list of strings or booleans [n]; NaN is left out.
    """

    key: int
    measurement: str
    tags: tuple[tuple[str, str], ...]
    times_ns: NDArray[np.int64]
    fields: dict[str, NDArray[np.float32] | NDArray[np.float64] | list[str] | list[bool]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the detector says of one exceedance at one moment.

    `change` is `fired`, `peak` (more extreme than before, same state) or `cleared`. `start_ns` is the first reading
    beyond the limit and, with rule, container, logger and channel, the exceedance's identity.
    """

    change: str
    rule: str
    container: str
    logger: str
    channel: str
    axis: str | None
    start_ns: int
    time_ns: int
    value: float
    peak: float
    pos: int
    boot: int
    seq: int
