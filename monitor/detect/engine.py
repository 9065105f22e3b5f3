"""The engine: each batch to each family of rules, their findings in one order, their state in one snapshot."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from monitor.detect import snapshot
from monitor.detect.across.grid import Grid
from monitor.detect.arrivals.judge import Arrivals
from monitor.detect.clocks import Clocks
from monitor.detect.events.judge import ShockJudge
from monitor.detect.families import FAMILIES
from monitor.detect.gather import Column, gather
from monitor.detect.machine import Placed
from monitor.detect.phases import Phases
from monitor.detect.rules import RulesView
from monitor.detect.streams import MAX_STREAMS, Panel, Streams
from monitor.model.batch import Batch, Block, Detected, Finding, Tick, Totals
from monitor.model.errors import TcmError
from monitor.model.limit import Rule

Judges = Literal["both", "readings", "arrival"]


class Part(Protocol):
    """What remembers something of containers."""

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """What is remembered of a container (None: of all), as CBOR can carry it."""

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with what is remembered; what fired under a rule that is not in force is `cleared`."""

    def forget(self, container: str) -> None:
        """Remember nothing more of a container."""


class ReadingFamily(Part, Protocol):
    """A part that judges the readings of columns by the rules that it takes."""

    def takes(self, rule: Rule) -> bool:
        """Whether the rule is of this family."""

    def step(self, column: Column, phases: Phases, totals: list[Totals]) -> list[Placed]:
        """Judge one column: findings with the row of their reading in its record; running totals are appended."""


class Engine:
    """Judges all loggers of a batch at once and carries state from batch to batch.

    The findings are the same however the journal was cut into batches, save that `peak` findings tell of a growing
    peak once a batch; the last one is the same. `max_streams` bounds what unknown senders can make it remember. What
    depends on when records arrive, and what on the readings themselves, can be judged apart (`judges`).
    """

    def __init__(self, rules: RulesView, max_streams: int = MAX_STREAMS, judges: Judges = "both") -> None:
        self._max_streams = max_streams
        self._judges = judges
        self._refused_before = 0
        self._begin(rules)

    @property
    def refused_streams(self) -> int:
        """Streams that are not judged, as `max_streams` others were there before."""
        return self._refused_before + self._streams.refused

    def step(self, batch: Batch, *, wants_events: bool = False) -> Detected:
        """Judge a batch: findings in order of the journal and, within a record, of its readings.

        Never raises over what the readings are: NaN, infinities, times that run backwards and unknown channels are
        all judged or passed over. Events are summed up, spectra included, where somebody `wants_events`.
        """
        phases = self._phases
        detected, found = Detected(), list[Placed]()
        if self._judges != "arrival":
            found += self._judge(self._grid.step(batch.blocks), phases, detected)
            found += self._clocks.step(batch.blocks, phases)
            of_events, totals, detected.events = self._shocks.step(batch.events, batch.heard, wants_events=wants_events)
            found += of_events
            detected.totals += totals
        if self._judges != "readings":
            found += [(0, finding) for finding in self._arrivals.step(batch.heard, phases)]
        detected.findings = _in_order(found)
        return detected

    def tick(self, tick: Tick) -> Detected:
        """Time has passed: judge who is silent, and what nobody waits for any longer."""
        phases = self._phases
        detected, found = Detected(), list[Placed]()
        if self._judges != "arrival":
            found += self._judge(self._grid.tick(tick), phases, detected)
            found += [(0, finding) for finding in self._shocks.tick(tick)]
        if self._judges != "readings":
            found += [(0, finding) for finding in self._arrivals.tick(tick, phases)]
        detected.findings = _in_order(found)
        return detected

    def snapshot(self, container: str | None = None) -> bytes:
        """The state, or that of one container, as bytes for `restore`."""
        return snapshot.encode({name: part.snapshot(container) for name, part in self._parts.items()})

    def restore(self, data: bytes) -> list[Finding]:
        """Take the state of a snapshot in place of the present one; TcmError when it is of another version.

        State of a rule that is not in force with the same content is dropped: what was firing under it is returned
        as `cleared` at its last reading (none when the rules are those of the snapshot).
        """
        contents, before = snapshot.decode(data), dict(vars(self))
        self._refused_before = self.refused_streams
        self._begin(self._rules)
        try:
            return self._adopt(contents)
        except TcmError:
            vars(self).update(before)  # what cannot be read leaves everything as it was
            raise

    def reconfigure(self, rules: RulesView) -> list[Finding]:
        """Go on under other rules; as `restore`, exceedances of rules removed or changed end with `cleared`."""
        contents = {name: part.snapshot(None) for name, part in self._parts.items()}
        self._refused_before = self.refused_streams
        self._begin(rules)
        return self._adopt(contents)

    def take_over(self, container: str, other: Engine) -> None:
        """Go on with a container as another engine left it, but for what depends on when records arrived."""
        for name, part in self._parts.items():
            if part is not self._arrivals:
                part.forget(container)
                part.adopt(other._parts[name].snapshot(container))

    def _judge(self, blocks: list[Block], phases: Phases, detected: Detected) -> list[Placed]:
        columns, derived = gather(blocks, self._streams)
        detected.derived += derived
        found: list[Placed] = []
        for column in columns:
            for family in self._families_of(column.panel):
                found += family.step(column, phases, detected.totals)
        return found

    def _families_of(self, panel: Panel) -> list[ReadingFamily]:
        """The families that have a rule in a panel."""
        families = self._of_panel.get(panel.number)
        if families is None:
            families = [family for family in self._families if any(map(family.takes, panel.rules))]
            self._of_panel[panel.number] = families
        return families

    def _adopt(self, contents: dict[str, Any]) -> list[Finding]:
        try:
            return [finding for name, part in self._parts.items() for finding in part.adopt(contents[name])]
        except (KeyError, TypeError, ValueError) as error:
            raise snapshot.unreadable(error) from error

    def _begin(self, rules: RulesView) -> None:
        """Start without state."""
        self._rules, self._phases = rules, Phases(rules)
        self._streams = Streams(rules, self._max_streams)
        self._families: list[ReadingFamily] = [family(self._streams, rules) for family in FAMILIES]
        self._of_panel: dict[int, list[ReadingFamily]] = {}
        self._grid, self._clocks = Grid(rules), Clocks(rules)
        self._shocks, self._arrivals = ShockJudge(rules), Arrivals(rules)
        self._parts: dict[str, Part] = {type(family).__name__: family for family in self._families}
        others = (self._grid, self._clocks, self._shocks, self._arrivals)
        self._parts |= {type(part).__name__: part for part in others}


def _in_order(found: list[Placed]) -> list[Finding]:
    found.sort(key=lambda item: (item[1].pos, item[0], item[1].logger, item[1].channel, item[1].rule))
    return [finding for _, finding in found]
