"""What operators may enter: the checks that need configuration and journal, the same with and without a daemon."""

from __future__ import annotations

from typing import Any

from monitor.config import Rules
from monitor.config.phases import known_phases
from monitor.journal import JournalReader
from monitor.model.clock import NS_PER_S, rfc3339
from monitor.model.errors import TcmError
from monitor.model.operator import PLAN, PhaseRecord

MAX_CONTAINER_RECORDS = 1_000  # of one container: three a day for a year
ANYWAY = '"new": true'  # in a request; at the command line it is an option
MAX_NAMED = 20  # containers that an error lists
RETROACTIVE_NS = 60 * NS_PER_S  # what was judged in a minute is not worth a word


def admit(content: Any, rules: Rules, journal: JournalReader, now_ns: int) -> tuple[PhaseRecord, list[str]]:
    """The record that a request asks for, and warnings about it.

    A container need not be registered when anything was journalled of it: its readings are judged like others.
    TcmError when the record cannot be entered.
    """
    record = PhaseRecord.enter(content, now_ns)
    if record.container not in rules.containers and record.container not in journal.containers():
        raise TcmError("enter phase", record.container, "no such container", _registered(rules))
    known = known_phases(rules) | {PLAN}
    if record.phase not in known and not content.get("new", False):
        hint = f"known are {', '.join(sorted(known))}; {ANYWAY} enters it all the same"
        raise TcmError("enter phase", record.phase, "no leg and no rule has such a phase", hint)
    entered = sum(row.container == record.container for row in journal.operators())
    if entered >= MAX_CONTAINER_RECORDS:
        raise TcmError("enter phase", record.container, f"it has {entered} operator records, no more are taken")
    return record, list(_warnings(record, rules))


def answer(pos: int, record: PhaseRecord, warnings: list[str]) -> dict[str, Any]:
    """What is said of a record that is in the journal."""
    return {"pos": pos} | record.document() | {"warnings": warnings}


def _registered(rules: Rules) -> str:
    names = sorted(rules.containers)
    if not names:
        return "none is registered"
    more = f" and {len(names) - MAX_NAMED} others" if len(names) > MAX_NAMED else ""
    return f"registered are {', '.join(names[:MAX_NAMED])}{more}"


def _warnings(record: PhaseRecord, rules: Rules) -> list[str]:
    found = []
    if record.phase not in known_phases(rules) | {PLAN}:
        found.append(f"phase {record.phase}: no leg and no rule has it; rules bound to phases do not watch in it")
    if record.container not in rules.containers:
        found.append(f"container {record.container} is not registered; it is watched under the default limits")
    if record.entered_ns - record.effective_ns > RETROACTIVE_NS:
        since = rfc3339(record.effective_ns)
        found.append(
            f"readings since {since} that were judged before are judged again at a later tick of the daemon, once no "
            "record is awaited: what was told of them may be revised or withdrawn then"
        )
    return found
