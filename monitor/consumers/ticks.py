"""What the ticks of a journal say: time that passes, what went to quarantine, and how the gateway is."""

from __future__ import annotations

from typing import Any

import orjson

from monitor.consumers.conditions import Conditions
from monitor.consumers.judged import Judged, Passed, tick_of
from monitor.detect.arrivals.steady import Steady
from monitor.model.batch import Tick
from monitor.model.condition import Condition
from monitor.model.record import Record


class Ticks:
    """Read one after the other; `steady` is the time since the journal began."""

    def __init__(self) -> None:
        self.steady = Steady()
        self._conditions = Conditions()
        self._pos = self._quarantine_pos = 0  # of the last tick, and what it said of the quarantine

    def take(self, record: Record, judged: Judged, *, with_conditions: bool) -> Tick:
        """Enter what a tick changes in what it led to; the answer is for the detector."""
        content = orjson.loads(record.payload)
        tick = tick_of(record, content)
        quarantined = content.get("quarantined", 0)
        if quarantined > self._quarantine_pos:
            judged.quarantine = (self._quarantine_pos, quarantined)
        self._quarantine_pos = quarantined  # after a recovery it may be lower than before
        if with_conditions:
            named = (Condition(*each) for each in content.get("conditions", ()))
            judged.conditions = self._conditions.take(record.pos, record.received_ns, named)
        self.steady.tick(tick.mono_ns, tick.now_ns)
        open_containers = content.get("open")  # of an earlier version's ticks nobody knows
        may_come = None if open_containers is None else frozenset(open_containers)
        judged.ticks.append(Passed(record.pos, self._pos, record.received_ns, self.steady.ns, may_come))
        self._pos = record.pos
        return tick

    def snapshot(self, *, with_conditions: bool) -> dict[str, Any]:
        """The state for `restore`."""
        return {
            "conditions": self._conditions.snapshot() if with_conditions else [],
            "steady": self.steady.snapshot(),
            "quarantine": self._quarantine_pos,
            "tick": self._pos,
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Take up the state of a snapshot."""
        self._conditions.restore(content["conditions"])
        self.steady = Steady(*content["steady"])
        self._quarantine_pos, self._pos = content["quarantine"], content["tick"]
