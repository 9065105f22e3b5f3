"""What operators entered, as people read it."""

from __future__ import annotations

from typing import Any

COMMON = ("pos", "type", "container", "effective_at", "entered_at", "by", "remark", "attachments", "state", "ends_at")
PLAIN = ("phase", "custodian", "alert", "silence", "kind", "number", "result")  # clear without their names


def described(record: dict[str, Any]) -> str:
    """A record's type and own words, as `custody owner-b, cmr.pdf attached`."""
    own = [f"{value}" if key in PLAIN else f"{key} {value}" for key, value in record.items() if key not in COMMON]
    files = ", ".join(file["name"] for file in record.get("attachments", ()))
    return " ".join([record["type"], *own]) + (f", {files} attached" if files else "")


def entered(record: dict[str, Any]) -> str:
    """Who entered it and why, as `by A. Rossi: handed over at gate 4`."""
    return f"by {record['by']}" + (f": {record['remark']}" if record["remark"] else "")


def value(record: dict[str, Any]) -> str | None:
    """The one word that a type is about: the phase, the custodian, the result; None where it has none."""
    return next((str(record[key]) for key in PLAIN if key in record), None)
