"""MQTT topic filters: `+` stands for one level, `#` for all that follow."""

from __future__ import annotations

MAX_FILTER = 256


def filter_fault(text: str) -> str:
    """What is wrong with a topic filter, "" for nothing."""
    levels = text.split("/")
    if not 1 <= len(text) <= MAX_FILTER or "\0" in text or text.startswith("$"):
        return f"expected a topic filter of 1 to {MAX_FILTER} characters that does not begin with $"
    if any(("+" in level or "#" in level) and len(level) > 1 for level in levels):
        return "expected + and # as whole levels only, such as site/+/telemetry"
    if "#" in levels[:-1]:
        return "expected # as the last level only"
    return ""


def overlap(one: str, other: str) -> bool:
    """Whether some topic matches both filters; of a filter and a topic: whether it matches."""
    first, second = one.split("/"), other.split("/")
    for mine, theirs in zip(first, second, strict=False):
        if "#" in (mine, theirs):
            return True
        if mine != theirs and "+" not in (mine, theirs):
            return False
    if len(first) == len(second):
        return True
    longer = max(first, second, key=len)
    return longer[min(len(first), len(second)) :] == ["#"]  # a/# matches a itself too
