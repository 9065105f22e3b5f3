"""A journal with its retention, tick by tick."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from monitor.config import JournalSettings
from monitor.journal import Commit, Journal, Refused, Usable
from monitor.journal.retention import Retention
from monitor.model.clock import NS_PER_S
from tests.intakes import ManualClock
from tests.journals import arrival, rows
from tests.messages import env

TICK_S = 10


class Bench:
    """A journal with its retention; consumers have confirmed up to `confirmed`, everything unless a test says so."""

    def __init__(self, folder: Path, budget: str = "1 MB", keep_s: float | None = None) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.confirmed: int | None = None
        wanted = JournalSettings.model_validate({"budget": budget, "reserve": "0 B"})
        self.journal = Journal(folder, wanted)
        self.retention = Retention(self.journal, self.clock, keep_s, self._confirmed)

    def _confirmed(self) -> int:
        return self.journal.pos if self.confirmed is None else self.confirmed

    def append(self, arrivals: Sequence[Usable | Refused]) -> Commit:
        commit = self.journal.append(arrivals)
        self.journal.has_room()
        return commit

    def tick(self) -> None:
        """Ten seconds later."""
        self.clock.mono += TICK_S * NS_PER_S
        content = json.dumps({"quarantined": self.journal.quarantine_pos}).encode()
        self.journal.append_tick(self.clock.now_ns(), self.clock.mono_ns(), content)

    def drop(self) -> None:
        """Everything that may go."""
        for _ in range(1_000):
            if not self.retention.step():
                return
        raise AssertionError("retention goes on for ever")

    def dropped(self, table: str = "records") -> list[int]:
        return [pos for (pos,) in rows(self.folder, f"SELECT pos FROM {table} WHERE payload IS NULL ORDER BY pos")]

    def close(self) -> None:
        self.journal.close()


def fill(bench: Bench, share: float, boot: int = 1, logger: str = "L") -> None:
    """Records of 20 kB until that part of the budget is used."""
    seq = 0
    while bench.journal.room.used_share < share:
        bench.append([arrival("env", env(seq, boot, pad=bytes(20_000)), logger=logger)])
        seq += 1
