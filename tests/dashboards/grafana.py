"""What Grafana does between a page's JSON and the data source: variables get values, macros are replaced, panels ask.

Written from Grafana's documentation of its InfluxQL data source and of global variables, apart from the builders of the
pages: `$timeFilter`, `$__interval`, `$__interval_ms`, `$interval`, `$__from`, `$__to`, and the page's own variables.
`$__range` is for Prometheus and Loki alone; here it stays unreplaced, and what is left unreplaced is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

JSON = Path(__file__).parents[2] / "dashboards" / "json"
PIXELS = 1600  # a page's width, of 24 columns; a point a pixel is asked for
COLUMNS = 24
UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# The widths of an interval that Grafana chooses from: the nearest one.
SECONDS = (1, 2, 5, 10, 15, 20, 30)
MINUTES = (1, 2, 5, 10, 15, 20, 30)
HOURS = (1, 2, 3, 6, 12, 24, 168, 720, 8760)
WIDTHS_MS = (
    *(1, 10, 20, 50, 100, 200, 500),
    *(n * 1000 for n in SECONDS),
    *(n * 60_000 for n in MINUTES),
    *(n * 3_600_000 for n in HOURS),
)
NAMED = re.compile(r"\$(?:\{(\w+)(?::(\w+))?\}|(\w+))")
SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")

Page = dict[str, Any]
Value = str | list[str]
Rows = list[dict[str, Any]]
Ask = Callable[[str], list[dict[str, Any]]]  # an InfluxQL query to the series that answer it


class Window(NamedTuple):
    """The dashboard's time range."""

    from_ms: int
    to_ms: int


class Asked(NamedTuple):
    """A query of a page, ready for the server: whose it is (panel, annotation or variable), its letter, its text."""

    owner: str
    ref: str
    text: str


def pages() -> dict[str, Page]:
    """The pages as they are provisioned, by file name."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(JSON.glob("*.json"))}


def panels(page: Page) -> Iterator[Page]:
    """All panels that show something, those of collapsed rows too."""
    for panel in page["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", ())


def values_of(page: Page, window: Window, ask: Ask, chosen: Mapping[str, Value]) -> dict[str, Value]:
    """A value for each variable: as `chosen`, else all where all is offered, else the first its query answers.

    AssertionError where a variable offers nothing.
    """
    values: dict[str, Value] = {}
    for variable in page["templating"]["list"]:
        name, kind = variable["name"], variable["type"]
        if kind == "query":
            text = filled_in(variable_query(variable), values, window, 1000)
            options = _options(ask(text), variable.get("regex", ""))
            assert options, f"variable {name} offers nothing: {text}"
            if name in chosen:
                missing = set(listed(chosen[name])) - set(options)
                assert not missing, f"variable {name} does not offer {missing}, but {options[:10]}"
            values[name] = chosen.get(name, options if variable.get("includeAll") else options[0])
        elif kind != "datasource":
            values[name] = chosen.get(
                name, variable["current"]["value"] if "current" in variable else variable["query"]
            )
    return values


def variable_query(variable: Page) -> str:
    """The text of a query variable; the plugin takes it plain or as an object."""
    query = variable["query"]
    return query if isinstance(query, str) else str(query["query"])


def queries(page: Page, values: Mapping[str, Value], window: Window) -> list[Asked]:
    """All that opening the page asks the server, but for what its variables ask."""
    asked = []
    for panel in panels(page):
        for target in panel.get("targets", ()):
            interval_ms = _interval_ms(panel, window)
            asked.append(
                Asked(panel["title"], target["refId"], filled_in(target["query"], values, window, interval_ms))
            )
    for annotation in page.get("annotations", {}).get("list", ()):
        if annotation.get("builtIn"):
            continue
        text = filled_in(annotation["target"]["query"], values, window, 1000)
        asked.append(Asked(f"annotation {annotation['name']}", annotation["target"]["refId"], text))
    return asked


def filled_in(text: str, values: Mapping[str, Value], window: Window, interval_ms: int) -> str:
    """The query with all that Grafana replaces; AssertionError when something is left that it would not replace."""
    macros = {
        "timeFilter": f"time >= {window.from_ms}ms and time <= {window.to_ms}ms",
        **dict.fromkeys(("__interval", "interval"), f"{interval_ms}ms"),
        "__interval_ms": str(interval_ms),
        "__from": str(window.from_ms),
        "__to": str(window.to_ms),
    }

    def replaced(found: re.Match[str]) -> str:
        name, how = found[1] or found[3], found[2]
        if name in macros:
            return macros[name]
        assert name in values, f"Grafana does not know ${name} here: {text}"
        return _formatted(values[name], how)

    return NAMED.sub(replaced, text)


def rows_of(series: list[dict[str, Any]]) -> Rows:
    """The rows of an answer that say anything besides their time, tags included.

    AssertionError for a tag that is selected, too: Grafana would show it as two columns of one name.
    """
    rows = []
    for one in series:
        assert not set(one.get("tags", {})) & set(one["columns"]), f"grouped by and selected: {one['columns']}"
        named = [column for column in one["columns"] if column != "time"]
        for values in one.get("values", ()):
            row = dict(zip(one["columns"], values, strict=True))
            if any(row[column] is not None for column in named):
                rows.append(one.get("tags", {}) | row)
    return rows


def listed(value: Value) -> list[str]:
    """The values of a variable."""
    return value if isinstance(value, list) else [value]


def _formatted(value: Value, how: str | None) -> str:
    """A value as the format asks; raw only where there is but one, as several are for regular expressions."""
    if how == "raw":
        assert isinstance(value, str), f"{value}: several values stand in a regular expression, as ${{name:regex}}"
        return value
    assert how == "regex", f"which format a value has without one hangs on Grafana's version; {how} is none of a page"
    quoted = [SPECIAL.sub(r"\\\g<0>", one) for one in listed(value)]
    return quoted[0] if len(quoted) == 1 else f"({'|'.join(quoted)})"


def _options(series: list[dict[str, Any]], pattern: str) -> list[str]:
    """What a variable's query offers: the last column of SHOW TAG VALUES (key, value), the second one of SELECT."""
    found = [str(row[-1]) for one in series for row in one["values"] if row[-1] is not None]
    if not pattern:
        return list(dict.fromkeys(found))
    body = re.compile(pattern.strip("/").replace("(?<", "(?P<"))
    matches = [match for text in found if (match := body.search(text))]
    return list(dict.fromkeys(_captured(match) for match in matches))


def _captured(match: re.Match[str]) -> str:
    """What Grafana takes of a match: the group called value, else the first group, else all of it."""
    if "value" in match.groupdict():
        return match["value"]
    return str(match[1] if match.groups() else match[0])


def _interval_ms(panel: Page, window: Window) -> int:
    """The width of a point in time: a pixel's, as Grafana rounds it, and at least the panel's own."""
    points = panel.get("maxDataPoints") or PIXELS * panel["gridPos"]["w"] // COLUMNS
    wished_ms = (window.to_ms - window.from_ms) / points
    rounded_ms = next((a for a, b in pairwise(WIDTHS_MS) if wished_ms < (a + b) / 2), WIDTHS_MS[-1])
    return max(rounded_ms, _least_ms(panel.get("interval", "")))


def _least_ms(interval: str) -> int:
    """A panel's least interval, such as "1m" or ">30s"; 0 where it has none."""
    found = re.fullmatch(r">?(\d+)(ms|s|m|h|d)", interval or "")
    return int(found[1]) * UNIT_MS[found[2]] if found else 0
