"""Grafana's transformations of rows, as far as the pages use them: from what a table asks to what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.dashboards.grafana import Page, Rows, rows_of

Reducer = Callable[[list[Any]], Any]
REDUCED: dict[str, Reducer] = {
    "sum": sum,
    "min": min,
    "max": max,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}


def rows_shown(panel: Page, answers: list[list[dict[str, Any]]]) -> Rows:
    """The rows of a table's answers after its transformations; KeyError for one that is not known here."""
    rows = [row for series, name in zip(answers, _names(panel), strict=True) for row in _with_time(series, name)]
    for one in panel.get("transformations", ()):
        rows = _STEPS[one["id"]](rows, one["options"])
    return rows


def field_names(panel: Page, answers: list[list[dict[str, Any]]]) -> set[str]:
    """What links know a table's fields by: what its columns are called once they are arranged is for the eye alone."""
    data = {**panel, "transformations": [one for one in panel.get("transformations", ()) if one["id"] != "organize"]}
    return {name for row in rows_shown(data, answers) for name in row}


def _names(panel: Page) -> list[str | None]:
    """What each query's value is called; None where its columns have names of their own."""
    return [t["alias"] if t["resultFormat"] == "time_series" else None for t in panel["targets"]]


def _with_time(series: list[dict[str, Any]], name: str | None) -> Rows:
    rows = [{"Time" if key == "time" else key: value for key, value in row.items()} for row in rows_of(series)]
    if name is None:
        return rows
    return [{"Time": row["Time"], name: value} for row in rows for key, value in row.items() if key != "Time"]


def _joined(rows: Rows, options: dict[str, Any]) -> Rows:
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row[options["byField"]], {}).update(row)
    return [found[key] for key in sorted(found)]


def _sorted(rows: Rows, options: dict[str, Any]) -> Rows:
    (wish,) = options["sort"]
    name = wish["field"]
    return sorted(rows, key=lambda row: (row.get(name) is not None, row.get(name)), reverse=bool(wish.get("desc")))


def _grouped(rows: Rows, options: dict[str, Any]) -> Rows:
    fields = options["fields"]
    by = [name for name, field in fields.items() if field["operation"] == "groupby"]
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
    found = []
    for key, members in groups.items():
        group = dict(zip(by, key, strict=True))
        for name, field in fields.items():
            values = [row[name] for row in members if row.get(name) is not None]
            group |= {f"{name} ({how})": REDUCED[how](values) if values else None for how in field["aggregations"]}
        found.append(group)
    return found


def _filtered(rows: Rows, options: dict[str, Any]) -> Rows:
    assert (options["type"], options["match"]) == ("exclude", "any"), options
    refused = {(one["fieldName"], one["config"]["options"]["value"]) for one in options["filters"]}
    return [row for row in rows if not any(row.get(name) == value for name, value in refused)]


def _organised(rows: Rows, options: dict[str, Any]) -> Rows:
    order = options.get("indexByName", {})
    hidden = {name for name, is_hidden in options.get("excludeByName", {}).items() if is_hidden}
    names = [name for name in dict.fromkeys(key for row in rows for key in row) if name not in hidden]
    names.sort(key=lambda name: order.get(name, len(order)))
    new = options.get("renameByName", {})
    return [{new.get(name, name): row.get(name) for name in names} for row in rows]


_STEPS: dict[str, Callable[[Rows, dict[str, Any]], Rows]] = {
    "joinByField": _joined,
    "sortBy": _sorted,
    "groupBy": _grouped,
    "filterByValue": _filtered,
    "organize": _organised,
}
