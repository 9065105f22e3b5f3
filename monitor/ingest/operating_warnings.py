"""What is taken of operators, but is worth a second look."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.config import Rules
from monitor.config.phases import known_phases
from monitor.model.arming import is_armed_in
from monitor.model.clock import MINUTE_NS, rfc3339
from monitor.model.condition import GATEWAY
from monitor.model.operator import PLAN, OperatorRecord

RETROACTIVE_NS = MINUTE_NS  # what was judged in a minute is not worth a word
STANDS = {  # what a record for the past does not change in the alerts that were raised since
    "arm": "severity; what is still open gets its rule's",
    "disarm": "severity",
    "custody": "custodian",
}


def warnings_of(record: OperatorRecord, rules: Rules) -> list[str]:
    """Of a record under rules, with all that operators set before it."""
    return [*_of_phase(record, rules), *_of_arming(record, rules), *_of_container(record, rules), *_of_past(record)]


def _of_container(record: OperatorRecord, rules: Rules) -> Iterator[str]:
    if record.container not in rules.containers and record.container != GATEWAY:
        yield f"container {record.container} is not registered; it is watched under the default limits"


def _of_arming(record: OperatorRecord, rules: Rules) -> Iterator[str]:
    container, at_ns = record.container, record.effective_ns
    if record.type == "arm" and "logger" in record.details and not is_armed_in(rules.armed_spans(container), at_ns):
        yield f"{container} stays disarmed: only the start-up of {record.details['logger']} begins"
    if record.type == "disarm":
        legs = rules.legs_between(container, at_ns, record.until_ns)
        if legs:
            yield f"{container} is disarmed on a planned leg ({', '.join(legs)}): its alerts are raised as info only"


def _of_phase(record: OperatorRecord, rules: Rules) -> Iterator[str]:
    if record.type == "phase" and record.details["phase"] not in known_phases(rules) | {PLAN}:
        phase = record.details["phase"]
        yield f"phase {phase}: no leg and no rule has it; rules bound to phases do not watch in it"
    if record.type == "open":
        phase = rules.phase_at(record.container, record.effective_ns)
        if phase != "open":
            yield f"the phase of {record.container} stays {phase}; tcm phase set {record.container} open changes it"


def _of_past(record: OperatorRecord) -> Iterator[str]:
    if record.entered_ns - record.effective_ns <= RETROACTIVE_NS:
        return
    since = rfc3339(record.effective_ns)
    if record.type == "phase":
        yield (
            f"readings since {since} that were judged before are judged again at a later tick of the daemon, once no "
            "record is awaited: what was told of them may be revised or withdrawn then"
        )
    elif record.type in STANDS:
        yield f"alerts that were raised since {since} keep their {STANDS[record.type]}"
