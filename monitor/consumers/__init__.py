"""Readers of the journal, each behind a cursor of its own, with its own file, at its own pace."""

from monitor.consumers.judge import Judge
from monitor.consumers.judged import Judged
from monitor.consumers.notify import Notify
from monitor.consumers.store import Store
from monitor.consumers.watch import Watch, WatchReader

__all__ = ["Judge", "Judged", "Notify", "Store", "Watch", "WatchReader"]
