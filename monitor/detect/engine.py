"""The engine: each batch to each family of rules, their findings in one order, their state in one snapshot."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Protocol

from monitor.detect import snapshot
from monitor.detect.across.grid import Grid
from monitor.detect.arrivals.judge import Arrivals
from monitor.detect.clocks import Clocks
from monitor.detect.events.judge import ShockJudge
from monitor.detect.families import FAMILIES
from monitor.detect.gather import Column, gather
from monitor.detect.machine import Placed
from monitor.detect.nearest import Nearest
from monitor.detect.phases import Phases
from monitor.detect.rules import RulesView
from monitor.detect.streams import MAX_STREAMS, Panel, Streams
from monitor.model.batch import Batch, Block, Detected, Finding, Stretch, Totals
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

    has_margins: ClassVar[bool]
    nearest: Nearest | None

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

    def __init__(
        self,
        rules: RulesView,
        max_streams: int = MAX_STREAMS,
        judges: Judges = "both",
        nearest: Nearest | None = None,
    ) -> None:
        """How near streams come to their limits goes to `nearest`; nobody asks for that live."""
        self._max_streams = max_streams
        self._judges, self._nearest = judges, nearest
        self._refused_before = 0
        self._begin(rules)

    @property
    def refused_streams(self) -> int:
        """Streams that are not judged, as `max_streams` others were there before."""
        return self._refused_before + self._streams.refused

    def step(self, batch: Batch, *, wants_events: bool = False, wants_derived: bool = True) -> Detected:
        """Judge a batch: findings in order of the journal and, within a record, of its readings.

        Never raises over what the readings are: NaN, infinities, times that run backwards and unknown channels are
        all judged or passed over. Events are summed up, spectra included, where somebody `wants_events`; channels are
        derived for people to see where somebody `wants_derived`.
        """
        detected, found, blocks = Detected(), list[Placed](), list[Block]()
        for stretch in batch.stretches():
            if self._judges != "arrival":
                blocks += self._grid.step(stretch.blocks)
                blocks += self._grid.tick(stretch.tick) if stretch.tick else []
                found += self._judge_events(stretch, detected, wants_events=wants_events)
            if self._judges != "readings":
                found += [(0, finding) for finding in self._judge_arrivals(stretch)]
        if self._judges != "arrival":
            found += self._judge(blocks, detected, wants_derived=wants_derived)
            found += self._clocks.step(batch.blocks, self._phases)
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

    def _judge_events(self, stretch: Stretch, detected: Detected, *, wants_events: bool) -> list[Placed]:
        """The events before a tick, and what leaves their tallies at it."""
        found, totals, events = self._shocks.step(stretch.events, stretch.heard, wants_events=wants_events)
        detected.totals += totals
        detected.events += events
        return found + [(0, finding) for finding in (self._shocks.tick(stretch.tick) if stretch.tick else ())]

    def _judge_arrivals(self, stretch: Stretch) -> list[Finding]:
        """Who was heard before a tick, and who is silent at it."""
        found = self._arrivals.step(stretch.heard, self._phases)
        return found + (self._arrivals.tick(stretch.tick, self._phases) if stretch.tick else [])

    def _judge(self, blocks: list[Block], detected: Detected, *, wants_derived: bool) -> list[Placed]:
        columns, derived = gather(blocks, self._streams, wants_derived=wants_derived)
        detected.derived += derived
        found: list[Placed] = []
        for column in columns:
            for family in self._families_of(column.panel):
                found += family.step(column, self._phases, detected.totals)
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
        for family in self._families:
            family.nearest = self._nearest if family.has_margins else None
        self._of_panel: dict[int, list[ReadingFamily]] = {}
        self._grid, self._clocks = Grid(rules), Clocks(rules)
        self._shocks, self._arrivals = ShockJudge(rules, nearest=self._nearest), Arrivals(rules)
        self._parts: dict[str, Part] = {type(family).__name__: family for family in self._families}
        others = (self._grid, self._clocks, self._shocks, self._arrivals)
        self._parts |= {type(part).__name__: part for part in others}


def _in_order(found: list[Placed]) -> list[Finding]:
    found.sort(key=lambda item: (item[1].pos, item[0], item[1].logger, item[1].channel, item[1].rule))
    return [finding for _, finding in found]
