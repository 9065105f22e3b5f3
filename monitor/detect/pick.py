"""Picking: the readings that the threshold machine has to see, laid out lane by lane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect import threshold
from monitor.detect.gather import Column, offsets, spread
from monitor.detect.levels import Levels
from monitor.detect.phases import Phases


class Picked(NamedTuple):
    """The lanes of a column that need the machine: readings of each end to end, and where they come from.

    `rule` and `slots` [lanes]; `source` [n], each reading's index in the column.
    """

    lanes: threshold.Lanes
    rule: NDArray[np.int64]
    slots: NDArray[np.int64]
    source: NDArray[np.int64]


def pick(
    near: Column, levels: Levels, slots: NDArray[np.int64], is_wanted: NDArray[np.bool_], phases: Phases
) -> Picked:
    """Lay the readings of the wanted lanes end to end: by slot, in a slot in journal order, without NaN.

    A reading in a phase that the rule does not watch becomes -inf: never beyond, always clearing.
    """
    segment, rule = np.nonzero(is_wanted)
    order = np.argsort(slots[segment, rule], kind="stable")
    segment, rule = segment[order], rule[order]
    slot = slots[segment, rule]

    is_valid = ~np.isnan(near.values)
    valid = np.flatnonzero(is_valid)
    counts = np.add.reduceat(is_valid, near.starts, dtype=np.int64)
    piece_counts = counts[segment]
    source = valid[spread(offsets(counts)[segment], piece_counts)]

    values = near.values[source] * np.repeat(levels.sign[rule], piece_counts)
    is_watched = _watched(near, levels, source, np.repeat(rule, piece_counts), phases)
    if is_watched is not None:
        values[~is_watched] = -np.inf
    gap_ns = np.repeat(near.gap_ns[segment], piece_counts)

    begins = np.flatnonzero(np.diff(slot, prepend=-1))  # slots are 0 and above
    lane_counts = np.add.reduceat(piece_counts, begins)
    begins, lane_counts = begins[lane_counts > 0], lane_counts[lane_counts > 0]  # a lane of NaN only stays as it is
    rule = rule[begins]
    lanes = threshold.Lanes(
        values, near.times_ns[source], gap_ns, offsets(lane_counts), lane_counts,
        levels.limit[rule], levels.clear[rule], levels.dwell_ns[rule],
    )  # fmt: skip
    return Picked(lanes, rule, slot[begins], source)


def _watched(
    near: Column, levels: Levels, source: NDArray[np.int64], rule: NDArray[np.int64], phases: Phases
) -> NDArray[np.bool_] | None:
    """Whether each reading's rule watches in the phase it was taken in, bool [n]; None when all always do."""
    if all(each.phases is None for each in levels.rules):
        return None
    codes = np.concatenate([phases.codes(block) for block in near.blocks])
    everything = phases.allowed(())
    table = np.array([~everything if each.phases is None else phases.allowed(each.phases) for each in levels.rules])
    watched: NDArray[np.bool_] = table[rule, codes[source]]
    return watched
