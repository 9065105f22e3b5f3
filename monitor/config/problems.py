"""Problems of configuration files, each with file, key and what was expected instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from monitor.model.errors import ConfigError
from monitor.model.quantity import inside_unit, parse_quantity


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `key` is a dotted path as the user writes it, empty for a whole file."""

    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.key, self.message) if part)


class ConfigProblems(ConfigError):  # noqa: N818 (it holds several errors and is called after them)
    """Everything that is wrong with a configuration; its text has one problem a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def shown(path: Path) -> str:
    """A path as people read it: relative to the working directory where it lies below that."""
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def problems_of(error: ValidationError, model: type[BaseModel], document: dict[str, Any], file: str) -> list[Problem]:
    """What pydantic found wrong with `document`, in the words of the files: all of it, in the document's order."""
    found: list[Problem] = []
    for item in error.errors(include_url=False):
        if _is_echo(item):
            continue
        place = _locate(model, document, item["loc"])
        for suffix, message in _explain(item, place):
            key = ".".join(part for part in (place.key, suffix) if part)
            found.append(Problem(file, key, message))
    return found


def _is_echo(item: ErrorDetails) -> bool:
    """Whether an error only follows from another one that is reported already."""
    if item["type"] == "too_short":  # a list counts only its valid entries
        return bool(len(item["input"]) >= item["ctx"]["min_length"])
    return item["type"] == "default_factory_not_called"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an error lies: its key, the tables that may hold this key, and the tables that may stand there."""

    key: str
    owners: list[type[BaseModel]]
    tables: list[type[BaseModel]]


def _locate(model: type[BaseModel], document: dict[str, Any], loc: tuple[int | str, ...]) -> _Place:
    """Follow pydantic's location through model and document; entries of lists are called by their id or name."""
    key, owners, tables = "", [model], [model]
    here: Any = document
    for part in loc:
        if isinstance(part, int):
            here = here[part] if isinstance(here, list) else None
            name = here.get("id", here.get("name")) if isinstance(here, dict) else None
            key += f".{name}" if isinstance(name, str) else f"[{part + 1}]"
        elif isinstance(here, dict) and part not in here and here.get("kind") == part:
            tables = [table for table in tables if part in get_args(table.model_fields["kind"].annotation)]
        elif part != "[key]":  # pydantic's word for "the key of the entry, not its value"
            owners, field = tables, _field(tables, part)
            tables = tables if field is None else list(_tables_in(field.annotation))
            here = here.get(part) if isinstance(here, dict) else None
            key += f".{part}"
    return _Place(key.removeprefix("."), owners, tables)


def _field(tables: list[type[BaseModel]], key: str) -> FieldInfo | None:
    for table in tables:
        for name, field in table.model_fields.items():
            if key == (field.alias or name):
                return field
    return None


def _tables_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)


def _keys(tables: list[type[BaseModel]], *, required: bool = False) -> str:
    """The keys a table may have, or those it must have, as the user writes them."""
    fields = {field.alias or name: field for table in tables for name, field in table.model_fields.items()}
    fields = {key: field for key, field in fields.items() if not field.exclude}  # what is worked out is not written
    if not required:
        return ", ".join(fields)
    needed = [{f.alias or name for name, f in table.model_fields.items() if f.is_required()} for table in tables]
    return ", ".join(key for key in fields if all(key in keys for keys in needed))  # of every kind


def _headings(owner: type[BaseModel]) -> str:
    """The tables that a file may have, as their headings stand there: [mqtt], [[rule]]."""
    found = []
    for name, field in owner.model_fields.items():
        if any(_tables_in(field.annotation)):
            found.append(_heading(field.alias or name, get_origin(field.annotation) is tuple))
    return f"{'one of ' if len(found) > 1 else ''}{', '.join(found)}" if found else ""


def _heading(key: str, is_list: bool) -> str:
    return f"[[{key}]]" if is_list else f"[{key}]"


_DATE = "expected a date such as 2027-01-31"
_TIME = "expected a time with its zone such as 2026-11-23T06:00:00Z"
_EXPECTED = {
    "string_type": "expected text in quotes",
    "string_too_short": "expected text that is not empty",
    "string_pattern_mismatch": "expected 1 to 64 letters, digits or the signs _ . -",
    "path_type": "expected a path in quotes",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "int_type": "expected a whole number",
    "finite_number": "expected a finite number",
    "too_short": "expected at least {min_length}",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "literal_error": "expected {expected}",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge:g}{unit} or more",
    "less_than_equal": "expected at most {le:g}{unit}",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": _TIME,
}
_KEYED = re.compile(r"([\w.-]+): (.*)")


def _explain(item: ErrorDetails, place: _Place) -> list[tuple[str, str]]:
    """(key below the place, message) of one error; a check of this project may report several, one a line."""
    kind, got = item["type"], _got(item["input"])
    if kind == "value_error":
        lines = str(item["ctx"]["error"]).split("\n")
        return [(match[1], match[2]) if (match := _KEYED.fullmatch(line)) else ("", line) for line in lines]
    if kind == "extra_forbidden":
        return [("", f"unknown key; expected {_known_here(item, place)}")]
    if kind == "missing":
        keys = _keys(place.tables, required=True) if place.tables != place.owners else ""
        table = _heading(place.key, True) if "." not in place.key and len(place.tables) > 1 else "this table"
        return [("", f"missing; expected {table} with {keys}" if keys else "missing; this key is required")]
    if kind == "tuple_type":
        return [("", f"expected {_list_of(item, place)}")]
    if kind.startswith("union_tag"):
        kinds = ", ".join(get_args(table.model_fields["kind"].annotation)[0] for table in place.tables)
        tag = item.get("ctx", {}).get("tag")
        return [("kind", f"expected one of {kinds}, got {tag!r}" if tag else f"missing; expected one of {kinds}")]
    if kind in _EXPECTED:
        bounds = item.get("ctx", {})
        unit = _unit(item["input"]) if any(bounds.values()) else ""  # 0 is 0 in any unit
        return [("", f"{_EXPECTED[kind].format_map(bounds | {'unit': unit})}, got {got}")]
    return [("", f"{item['msg']}, got {got}")]


def _unit(value: object) -> str:
    """The unit that a bound is given in, where the value is a time or a size with one."""
    for dimension in ("time", "size"):
        with suppress(ValueError):
            parse_quantity(value, dimension)
            return f" {inside_unit(dimension)}"
    return ""


def _known_here(item: ErrorDetails, place: _Place) -> str:
    """What may stand in place of an unknown key; of a table in a file: which tables there are."""
    is_heading = isinstance(item["input"], dict | list) and "." not in place.key
    headings = _headings(place.owners[0]) if is_heading else ""
    return headings or f"one of {_keys(place.owners)}"


def _list_of(item: ErrorDetails, place: _Place) -> str:
    """What a list looks like in the file, and what stands there instead."""
    key, value = place.key.rpartition(".")[2], item["input"]
    if isinstance(value, dict) and place.tables != place.owners:
        return f"{_heading(key, True)}, got {_heading(key, False)}"
    return f'a list such as ["{value}"], got {value!r}' if isinstance(value, str) else f"a list, got {_got(value)}"


def _got(value: object) -> str:
    """What stands in the file, without printing whole tables."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return repr(value) if isinstance(value, str) else str(value)
