"""Operator records: what a person says happened to a container, or does about it, as the journal keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from monitor.model.clock import HOUR_NS, parse_rfc3339, rfc3339
from monitor.model.condition import GATEWAY
from monitor.model.errors import WireError
from monitor.model.operator_keys import EVERY_TYPE, MAX_REMARK, TYPES, identifier, line, shown, table, time_ns

PLAN = "plan"  # the word by which an operator hands a container's phase or custody back to its consignment's plan
# Of its JSON: 16 attachments of 1.4 kB and 1 100 characters of 12 bytes (two escapes each) leave 28 kB of room.
MAX_OPERATOR_BYTES = 64 << 10
MAX_AHEAD_NS = 24 * HOUR_NS  # what is further ahead is a plan, not something that happened
MAX_PLANNED_NS = 400 * MAX_AHEAD_NS  # of the types that are a plan: a year and what it may be late
PLANNED = ("arm", "silence", "silence-end")  # and `disarm` with an end
AT_ENTRY = ("ack",)  # of these nobody says since when: nobody has seen an alert before it was there
OF_ALERTS = ("ack", "silence", "silence-end")  # alerts may be the gateway's own
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NS_PER_US = 1_000


class OperatorRecord(NamedTuple):
    """What somebody entered about a container, or the gateway itself (`-`), effective from `effective_ns`.

    `entered_ns` is the gateway's time of entry; both are ns UTC of whole microseconds. `details` has the type's own
    keys as JSON has them.
    """

    type: str
    container: str
    effective_ns: int
    entered_ns: int
    by: str
    remark: str = ""
    details: Mapping[str, Any] = _NOTHING

    @classmethod
    def enter(cls, content: Any, now_ns: int) -> Self:
        """The record that a request asks for, entered at `now_ns` (ns UTC), by default effective from then on.

        WireError names the key that cannot be used; one that the type does not have is refused, as is an
        `effective_at` too far ahead. `new`, by which an operator vouches for a name that nobody planned, is for the
        caller.
        """
        given = table(content)
        keys = ["type", "container", *_keys_of(given), "effective_at", "by", "remark", "new"]
        if given["type"] in AT_ENTRY:
            keys.remove("effective_at")
        strange = sorted(set(given) - set(keys))
        if strange:
            raise WireError(f"{shown(strange[0])}: expected one of the keys {', '.join(keys)}")
        if not isinstance(given.get("new", False), bool):
            raise WireError(f"new: expected true or false, got {shown(given['new'])}")
        entered_ns = now_ns // _NS_PER_US * _NS_PER_US
        record = cls.read({"effective_at": rfc3339(entered_ns), **given, "entered_at": rfc3339(entered_ns)})
        record._check_times()
        return record

    @classmethod
    def read(cls, content: Any) -> Self:
        """The record of a JSON document; unknown keys are ignored. WireError names the key that cannot be used."""
        given = table(content)
        keys = _keys_of(given)
        return cls(
            type=given["type"],
            container=_container(given),
            effective_ns=time_ns(given, "effective_at"),
            entered_ns=time_ns(given, "entered_at"),
            by=line(given, "by"),
            remark=line({"remark": ""} | given, "remark", 0, MAX_REMARK),
            details={name: key.read(given, name) for name, key in keys.items() if key.is_required or name in given},
        )

    @property
    def until_ns(self) -> int | None:
        """When it ends (ns UTC), None where it does not say."""
        until = self.details.get("until")
        return None if until is None else parse_rfc3339(until)

    def document(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return {
            "type": self.type,
            "container": self.container,
            **self.details,
            "effective_at": rfc3339(self.effective_ns),
            "entered_at": rfc3339(self.entered_ns),
            "by": self.by,
            "remark": self.remark,
        }

    def to_json(self) -> bytes:
        """Canonical JSON, UTF-8: keys sorted, no spaces."""
        return json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def _check_times(self) -> None:
        """Nothing lies further ahead than its type may, and what ends does so later than it begins."""
        is_plan = self.type in PLANNED or "until" in self.details
        most_ns, days = (MAX_PLANNED_NS, "400 d") if is_plan else (MAX_AHEAD_NS, "24 h")
        for key, at_ns in (("effective_at", self.effective_ns), ("until", self.until_ns or 0)):
            if at_ns - self.entered_ns > most_ns:
                hint = "" if is_plan else "; what is to come belongs in the consignment's plan"
                expected = f"at most {days} ahead of {rfc3339(self.entered_ns)}"
                raise WireError(f"{key}: expected {expected}, got {rfc3339(at_ns)}{hint}")
        # A silence that is over would keep nothing from anybody.
        begin_ns = max(self.effective_ns, self.entered_ns if self.type == "silence" else 0)
        if self.until_ns is not None and self.until_ns <= begin_ns:
            raise WireError(f"until: expected a time after {rfc3339(begin_ns)}, got {rfc3339(self.until_ns)}")


def _keys_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keys of the type that a document has."""
    kind = content.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise WireError(f"type: expected one of {', '.join(TYPES)}, got {shown(kind)}")
    return {**TYPES[kind], **EVERY_TYPE}


def _container(content: Mapping[str, Any]) -> str:
    if content.get("container") == GATEWAY and content["type"] in OF_ALERTS:
        return GATEWAY
    return identifier(content, "container")
