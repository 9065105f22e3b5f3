"""Readings of many lanes at random, cut anywhere, to hold a kernel against its plain twin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels.columns import Columns
from monitor.detect.kernels.readings import NO_SPAN, UNKNOWN_GAP_NS, Readings, Series

S = 1_000_000_000
# Ordinary values close together, so that levels are crossed and turned around at often, and what must not hurt.
VALUES = (20.0, 21.5, 23.0, 24.0, 25.0, 25.1, 26.0, 27.5, 30.0, -5.0)
HOSTILE_VALUES = (*VALUES, np.inf, -np.inf, 1e38, -1e38, 3e38)
SPACINGS_S = (1.0, 10.0, 10.0, 10.0, 20.5, 25.0, 26.0, 61.0, 300.0)
HOSTILE_SPACINGS_S = (*SPACINGS_S, 0.0, -15.0, -1000.0, 3e8, -3e8)
GAPS_NS = (25 * S, 25 * S, 1000 * S, UNKNOWN_GAP_NS)


class Reading(NamedTuple):
    """One reading as a twin takes it."""

    value: float
    time_ns: int
    gap_ns: int
    span: int


class Twin(Protocol):
    """One lane, judged reading by reading: the value to be judged, None when it is not known."""

    def reading(self, reading: Reading) -> float | None:
        """Take the next reading."""
        ...


Judge = Callable[[Readings, Any], tuple[tuple[NDArray[Any], ...], Any]]


def random_lanes(seed: int, lanes: int, longest: int, *, is_hostile: bool = True, scale: float = 1.0) -> Readings:
    """Streams of 1 to `longest` readings; `scale` stretches the spacings."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, longest + 1, lanes)
    total = int(counts.sum())
    spacings_s = np.array(HOSTILE_SPACINGS_S if is_hostile else SPACINGS_S)
    weights = np.where(np.arange(len(spacings_s)) < len(SPACINGS_S), 8.0, 1.0)
    steps_s = np.clip(rng.choice(spacings_s, total, p=weights / weights.sum()) * scale, -3e8, 3e8)
    steps = np.rint(steps_s * S).astype(np.int64)
    values = np.array(HOSTILE_VALUES if is_hostile else VALUES, dtype=np.float32)
    pick = np.where(rng.random(total) < 0.02, rng.integers(0, len(values), total), rng.integers(0, len(VALUES), total))
    starts = np.cumsum(counts) - counts
    walk = np.cumsum(steps)
    times_ns = walk - np.repeat(walk[starts], counts) + np.repeat(rng.integers(-500, 500, lanes) * S, counts)
    changes = np.cumsum(rng.random(total) < 0.02)
    span = np.where(changes % 3 == 0, NO_SPAN, changes)
    gap_ns = np.repeat(rng.choice(np.array(GAPS_NS), lanes), counts)
    return Readings(values[pick], times_ns, gap_ns, span, starts, counts)


def one_lane(values: Sequence[float], times_s: Sequence[float], interval_s: float | None = None) -> Readings:
    """A single lane, always watched."""
    n = len(values)
    gap_ns = UNKNOWN_GAP_NS if interval_s is None else round(interval_s * S) * 5 // 2
    return Readings(
        np.array(values, dtype=np.float32),
        np.array([round(time * S) for time in times_s], dtype=np.int64),
        np.full(n, gap_ns),
        np.full(n, NO_SPAN),
        np.array([0]),
        np.array([n]),
    )


def twin_readings(readings: Readings, lane: int) -> Iterable[Reading]:
    """The readings of a lane one by one."""
    part = slice(int(readings.starts[lane]), int(readings.starts[lane] + readings.counts[lane]))
    columns = (column[part].tolist() for column in readings[:4])
    return (Reading(*row) for row in zip(*columns, strict=True))


def batches(readings: Readings, seed: int, pieces: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64], Readings]]:
    """The same lanes cut at random: (lanes with readings in a piece, where those stand in the whole, the piece)."""
    rng = np.random.default_rng(seed)
    lanes = len(readings.counts)
    cuts = np.sort(rng.integers(0, readings.counts[:, None] + 1, (lanes, pieces - 1)), axis=1)
    edges = np.column_stack((np.zeros(lanes, dtype=np.int64), cuts, readings.counts))
    cut = []
    for number in range(pieces):
        counts = edges[:, number + 1] - edges[:, number]
        chosen = np.flatnonzero(counts)
        if chosen.size == 0:
            continue
        counts = counts[chosen]
        starts = np.cumsum(counts) - counts
        begin = readings.starts[chosen] + edges[chosen, number]
        source = np.repeat(begin - starts, counts) + np.arange(int(counts.sum()))
        values, times_ns, gap_ns, span, _, _ = readings
        piece = Readings(values[source], times_ns[source], gap_ns[source], span[source], starts, counts)
        cut.append((chosen, source, piece))
    return cut


def assert_cuts_change_nothing(readings: Readings, empty: Columns, judge: Judge, seed: int, pieces: int = 5) -> None:
    """Outputs by reading, and memory, are those of one piece; `judge` gives arrays, the first of them the readings."""
    whole, after = judge(readings, empty)
    state = empty.take(np.arange(len(readings.counts)))
    parts = []
    for chosen, source, piece in batches(readings, seed, pieces):
        (at, *values), rows = judge(piece, state.take(chosen))
        parts.append((source[at], *values))
        state.put(chosen, rows)
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    for got, want in zip(joined, whole, strict=True):
        np.testing.assert_array_equal(got[order], want)
    for name, column in after.arrays().items():
        np.testing.assert_array_equal(state.arrays()[name], column, err_msg=name)


def assert_equals_twins(
    readings: Readings, series: Series, twins: Iterable[Twin], within: float = 0.0, relative: float = 0.0
) -> int:
    """The series holds what a twin for each lane says, bit by bit unless told otherwise; how many values that were."""
    at, values = [], []
    for lane, twin in enumerate(twins):
        for row, reading in enumerate(twin_readings(readings, lane)):
            value = twin.reading(reading)
            if value is not None:
                at.append(int(readings.starts[lane]) + row)
                values.append(value)
    assert not np.isnan(series.values).any()
    np.testing.assert_array_equal(series.at, np.array(at, dtype=np.int64))
    np.testing.assert_allclose(series.values, np.array(values, dtype=np.float32), rtol=relative, atol=within)
    return len(at)


def series_judge(kernel: Callable[[Readings, Any, Any], tuple[Series, Any]], parameters: Any) -> Judge:
    """A kernel as `assert_cuts_change_nothing` wants it; `parameters` are the same for each lane."""

    def judge(readings: Readings, memory: Any) -> tuple[tuple[NDArray[Any], ...], Any]:
        rows = type(parameters)(*(np.full(len(readings.counts), value) for value in parameters))
        series, after = kernel(readings, memory, rows)
        return (series.at, series.values), after

    return judge
