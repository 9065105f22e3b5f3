"""The audit of the copy for long ranges: what the minutes of the store come to, beside what the copy has of them.

It follows the audit of the store, of whose readings the copy is made. Of a copy that was made later than the readings,
or was lost, it makes all that the store still has.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monitor.consumers.compare import Difference, Times, differences
from monitor.consumers.expected import END_NS, Period, columns
from monitor.consumers.figures import Figures
from monitor.consumers.minutes import Minutes, Stretch, stretches, write_minutes
from monitor.consumers.store_book import STORE_VERSION
from monitor.consumers.touched import COPIED, Series, TouchedReader
from monitor.model.batch import Points
from monitor.model.clock import MINUTE_NS
from monitor.sinks.sink import RefusedLines, Sink, TooLarge
from monitor.sinks.stored import Column, Columns, merged

MAX_ROUNDS = 3  # a copy that still lacks what it confirmed twice does not keep what it is given
Progress = Callable[[str, int, int], None]  # what is done, how far, of how much


class Copying(NamedTuple):
    """What the copy is made of, and the copy."""

    raw: Minutes
    copy: Sink

    def close(self) -> None:
        """Release the connections of both."""
        self.raw.close()
        self.copy.close()


@dataclass(slots=True)
class CopyAudit:
    """One audit of a copy over a period; `now_ns` is by which the retentions of `store` and copy count."""

    state_dir: Path
    store: Sink
    copying: Copying
    period: Period
    now_ns: int
    progress: Progress
    figures: dict[str, Figures] = field(default_factory=lambda: {name: Figures() for name in COPIED})
    is_there: bool = True  # whether there is a copy at all: the daemon makes it when it has the first minutes for it
    refusal: str | None = None  # what the copy said last when it did not take what it lacks

    def run(self, *, is_dry_run: bool) -> int:
        """Compare, mend unless `is_dry_run`; how many minutes are not there as they should be. Raises SinkError."""
        if is_dry_run:
            self.is_there = self.copying.copy.is_there()
        else:
            self.copying.copy.open()
        oldest_ns = self._oldest_ns(self.copying.copy) if self.is_there else 0
        # A minute of which the store has dropped some readings is not made anew of the others.
        from_ns = max(self.period.from_ns // MINUTE_NS, -(-self._oldest_ns(self.store) // MINUTE_NS)) * MINUTE_NS
        to_ns = min(-(-self.period.to_ns // MINUTE_NS), END_NS // MINUTE_NS) * MINUTE_NS
        left = 0
        for measurement in COPIED:
            wanted = self.period.container
            owners = sorted(each for each in self.store.owners(measurement) if wanted in (None, each[0]))
            for number, owner in enumerate(owners):
                self.progress(f"{measurement}, copy", number, len(owners))
                series = measurement, *owner
                for stretch in stretches(self.copying.raw, series, from_ns, to_ns):
                    left += self._audit(series, stretch, oldest_ns, is_dry_run=is_dry_run)
        return left

    def _oldest_ns(self, store: Sink) -> int:
        kept_ns = store.retention_ns()
        return self.now_ns - kept_ns if kept_ns else 0

    def _audit(self, series: Series, stretch: Stretch, oldest_ns: int, *, is_dry_run: bool) -> int:
        """Compare a stretch, and write it again until nothing is wrong; how many minutes still are."""
        made = self._difference(series, stretch, is_dry_run=is_dry_run)
        if made.is_wrong:  # perhaps of readings that came meanwhile
            stretch, made = self._again(series, stretch, is_dry_run=is_dry_run)
        figures = self.figures[series[0]]
        wrong = figures.add(made, [], oldest_ns)
        if is_dry_run:
            return len(wrong)
        count = len(wrong)
        for _ in range(MAX_ROUNDS):
            if not wrong.size:
                break
            self._write(_at(stretch.points, wrong))
            stretch, made = self._again(series, stretch, is_dry_run=is_dry_run)
            wrong = Figures().add(made, [], oldest_ns)
        figures.rewritten += max(count - len(wrong), 0)
        return len(wrong)

    def _again(self, series: Series, stretch: Stretch, *, is_dry_run: bool) -> tuple[Stretch, Difference]:
        """A stretch as it is by now."""
        points = self.copying.raw.minutes(*series, stretch.from_ns, stretch.to_ns)
        now = stretch._replace(points=points or _at(stretch.points, np.empty(0, np.int64)))
        return now, self._difference(series, now, is_dry_run=is_dry_run)

    def _difference(self, series: Series, stretch: Stretch, *, is_dry_run: bool) -> Difference:
        """Where nothing is written, nothing is said of minutes that the daemon is about to bring."""
        # As float32, as the readings are: in which order a server adds up the values of a minute is for it to decide.
        fields: dict[str, Any] = {
            name: np.asarray(values, np.float32) for name, values in stretch.points.fields.items()
        }
        wanted = columns([replace(stretch.points, fields=fields)], stretch.from_ns, stretch.to_ns)
        made = differences(wanted, self._read(series, stretch), {})
        difference = made.get(stretch.points.tags, _NO_DIFFERENCE)
        if is_dry_run and difference.is_wrong:
            difference = difference.without(self._waiting(series, difference.expected))
        return difference

    def _read(self, series: Series, stretch: Stretch) -> Columns:
        """What the copy has, page by page."""
        parts: dict[tuple[tuple[tuple[str, str], ...], str], list[Column]] = {}
        from_ns = stretch.from_ns
        while self.is_there and from_ns < stretch.to_ns:
            page, from_ns = self.copying.copy.columns(*series, from_ns, stretch.to_ns)
            for key, column in page.items():
                parts.setdefault(key, []).append(column)
        return {key: merged(each) for key, each in parts.items()}

    def _waiting(self, series: Series, times_ns: Times) -> Times:
        """Those of some times of a series that stand in table `touched`."""
        with closing(TouchedReader(self.state_dir, STORE_VERSION)) as touched:
            spans = touched.spans(series, int(times_ns.min()), int(times_ns.max()))
        is_waiting = [(times_ns >= from_ns) & (times_ns < to_ns) for from_ns, to_ns in spans]
        return times_ns[np.logical_or.reduce([np.zeros(len(times_ns), np.bool_), *is_waiting])]

    def _write(self, points: Points) -> None:
        try:
            write_minutes(self.copying.copy, [points])
        except (RefusedLines, TooLarge) as error:
            self.refusal = str(error)  # what was taken of it shows when it is read back


def _at(points: Points, times_ns: Times) -> Points:
    """The points at some times."""
    rows = np.isin(points.times_ns, times_ns)
    fields: dict[str, Any] = {name: np.asarray(values)[rows] for name, values in points.fields.items()}
    return replace(points, times_ns=points.times_ns[rows], fields=fields)


_NO_DIFFERENCE = Difference(*(np.empty(0, np.int64) for _ in Difference._fields))
