"""From records to findings and results: the part of watch that a replay shares, without files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from monitor.alerts import Origin
from monitor.config import Rules
from monitor.consumers import saved
from monitor.consumers.event_tables import event_results
from monitor.consumers.firing import Exceedance, Firing
from monitor.consumers.forks import Forks
from monitor.consumers.in_force import Adapt, InForce
from monitor.consumers.judged import Judged, ends_of
from monitor.consumers.placing import Placing
from monitor.consumers.points import Anchors
from monitor.consumers.reading import said_in
from monitor.consumers.ticks import Ticks
from monitor.consumers.totals import DerivedResults, exposure_results
from monitor.detect.engine import Engine, Judges
from monitor.detect.nearest import Nearest
from monitor.journal.succession import MAX_LOGGERS
from monitor.model.batch import Batch, Detected
from monitor.model.operator_book import OperatorBook
from monitor.model.record import Record

OWN_KINDS = ("config", "operator")


def _run_of(record: Record) -> tuple[str, bool]:
    return (record.kind if record.kind in OWN_KINDS else "", record.has_waited)


def _as_journalled(rules: Rules) -> Rules:
    return rules


class Judge:
    """Decodes records, places them in time and runs the detector over all loggers of a run at once."""

    def __init__(
        self,
        rules: Rules | None,
        anchors: Anchors,
        adapt: Adapt = _as_journalled,
        operators: OperatorBook | None = None,
        judges: Judges = "both",
        *,
        wants_events: bool = False,
        is_replay: bool = False,
        nearest: Nearest | None = None,
    ) -> None:
        """Without `rules` the first record is a configuration; `adapt` may change what the journal says.

        `operators` is what these set, known before their records come; these change nothing then. What judges but
        readings is given records in official order: none is late, nothing is provisional. Without `wants_events` there
        are no results of events: their spectra cost more than everything else. In a replay (`is_replay`) nobody stores
        what is derived, and nobody else reads the records at that time. How near anything comes to its limits goes to
        `nearest`.
        """
        self._anchors, self._judges, self.wants_events = anchors, judges, wants_events
        self._is_replay, self._nearest = is_replay, nearest
        self.in_force = InForce(rules, adapt, operators or OperatorBook())
        self._engine = Engine(self.rules, judges=judges, nearest=nearest) if rules else None
        self._placing = Placing(anchors, is_in_order=judges != "both", is_alone=is_replay)
        self.forks, self._firing, self._ticks = Forks(), Firing(), Ticks()
        self._newest_ns: dict[str, int] = {}  # by container, the time of its newest reading or event
        self._derived = DerivedResults()
        self.latest: dict[tuple[str, str], dict[str, float]] = {}
        self.latest_ns: dict[tuple[str, str], int] = {}

    @property
    def rules(self) -> Rules:
        """The rules in force, what operators set included."""
        return self.in_force.rules

    @property
    def steady_ns(self) -> int:
        """The time since the journal began, as the ticks' steady clock counts it."""
        return self._ticks.steady.ns

    @property
    def unreadable(self) -> int:
        """Records passed over since the journal's first."""
        return self._placing.unreadable

    @property
    def unknown_channels(self) -> set[str]:
        """Channels that the schema of the store does not know."""
        return self._placing.unknown_channels

    def step(self, records: Sequence[Record]) -> Iterator[Judged]:
        """Judge records in order, each run between two records that change the rules at once.

        So what they lead to stands in one order, however the journal was cut into batches. Records that waited make a
        run of their own: within a run positions grow. A tick that says more than that time has passed begins one, and
        while any container is provisional each tick ends one.
        """
        for (kind, _), run in groupby(records, _run_of):
            if kind == "":
                yield from self._judge(run)
            elif kind == "operator":
                yield self._take_operators(run)
            else:
                yield from map(self._reconfigure, run)

    def _judge(self, records: Iterable[Record]) -> Iterator[Judged]:
        batch, judged = Batch(), Judged(self.rules)
        for record in records:
            if record.kind == "tick":
                said = Judged(self.rules)
                tick = self._ticks.take(record, said, with_conditions=self._judges != "readings")
                if said.is_news:
                    yield self._finish(batch, judged)
                    batch, judged = Batch(), said
                else:
                    judged.ticks += said.ticks
                batch.pass_time(tick)
                judged.origins[record.pos] = Origin(record.received_ns, None, is_latest=False)
                if self.forks:
                    yield self._finish(batch, judged)  # at each tick a container may be settled
                    batch, judged = Batch(), Judged(self.rules)
                continue
            if record.kind not in ("env", "shock", "status") or not record.container or not record.logger:
                continue
            owner = (record.container, record.logger)
            if self._is_break(record, owner):
                yield self._finish(batch, judged)
                batch, judged = Batch(), Judged(self.rules)
                self._fork(record, owner)
            if self._judges == "both" and self._placing.order.hear(owner, record):
                yield self._finish(batch, judged)  # provisional is what comes from here on, however batches are cut
                batch, judged = Batch(), Judged(self.rules)
                self.forks.begin_anew(record.container, self.steady_ns)
            if self._placing.take(record, owner, batch, judged):
                self.forks.mark(record.container)
        yield self._finish(batch, judged)

    def _is_break(self, record: Record, owner: tuple[str, str]) -> bool:
        """Whether the container's stream breaks off just before a record, as something may come between."""
        is_settled = self._judges == "both" and owner[0] not in self.forks
        return is_settled and not self._placing.order.continues(owner, record)

    def _fork(self, record: Record, owner: tuple[str, str]) -> None:
        """Keep the container's state just before a record; none is of use where that belongs further back."""
        if self.forks.has_room and not self._placing.order.precedes(owner, record):
            self.forks.begin(owner[0], record.pos, self.steady_ns, self.snapshot(owner[0]))
        else:
            self.forks.begin_anew(owner[0], self.steady_ns)

    def _finish(self, batch: Batch, judged: Judged) -> Judged:
        assert self._engine is not None  # made with the rules
        judged.readings = sum(len(block.times_ns) for block in batch.blocks)
        judged.events = len(batch.events)
        detected = self._engine.step(batch, wants_events=self.wants_events, wants_derived=not self._is_replay)
        self._take_up(judged, detected)
        for container, time_ns in ends_of(batch):
            if container in self._newest_ns or len(self._newest_ns) < MAX_LOGGERS:
                self._newest_ns[container] = max(time_ns, self._newest_ns.get(container, 0))
        newest = {(block.container, block.logger): block for block in batch.blocks if not block.is_late}
        for key, block in newest.items():
            if key in self.latest or len(self.latest) < MAX_LOGGERS:
                self.latest[key] = dict(zip(block.channels, block.values[-1].tolist(), strict=True))
                self.latest_ns[key] = int(block.times_ns[-1])
        return judged

    def _reconfigure(self, record: Record) -> Judged:
        """Go on under other rules; exceedances of rules that are gone end."""
        started_anew = self.in_force.configure(record)
        judged = self._go_on()
        judged.started_anew = started_anew
        return judged

    def _take_operators(self, records: Iterable[Record]) -> Judged:
        """What operators set holds for what is judged from here on, each reading by its own time."""
        entered = list(records)
        said = list(said_in(entered))
        self._placing.unreadable += len(entered) - len(said)
        operators = self.in_force.operators
        for pos, record in said:
            operators = operators.add(pos, record)
            is_past = record.effective_ns <= self._newest_ns.get(record.container, -1)
            if record.type == "phase" and is_past and self._judges == "both":
                # Readings that were judged lie in another phase. What was raised keeps its severity and custodian.
                self.forks.begin_anew(record.container, self.steady_ns)
        judged = self.learn(operators)
        judged.said = said
        return judged

    def learn(self, operators: OperatorBook) -> Judged:
        """Go on under all that operators set, and what that changes at once."""
        if operators is self.in_force.operators:
            return Judged(self.rules)
        self.in_force.set_operators(operators)
        return self._go_on()

    def _go_on(self) -> Judged:
        if self._engine is None:
            self._engine = Engine(self.rules, judges=self._judges, nearest=self._nearest)
            return Judged(self.rules)
        findings = self._engine.reconfigure(self.rules)
        self._firing.take(findings, self.rules)
        return Judged(self.rules, findings)

    def firing(self, container: str) -> dict[Exceedance, float]:
        """What fires in a container by its readings, with its peak."""
        return self._firing.of(container)

    def for_official_order(self, config: bytes | None, operators: OperatorBook) -> Judge:
        """A judge of readings in official order, under a configuration and all that operators set.

        Without configuration its first record is one. It does not tell of events again: what they are follows from
        record, mounting and rules, whatever came before.
        """
        rules = None if config is None else self.in_force.read(config)
        return Judge(
            *(rules, self._anchors, self.in_force.adapt, operators, "readings"),
            is_replay=self._is_replay,
            nearest=self._nearest,
        )

    def at_base(self, config: bytes, state: bytes) -> Judge:
        """A judge as it was saved under a configuration; SnapshotError when that cannot be taken up."""
        judge = Judge(
            *(self.in_force.read(config), self._anchors, self.in_force.adapt),
            judges=self._judges,
            wants_events=self.wants_events,
            is_replay=self._is_replay,
            nearest=self._nearest,
        )
        judge.restore(state)
        return judge

    def take_over(self, container: str, official: Judge) -> None:
        """Go on with a container as another judge left it who was given its records in official order.

        What depends on when they arrived stays.
        """
        assert self._engine is not None  # made with the rules, as the other's
        assert official._engine is not None
        self._engine.take_over(container, official._engine)
        self._placing.order.take_over(container, official._placing.order)
        self._firing.put(container, official.firing(container))
        self.forks.end(container)

    def _take_up(self, judged: Judged, detected: Detected) -> None:
        judged.provisional = frozenset(self.forks)
        self._firing.take(detected.findings, judged.rules)
        judged.findings = detected.findings
        judged.results += self._derived.take(detected.derived)
        judged.results += exposure_results(detected.totals, judged.provisional)
        judged.results += event_results(detected.events)

    def snapshot(self, container: str | None = None) -> bytes:
        """The state as bytes for `restore`, or that of one container for a judge of its own."""
        assert self._engine is not None  # nothing is saved before something was judged
        content = {
            "order": self._placing.order.snapshot(container),
            "firing": self._firing.snapshot(container),
            "newest": {} if container else self._newest_ns,
            "forks": (Forks() if container else self.forks).snapshot(),
            **self._ticks.snapshot(with_conditions=not container),
            "unreadable": self.unreadable,
            **self.in_force.operators.rows(),
            "derived": self._derived.snapshot(container),
            "engine": self._engine.snapshot(container),
        }
        return saved.written(content)

    def restore(self, data: bytes) -> None:
        """Take up the state of a snapshot, once; SnapshotError when an earlier version of this program wrote it.

        TcmError when a later one did.
        """
        content = saved.content_of(data)
        self._placing.order.restore(content["order"])
        self._placing.unreadable = content["unreadable"]
        self._firing.restore(content["firing"])
        self.forks.restore(content["forks"])
        self._newest_ns = content["newest"]
        self._derived.adopt(content["derived"])
        self._ticks.restore(content)
        self.learn(OperatorBook.from_rows(content))  # as at the snapshot; nothing has fired yet
        assert self._engine is not None  # made with the rules
        self._engine.restore(content["engine"])
