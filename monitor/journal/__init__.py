"""The journal: every byte as received, in one order, with boots, gaps and a hash chain (SQLite, one writer)."""

from monitor.journal.arrival import Arrival, Asked, BootId, BootKey, Commit, Owner, Refused, Usable
from monitor.journal.gaps import Range
from monitor.journal.lock import StateLock, lock_holder
from monitor.journal.reader import JournalReader, Page, Place
from monitor.journal.retention import Retention
from monitor.journal.writer import Journal

__all__ = [
    "Arrival",
    "Asked",
    "BootId",
    "BootKey",
    "Commit",
    "Journal",
    "JournalReader",
    "Owner",
    "Page",
    "Place",
    "Range",
    "Refused",
    "Retention",
    "StateLock",
    "Usable",
    "lock_holder",
]
