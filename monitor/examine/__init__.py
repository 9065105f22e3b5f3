"""Looking back at single shock events: from where they lie to what an engineer asks of them.

    journal, read-only ──► JournalEvents ─┐
                                          ├─► Examined ──► row (`tcm shock list`), report (`show`), spectrum (`srs`)
    CSV, .IDE ───────────► RecordedEvents ┘   analysis + the rules that apply

`open_events` chooses by what a path is. Nothing here writes, and nothing needs a daemon.
"""

from monitor.examine.event import Events, Examined, Wanted
from monitor.examine.source import open_events

__all__ = ["Events", "Examined", "Wanted", "open_events"]
