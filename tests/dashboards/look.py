"""How a panel wants its answers to look: names, units, colours, words and columns, as its JSON says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tests.dashboards.grafana import Page, Rows

COLOURS = {
    "green": "#56a64b",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "gray": "#6e7077",
    "purple": "#b877d9",
}
INK = "#d8d9da"
SUFFIX = {
    "celsius": " °C",
    "kelvin": " K",
    "humidity": " %H",
    "percent": " %",
    "accG": " g",
    "velocityms": " m/s",
    "ms": " ms",
    "hertz": " Hz",
    "lengthm": " m",
    "rps": " /s",
}
SCALED = {"pressurepa": ("Pa", "kPa", "MPa"), "bytes": ("B", "kB", "MB", "GB"), "short": ("", "K", "M", "G")}
SPANS_S = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Line(NamedTuple):
    """What a target answered over time, or in whatever its first column is."""

    name: str
    times_ms: list[int]
    values: list[Any]


def lines_of(panel: Page, answers: list[list[dict[str, Any]]]) -> list[Line]:
    """The answers of a panel's targets as series with the names that their aliases give."""
    found = []
    for target, series in zip(panel["targets"], answers, strict=True):
        for one in series:
            for place, column in enumerate(one["columns"][1:], 1):
                said = [(row[0], row[place]) for row in one["values"] if row[place] is not None]
                if said:
                    name = _named(target.get("alias") or column, one.get("tags", {}), column)
                    found.append(Line(name, [at for at, _ in said], [value for _, value in said]))
    return found


def _named(alias: str, tags: dict[str, str], column: str) -> str:
    known = tags | {"col": column}
    return re.sub(r"\$(?:tag_)?(\w+)", lambda found: known.get(found[1], found[0]), alias)


def table_of(panel: Page, rows: Rows) -> tuple[list[str], list[list[str]]]:
    """The head and the cells of a table's rows: renamed, with units and words, sorted as it opens."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    heads = {name: str(override(panel, name).get("displayName", name)) for name in names}
    for sort in panel["options"].get("sortBy") or ():
        (name,) = (name for name, head in heads.items() if head == sort["displayName"])
        rows = sorted(rows, key=lambda row: (row.get(name) is not None, row.get(name)), reverse=bool(sort.get("desc")))
    return [*heads.values()], [[cell(panel, name, row.get(name)) for name in names] for row in rows]


def override(panel: Page, name: str) -> dict[str, Any]:
    """What a series or a column has of its own."""
    found: dict[str, Any] = {}
    for one in panel["fieldConfig"].get("overrides", ()):
        how, what = one["matcher"]["id"], one["matcher"].get("options")
        if (how == "byName" and what == name) or (how == "byRegexp" and re.search(what.strip("/"), name)):
            found |= {entry["id"]: entry["value"] for entry in one["properties"]}
    return found


def cell(panel: Page, name: str, value: Any) -> str:
    """A value in words or figures with its unit."""
    if value is None:
        return ""
    if name == "Time":
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%m-%d %H:%M")
    own = override(panel, name)
    word = words(panel, name, value)
    return word[0] if word else figures(value, own.get("unit", panel["fieldConfig"]["defaults"]["unit"]))


def words(panel: Page, name: str, value: Any) -> tuple[str, str] | None:
    """The text and the colour that a mapping gives a value, None where none does."""
    key = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    mappings = override(panel, name).get("mappings", panel["fieldConfig"]["defaults"].get("mappings", []))
    for mapping in mappings:
        found = mapping["options"].get(key) if mapping["type"] == "value" else None
        if found:
            return str(found["text"]), COLOURS.get(found.get("color", ""), INK)
    return None


def figures(value: Any, unit: str) -> str:
    """A number as Grafana writes it in a unit."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if unit == "dateTimeFromNow":
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%H:%M:%S")
    if unit == "s":
        length, name = next((one for one in SPANS_S if abs(value) >= one[0]), (1, "s"))
        return f"{value / length:.3g} {name}"
    if unit in SCALED:
        scaled = [(value / 1000**power, name) for power, name in enumerate(SCALED[unit])]
        number, name = next((one for one in reversed(scaled) if abs(one[0]) >= 1), scaled[0])
        return f"{number:.4g} {name}".strip()
    return f"{value:.4g}{SUFFIX.get(unit, '')}"


def steps(panel: Page) -> Iterator[tuple[float, float, str | None]]:
    """The bands between a panel's thresholds: from, to, colour; None where it draws nothing."""
    found = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    for place, step in enumerate(found):
        low = float("-inf") if step["value"] is None else step["value"]
        high = found[place + 1]["value"] if place + 1 < len(found) else float("inf")
        yield low, high, COLOURS.get(step["color"])


def colour_at(panel: Page, value: Any) -> str:
    """The colour of the band that a number lies in."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return INK
    return next((colour for low, high, colour in steps(panel) if low <= value < high and colour), INK)
