"""From what the detector derives and sums up to the results that the store writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from monitor.consumers.results import Result
from monitor.model.batch import Block, Derived, Totals
from monitor.model.channel import derived_field_name
from monitor.model.clock import NS_PER_S

MINUTE_NS = 60 * NS_PER_S
# 1 000 loggers, live and late, with 16 sets of derived channels; about 300 bytes each. When full it is emptied, by the
# journal alone, so that a replay does the same: then some minutes get a second point.
MAX_SERIES = 1 << 15
Series = tuple[str, str, bool, tuple[str, ...]]  # container, logger, is late, derived channels


class _Part(NamedTuple):
    """Readings of derived channels: `times_ns` int64 [n], `values` float32 [n, channels]."""

    channels: tuple[str, ...]
    times_ns: NDArray[np.int64]
    values: NDArray[np.float32]


class DerivedResults:
    """Results of measurement `derived`: of each logger the first reading of each minute of data time.

    Remembers the minute of the last reading, so they are the same however the journal was cut. Late readings have a
    memory of their own. Where time runs back a minute may get a point again.
    """

    def __init__(self) -> None:
        self._minutes: dict[Series, int] = {}

    def take(self, derived: Iterable[Derived]) -> list[Result]:
        """Results of derived channels, one for each logger and record; unknown values are left out."""
        blocks = [block for each in derived for block in each.split()]
        picked: dict[tuple[int, str, str], list[_Part]] = defaultdict(list)
        for block in sorted(blocks, key=lambda block: block.pos):
            if block.times_ns.size:
                picked[block.pos, block.container, block.logger].append(self._firsts(block))
        results = (_derived_result(*key, parts) for key, parts in picked.items())
        return [result for result in results if result is not None]

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

    def _firsts(self, block: Block) -> _Part:
        """The rows of a block that are the first of their minute."""
        minutes = block.times_ns // MINUTE_NS
        series = (block.container, block.logger, block.is_late, block.channels)
        before = self._minutes.get(series)
        is_first = np.empty(len(minutes), dtype=np.bool_)
        is_first[0] = before is None or minutes[0] != before
        is_first[1:] = minutes[1:] != minutes[:-1]
        if before is None and len(self._minutes) >= MAX_SERIES:
            self._minutes.clear()
        self._minutes[series] = int(minutes[-1])
        return _Part(block.channels, block.times_ns[is_first], block.values[is_first])


def exposure_results(totals: Iterable[Totals], provisional: Collection[str] = ()) -> list[Result]:
    """Results of measurement `exposure`: running totals, one for each lane and record.

    `provisional` are the containers whose totals may still change, when late records are judged in their place.
    """
    return [result for each in totals if each.pos.size for result in _exposures(each, provisional)]


def _exposures(totals: Totals, provisional: Collection[str]) -> Iterable[Result]:
    """Rows of a lane and record lie anywhere among the others, but in order."""
    order = np.lexsort((totals.pos, totals.lanes))
    lanes, pos = totals.lanes[order], totals.pos[order]
    is_begin = np.ones(len(order), dtype=np.bool_)
    is_begin[1:] = (lanes[1:] != lanes[:-1]) | (pos[1:] != pos[:-1])
    begins = np.flatnonzero(is_begin).tolist()
    for begin, end in zip(begins, [*begins[1:], len(order)], strict=True):
        rows = order[begin:end]
        fields = _known({name: values[rows] for name, values in totals.fields.items()})
        if not fields:
            continue
        container, logger, channel = totals.owners[int(lanes[begin])]
        tags = (("container", container), ("logger", logger), ("channel", channel), ("rule", totals.rule))
        fields["provisional"] = container in provisional
        yield Result(int(pos[begin]), "exposure", tags, totals.times_ns[rows].tolist(), fields)


def _derived_result(pos: int, container: str, logger: str, parts: Sequence[_Part]) -> Result | None:
    """The rows of all blocks of a record; one knows nothing of the others' channels."""
    times_ns = np.concatenate([part.times_ns for part in parts])
    columns: dict[str, NDArray[np.float32]] = {}
    begin = 0
    for part in parts:
        rows = slice(begin, begin + len(part.times_ns))
        begin = rows.stop
        for column, channel in enumerate(part.channels):
            name = derived_field_name(channel)
            if name is None:
                continue
            held = columns.setdefault(name, np.full(len(times_ns), np.nan, dtype=np.float32))
            held[rows] = np.fmin(held[rows], part.values[:, column])  # of margins to several airs the least
    fields = _known(columns)
    tags = (("container", container), ("logger", logger))
    return Result(pos, "derived", tags, times_ns.tolist(), fields) if fields else None


def _known(columns: dict[str, NDArray[np.float32]] | dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Columns as lists, None for what is unknown, without those of which nothing is known.

    By orjson: a number gets the fewest digits that come back as the same float32 or float64; no number becomes None.
    """
    return {
        name: orjson.loads(orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY))
        for name, values in columns.items()
        if np.isfinite(values).any()
    }
