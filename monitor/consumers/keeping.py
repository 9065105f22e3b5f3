"""What a run of records led to, entered into the book of alerts: by watch, by replays and by backtests alike."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from itertools import groupby

from monitor.alerts import AlertBook, enter
from monitor.config import Rules
from monitor.consumers.conditions import tell_conditions
from monitor.consumers.conflicts import raise_conflicts
from monitor.consumers.judged import Judged, Passed
from monitor.consumers.settled import settle
from monitor.journal import JournalReader

LAST_POS = 1 << 62


def keep_findings(book: AlertBook, judged: Judged, reader: JournalReader | None) -> None:
    """Enter what operators did and what was found into the book; without `reader` there is no quarantine to look into.

    At a tick alerts of what goes on get the severity back that was withheld while their container was not armed.
    """
    for _, record in judged.said:
        if record.type == "ack":
            book.acknowledge(record)
    if reader is not None and judged.quarantine is not None:
        raise_conflicts(book, reader, judged.rules, *judged.quarantine)
    tell_conditions(book, judged.rules, judged.conditions)
    ticks = deque(judged.ticks)
    ends = [tick.pos for tick in judged.ticks]
    for _, group in groupby(judged.findings, lambda finding: bisect_left(ends, finding.pos)):
        findings = list(group)  # between two ticks
        _arm(book, judged.rules, ticks, findings[0].pos)
        enter(book, findings, judged.rules, judged.origins)
    if judged.settled is not None:
        settle(book, judged.settled)
    _arm(book, judged.rules, ticks, LAST_POS)


def _arm(book: AlertBook, rules: Rules, ticks: deque[Passed], before_pos: int) -> None:
    """Have the ticks before a position give severities back, where any is withheld."""
    is_withholding = bool(ticks) and book.is_withholding
    while ticks and ticks[0].pos < before_pos:
        tick = ticks.popleft()
        if is_withholding:
            book.arm(rules.is_armed, tick.received_ns)
