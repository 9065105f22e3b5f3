"""Missing kernel: the share of rows in which a sensor gave nothing (NaN).

A lane whose last 60 rows all hold a value is idle and remembers nothing, so a fleet of working sensors costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import Flags, Readings, Series, Times

MEMORY_ROWS = 60  # as many bits of an integer; a share among fewer jumps about, among more it clears late
_BITS = np.arange(MEMORY_ROWS, dtype=np.uint64)[::-1]  # a lane's oldest row is its highest bit


@dataclass(frozen=True, slots=True)
class MissingMemory(Columns):
    """Which of a lane's last 60 rows were NaN, the last one as bit 0, and the span they lie in; zeros when idle."""

    dtypes: ClassVar[dict[str, str]] = {"begun": "?", "nans": "<u8", "last_span": "<i8"}
    begun: Flags
    nans: NDArray[np.uint64]
    last_span: Times


def missing(rows: Readings, memory: MissingMemory) -> tuple[Series, MissingMemory]:
    """Share of NaN among the rows since the first NaN of the last 60 rows, in %, at each row; float32 [n].

    100 at the first NaN, so that a dwell counts from there; 0 when there is none among the 60. Rows count, not their
    times; a new span starts afresh. `rows.values` is 1 where the sensor gave nothing, else 0.
    """
    padded, at = _with_memory(rows, memory)
    is_nan = np.append(padded, True)  # so that there always is a next one
    index = np.arange(len(is_nan))
    next_nan = np.minimum.accumulate(np.where(is_nan, index, len(index))[::-1])[::-1]
    before = np.concatenate(([0], np.cumsum(padded)))
    oldest = np.maximum(at - MEMORY_ROWS + 1, _span_begins(rows, memory, at))
    since = next_nan[oldest]
    nans, span_rows = before[at + 1] - before[oldest], np.maximum(at + 1 - since, 1)
    share = np.where(nans > 0, 100.0 * nans / span_rows, 0.0).astype(np.float32)

    ends = rows.starts + rows.counts - 1
    kept = padded[at[ends][:, None] + np.arange(1 - MEMORY_ROWS, 1)]
    kept &= at[ends][:, None] + np.arange(1 - MEMORY_ROWS, 1) >= oldest[ends][:, None]
    mask = (kept.astype(np.uint64) << _BITS).sum(axis=1, dtype=np.uint64)
    is_active = mask > 0
    after = MissingMemory(is_active, mask, np.where(is_active, rows.span[ends], 0))
    return Series(share, np.arange(len(share))), after


def _with_memory(rows: Readings, memory: MissingMemory) -> tuple[Flags, NDArray[np.int64]]:
    """Whether each row is NaN, each lane's 60 remembered rows before its own; and where the rows lie in that."""
    at = np.arange(len(rows.values)) + MEMORY_ROWS * (rows.lane + 1)
    padded = np.zeros(len(rows.values) + MEMORY_ROWS * len(rows.starts), dtype=np.bool_)
    padded[at] = rows.values > 0
    padded[at[rows.starts][:, None] + np.arange(-MEMORY_ROWS, 0)] = (memory.nans[:, None] >> _BITS) & np.uint64(1)
    return padded, at


def _span_begins(rows: Readings, memory: MissingMemory, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in the padded rows the span of each row began, at the earliest with the memory; int64 [n]."""
    begins = np.concatenate(([True], rows.span[1:] != rows.span[:-1]))
    begins[rows.starts] = True
    first = at[begins]
    is_lanes_first = np.isin(np.flatnonzero(begins), rows.starts, assume_unique=True)
    first[is_lanes_first] -= np.where(rows.span[rows.starts] == memory.last_span, MEMORY_ROWS, 0)
    spans: NDArray[np.int64] = first[np.cumsum(begins) - 1]
    return spans
