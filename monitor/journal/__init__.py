"""The journal: every byte as received, in one order, with boots, gaps and a hash chain (SQLite, one writer)."""

from monitor.journal.arrival import Arrival, BootKey, Commit, Refused, Usable
from monitor.journal.lock import StateLock
from monitor.journal.reader import JournalReader, Page, Place
from monitor.journal.writer import Journal

__all__ = [
    "Arrival",
    "BootKey",
    "Commit",
    "Journal",
    "JournalReader",
    "Page",
    "Place",
    "Refused",
    "StateLock",
    "Usable",
]
