"""Operator records: what a person says happened to a container, as the journal keeps it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any, NamedTuple, Self

from monitor.model.channel import is_identifier
from monitor.model.clock import NS_PER_S, parse_rfc3339, rfc3339
from monitor.model.errors import WireError

PLAN = "plan"  # the word by which an operator hands a container's phase back to its consignment's plan
MAX_REMARK = 1_000  # characters
MAX_NAME = 100  # of whoever enters it, in characters
MAX_OPERATOR_BYTES = 16 << 10  # of its JSON: 1 100 characters of 6 bytes (an escape in a request) leave 9 kB of room
MAX_AHEAD_NS = 24 * 3600 * NS_PER_S  # what is further ahead is a plan, not something that happened
_CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # they hide or turn around what a reader of the text sees
_NS_PER_US = 1_000
_REQUEST_KEYS = ("type", "container", "phase", "effective_at", "by", "remark", "new")


class PhaseRecord(NamedTuple):
    """An operator record of type `phase`: the container is in `phase` from `effective_ns` until its next record.

    The phase `plan` hands back to the consignment's plan. `entered_ns` is the gateway's time of entry; both are ns UTC
    of whole microseconds.
    """

    container: str
    phase: str
    effective_ns: int
    entered_ns: int
    by: str
    remark: str = ""

    @classmethod
    def enter(cls, content: Any, now_ns: int) -> Self:
        """The record that a request asks for, entered at `now_ns` (ns UTC), by default effective from then on.

        WireError names the key that cannot be used; one that the record does not have is refused, as is an
        `effective_at` more than 24 h ahead: that belongs in the consignment's plan. `new`, by which an
        operator vouches for a phase that nobody planned, is for the caller.
        """
        strange = sorted(set(_table(content)) - set(_REQUEST_KEYS))
        if strange:
            raise WireError(f"{_shown(strange[0])}: expected one of the keys {', '.join(_REQUEST_KEYS)}")
        if not isinstance(content.get("new", False), bool):
            raise WireError(f"new: expected true or false, got {_shown(content['new'])}")
        entered_ns = now_ns // _NS_PER_US * _NS_PER_US
        record = cls.read({"effective_at": rfc3339(entered_ns), **content, "entered_at": rfc3339(entered_ns)})
        if record.effective_ns - entered_ns > MAX_AHEAD_NS:
            expected = f"at most {MAX_AHEAD_NS // (3600 * NS_PER_S)} h ahead of {rfc3339(entered_ns)}"
            got = f"got {rfc3339(record.effective_ns)}; what is to come belongs in the consignment's plan"
            raise WireError(f"effective_at: expected {expected}, {got}")
        return record

    @classmethod
    def read(cls, content: Any) -> Self:
        """The record of a JSON document; unknown keys are ignored. WireError names the key that cannot be used."""
        kind = _table(content).get("type")
        if kind != "phase":
            raise WireError(f"type: expected phase, got {kind!r}")
        return cls(
            container=_identifier(content, "container"),
            phase=_identifier(content, "phase"),
            effective_ns=_time_ns(content, "effective_at"),
            entered_ns=_time_ns(content, "entered_at"),
            by=_line(content, "by", 1, MAX_NAME),
            remark=_line({"remark": ""} | content, "remark", 0, MAX_REMARK),
        )

    def document(self) -> dict[str, str]:
        """The record as JSON has it."""
        return {
            "type": "phase",
            "container": self.container,
            "phase": self.phase,
            "effective_at": rfc3339(self.effective_ns),
            "entered_at": rfc3339(self.entered_ns),
            "by": self.by,
            "remark": self.remark,
        }

    def to_json(self) -> bytes:
        """Canonical JSON, UTF-8: keys sorted, no spaces."""
        return json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _table(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise WireError(f"operator record: expected a JSON object, got {type(content).__name__}")
    return content


def _identifier(content: dict[str, Any], key: str) -> str:
    text = content.get(key)
    if not isinstance(text, str) or not is_identifier(text):
        raise WireError(f"{key}: expected an identifier [A-Za-z0-9_.-]{{1,64}}, got {_shown(text)}")
    return text


def _line(content: dict[str, Any], key: str, least: int, most: int) -> str:
    """Text of one line, without spaces around it."""
    text = content.get(key)
    if not isinstance(text, str):
        raise WireError(f"{key}: expected text, got {_shown(text)}")
    text = text.strip(" ")
    if not least <= len(text) <= most:
        raise WireError(f"{key}: expected {least} to {most} characters, got {len(text)}")
    for character in text:
        if unicodedata.category(character) in _CONTROLS:
            raise WireError(f"{key}: expected one line without control characters, got {character!r}")
    return text


def _time_ns(content: dict[str, Any], key: str) -> int:
    text = content.get(key)
    try:
        if not isinstance(text, str):
            raise ValueError(f"got {_shown(text)}")
        time_ns = parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise WireError(f"{key}: expected a time with its zone such as 2026-11-23T06:00:00Z: {error}") from None
    if not 0 <= time_ns < 1 << 63:
        raise WireError(f"{key}: expected a time from 1970 to 2262, got {_shown(text)}")
    return time_ns


def _shown(value: object) -> str:
    """What stands in a message of what was given."""
    text = repr(value)
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."
