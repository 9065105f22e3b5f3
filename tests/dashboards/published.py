"""Grafana's published schema of dashboards (schema/make.py), and what of a page it does not allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

FOLDER = Path(__file__).parent / "schema"
MAJORS = ("10", "11", "12")
# What the SDK writes, or an older Grafana wrote, that no published version declares: Grafana passes over such fields.
UNDECLARED = {"definition", "auto", "auto_min", "auto_count"}  # of a variable: of its editor, and of intervals alone

Unknown = set[tuple[str, str]]  # place and name of a field


def faults(page: dict[str, Any]) -> list[str]:
    """What no Grafana from 10 to 12 would take: a wrong type or value for one of them, a field that none of them knows.

    Each new Grafana knows fields that older ones pass over; so a field is wrong only where it is unknown to all.
    """
    wrong: list[str] = []
    unknown: list[Unknown] = []
    for major in MAJORS:
        found: Unknown = set()
        for place, error in _errors(page, _schema(major)):
            if error.validator == "additionalProperties":
                found |= {(place, name) for name in _unexpected(error)}
            else:
                wrong.append(f"Grafana {major}, {place}: {error.message[:200]}")
        unknown.append(found)
    nowhere = {(place, name) for place, name in set.intersection(*unknown) if name not in UNDECLARED}
    return wrong + [f"{place}: no Grafana knows {name}" for place, name in sorted(nowhere)]


def _errors(page: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, ValidationError]]:
    """The page and each panel by itself, so that an error says where it is and not that nothing of a union fits."""
    parts: list[tuple[str, dict[str, Any], Any]] = [("page", schema["dashboard"], {"it": page | {"panels": []}})]
    for panel in page["panels"]:
        members = panel.get("panels", [])
        kind = "RowPanel" if panel["type"] == "row" else "Panel"
        flat = panel | {"panels": []} if kind == "RowPanel" else panel
        for one, name in ((flat, kind), *((member, "Panel") for member in members)):
            title = f"panel {one.get('title')}"
            parts.append((title, schema["dashboard"] | {"$ref": f"#/definitions/{name}"}, one))
            if name == "Panel":
                parts.append((f"{title}, options", *_options(one, schema)))
    for name, part, content in parts:
        for error in Draft7Validator(part).iter_errors(content):
            yield f"{name}/{'/'.join(map(str, error.absolute_path))}", error


def _options(panel: dict[str, Any], schema: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of what this kind of panel takes, and what this panel gives."""
    part = schema[panel["type"].replace("-", "")]
    custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
    given = {"options": panel.get("options", {}), "custom": custom}
    return part, {key: value for key, value in given.items() if value}


def _unexpected(error: ValidationError) -> list[str]:
    known = error.schema.get("properties", {})
    return [name for name in error.instance if name not in known]


@cache
def _schema(major: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"grafana-{major}.json").read_text())
    return content
