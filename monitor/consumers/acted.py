"""An alert as it stands with what operators did about it, also where watch has not come to that yet."""

from __future__ import annotations

from typing import Any

from monitor.consumers.reading import said_in
from monitor.consumers.watch_file import WatchReader
from monitor.journal import JournalReader
from monitor.model.alert import ACKNOWLEDGED, FIRING, awaits_acknowledgement
from monitor.model.clock import rfc3339


def alert_as_acted(watch: WatchReader, journal: JournalReader, key: str) -> dict[str, Any] | None:
    """The alert of an id (JSON), None where there is none."""
    kept_pos = watch.kept_pos  # before the alert is read: what is entered in between is in the one or the other
    alert = watch.book.body(key)
    if alert is None or not awaits_acknowledgement(alert):
        return alert
    for _, said in said_in(journal.operators(kept_pos, types=("ack",))):
        if said.details["alert"] == key:
            acknowledged = {"by": said.by, "at": rfc3339(said.effective_ns), "remark": said.remark}
            state = ACKNOWLEDGED if alert["state"] == FIRING else alert["state"]
            return alert | {"state": state, "acknowledged": acknowledged}
    return alert
