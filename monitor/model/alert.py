"""Alert: an exceedance with a life cycle, as people and other programs see it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from monitor.model.clock import rfc3339

FIRING, ACKNOWLEDGED, CLEARED = "firing", "acknowledged", "cleared"
OPEN_STATES = (FIRING, ACKNOWLEDGED)
STATES = (FIRING, ACKNOWLEDGED, CLEARED)  # `pending` lives in the detector and is never published
LARGEST = 3.4028234663852886e38  # of float32


def alert_id(rule: str, container: str, logger: str, channel: str, start_ns: int) -> str:
    """Identity of an exceedance, the same in every replay: 16 hex digits (64 bits) of SHA-256 over its key."""
    key = "\n".join((rule, container, logger, channel, str(start_ns)))
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def in_json(value: float) -> float:
    """The value as JSON can carry it, which knows no infinity: the largest float32 stands for one."""
    return math.copysign(LARGEST, value) if math.isinf(value) else value


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where in the journal the reading stands that fired."""

    pos: int
    boot: int
    seq: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Times in ns UTC; `value` is the reading that fired, `peak` the most extreme so far, both in `unit`.

    `quantity` is what of shock events the value is of: that of the rule, `count` or `dose`; `margin` how many times
    stronger it could be before it came to the limit, below 1 beyond it. Both are None for other kinds of rules.
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

    def to_json(self) -> dict[str, Any]:
        """The alert as outside programs read it: times in RFC 3339 under names that end in `_at`."""
        row = asdict(self)
        for key in ("occurred", "reported", "cleared"):
            value = row.pop(f"{key}_ns")
            row[f"{key}_at"] = None if value is None else rfc3339(value)
        row |= {"value": in_json(self.value), "peak": in_json(self.peak)}
        row |= {"margin": None if self.margin is None else in_json(self.margin)}
        return {key: row[key] for key in _JSON_ORDER}


_JSON_ORDER = (
    "id", "rule", "kind", "container", "logger", "serial", "place", "channel", "axis", "severity", "state",
    "occurred_at", "reported_at", "cleared_at", "value", "peak", "limit", "unit", "uncertainty", "decision",
    "clock_uncertainty_s", "phase", "profile_digest", "evidence", "suspect", "merged_into", "message", "quantity",
    "margin",
)  # fmt: skip
LATER_KEYS = {"quantity": None, "margin": None}  # of the JSON, which earlier versions did not write


def stored_alert(text: str) -> dict[str, Any]:
    """An alert's JSON as it was stored, by this version or an earlier one."""
    body: dict[str, Any] = json.loads(text)
    return body | {key: value for key, value in LATER_KEYS.items() if key not in body}
