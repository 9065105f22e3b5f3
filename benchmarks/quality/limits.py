"""The scorer's own reading of a limits file: rules as plain tables, and the numbers in their texts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

# Factors into what the truth is told in: degC or K, %, Pa, g, s; rates and doses keep their hour.
UNITS = {
    "degC": 1.0, "K": 1.0, "%": 1.0, "Pa": 1.0, "hPa": 100.0, "kPa": 1000.0, "g": 1.0, "Hz": 1.0,
    "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0,
    "K/h": 1.0, "K/min": 60.0, "Pa/h": 1.0, "hPa/h": 100.0, "hPa/min": 6000.0, "Pa/min": 60.0, "%/h": 1.0,
    "K h": 1.0, "Pa/d": 1.0, "hPa/d": 100.0,
}  # fmt: skip


@dataclass(frozen=True)
class Limit:
    """One rule of a limits file; `table` has its keys as they are written."""

    id: str
    kind: str
    phases: frozenset[str] | None
    table: dict[str, Any]

    def number(self, key: str, default: float | None = None) -> float:
        """The value of a key in the truth's units; KeyError when it is absent and has no default."""
        if key not in self.table and default is not None:
            return default
        return number(self.table[key])

    @property
    def sign(self) -> int:
        """+1 where beyond is above, -1 where it is below."""
        return -1 if "below" in self.table else 1

    @property
    def level(self) -> float:
        """The level that must not be passed."""
        return self.number("below" if self.sign < 0 else "above")

    def judges(self, channel: str) -> bool:
        """Whether the rule's channel or glob covers `channel`."""
        return fnmatchcase(channel, self.table["channel"])

    def watches(self, phase: str) -> bool:
        """Whether the rule holds in a phase."""
        return self.phases is None or phase in self.phases


def number(text: object) -> float:
    """The number in "25 degC", "5 hPa", "12 h" or a plain number; ValueError for a unit that is not known."""
    if isinstance(text, int | float):
        return float(text)
    value, _, unit = str(text).partition(" ")
    if unit and unit not in UNITS:
        raise ValueError(f"read limit {text!r}: expected one of the units {', '.join(UNITS)}")
    return float(value) * UNITS[unit] if unit else float(value)


def read_limits(paths: Iterable[Path]) -> list[Limit]:
    """All rules of some limits files, in order."""
    tables = [table for path in paths for table in tomllib.loads(path.read_text(encoding="utf-8"))["rule"]]
    return [
        Limit(table["id"], table["kind"], frozenset(table["phases"]) if "phases" in table else None, table)
        for table in tables
    ]
