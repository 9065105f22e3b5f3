"""An intake on a wire of the tests' own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2

from monitor.ingest import Inbox, Intake
from monitor.ingest.inbox import Delivery
from monitor.journal import Journal
from tests.messages import Content, S, pack


@dataclass
class ManualClock:
    """Time passes when the test says so; calendar time runs ahead of steady time."""

    mono: int = 0

    def now_ns(self) -> int:
        return 1_000_000 * S + self.mono

    def mono_ns(self) -> int:
        return self.mono


@dataclass
class Wire:
    """A connection that stands or not."""

    is_connected: bool = True
    generation: int = 1


def nothing() -> None:
    """Nobody asks whether this was acknowledged."""


def delivery(
    kind: str, payload: bytes | Content, logger: str = "L", acknowledge: Callable[[], None] = nothing, *,
    is_fill: bool = False, is_retained: bool = False, is_prompt: bool = False, topic: str | None = None,
) -> Delivery:  # fmt: skip
    """A message as the session hands it over."""
    topic = topic or f"tcm/v1/C/{logger}/up/{'fill/' if is_fill else ''}{kind}"
    data = payload if isinstance(payload, bytes) else pack(payload)
    return Delivery(1_000_000 * S, topic, data, is_retained, is_prompt, acknowledge)


@dataclass
class Bench:
    """An intake with its surroundings."""

    folder: Path
    accepts: Callable[[str, str], bool] = lambda _container, _logger: True
    links: tuple[Wire, ...] = (Wire(), Wire())
    clock: ManualClock = field(default_factory=ManualClock)
    inbox: Inbox = field(default_factory=Inbox)
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = Journal(self.folder)
        self.intake = Intake(self.journal, self.inbox, self.clock, self.publish, self.links, self.accepts)

    def publish(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))

    def put(self, *deliveries: Delivery) -> None:
        for each in deliveries:
            self.inbox.put(each, is_fill="/up/fill/" in each.topic)

    def take(self, *deliveries: Delivery) -> list[tuple[str, int, int]]:
        """One step with these; (logger, boot, upto) of the acknowledgements that it sent."""
        self.put(*deliveries)
        self.intake.step()
        return self.acks()

    def acks(self) -> list[tuple[str, int, int]]:
        acks = [(topic.split("/")[3], cbor2.loads(payload)) for topic, payload in self.sent]
        self.sent.clear()
        return [(logger, ack["boot"], ack["upto"]) for logger, ack in acks]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What another connection sees now."""
        connection = sqlite3.connect(f"{(self.folder / 'journal.db').as_uri()}?mode=ro", uri=True)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def stored(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT logger, boot, seq FROM records WHERE kind != 'tick' ORDER BY pos")
