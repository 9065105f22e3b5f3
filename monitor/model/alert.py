"""Alert: an exceedance with a life cycle, as people and other programs see it."""

from __future__ import annotations

import hashlib
import json
import math
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from monitor.model.clock import rfc3339

FIRING, ACKNOWLEDGED, CLEARED = "firing", "acknowledged", "cleared"
OPEN_STATES = (FIRING, ACKNOWLEDGED)
STATES = (FIRING, ACKNOWLEDGED, CLEARED)  # `pending` lives in the detector and is never published
LARGEST = 3.4028234663852886e38  # of float32


@lru_cache(maxsize=4096)  # in a storm each is asked for several times, thousands together
def alert_id(rule: str, container: str, logger: str, channel: str, start_ns: int) -> str:
    """Identity of an exceedance, the same in every replay: 16 hex digits (64 bits) of SHA-256 over its key."""
    key = "\n".join((rule, container, logger, channel, str(start_ns)))
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def awaits_acknowledgement(alert: dict[str, Any]) -> bool:
    """Whether nobody has acknowledged an alert (its JSON) that is there to be: one that fires, or a shock.

    What a shock did does not end with it.
    """
    is_there = alert["state"] == FIRING or (alert["kind"] == "shock" and alert["merged_into"] is None)
    return is_there and alert["acknowledged"] is None


def in_json(value: float) -> float:
    """The value as JSON can carry it, which knows no infinity: the largest float32 stands for one."""
    return math.copysign(LARGEST, value) if math.isinf(value) else value


class Evidence(NamedTuple):
    """Where in the journal the reading stands that fired."""

    pos: int
    boot: int
    seq: int


class Alert(NamedTuple):  # as a storm has many
    """Times in ns UTC; `value` is the reading that fired, `peak` the most extreme so far, both in `unit`.

    `quantity` is what of shock events the value is of: that of the rule, `count` or `dose`; `margin` how many times
    stronger it could be before it came to the limit, below 1 beyond it. Both are None for other kinds of rules.
    `custodian` is the party that had custody when it began. What else its JSON has comes with its life: LATER_KEYS.
    """

    id: str
    rule: str
    kind: str
    container: str
    logger: str
    serial: str | None
    place: str | None
    channel: str
    axis: str | None
    severity: str
    state: str
    occurred_ns: int
    reported_ns: int
    cleared_ns: int | None
    value: float
    peak: float
    limit: float
    unit: str
    uncertainty: float | None
    decision: str
    clock_uncertainty_s: float | None
    phase: str
    profile_digest: str
    evidence: Evidence
    message: str
    suspect: bool = False
    merged_into: str | None = None
    quantity: str | None = None
    margin: float | None = None
    custodian: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The alert as outside programs read it: times in RFC 3339 under names that end in `_at`."""
        cleared_at = None if self.cleared_ns is None else rfc3339(self.cleared_ns)
        evidence = self.evidence
        return {  # written out, as a storm has thousands: dataclasses.asdict takes eight times as long
            "id": self.id,
            "rule": self.rule,
            "kind": self.kind,
            "container": self.container,
            "logger": self.logger,
            "serial": self.serial,
            "place": self.place,
            "channel": self.channel,
            "axis": self.axis,
            "severity": self.severity,
            "state": self.state,
            "occurred_at": rfc3339(self.occurred_ns),
            "reported_at": rfc3339(self.reported_ns),
            "cleared_at": cleared_at,
            "value": in_json(self.value),
            "peak": in_json(self.peak),
            "limit": self.limit,
            "unit": self.unit,
            "uncertainty": self.uncertainty,
            "decision": self.decision,
            "clock_uncertainty_s": self.clock_uncertainty_s,
            "phase": self.phase,
            "profile_digest": self.profile_digest,
            "evidence": {"pos": evidence.pos, "boot": evidence.boot, "seq": evidence.seq},
            "suspect": self.suspect,
            "merged_into": self.merged_into,
            "message": self.message,
            "quantity": self.quantity,
            "margin": None if self.margin is None else in_json(self.margin),
            "custodian": self.custodian,
            "acknowledged": None,
            "reopened": 0,
            "flapping": False,
            "escalates": None,
            "escalated_to": None,
        }


# Keys of the JSON that earlier versions did not write. `acknowledged` is {"by", "at", "remark"} or null; `reopened` how
# often the alert came back within the hold-off; of an alarm `escalates` is the id of the warning that it came of, which
# has the alarm's as `escalated_to`.
LATER_KEYS = MappingProxyType(
    {
        "quantity": None,
        "margin": None,
        "custodian": None,
        "acknowledged": None,
        "reopened": 0,
        "flapping": False,
        "escalates": None,
        "escalated_to": None,
    }
)


def state_after(alert: dict[str, Any], change: str) -> str:
    """The state of an alert for people, after the kind of its change where that is not to be seen in it."""
    state: str = alert["state"]
    return state if change == state else f"{state} ({change})"


def stored_alert(text: str) -> dict[str, Any]:
    """An alert's JSON as it was stored, by this version or an earlier one."""
    return with_later_keys(stored_json(text))


def stored_json(text: str) -> Any:
    """JSON that holds alerts as they were stored."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # earlier versions wrote Infinity, which is no JSON
        return json.loads(text)


def with_later_keys(body: dict[str, Any]) -> dict[str, Any]:
    """An alert's JSON with the keys that earlier versions did not write."""
    if "escalated_to" in body:  # the latest of them
        return body
    return body | {key: value for key, value in LATER_KEYS.items() if key not in body}


def alert_text(body: dict[str, Any]) -> str:
    """The JSON as it is stored."""
    return orjson.dumps(body).decode()
