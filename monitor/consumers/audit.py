"""Audit: compares a store with what the daemon wrote to it, and writes again what is not there as it should be.

Expected are the journal's points, the results of judging it again and the alerts, as far as the store has confirmed
them: what is still on its way is nobody's fault. Period by period and logger by logger everything is read back and
compared; what is mended is read back once more, with what the daemon wrote meanwhile, so that nothing older stands.
Then follows the copy for long ranges, which is made of all that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from monitor.consumers.bodies import tags_text
from monitor.consumers.compare import Difference, Times, differences
from monitor.consumers.copy_audit import CopyAudit, Copying, Progress
from monitor.consumers.expected import END_NS, Cursors, Expected, Period, Segment, Written, columns
from monitor.consumers.figures import Figures
from monitor.consumers.said_points import SAID
from monitor.consumers.store_book import STORE_VERSION
from monitor.consumers.watch_file import WatchReader
from monitor.journal import JournalReader
from monitor.journal.schema import open_for_reading
from monitor.model.batch import Points
from monitor.model.clock import NS_PER_S, rfc3339
from monitor.sinks.sink import RefusedLines, Sink
from monitor.sinks.stored import TAGS, Columns, Tags

MAX_ROUNDS = 3  # a store that still lacks what it confirmed twice does not keep what it is given
MAX_BODY_POINTS = 5_000  # in one write
MAX_WRONG_POINTS = 1_000_000  # found before they are mended: 8 MB of times
_NONE: Times = np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class Wrong:
    """What of a segment has to be written again: the times of each series."""

    segment: Segment
    times_ns: dict[Tags, Times]

    @property
    def count(self) -> int:
        """Number of points."""
        return sum(len(times_ns) for times_ns in self.times_ns.values())


@dataclass(slots=True)
class Audit:
    """One audit of a store, and of its copy where there is one; `now_ns` is by which its retention counts."""

    state_dir: Path
    sink: Sink
    period: Period
    now_ns: int
    progress: Progress
    copying: Copying | None = None
    figures: dict[str, Figures] = field(default_factory=lambda: {name: Figures() for name in TAGS})
    refusal: str | None = None  # what the store said last when it did not take what it lacks

    def run(self, *, is_dry_run: bool) -> dict[str, Any]:
        """Compare, mend unless `is_dry_run`, and the answer of `tcm store audit --json`.

        `ok` says whether everything is there now but what was refused or is past the retention. SinkError when the
        store does not answer: what was mended by then is mended.
        """
        reader, watch = JournalReader(self.state_dir), WatchReader(self.state_dir)
        expected = Expected(reader, watch, self.period)
        with closing(reader), closing(watch), closing(expected):
            self._take(expected, self._cursors())
            kept_ns = self.sink.retention_ns()
            oldest_ns = self.now_ns - kept_ns if kept_ns else 0
            left = 0
            for wrong in _grouped(self._compare_all(expected, oldest_ns)):
                left += sum(each.count for each in wrong) if is_dry_run else self._mend(expected, wrong, oldest_ns)
            told = self._document(left, kept_ns, expected)
        return told if self.copying is None else told | self._copied(self.copying, left, is_dry_run=is_dry_run)

    def _copied(self, copying: Copying, left: int, *, is_dry_run: bool) -> dict[str, Any]:
        """What the answer says with the copy; `extra` is None: it keeps minutes for longer than the store readings."""
        audit = CopyAudit(self.state_dir, self.sink, copying, self.period, self.now_ns, self.progress)
        left += audit.run(is_dry_run=is_dry_run)
        figures = {name: asdict(each) | {"extra": None} for name, each in audit.figures.items()}
        return {"copy": figures, "left": left, "refusal": self.refusal or audit.refusal, "ok": not left}

    def _take(self, expected: Expected, cursors: Cursors) -> None:
        expected.take(cursors, lambda done, total: self.progress("journal", done, total))

    def _compare_all(self, expected: Expected, oldest_ns: int) -> Iterator[Wrong]:
        for measurement in TAGS:
            owners = expected.owners(measurement) | self._strangers(measurement)
            for number, (container, logger) in enumerate(sorted(owners)):
                self.progress(measurement, number, len(owners))
                for segment in expected.segments(measurement, container, logger):
                    yield from self._compare(expected, segment, oldest_ns, self.figures[measurement])

    def _strangers(self, measurement: str) -> set[tuple[str, str]]:
        """Loggers of which only the store has anything."""
        wanted = self.period.container
        return {owner for owner in self.sink.owners(measurement) if wanted in (None, owner[0])}

    def _compare(self, expected: Expected, segment: Segment, oldest_ns: int, figures: Figures) -> Iterator[Wrong]:
        """Read a segment back page by page, and count."""
        while segment.from_ns < segment.to_ns:
            read, reached_ns = self.sink.columns(*segment)
            found = {key: column for key, column in read.items() if (segment.measurement, key[1]) not in SAID}
            part, segment = segment._replace(to_ns=reached_ns), segment._replace(from_ns=reached_ns)
            written, made = self._differences(expected, part, found)
            if any(each.extra.size for each in made.values()):
                # Perhaps of records that came meanwhile; of what was confirmed since the reading nothing can be said.
                self._take(expected, expected.cursors)
                written, made = self._differences(expected, part, found)
            refused = self._refused(written.confirmed) if any(each.is_wrong for each in made.values()) else {}
            times_ns = {tags: figures.add(each, refused.get(tags, []), oldest_ns) for tags, each in made.items()}
            yield Wrong(part, {tags: each for tags, each in times_ns.items() if each.size})

    def _differences(
        self, expected: Expected, segment: Segment, found: Columns
    ) -> tuple[Written, dict[Tags, Difference]]:
        """Nothing is said of points at times for which others are on their way."""
        written = expected.written(segment, is_keyed=self.sink.is_keyed)
        pending: dict[Tags, list[Times]] = {}
        for points in written.pending:
            pending.setdefault(points.tags, []).append(points.times_ns)
        wanted = columns(written.confirmed, segment.from_ns, segment.to_ns)
        made = differences(wanted, found, self._refused_fields(segment.measurement))
        for tags, times_ns in pending.items():
            if tags in made:
                made[tags] = made[tags].without(np.concatenate(times_ns))
        return written, made

    def _mend(self, expected: Expected, wrong: Sequence[Wrong], oldest_ns: int) -> int:
        """Write again and read back until nothing is wrong; how many points still are."""
        for _ in range(MAX_ROUNDS):
            if not wrong:
                return 0
            again: list[Wrong] = []
            for number, each in enumerate(wrong):
                self.progress("write", number, len(wrong))
                self._write(expected, each)
            self._take(expected, self._cursors())
            for each in wrong:
                still = [one for one in self._compare(expected, each.segment, oldest_ns, Figures()) if one.count]
                self.figures[each.segment.measurement].rewritten += each.count - sum(one.count for one in still)
                again += still
            wrong = again
        return sum(each.count for each in wrong)

    def _write(self, expected: Expected, wrong: Wrong) -> None:
        points = expected.written(wrong.segment, is_keyed=self.sink.is_keyed).confirmed
        if self.sink.is_keyed:
            parts = [one for one in points if np.isin(one.times_ns, wrong.times_ns.get(one.tags, _NONE)).any()]
        else:
            parts = list(_wrong_columns(wrong, columns(points, wrong.segment.from_ns, wrong.segment.to_ns)))
        for part in parts:
            try:
                self.sink.write(self.sink.prepare([part]))
            except RefusedLines as error:
                self.refusal = str(error)  # what was taken of it shows when it is read back

    def _cursors(self) -> Cursors:
        with closing(open_for_reading(self.state_dir / "store.db", STORE_VERSION)) as connection:
            saved = dict(connection.execute("SELECT name, n FROM cursors").fetchall())
        return Cursors(*(saved.get(name, 0) for name in Cursors._fields))

    def _refused(self, points: Sequence[Points]) -> dict[Tags, list[Times]]:
        """The times of points that the store has refused as a whole, by series."""
        found: dict[Tags, list[Times]] = {}
        with closing(open_for_reading(self.state_dir / "store.db", STORE_VERSION)) as connection:
            for one in points:
                for first_ns, last_ns in connection.execute(
                    "SELECT time_ns, last_ns FROM refused WHERE measurement = ? AND tags IN (?, '') AND key IN (?, 0) "
                    "AND field = ''",
                    (one.measurement, tags_text(one.tags), one.key),
                ):
                    is_in = (one.times_ns >= first_ns) & (one.times_ns <= last_ns)
                    found.setdefault(one.tags, []).append(one.times_ns[is_in])
        return found

    def _refused_fields(self, measurement: str) -> dict[str, tuple[int, int]]:
        """The fields that the store has refused, each from its first to its last time."""
        statement = "SELECT field, time_ns, last_ns FROM refused WHERE measurement = ? AND field <> ''"
        with closing(open_for_reading(self.state_dir / "store.db", STORE_VERSION)) as connection:
            rows = connection.execute(statement, (measurement,)).fetchall()
        return {name: (first_ns, last_ns) for name, first_ns, last_ns in rows}

    def _document(self, left: int, kept_ns: int | None, expected: Expected) -> dict[str, Any]:
        """`extra` is None where nobody knows any more what was written."""
        period = self.period
        figures = {name: asdict(each) for name, each in self.figures.items()}
        figures |= {name: figures[name] | {"extra": None} for name in expected.unknown}
        return {
            "store": self.sink.name,
            "from": rfc3339(period.from_ns) if period.from_ns else None,
            "to": rfc3339(period.to_ns) if period.to_ns < END_NS else None,
            "container": period.container,
            "retention_s": None if kept_ns is None else kept_ns / NS_PER_S,
            "dropped_upto": expected.dropped_pos,
            "measurements": figures,
            "copy": None,
            "left": left,
            "refusal": self.refusal,
            "ok": not left,
        }


def _grouped(found: Iterator[Wrong]) -> Iterator[list[Wrong]]:
    """What is wrong, a bounded number of points at a time."""
    group: list[Wrong] = []
    for each in found:
        if each.count:
            group.append(each)
        if sum(one.count for one in group) >= MAX_WRONG_POINTS:
            yield group
            group = []
    if group:
        yield group


def _wrong_columns(wrong: Wrong, held: Columns) -> Iterator[Points]:
    """The values at the times that are wrong, field by field: a store puts the fields of a point together."""
    for (tags, name), column in held.items():
        is_wrong = np.isin(column.times_ns, wrong.times_ns.get(tags, _NONE))
        times_ns, values = column.times_ns[is_wrong], column.values[is_wrong]
        for start in range(0, len(times_ns), MAX_BODY_POINTS):
            rows = slice(start, start + MAX_BODY_POINTS)
            part = values[rows].tolist() if values.dtype == object else values[rows]
            yield Points(0, wrong.segment.measurement, tags, times_ns[rows], {name: part})
