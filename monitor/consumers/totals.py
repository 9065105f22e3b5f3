"""From what the detector derives and sums up to the results that the store writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.model.batch import Derived, Table, Totals
from monitor.model.channel import derived_field_name
from monitor.model.clock import MINUTE_NS

# 1 000 loggers, live and late, with 16 sets of derived channels; about 300 bytes each. When full it is emptied, by the
# journal alone, so that a replay does the same: then some minutes get a second point.
MAX_SERIES = 1 << 15
Series = tuple[str, str, bool, tuple[str, ...]]  # container, logger, is late, derived channels


class DerivedResults:
    """Results of measurement `derived`: of each logger the first reading of each minute of data time.

    Remembers the minute of the last reading, so they are the same however the journal was cut. Late readings have a
    memory of their own. Where time runs back a minute may get a point again.
    """

    def __init__(self) -> None:
        self._minutes: dict[Series, int] = {}

    def take(self, derived: Iterable[Derived]) -> list[Table]:
        """Results of derived channels, one for each layout; unknown values are NaN."""
        layouts = list(derived)
        minutes = [np.concatenate([block.times_ns for block in each.blocks]) // MINUTE_NS for each in layouts]
        firsts = [_changes(each, of) for each, of in zip(layouts, minutes, strict=True)]
        self._look_back(layouts, minutes, firsts)
        tables = (
            _derived_table(each, np.flatnonzero(is_first)) for each, is_first in zip(layouts, firsts, strict=True)
        )
        return [table for table in tables if table is not None]

    def snapshot(self, container: str | None = None) -> list[Any]:
        """The minutes of a container's loggers (None: of all), for `adopt`."""
        items = sorted(self._minutes.items())
        return [[*series, minute] for series, minute in items if container in (None, series[0])]

    def adopt(self, content: list[Any]) -> None:
        """Go on with minutes of a snapshot; TypeError or ValueError when it is none."""
        for container, logger, is_late, channels, minute in content:
            self._minutes[container, logger, is_late, tuple(channels)] = minute

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's loggers."""
        self._minutes = {series: minute for series, minute in self._minutes.items() if series[0] != container}

    def _look_back(
        self, layouts: Sequence[Derived], minutes: Sequence[NDArray[np.int64]], firsts: Sequence[NDArray[np.bool_]]
    ) -> None:
        """Whether the first reading of each block goes on in the minute of the one before it, in journal order."""
        rows = [
            (block.pos, number, start, start + len(block.times_ns) - 1, (*owner, each.channels))
            for number, each in enumerate(layouts)
            for block, start in zip(each.blocks, each.starts.tolist(), strict=True)
            for owner in [(block.container, block.logger, block.is_late)]
        ]
        rows.sort(key=lambda row: row[0])
        for _, number, start, end, series in rows:
            before = self._minutes.get(series)
            firsts[number][start] = before is None or minutes[number][start] != before
            if before is None and len(self._minutes) >= MAX_SERIES:
                self._minutes.clear()
            self._minutes[series] = int(minutes[number][end])


def exposure_results(totals: Iterable[Totals], provisional: Collection[str] = ()) -> list[Table]:
    """Results of measurement `exposure`: running totals, one for each rule; without rows of which nothing is known.

    `provisional` are the containers whose totals may still change, when late records are judged in their place.
    """
    tables = (_exposure_table(each, provisional) for each in totals if each.pos.size)
    return [table for table in tables if table is not None]


def _changes(derived: Derived, minutes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The rows whose minute is not that of the row before, within their block."""
    is_first = np.ones(len(minutes), dtype=np.bool_)
    is_first[1:] = minutes[1:] != minutes[:-1]
    return is_first


def _derived_table(derived: Derived, rows: NDArray[np.int64]) -> Table | None:
    """Some of the readings of derived channels, None when nothing is known of them."""
    columns: dict[str, NDArray[np.float32]] = {}
    for column, channel in enumerate(derived.channels):
        name = derived_field_name(channel)
        if name is not None:
            values = derived.values[rows, column]
            columns[name] = np.fmin(columns[name], values) if name in columns else values  # of margins the least
    blocks = derived.blocks
    numbers: dict[tuple[str, str], int] = {}
    owners = [numbers.setdefault((block.container, block.logger), len(numbers)) for block in blocks]
    segments = np.searchsorted(derived.starts, rows, side="right") - 1
    times_ns = np.concatenate([block.times_ns for block in blocks])[rows]
    pos = np.array([block.pos for block in blocks], dtype=np.int64)[segments]
    series = tuple((("container", container), ("logger", logger)) for container, logger in numbers)
    of = np.array(owners, dtype=np.int64)[segments]
    return _known(Table("derived", series, of, pos, times_ns, dict(columns)))


def _exposure_table(totals: Totals, provisional: Collection[str]) -> Table | None:
    is_told = np.bincount(totals.lanes, minlength=len(totals.owners)) > 0
    of = (np.cumsum(is_told) - 1)[totals.lanes]
    owners = [totals.owners[lane] for lane in np.flatnonzero(is_told).tolist()]
    series = tuple(
        (("container", container), ("logger", logger), ("channel", channel), ("rule", totals.rule))
        for container, logger, channel in owners
    )
    table = _known(Table("exposure", series, of, totals.pos, totals.times_ns, dict(totals.fields)))
    if table is None:
        return None
    flags = [container in provisional for container, _, _ in owners]
    table.fields["provisional"] = [flags[number] for number in table.of.tolist()]
    return table


def _known(table: Table) -> Table | None:
    """A table of numbers without the columns and rows of which nothing is known; None when nothing is left."""
    is_finite = {name: np.isfinite(values) for name, values in table.fields.items()}
    for name, known in is_finite.items():
        if not known.any():
            del table.fields[name]
    if not table.fields:
        return None
    rows = np.flatnonzero(np.logical_or.reduce([is_finite[name] for name in table.fields]))
    return table if len(rows) == len(table.of) else table.take(rows)
