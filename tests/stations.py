"""A journal with the watch behind it, stepped by hand."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from monitor.config import Rules
from monitor.consumers import Watch
from monitor.consumers.results import ResultBook
from monitor.journal import Journal, JournalReader, Page, Place, Usable
from monitor.model.clock import rfc3339
from tests.intakes import ManualClock
from tests.journals import arrival
from tests.messages import T0, S, env

Item = Usable | bytes | int  # a message, a configuration, or the time of a tick
HOT = {"id": "hot", "kind": "threshold", "channel": "temperature.*", "above": "25 degC", "severity": "alarm"}
SLOW = {"id": "slow", "kind": "threshold", "channel": "temperature.*", "above": "24 degC", "clear": "23 degC"}
SLOW |= {"for": "20 s", "severity": "warning"}
DRY = {
    "id": "dry",
    "kind": "threshold",
    "channel": "humidity.*",
    "below": "30 %",
    "severity": "info",
    "phases": ["road"],
}
JOLT = {"id": "jolt", "kind": "shock", "axis": "resultant", "peak": "3 g", "severity": "warning"}
BOX: dict[str, Any] = {
    "id": "C",
    "consignment": "trip",
    "logger": [
        {
            "id": "L",
            "serial": "SN-1",
            "place": "base frame",
            "calibration": {"temperature.air": {"accuracy": "0.3 K"}, "shock.a": {"accuracy": "0.2 g"}},
        }
    ],
}
TRIP = {
    "id": "trip",
    "parties": [{"id": "owner", "title": "Owner"}],
    "leg": [
        {
            "id": "one",
            "phase": "road",
            "custodian": "owner",
            "planned_start": rfc3339(T0 + 100 * S),
            "planned_end": rfc3339(T0 + 400 * S),
        }
    ],
}


def rules(*rule: dict[str, Any], hold_off: str = "0 s", **box: Any) -> bytes:
    """A configuration as it is journalled; without hold-off each exceedance is an alert of its own."""
    document = {
        "alerts": {"hold_off": hold_off},
        "ingest": {"default_limits": "hardware"},
        "profiles": {"hardware": {"name": "hardware", "rule": list(rule)}},
        "containers": {"C": BOX | box},
        "consignments": {"trip": TRIP},
    }
    return Rules.model_validate(document).to_json()


ALL = rules(HOT, SLOW, DRY, JOLT)


class Sipping(JournalReader):
    """A reader whose pages are as small as the test wants them."""

    def __init__(self, folder: Path, page_records: int) -> None:
        super().__init__(folder)
        self._page_records = page_records

    def read(self, after: Place, limit: int = 500, limit_bytes: int = 1 << 20) -> Page:
        return super().read(after, min(limit, self._page_records), limit_bytes)


class Station:
    """A state directory whose watch can be dropped, as by a crash, and opened anew."""

    def __init__(self, folder: Path, *items: Item) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.journal = Journal(folder)
        self.append(*(items or (ALL,)))
        self.start()

    def start(self, page_records: int = 500) -> None:
        """Open journal reader and watch anew; what was open before is dropped where it stands."""
        self.watch = Watch(self.folder, Sipping(self.folder, page_records), self.clock)

    def append(self, *items: Item) -> None:
        """Into the journal, messages between two configurations in one commit."""
        commit: list[Usable] = []
        for item in items:
            if isinstance(item, Usable):
                commit.append(item)
                continue
            self.journal.append(commit)
            commit = []
            if isinstance(item, int):
                self.journal.append_tick(item, item - T0, json.dumps({"mono_ns": item - T0}).encode())
            else:
                self.journal.append_own("config", 7, item)
        self.journal.append(commit)

    def run(self, *items: Item) -> None:
        """Append, then judge all there is."""
        self.append(*items)
        while self.watch.step():
            pass

    def alerts(self) -> list[dict[str, Any]]:
        return self.watch.book.alerts()

    def snapshot_pos(self) -> int:
        """Where the saved state stands."""
        row = self.rows("SELECT pos FROM snapshot")
        return int(row[0][0]) if row else 0

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"{(self.folder / 'watch.db').as_uri()}?mode=ro", uri=True)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    def outcome(self) -> list[Any]:
        """Everything that watch tells the world: alerts, transitions and their numbers, the points of results.

        The peak so far of what goes on is told once a batch, however large that was.
        """
        results: dict[Any, Any] = {}
        for row in ResultBook(self.watch.book._connection).after(0, 1 << 40):
            for points in (points for table in row.tables for points in table.split()):
                for i, time_ns in enumerate(points.times_ns.tolist()):
                    values = {name: repr(column[i]) for name, column in points.fields.items()}
                    results[points.key, points.measurement, points.tags, time_ns] = values
        told = [
            (number, at_ns, body if body["state"] == "cleared" else body | {"peak": None})
            for number, at_ns, body in self.watch.book.transitions(0, 10**6)
        ]
        return [self.alerts(), told, sorted(results.items())]


def readings(*values: float, seq: int = 0, **changes: Any) -> Usable:
    """A block of air temperatures, ten seconds apart."""
    return arrival("env", env(seq, values=[[value] for value in values], **changes), T0 + 1000 * S * (seq + 1))


def unset(seq: int, mono_s: int, *values: float, after_s: int = 0, boot: int = 1, **how: Any) -> Usable:
    """Readings of a logger whose clock was never set, received `after_s` after T0."""
    content = env(seq, boot, clk=0, t0=0, mono=mono_s * S, values=[[value] for value in values])
    return arrival("env", content, T0 + after_s * S, **how)


class Receipt:
    """What the broker said of a publication."""

    def __init__(self, *, is_good: bool) -> None:
        self._is_good = is_good

    def wait_for_publish(self, timeout: float | None = None) -> None:
        """The answer is there already."""

    def is_published(self) -> bool:
        return self._is_good
