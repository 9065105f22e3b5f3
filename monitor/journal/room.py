"""The room that the journal has: its budget, and what is free on the disk."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from monitor.config import JournalSettings
from monitor.model.condition import DISK_FULL, DISK_LOW, GATEWAY, Condition

SHORT_SHARE = 0.8  # of the budget: from here on payloads are dropped
ENOUGH_SHARE = 0.75  # down to here: in rounds of a twentieth of the budget, each behind one checkpoint
LOW_SHARE = 0.9  # dropping does not help enough: a consumer is behind, or what stays fills the budget


class Room:
    """Used and free bytes as last measured by the writer; any thread may ask what they mean."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, settings: JournalSettings) -> None:
        self._connection, self._folder, self._settings = connection, folder, settings
        self._used_bytes = self._free_bytes = 0
        self.is_dropping = False  # payloads go, or soon may: whoever drops them says so
        self.measure()

    def measure(self) -> bool:
        """Look again; whether there is room for more."""
        self._used_bytes = used_bytes(self._connection)
        self._free_bytes = shutil.disk_usage(self._folder).free
        return not self._full()

    @property
    def used_share(self) -> float:
        """Used part of the budget, 0 to 1 and above."""
        return self._used_bytes / self._settings.budget_bytes

    @property
    def excess_bytes(self) -> float:
        """How much has to go for enough room."""
        return self._used_bytes - ENOUGH_SHARE * self._settings.budget_bytes

    def conditions(self) -> list[Condition]:
        """That room is short, or used up."""
        full = self._full()
        if full and self.is_dropping and self.used_share >= 1:
            text = "the journal's budget is used up: nothing is taken from the loggers until payloads are dropped"
            return [Condition(DISK_LOW, GATEWAY, GATEWAY, text)]
        if full:
            return [Condition(DISK_FULL, GATEWAY, GATEWAY, f"{full}: nothing more is taken from the loggers")]
        if self.used_share < LOW_SHARE:
            return []
        used = f"{self.used_share:.0%} of the journal's budget is used"
        text = f"{used}, though payloads are dropped from {SHORT_SHARE:.0%} on: is a consumer behind? Else raise it"
        return [Condition(DISK_LOW, GATEWAY, GATEWAY, text)]

    def _full(self) -> str:
        """Why nothing more can be taken and what to do, "" while it can."""
        if self.used_share >= 1:
            return "the journal's budget is used up, raise [journal] budget"
        if self._free_bytes < self._settings.reserve_bytes:
            return f"less than {self._settings.reserve_bytes / 1e6:.0f} MB are free on the disk, make room there"
        return ""


def used_bytes(connection: sqlite3.Connection) -> int:
    """What the file's pages in use come to; free ones are filled again before it grows."""
    pages, free_pages, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free_pages) * page_bytes)
