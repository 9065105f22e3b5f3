"""Readers of the journal, each behind a cursor of its own, with its own file, at its own pace."""

from monitor.consumers.board import Board
from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged
from monitor.consumers.store import Store
from monitor.consumers.watch import Watch
from monitor.consumers.watch_file import WatchReader

__all__ = ["Board", "Judge", "Judged", "Store", "Watch", "WatchReader"]
