"""What should be in a store beside what is: by points, which are the times of a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.sinks.stored import Column, Columns, Tags

Times = NDArray[np.int64]
Spans = Mapping[str, tuple[int, int]]  # by field, first and last time
_NONE: Times = np.empty(0, dtype=np.int64)


class Difference(NamedTuple):
    """Of one series: its points that should be there, those of them that are not, those with another value.

    `extra` are points, or fields of points, that nobody wrote. `refused` are those missing or different that lack but
    fields which were refused.
    """

    expected: Times
    missing: Times
    different: Times
    extra: Times
    refused: Times

    @property
    def is_wrong(self) -> bool:
        """Whether anything that should be there is not."""
        return bool(self.missing.size or self.different.size)

    def without(self, times_ns: Times) -> Difference:
        """What there is to say of all other times."""
        return Difference(*(each[~np.isin(each, times_ns)] for each in self))


def differences(expected: Columns, found: Columns, refused: Spans) -> dict[Tags, Difference]:
    """By series; values are equal when they are in the number format in which they were written."""
    series = {tags for tags, _ in (*expected, *found)}
    return {tags: _difference(_of(expected, tags), _of(found, tags), refused) for tags in sorted(series)}


def _difference(expected: dict[str, Column], found: dict[str, Column], refused: Spans) -> Difference:
    rows, there = _rows(expected), _rows(found)
    unheld = {name: column.times_ns[~_is_held(column, found.get(name))] for name, column in expected.items()}
    wrong = _union(list(unheld.values()))
    amiss = _union([times_ns[~_is_in(times_ns, refused.get(name))] for name, times_ns in unheld.items()])
    surplus = [
        np.setdiff1d(column.times_ns, expected[name].times_ns if name in expected else _NONE, assume_unique=True)
        for name, column in found.items()
    ]
    missing = np.setdiff1d(rows, there, assume_unique=True)
    different, only_refused = (np.setdiff1d(wrong, each, assume_unique=True) for each in (missing, amiss))
    return Difference(rows, missing, different, _union(surplus), only_refused)


def _is_in(times_ns: Times, span: tuple[int, int] | None) -> NDArray[np.bool_]:
    first_ns, last_ns = span or (0, -1)
    return (times_ns >= first_ns) & (times_ns <= last_ns)


def _is_held(expected: Column, found: Column | None) -> NDArray[np.bool_]:
    """For each value whether the same is there at its time."""
    if found is None or not found.times_ns.size or (expected.values.dtype == object) != (found.values.dtype == object):
        return np.zeros(len(expected.times_ns), dtype=np.bool_)
    at = np.minimum(np.searchsorted(found.times_ns, expected.times_ns), len(found.times_ns) - 1)
    with np.errstate(over="ignore"):  # what is beyond float32 equals nothing that was written as one
        values = found.values.astype(expected.values.dtype)
    is_same: NDArray[np.bool_] = (found.times_ns[at] == expected.times_ns) & (values[at] == expected.values)
    return is_same


def _of(columns: Columns, wanted: Tags) -> dict[str, Column]:
    return {name: column for (tags, name), column in columns.items() if tags == wanted}


def _rows(columns: dict[str, Column]) -> Times:
    return _union([column.times_ns for column in columns.values()])


def _union(times_ns: list[Times]) -> Times:
    return np.unique(np.concatenate([_NONE, *times_ns]))
