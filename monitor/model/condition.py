"""A condition of the gateway itself that somebody has to see: it stands in every tick while it lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

GATEWAY = "-"  # container and logger of what concerns no single one

STORE_HELD = "monitor.store-held"
STORE_REFUSED = "monitor.store-refused"
COPY_HELD = "monitor.copy-held"
COPY_REFUSED = "monitor.copy-refused"
DISK_LOW = "monitor.disk-low"
DISK_FULL = "monitor.disk-full"
GAP_FLOOD = "monitor.gap-flood"
BOOT_FLOOD = "monitor.boot-flood"
FALSE_OLDEST = "monitor.false-oldest"
QUARANTINE_FLOOD = "monitor.quarantine-flood"
PART_STALLED = "monitor.part-stalled"
CERTIFICATE_ENDS = "monitor.certificate-ends"
NOTIFIER_FAILING = "monitor.notifier-failing"
NOTIFIER_REFUSED = "monitor.notifier-refused"

MAX_CONDITIONS = 100  # in a tick
MAX_RULE_CONDITIONS = 25  # of them of one rule, about loggers


class Condition(NamedTuple):
    """`rule` is the alarm that it raises; `text` says what is wrong and what to do."""

    rule: str
    container: str
    logger: str
    text: str


def told(conditions: Iterable[Condition]) -> list[Condition]:
    """Those of many that a tick names: the gateway's own first, then of each rule the first few by name.

    However many loggers are at fault, what concerns all is told; and every reader of a journal says the same.
    """
    found, counts = list[Condition](), Counter[str]()
    for condition in sorted(conditions, key=lambda one: (one.container != GATEWAY, *one)):
        counts[condition.rule] += condition.container != GATEWAY
        if counts[condition.rule] <= MAX_RULE_CONDITIONS:
            found.append(condition)
    return found[:MAX_CONDITIONS]
