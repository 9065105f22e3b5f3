"""Times in the JSON of alerts, in order to the nanosecond."""

from __future__ import annotations

FOREVER = ("9999", "")  # behind every time


def time_key(text: str) -> tuple[str, str]:
    """What RFC 3339 texts with Z sort by: whole seconds, and nanoseconds, of which zeros at the end may be missing."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return seconds, fraction.ljust(9, "0")
