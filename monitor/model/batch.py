"""Batch: what the detector is given, records read from the journal together, decoded and placed in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.model.event_summary import EventSummary
from monitor.model.record import SYNCHRONISED, Shock, Status


@dataclass(slots=True)  # thousands a second: a frozen one takes three times as long to make
class Block:
    """The readings of one env record at their places in time.

    `times_ns` int64 [n], `values` float32 [n, channels], NaN where a sensor gave nothing; `interval_ns` is the
    logger's declared interval (None: not declared yet). `clk` and `mono_ns` are what its clock said of the first
    reading, `received_ns` is the receipt. `is_computed`: made by the detector of the readings of several loggers.
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
    clk: int = SYNCHRONISED
    mono_ns: int = 0
    received_ns: int = 0
    is_computed: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One shock record at its place in time (`start_ns`: first sample); `is_late` as a block's."""

    pos: int
    container: str
    logger: str
    boot: int
    seq: int
    start_ns: int
    shock: Shock
    is_late: bool = False

    @property
    def trigger_ns(self) -> int:
        """Time of the trigger sample; the last sample's when `pre` lies behind the record."""
        return self._time_ns(min(self.shock.pre, self.shock.samples - 1))

    @property
    def end_ns(self) -> int:
        """Time of the last sample."""
        return self._time_ns(self.shock.samples - 1)

    def _time_ns(self, sample: int) -> int:
        """Time of a sample; the first one's where the sampling rate is none."""
        fs_hz = self.shock.fs_hz
        return self.start_ns + (round(sample * 1e9 / fs_hz) if isfinite(fs_hz) and fs_hz > 0 else 0)


class Heard(NamedTuple):
    """That a logger was heard: any env, shock or status record (`status` is None but of the last), in journal order."""

    pos: int
    container: str
    logger: str
    received_ns: int
    status: Status | None = None


class Tick(NamedTuple):
    """Time has passed at the gateway: `now_ns` UTC, whether the broker is connected and the ingest queue drained."""

    pos: int
    now_ns: int
    mono_ns: int
    is_connected: bool
    is_drained: bool


class Stretch(NamedTuple):
    """What of a batch lies between two of its ticks; `tick` is the one behind it, None at the end."""

    blocks: list[Block]
    events: list[Event]
    heard: list[Heard]
    tick: Tick | None


@dataclass(slots=True)
class Batch:
    """Blocks, events and who was heard, each in journal order, and the ticks that lie between them.

    `marks` are these ticks, each with the numbers of blocks, events and heard before it.
    """

    blocks: list[Block] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    marks: list[tuple[Tick, int, int, int]] = field(default_factory=list)

    def pass_time(self, tick: Tick) -> None:
        """Put a tick behind all that is there."""
        self.marks.append((tick, len(self.blocks), len(self.events), len(self.heard)))

    def stretches(self) -> Iterator[Stretch]:
        """The batch cut at its ticks."""
        block = event = heard = 0
        for tick, blocks, events, heards in self.marks:
            yield Stretch(self.blocks[block:blocks], self.events[event:events], self.heard[heard:heards], tick)
            block, event, heard = blocks, events, heards
        yield Stretch(self.blocks[block:], self.events[event:], self.heard[heard:], None)


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
class Table:
    """Points of many series of one measurement.

    Row i is of the series with the tags `series[of[i]]` (`of` int64 [n]), and of the record at `pos[i]` (int64 [n]);
    `times_ns` and `fields` as those of `Points`.
    """

    measurement: str
    series: tuple[tuple[tuple[str, str], ...], ...]
    of: NDArray[np.int64]
    pos: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    fields: dict[str, NDArray[np.float32] | NDArray[np.float64] | list[str] | list[bool]]

    @property
    def key(self) -> int:
        """The record that the first row comes from."""
        return int(self.pos[0])

    def take(self, rows: NDArray[np.int64]) -> Table:
        """Some of the rows, in the order given."""
        listed = rows.tolist()
        fields = {
            name: column[rows] if isinstance(column, np.ndarray) else [column[row] for row in listed]
            for name, column in self.fields.items()
        }
        return Table(self.measurement, self.series, self.of[rows], self.pos[rows], self.times_ns[rows], fields)

    def split(self) -> Iterator[Points]:
        """Points of each series and record, series by series."""
        order = np.argsort(self.of, kind="stable")
        of, pos = self.of[order], self.pos[order]
        cuts = np.flatnonzero((of[1:] != of[:-1]) | (pos[1:] != pos[:-1])) + 1
        for rows in np.split(order, cuts) if order.size else ():
            part = self.take(rows)
            yield Points(part.key, self.measurement, self.series[int(part.of[0])], part.times_ns, part.fields)


class Finding(NamedTuple):  # as a storm has many
    """What the detector says of one exceedance at one moment.

    `change` is `fired`, `peak` (more extreme than before, same state) or `cleared`. `start_ns` is the first reading
    beyond the limit and, with rule, container, logger and channel, the exceedance's identity. `value` and `peak` are in
    the rule's unit, `uncertainty` (U, k = 2, None: nobody can say) too; `note` is added to the message. `limit` is what
    the value was held against where that is not the rule's own limit (an envelope's at the frequency of the value).
    `is_doubtful` says that the value is not to be relied upon: its event is not valid and the value no lower bound.
    `detail` is told beside the value, what else was measured: of a spectrum its frequency, of a drop its range.
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
    uncertainty: float | None = None
    note: str = ""
    limit: float | None = None
    is_doubtful: bool = False
    detail: str = ""


class Totals(NamedTuple):
    """Running totals of one rule over a batch, once a minute of data time: row i is of lane i's reading at `times_ns`.

    `owners` are (container, logger, channel) by lane, `lanes` int64 [n] says which; `pos` int64 [n] is the record;
    `fields` maps a field of measurement `exposure` to float64 [n], NaN is left out.
    """

    rule: str
    owners: list[tuple[str, str, str]]
    lanes: NDArray[np.int64]
    pos: NDArray[np.int64]
    times_ns: NDArray[np.int64]
    fields: dict[str, NDArray[np.float64]]


class Derived(NamedTuple):
    """Derived channels of blocks of one layout: `values` float32 [n, channels], NaN where unknown.

    The rows of block i are those from `starts[i]`, as many as it has readings.
    """

    blocks: list[Block]
    starts: NDArray[np.int64]
    channels: tuple[str, ...]
    values: NDArray[np.float32]

    def split(self) -> Iterator[Block]:
        """A block of derived channels for each block."""
        for block, start in zip(self.blocks, self.starts.tolist(), strict=True):
            yield Block(
                block.pos, block.container, block.logger, block.boot, block.seq, block.is_late, self.channels,
                block.times_ns, self.values[start : start + len(block.times_ns)], block.interval_ns,
            )  # fmt: skip


@dataclass(slots=True)
class Detected:
    """What a batch or a tick led to: findings in order of the journal, running totals, derived channels, events."""

    findings: list[Finding] = field(default_factory=list)
    totals: list[Totals] = field(default_factory=list)
    derived: list[Derived] = field(default_factory=list)
    events: list[EventSummary] = field(default_factory=list)
