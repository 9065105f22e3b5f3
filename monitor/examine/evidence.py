"""What an alert is told by: the readings or the event around it, and the rule as it stood.

alert ──► record that fired ──► readings 5 min around it, or the event and its analysis
      ──► configuration in force ──► rule, profile
      ──► watch.db ──► transitions
"""

from __future__ import annotations

import json
import math
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monitor.config import Rules, canonical_json
from monitor.consumers import WatchReader
from monitor.detect.events.measured import signal_g
from monitor.examine.asked import asked_of
from monitor.examine.document import report
from monitor.examine.event import Examined
from monitor.examine.journal import JournalEvents
from monitor.examine.readings import Found, Span, bounds_ns, find_readings, no_readings
from monitor.examine.series import Series
from monitor.journal import JournalReader
from monitor.journal.around import configs_before, record_or_none
from monitor.model.clock import NS_PER_S, parse_rfc3339, rfc3339
from monitor.model.errors import TcmError
from monitor.model.limit import Profile, Rule, ShockRule
from monitor.model.record import Record

AROUND_NS = 300 * NS_PER_S  # before an alert occurred, and after the reading that fired or ended it
MAX_POINTS = 600  # of all series of an alert together
MAX_CONFIGS = 16  # looked at for the profile that an alert was judged by; mostly it is the first
MAX_TRANSITIONS = 200
KEPT = ("state", "severity", "value", "peak", "acknowledged", "message")  # of an alert in each of its transitions
OWN = "monitor."  # begins the rules of the gateway's own alerts, whose position may be one of quarantine


class _Stood(NamedTuple):
    """The rule and the profile that an alert was judged by, None where nobody knows them."""

    rule: Rule | None = None
    profile: Profile | None = None


