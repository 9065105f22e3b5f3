"""Clock kernel: what is wrong with the times of a logger's blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import Flags, Index, Times
from monitor.model.clock import NS_PER_S

DRIFT_PER_NS = 100e-6  # five times a plain crystal's 20 ppm, as in heat or cold: what a clock may do without stepping


class Stamps(NamedTuple):
    """Blocks of L lanes (a logger, live or late) lane by lane, in journal order within a lane.

    int64 [n]: `t0_ns` and `end_ns` of the first and last reading, `mono_ns` as of the first, `boot`, `unordered`, how
    many of its readings are not later than the one before; `is_synced` bool [n]; `starts`, `counts` int64 [L].
    """

    t0_ns: Times
    end_ns: Times
    mono_ns: Times
    boot: Index
    unordered: Index
    is_synced: Flags
    starts: Index
    counts: Index


@dataclass(frozen=True, slots=True)
class ClockMemory(Columns):
    """Of a lane's last block: boot, times and whether it was synchronised; of the last that was: boot, `offset_ns`
    (t0 - mono) and mono; `unset_ns`, since when none was, where `is_unset`.
    """

    dtypes: ClassVar[dict[str, str]] = {
        "begun": "?", "boot": "<i8", "mono_ns": "<i8", "end_ns": "<i8", "is_synced": "?",
        "has_offset": "?", "offset_boot": "<i8", "offset_ns": "<i8", "offset_mono_ns": "<i8",
        "is_unset": "?", "unset_ns": "<i8",
    }  # fmt: skip
    begun: Flags
    boot: Index
    mono_ns: Times
    end_ns: Times
    is_synced: Flags
    has_offset: Flags
    offset_boot: Index
    offset_ns: Times
    offset_mono_ns: Times
    is_unset: Flags
    unset_ns: Times


class Faults(NamedTuple):
    """What is wrong with each block [n]: all 0, and `unset_s` below 0, where nothing is.

    `step_s` float64: by how much more than drift explains the clock differs from that of the synchronised block before
    in the same boot. `unordered` int64: readings not later than the one before, the last one of the block before
    included. `unset_s` float64: time to the last reading since `unset_ns` int64, the first reading of the first block
    after the clock was last known to be synchronised; -1 where it is.
    """

    step_s: NDArray[np.float64]
    unordered: Index
    unset_s: NDArray[np.float64]
    unset_ns: Times

    @property
    def is_any(self) -> Flags:
        """Where there is anything to tell."""
        return (self.step_s > 0) | (self.unordered > 0) | (self.unset_s >= 0)


def clock(stamps: Stamps, memory: ClockMemory) -> tuple[Faults, ClockMemory]:
    """Faults of each block, and the memory after; `memory` has a row for each lane."""
    step_s, synced = _steps(stamps, memory)
    unset_ns, unset_s = _unset(stamps, memory)
    ends = stamps.starts + stamps.counts - 1
    last = synced[ends]
    is_carried = last < stamps.starts
    after = ClockMemory(
        np.ones(len(ends), dtype=np.bool_),
        stamps.boot[ends],
        stamps.mono_ns[ends],
        stamps.end_ns[ends],
        stamps.is_synced[ends],
        ~is_carried | memory.has_offset,
        np.where(is_carried, memory.offset_boot, stamps.boot[last]),
        np.where(is_carried, memory.offset_ns, stamps.t0_ns[last] - stamps.mono_ns[last]),
        np.where(is_carried, memory.offset_mono_ns, stamps.mono_ns[last]),
        ~stamps.is_synced[ends],
        np.where(stamps.is_synced[ends], 0, unset_ns[ends]),
    )
    return Faults(step_s, stamps.unordered + _is_behind(stamps, memory), unset_s, unset_ns), after


def _steps(stamps: Stamps, memory: ClockMemory) -> tuple[NDArray[np.float64], Index]:
    """Step of each block, and the place of the last synchronised one up to each; before the lane's start for none."""
    index, lane_start = np.arange(len(stamps.boot)), np.repeat(stamps.starts, stamps.counts)
    synced = np.maximum.accumulate(np.where(stamps.is_synced, index, -1))
    before = np.concatenate(([-1], synced[:-1]))
    is_carried = before < lane_start
    lane = np.repeat(np.arange(len(stamps.starts)), stamps.counts)
    offset_ns = stamps.t0_ns - stamps.mono_ns
    boot = np.where(is_carried, memory.offset_boot[lane], stamps.boot[before])
    then_ns = np.where(is_carried, memory.offset_ns[lane], offset_ns[before])
    then_mono_ns = np.where(is_carried, memory.offset_mono_ns[lane], stamps.mono_ns[before])
    is_comparable = stamps.is_synced & (boot == stamps.boot) & (~is_carried | memory.has_offset[lane])
    is_comparable &= stamps.mono_ns > 0  # 0 at each block of a source that keeps no time since boot
    drift_ns = np.abs(stamps.mono_ns - then_mono_ns) * DRIFT_PER_NS
    step_ns = np.maximum(np.abs(offset_ns - then_ns) - drift_ns, 0.0)
    return np.where(is_comparable, step_ns / NS_PER_S, 0.0), synced


def _is_behind(stamps: Stamps, memory: ClockMemory) -> Flags:
    """Whether a block's first reading is not later than the last of the block before, though taken after it.

    Both by the same clock: of one boot, and both or neither synchronised.
    """

    def before(column: NDArray[Any], remembered: NDArray[Any]) -> NDArray[Any]:
        shifted = np.empty_like(column)
        shifted[1:] = column[:-1]
        shifted[stamps.starts] = remembered
        return shifted

    is_first = np.zeros(len(stamps.boot), dtype=np.bool_)
    is_first[stamps.starts] = ~memory.begun
    is_one_clock = (before(stamps.boot, memory.boot) == stamps.boot) & (
        before(stamps.is_synced, memory.is_synced) == stamps.is_synced
    )
    is_after = stamps.mono_ns > before(stamps.mono_ns, memory.mono_ns)
    is_behind = stamps.t0_ns <= before(stamps.end_ns, memory.end_ns)
    return np.asarray(~is_first & is_one_clock & is_after & is_behind)


def _unset(stamps: Stamps, memory: ClockMemory) -> tuple[Times, NDArray[np.float64]]:
    """Since when each block's clock has not been synchronised, ns, and for how long, s (-1 where it is)."""
    is_unset = ~stamps.is_synced
    begins = is_unset.copy()
    begins[1:] &= stamps.is_synced[:-1]
    begins[stamps.starts] = True
    since_ns = stamps.t0_ns[begins]
    stretch = np.cumsum(begins) - 1
    first = stretch[stamps.starts]
    since_ns[first] = np.where(memory.is_unset & is_unset[stamps.starts], memory.unset_ns, since_ns[first])
    unset_ns = since_ns[stretch]
    return unset_ns, np.where(is_unset, np.maximum(stamps.end_ns - unset_ns, 0) / NS_PER_S, -1.0)
