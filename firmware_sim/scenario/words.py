"""What pydantic finds wrong with a scenario, in the words of the file."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from firmware_sim.scenario.model import Scenario

_NUMBER = "expected a number"
_WHOLE = "expected a whole number"
_TABLE = "expected a table"
_LIST = "expected a list"
_TRUTH = "expected true or false"
_TIME = "expected a time with its zone, such as 2026-11-23T06:00:00Z"
_EXPECTED = {
    "string_type": "expected text in quotes",
    "string_pattern_mismatch": "expected 1 to 64 letters, digits or the signs _ . -",
    "string_too_long": "expected at most {max_length} characters",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "float_type": _NUMBER,
    "finite_number": "expected a number that is finite",
    "float_parsing": _NUMBER,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than_equal": "expected at most {le:g}",
    "literal_error": "expected {expected}",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "too_short": "expected {min_length} or more entries",
    "too_long": "expected at most {max_length} entries",
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
}


def explain(detail: ErrorDetails) -> str:
    """Return what is wrong and what was expected instead, without the key; "" if it only follows from another error."""
    kind, got, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "value_error":  # this project's own words
        return str(context["error"])
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        return f"unknown key, expected one of {', '.join(_keys_beside(detail['loc']))}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        kinds = ", ".join(_kinds(_tables_at(detail["loc"])))
        return f"expected one of {kinds}, got {context['tag']!r}" if "tag" in context else f"expected one of {kinds}"
    if kind == "too_short" and len(got) >= context["min_length"]:  # a list counts only its entries without errors
        return ""
    message = _EXPECTED[kind].format_map(context) if kind in _EXPECTED else detail["msg"]
    return f"{message}, got {_shown(got)}"


def _tables_at(loc: Sequence[int | str]) -> list[type[BaseModel]]:
    """Return the tables that may stand at a place; a kind in it chooses among them."""
    tables: list[type[BaseModel]] = [Scenario]
    for part in loc:
        chosen = [table for table in tables if part in _kinds([table])]
        below = [found for table in tables for found in _tables_in(_annotations(table).get(str(part)))]
        tables = chosen or below or tables
    return tables


def _keys_beside(loc: Sequence[int | str]) -> Iterator[str]:
    """Yield the keys of the table in which a place lies; a logger's own table has its device's beside the id."""
    if len(loc) == 6 and (loc[0], loc[2], loc[4]) == ("container", "logger", "device"):
        yield from ("id", "serial")
    for table in _tables_at(loc[:-1]):
        yield from _annotations(table)


def _annotations(table: type[BaseModel]) -> dict[str, Any]:
    """Return the type of each key, as the file writes the key."""
    return {field.alias or name: field.annotation for name, field in table.model_fields.items()}


def _tables_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)


def _kinds(tables: Sequence[type[BaseModel]]) -> list[str]:
    return [kind for table in tables for kind in get_args(_annotations(table).get("kind"))]


def _shown(value: object) -> str:
    """Return what stands in the file, without whole tables and lists."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value!r:.60}" if isinstance(value, str | int | float) else f"{value!s:.60}"
