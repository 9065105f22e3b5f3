"""Operators: they acknowledge what fires, arm and disarm, and silence, while everything else goes wrong."""

from __future__ import annotations

import random
from concurrent.futures import Future
from typing import NamedTuple

from monitor.ingest.desk import Entry
from monitor.model.alert import FIRING
from monitor.model.clock import rfc3339
from monitor.model.operator import OperatorRecord
from monitor.parts import Parts
from tests.simulation.clock import S

TYPES = ("ack", "ack", "ack", "arm", "disarm", "silence")


class Entered(NamedTuple):
    """What somebody entered: `pos` is where he was told that it stands; `seen` the last transition that he knew of."""

    record: OperatorRecord
    pos: Future[int]
    seen: int

    @property
    def is_told(self) -> bool:
        """Whether he was told that it stands in the journal."""
        return self.pos.done() and not self.pos.cancelled() and self.pos.exception() is None


class Operators:
    """Enter at the desk of whichever process runs; what it did not answer is forgotten with it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.entered: list[Entered] = []

    def act(self, parts: Parts, now_ns: int) -> str:
        """Do one thing; what it is, "" where there is nothing to be done."""
        kind = self._rng.choice(TYPES)
        seen = parts.watch.book.last_transition()
        content = {"type": kind, "container": "C-1", "by": "eve", "remark": f"number {len(self.entered)}"}
        if kind == "ack":
            firing = parts.watch.book.alerts(FIRING)
            if not firing:
                return ""
            alert = self._rng.choice(firing)
            content |= {"container": alert["container"], "alert": alert["id"]}
        elif kind == "silence":
            content |= {"until": rfc3339(now_ns + self._rng.choice((60, 3_600)) * S), "rule": "slow"}
        record = OperatorRecord.enter(content, now_ns)
        answer: Future[int] = Future()
        parts.desk._waiting.put(Entry(record, b"", answer))  # as `enter` does, which would wait for the answer
        self.entered.append(Entered(record, answer, seen))
        return f"{kind} {content.get('alert', '')}"
