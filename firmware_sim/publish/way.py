"""The way from a logger to its broker: when there is one, and what it does to messages on the way.

It has no clock, no threads, no input or output: it answers what it is asked.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Literal
from zlib import crc32

import numpy as np

from firmware_sim.device import Identity, Message
from firmware_sim.plan import LinkPlan, Span

State = Literal["up", "down", "refused", "asleep"]


class Way:
    """What a LinkPlan does to one logger's messages, by generators keyed by seed, logger and message number.

    The radio's first report begins at since_ns, when the logger is first switched on. A report lasts at least
    least_report_ns; `stretch` says how many times longer than planned that is, and the time between reports is
    stretched as much, so that the radio's share of the time stays what it is. Only records are duplicated, reordered
    or corrupted: a birth stays the first message of its connection.
    """

    def __init__(self, plan: LinkPlan, identity: Identity, since_ns: int, least_report_ns: int = 0) -> None:
        self._plan = plan
        self._key = (identity.seed, crc32(identity.logger.encode()), identity.instance, crc32(b"link"))
        self._since_ns = since_ns
        self._has_reports = 0 < plan.report_for_ns < plan.report_every_ns
        self.stretch = max(1.0, least_report_ns / plan.report_for_ns) if self._has_reports else 1.0
        self._report_ns = round(plan.report_for_ns * self.stretch)
        self._every_ns = round(plan.report_every_ns * self.stretch)
        self._is_faulty = bool(plan.duplicated or plan.reordered or plan.corrupted)
        self._is_steady = not (plan.down or plan.refused or self._has_reports)
        self._number = 0
        self._late: list[Message] = []  # waits for its successor

    def state(self, at_ns: int) -> State:
        """Return whether there is a way at at_ns; before since_ns the radio is asleep."""
        if self._is_steady:
            return "up" if at_ns >= self._since_ns else "asleep"
        if at_ns < self._since_ns or (self._has_reports and self._into_cycle_ns(at_ns) >= self._report_ns):
            return "asleep"
        if _covering(self._plan.down, at_ns):
            return "down"
        return "refused" if _covering(self._plan.refused, at_ns) else "up"

    def next_change_ns(self, at_ns: int) -> int | None:
        """Return the earliest time after at_ns at which the state may be another one."""
        if self._is_steady:
            return self._since_ns if at_ns < self._since_ns else None
        spans = chain(self._plan.down, self._plan.refused)
        edges = [edge for span in spans for edge in (span.begin_ns, span.end_ns) if edge > at_ns]
        if at_ns < self._since_ns:
            edges.append(self._since_ns)
        elif self._has_reports:
            begin_ns = at_ns - self._into_cycle_ns(at_ns)
            ends_ns = begin_ns + self._report_ns
            edges.append(ends_ns if ends_ns > at_ns else begin_ns + self._every_ns)
        return min(edges, default=None)

    def next_report_ns(self, at_ns: int) -> int:
        """Return when the radio is next switched on after at_ns, whether or not there is a network then."""
        if not self._has_reports or at_ns < self._since_ns:
            return max(at_ns, self._since_ns)
        return at_ns - self._into_cycle_ns(at_ns) + self._every_ns

    def is_up_within(self, begin_ns: int, end_ns: int) -> bool:
        """Return whether there is a way at any time from begin_ns to end_ns."""
        at_ns: int | None = begin_ns
        while at_ns is not None and at_ns <= end_ns:
            if self.state(at_ns) == "up":
                return True
            at_ns = self.next_change_ns(at_ns)
        return False

    def carry(self, message: Message, at_ns: int) -> list[Message]:
        """Return what reaches the broker at at_ns now that the message is sent; the message itself is unchanged."""
        if not self._is_faulty:
            return [message]
        self._number += 1
        late, self._late = self._late, []
        if message.retain:
            return [message, *late]
        corrupted, duplicated, reordered = (
            _share(spans, at_ns) for spans in (self._plan.corrupted, self._plan.duplicated, self._plan.reordered)
        )
        if not (corrupted or duplicated or reordered):
            return [message, *late]
        random = np.random.default_rng([*self._key, self._number])
        chances = random.random(3)
        if chances[0] < corrupted:
            message = replace(message, payload=corrupt(message.payload, random))
        copies = [message] * (2 if chances[1] < duplicated else 1)
        if chances[2] < reordered and not late:
            self._late = copies
            return []
        return copies + late

    def cut(self) -> None:
        """Note that the connection ended: what waited for its successor is gone, and will be resent."""
        self._late = []

    def _into_cycle_ns(self, at_ns: int) -> int:
        return (at_ns - self._since_ns) % self._every_ns


def corrupt(payload: bytes, random: np.random.Generator) -> bytes:
    """Return the payload with one byte, anywhere, changed by XOR with 1 to 255; an empty one as it is."""
    if not payload:
        return payload
    changed = bytearray(payload)
    changed[random.integers(len(changed))] ^= int(random.integers(1, 256))
    return bytes(changed)


def _covering(spans: Iterable[Span], at_ns: int) -> bool:
    return any(span.begin_ns <= at_ns < span.end_ns for span in spans)


def _share(spans: Iterable[Span], at_ns: int) -> float:
    return max((span.share for span in spans if span.begin_ns <= at_ns < span.end_ns), default=0.0)
