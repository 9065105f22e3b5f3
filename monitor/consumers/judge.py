"""From records to findings and results: the part of watch that a replay shares, without files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import cbor2
import numpy as np

from monitor.alerts import Origin
from monitor.config import Rules
from monitor.consumers.order import MAX_LOGGERS, Order
from monitor.consumers.points import Anchors, anchor_of, placed_ns, shock_fields
from monitor.consumers.reading import read
from monitor.detect.engine import Engine
from monitor.model.batch import Batch, Block, Event, Finding
from monitor.model.channel import field_name
from monitor.model.errors import TcmError
from monitor.model.record import Env, Record, Status
from monitor.shock.peak import analyse

SNAPSHOT_VERSION = 4
OWN_KINDS = ("config", "tick")
MAX_UNKNOWN_CHANNELS = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    """What watch computed of a record, for the store: one point of `measurement`."""

    pos: int
    measurement: str
    tags: tuple[tuple[str, str], ...]
    time_ns: int
    fields: dict[str, Any]


@dataclass(slots=True)
class Judged:
    """What a run of records led to under `rules`.

    `origins` has by position what alerts say of their record; `quarantine` are the positions there, behind the first
    up to the second, that are to be looked at for conflicts.
    """

    rules: Rules
    findings: list[Finding] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    origins: dict[int, Origin] = field(default_factory=dict)
    readings: int = 0
    events: int = 0
    quarantine: tuple[int, int] | None = None


def _run_of(record: Record) -> tuple[str, bool]:
    return (record.kind if record.kind in OWN_KINDS else "", record.has_waited)


def _as_journalled(rules: Rules) -> Rules:
    return rules


class Judge:
    """Decodes records, places them in time and runs the detector over all loggers of a run at once."""

    def __init__(self, rules: Rules | None, anchors: Anchors, adapt: Callable[[Rules], Rules] = _as_journalled) -> None:
        """Without `rules` the first record is a configuration; `adapt` may change what the journal says."""
        self._anchors, self._adapt = anchors, adapt
        self._rules = rules
        self._engine = Engine(rules) if rules else None
        self._order = Order()
        self._quarantine_pos = 0
        self.unreadable = 0  # records passed over since the journal's first
        self.unknown_channels: set[str] = set()
        self.latest: dict[tuple[str, str], dict[str, float]] = {}

    def step(self, records: Sequence[Record]) -> Iterator[Judged]:
        """Judge records in order, each run between two records of the daemon's own at once.

        So what they lead to stands in one order, however the journal was cut into batches. Records that waited make a
        run of their own: within a run positions grow.
        """
        for (kind, _), run in groupby(records, _run_of):
            if kind == "":
                yield self._judge(run)
            else:
                yield from (self._reconfigure(record) if kind == "config" else self._tick(record) for record in run)

    def _judge(self, records: Iterable[Record]) -> Judged:
        batch, judged = Batch(), Judged(self._rules_in_force())
        assert self._engine is not None  # made with the rules
        for record in records:
            if record.kind in ("env", "shock", "status") and record.container and record.logger:
                self._take(record, record.container, record.logger, batch, judged)
        judged.readings = sum(len(block.times_ns) for block in batch.blocks)
        judged.events = len(batch.events)
        judged.findings = self._engine.step(batch)
        newest = {(block.container, block.logger): block for block in batch.blocks if not block.is_late}
        for key, block in newest.items():
            if key in self.latest or len(self.latest) < MAX_LOGGERS:
                self.latest[key] = dict(zip(block.channels, block.values[-1].tolist(), strict=True))
        return judged

    def _reconfigure(self, record: Record) -> Judged:
        """Go on under other rules; exceedances of rules that are gone end."""
        self._rules = self._adapt(Rules.from_json(record.payload))
        if self._engine is None:
            self._engine = Engine(self._rules)
            return Judged(self._rules)
        return Judged(self._rules, self._engine.reconfigure(self._rules))

    def _tick(self, record: Record) -> Judged:
        """Time has passed; what went to quarantine meanwhile is to be looked at."""
        judged = Judged(self._rules_in_force())
        quarantined = json.loads(record.payload).get("quarantined", 0)
        if quarantined > self._quarantine_pos:
            judged.quarantine = (self._quarantine_pos, quarantined)
            self._quarantine_pos = quarantined
        return judged

    def _rules_in_force(self) -> Rules:
        if self._rules is None:
            raise TcmError("judge", "journal", "no configuration stands before the first record")
        return self._rules

    def snapshot(self) -> bytes:
        """The state as bytes for `restore`."""
        assert self._engine is not None  # nothing is saved before something was judged
        content = {
            "version": SNAPSHOT_VERSION,
            "order": self._order.snapshot(),
            "quarantine": self._quarantine_pos,
            "unreadable": self.unreadable,
            "engine": self._engine.snapshot(),
        }
        return cbor2.dumps(content)

    def restore(self, data: bytes) -> None:
        """Take up the state of a snapshot; TcmError when another version of this program wrote it."""
        content = cbor2.loads(data)
        version = content.get("version") if isinstance(content, dict) else None
        if version != SNAPSHOT_VERSION:
            cause = f"version {version}, expected {SNAPSHOT_VERSION}"
            raise TcmError(
                "restore detector", "snapshot in watch.db", cause, "delete watch.db: it is made again from the journal"
            )
        self._order.restore(content["order"])
        self._quarantine_pos, self.unreadable = content["quarantine"], content["unreadable"]
        assert self._engine is not None  # made with the rules in force at the snapshot
        self._engine.restore(content["engine"])

    def _take(self, record: Record, container: str, logger: str, batch: Batch, judged: Judged) -> None:
        message = read(record)
        if message is None:
            self.unreadable += 1
            return
        if isinstance(message, Status):
            self._order.take_status(logger, message)
            return
        anchor = anchor_of(record, message.stamp, self._anchors)
        start_ns = placed_ns(message, anchor)
        judged.origins[record.pos] = Origin(
            received_ns=record.received_ns,
            clock_uncertainty_s=message.stamp.clock_uncertainty_s(anchor),
            is_latest=anchor is not None and anchor.mono_ns is None,
        )
        is_late = self._is_late(record, logger, message.stamp.boot, message.seq)
        if isinstance(message, Env):
            batch.blocks.append(self._block(record, container, logger, message, start_ns, is_late))
        else:
            event = Event(record.pos, container, logger, message.stamp.boot, message.seq, start_ns, message)
            batch.events.append(event)
            judged.results.append(_shock_result(event, judged.rules))

    def _is_late(self, record: Record, logger: str, boot: int, seq: int) -> bool:
        if record.is_derived:
            return self._order.is_late_derived(logger, boot, seq)
        return self._order.is_late(logger, boot, seq, is_fill=record.is_fill or record.has_waited)

    def _block(self, record: Record, container: str, logger: str, env: Env, start_ns: int, is_late: bool) -> Block:
        if len(self.unknown_channels) < MAX_UNKNOWN_CHANNELS:
            self.unknown_channels.update(channel for channel in env.channels if field_name(channel) is None)
        return Block(
            pos=record.pos,
            container=container,
            logger=logger,
            boot=env.stamp.boot,
            seq=env.seq,
            is_late=is_late,
            channels=env.channels,
            times_ns=env.offsets_ns + start_ns,
            values=env.values,
            interval_ns=self._order.interval_ns(logger) or env.interval_ns or None,
        )


def _shock_result(event: Event, rules: Rules) -> Result:
    rotation = np.array(rules.logger(event.container, event.logger).rotation)
    tags = (("container", event.container), ("logger", event.logger), ("sensor", event.shock.accelerometer))
    return Result(event.pos, "shock", tags, event.trigger_ns, shock_fields(analyse(event.shock, rotation), event))
