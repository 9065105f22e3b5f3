"""What operators ask to be entered."""

from __future__ import annotations

import json
from typing import Any

from monitor.config import Rules
from monitor.model.clock import rfc3339
from tests.messages import T0, S
from tests.stations import HOT, rules

SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
FILE = {"name": "lid.jpg", "sha256": SHA256, "bytes": 6}
OWN: dict[str, dict[str, Any]] = {  # of each type, all of its keys
    "phase": {"phase": "road"},
    "custody": {"custodian": "owner"},
    "arm": {"logger": "L"},
    "disarm": {"until": rfc3339(T0 + 60 * S)},
    "mount": {"logger": "L", "place": "base frame"},
    "dismount": {"logger": "L"},
    "open": {},
    "close": {},
    "purge": {},
    "inspection": {},
    "functional-check": {"result": "pass", "logger": "L"},
    "seal": {"number": "A-4711"},
    "document": {"kind": "cmr", "number": "4711"},
    "ack": {"alert": "0123456789abcdef"},
    "silence": {"until": rfc3339(T0 + 60 * S), "rule": "hot*", "logger": "*", "channel": "temperature.?ir"},
    "silence-end": {"silence": 17},
}


def request(kind: str, **more: Any) -> dict[str, Any]:
    """What somebody asks for."""
    return {"type": kind, "container": "C", "by": "Rossi"} | OWN[kind] | more


def box(*, armed: bool = True, startup_s: int = 0) -> Rules:
    """Rules of a container that is armed by its file or not."""
    content = json.loads(rules(HOT, armed=armed, startup_ignore=f"{startup_s} s"))
    content["consignments"]["trip"]["parties"] += [{"id": "haulier", "title": ""}]
    content["consignments"]["trip"]["leg"].append(
        content["consignments"]["trip"]["leg"][0]
        | {"id": "two", "custodian": "haulier"}
        | {"planned_start": rfc3339(T0 + 500 * S), "planned_end": rfc3339(T0 + 600 * S)}
    )
    return Rules.model_validate(content)
