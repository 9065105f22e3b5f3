"""A condition of the gateway itself that somebody has to see: it stands in every tick while it lasts."""

from __future__ import annotations

from typing import NamedTuple

GATEWAY = "-"  # container and logger of what concerns no single one

STORE_HELD = "monitor.store-held"
DISK_LOW = "monitor.disk-low"
DISK_FULL = "monitor.disk-full"
GAP_FLOOD = "monitor.gap-flood"
BOOT_FLOOD = "monitor.boot-flood"
FALSE_OLDEST = "monitor.false-oldest"
PART_STALLED = "monitor.part-stalled"

MAX_CONDITIONS = 100  # in a tick; the first in the order of their names, so that every reader says the same


class Condition(NamedTuple):
    """`rule` is the alarm that it raises; `text` says what is wrong and what to do."""

    rule: str
    container: str
    logger: str
    text: str
