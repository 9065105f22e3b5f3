"""What a replay led to, in memory."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from monitor.alerts import AlertBook
from monitor.alerts.tables import ALERT_TABLES
from monitor.consumers.judged import Judged
from monitor.consumers.keeping import keep_findings
from monitor.journal import JournalReader
from monitor.model.batch import Table
from monitor.model.clock import rfc3339


class Sums:
    """Counts, and the last running totals of each rule and stream."""

    def __init__(self) -> None:
        self.readings = self.events = 0
        self.exposure: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}

    def note(self, judged: Judged) -> None:
        """Add what a run of records led to."""
        self.readings += judged.readings
        self.events += judged.events
        for table in judged.results:
            if table.measurement == "exposure":
                last_rows = {number: row for row, number in enumerate(table.of.tolist())}
                for number, row in last_rows.items():
                    at = {"at": rfc3339(int(table.times_ns[row]))}
                    self.exposure[table.series[number]] = dict(table.series[number]) | at | _known(table, row)

    def add(self, other: Sums) -> None:
        """Add those of other containers."""
        self.readings += other.readings
        self.events += other.events
        self.exposure |= other.exposure


class Outcome:
    """What a replay led to: the book of alerts and the sums."""

    def __init__(self) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(ALERT_TABLES)
        self.book = AlertBook(connection)
        self.sums = Sums()

    def keep(self, run: Iterable[Judged], reader: JournalReader | None) -> None:
        """Enter what a run leads to; without `reader` there is no quarantine to look into."""
        for judged in run:
            keep_findings(self.book, judged, reader)
            self.note(judged)

    def note(self, judged: Judged) -> None:
        """Count, and note the totals of what is in the book already."""
        self.sums.note(judged)

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts in order of occurrence."""
        return self.book.alerts(limit=-1)


def document(alerts: list[dict[str, Any]], sums: Sums) -> dict[str, Any]:
    """An outcome as JSON."""
    count = Counter(alert["rule"] for alert in alerts if alert["merged_into"] is None)
    return {
        "readings": sums.readings,
        "events": sums.events,
        "alerts": alerts,
        "totals": dict(sorted(count.items())),
        "exposure": [sums.exposure[tags] for tags in sorted(sums.exposure)],
    }


def _known(table: Table, row: int) -> dict[str, Any]:
    """The fields of a row, without those of which nothing is known."""
    values = {
        name: float(column[row]) if isinstance(column, np.ndarray) else column[row]
        for name, column in table.fields.items()
    }
    return {name: value for name, value in values.items() if value == value}
