"""Paths into a JSON document: `uplink.values[0].temp`, `["key with dots"].x`, `$.device` from the document's root.

Its own thirty lines and no library: JSONPath and JMESPath are query languages, whose filters and wildcards would let a
message decide how much work it makes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MAX_STEPS = 16
EXPECTED = 'expected a path such as values[0].temp, with ["..."] around keys that have dots or brackets'
_STEP = re.compile(r'(?:^|\.)([^.\[\]"]+)|\[(\d{1,4})\]|\["([^"]+)"\]')


@dataclass(frozen=True, slots=True)
class JsonPath:
    """Keys and indices from a row, or from the document's root where the path begins with `$`."""

    text: str
    steps: tuple[str | int, ...]
    is_absolute: bool

    def find(self, root: Any, row: Any) -> Any:
        """What lies there, None where a key or index is absent; ValueError where a step meets no object or list."""
        here = root if self.is_absolute else row
        for step in self.steps:
            if here is None:
                return None
            if isinstance(step, str) and isinstance(here, dict):
                here = here.get(step)
            elif isinstance(step, int) and isinstance(here, list):
                here = here[step] if step < len(here) else None
            else:
                holder = "an object" if isinstance(step, str) else "a list"
                raise ValueError(f"expected {holder} that holds {step!r}, got {type(here).__name__}")
        return here


def parse_path(text: str) -> JsonPath:
    """Read a path; ValueError says what was expected."""
    is_absolute = text == "$" or text.startswith(("$.", "$["))
    rest = text[1:].removeprefix(".") if is_absolute else text
    steps: list[str | int] = []
    at = 0
    while at < len(rest):
        match = _STEP.match(rest, at) if at == 0 or rest[at] in ".[" else None
        if match is None:
            raise ValueError(f"{EXPECTED}, got {text[:80]!r}")
        steps.append(int(match[2]) if match[2] else match[1] or match[3])
        at = match.end()
    if (not is_absolute and not steps) or len(steps) > MAX_STEPS:
        raise ValueError(f"{EXPECTED} and at most {MAX_STEPS} steps, got {text[:80]!r}")
    return JsonPath(text, tuple(steps), is_absolute)