def evidence_of(state_dir: Path, alert: dict[str, Any]) -> dict[str, Any]:
    """What there is of an alert (its JSON) in a state directory, beside its daemon or without it; reads only.

    `readings` are those of its channel: `times`, `values` (null: the sensor gave none), `unit`, `limit` (null where
    that is of something else); `inputs` those that a derived channel is computed of; all together at most MAX_POINTS.
    `event` is the report of a shock, null of others. `rule` is as in its limits file, null of the gateway's own alerts.
    `missing` says in words what is not there. JournalError where the state directory cannot be read.
    """
    with closing(JournalReader(state_dir)) as reader:
        stood, event, found = _look(reader, state_dir, alert)
    series = [found.own, *found.inputs]
    told = [each.document(MAX_POINTS // len(series)) for each in series]
    return {
        "alert": alert,
        **alert["evidence"],
        "readings": told[0],
        "inputs": told[1:],
        "event": event,
        "rule": None if stood.rule is None else json.loads(canonical_json(stood.rule)),
        "profile": None if stood.profile is None else stood.profile.name,
        "profile_digest": alert["profile_digest"],
        "phase": alert["phase"],
        "custodian": alert["custodian"],
        "transitions": _transitions(state_dir, alert["id"]),
        "missing": found.missing,
    }


def _look(reader: JournalReader, state_dir: Path, alert: dict[str, Any]) -> tuple[_Stood, dict[str, Any] | None, Found]:
    """The rule as it stood, the event of a shock, and the readings."""
    nothing = Found(no_readings(alert["logger"], alert["channel"]), [], [])
    if alert["rule"].startswith(OWN):
        nothing.missing.append("the gateway itself says so: there is neither a rule nor a reading")
        return _Stood(), None, nothing
    stood, fired = _stood(reader, alert), record_or_none(reader, alert["evidence"]["pos"])
    if stood.rule is None:
        nothing.missing.append("no configuration in the journal has the limits that it was judged by")
    if fired is None or fired.payload is None:
        why = "is not in the journal" if fired is None else "was dropped by retention; a backup from before may have it"
        nothing.missing.append(f"record {alert['evidence']['pos']} {why}")
        return stood, None, nothing
    event = None
    if fired.kind == "shock":
        event, found = _of_event(state_dir, alert, fired, stood.rule)
    else:
        found = _of_readings(reader, alert, fired, stood)
    return stood, event, found._replace(missing=nothing.missing + found.missing)


def _stood(reader: JournalReader, alert: dict[str, Any]) -> _Stood:
    """By the latest configuration up to the alert's record that has its profile; a late record's may be earlier."""
    for text in configs_before(reader, alert["evidence"]["pos"], MAX_CONFIGS):
        rules = Rules.from_json(text)
        if rules.profile_digest(alert["container"]) == alert["profile_digest"]:
            profile = rules.profile(alert["container"])
            return _Stood(next((rule for rule in profile.rule if rule.id == alert["rule"]), None), profile)
    return _Stood()


def _of_readings(reader: JournalReader, alert: dict[str, Any], fired: Record, stood: _Stood) -> Found:
    """From 5 min before it occurred to 5 min after the record that fired, or after its end."""
    asked, owner = asked_of(alert, stood.rule), (alert["container"], alert["logger"])
    if not asked.channel:
        return Found(no_readings(alert["logger"], alert["channel"]), [], list(asked.notes))
    occurred_ns = parse_rfc3339(alert["occurred_at"])
    cleared_ns = occurred_ns if alert["cleared_at"] is None else parse_rfc3339(alert["cleared_at"])
    last_ns = max(occurred_ns, cleared_ns, bounds_ns(reader, fired)[1])
    rules = () if stood.profile is None else stood.profile.rule
    found = find_readings(reader, owner, asked, rules, Span(occurred_ns - AROUND_NS, last_ns + AROUND_NS), fired)
    return found._replace(missing=[*asked.notes, *found.missing])


def _of_event(
    state_dir: Path, alert: dict[str, Any], fired: Record, rule: Rule | None
) -> tuple[dict[str, Any] | None, Found]:
    """The report of a shock, and its signal as the rule judges it; without a rule the length of the vector."""
    with closing(JournalEvents(state_dir, None)) as events:
        try:
            event = events.event(f"{fired.container}/{fired.logger}/{fired.boot}/{fired.seq}")
        except TcmError as error:
            return None, Found(no_readings(alert["logger"], alert["channel"]), [], [str(error)])
    own = _signal(alert, event, rule)
    return report(event), Found(own, [], [] if own.limit is not None else ["its limit is not of the samples shown"])


def _signal(alert: dict[str, Any], event: Examined, rule: Rule | None) -> Series:
    """The samples of an event; held against the limit where that is of its peak."""
    analysis, is_judged = event.analysis, isinstance(rule, ShockRule)
    values_g = signal_g(analysis, rule) if isinstance(rule, ShockRule) else analysis.length_g
    at_ns = parse_rfc3339(alert["occurred_at"]) if event.at_ns is None else event.at_ns
    waveform = analysis.waveform
    first_ns = at_ns - waveform.offset_ns(waveform.samples_before)
    times_ns = first_ns + np.rint(np.arange(waveform.samples) * (1e9 / waveform.fs_hz)).astype(np.int64)
    limit = math.copysign(alert["limit"], alert["value"]) if is_judged and alert["quantity"] == "peak" else None
    return Series(alert["logger"], alert["channel"], "g", times_ns, values_g, limit)


def _transitions(state_dir: Path, key: str) -> list[dict[str, Any]]:
    """What became of the alert so far, the latest MAX_TRANSITIONS changes; none without a watch.db."""
    if not (state_dir / "watch.db").exists():
        return []
    with closing(WatchReader(state_dir)) as watch:
        return [
            {"number": number, "at": rfc3339(at_ns), "change": change, **{name: body[name] for name in KEPT}}
            for number, at_ns, change, body in watch.book.history(key, MAX_TRANSITIONS)
        ]
