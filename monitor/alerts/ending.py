"""How an alert ends."""

from __future__ import annotations

from typing import Any

from monitor.alerts.wording import ended
from monitor.model.alert import CLEARED
from monitor.model.batch import Finding
from monitor.model.clock import rfc3339


def cleared_ns(finding: Finding) -> int:
    """When an exceedance ended (ns UTC), not before it began, as a reading by a clock that was set back would have it.

    `finding` is its `cleared` one.
    """
    return max(finding.start_ns, finding.time_ns)


def end(body: dict[str, Any], finding: Finding) -> None:
    """Clear an alert by the `cleared` finding of its exceedance."""
    time_ns = cleared_ns(finding)
    body["state"], body["cleared_at"] = CLEARED, rfc3339(time_ns)
    body["message"] += ended(body, time_ns, finding.note)
