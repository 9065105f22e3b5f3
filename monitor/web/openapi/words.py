"""The words in which schemas are written, short for those of JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]


def text(about: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": about, **more}


def number(about: str, **more: Any) -> Schema:
    """A number."""
    return {"type": "number", "description": about, **more}


def whole(about: str, **more: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", "description": about, **more}


def flag(about: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": about}


def time(about: str) -> Schema:
    """RFC 3339 with zone."""
    return text(about, format="date-time")


def one_of(allowed: Iterable[str], about: str) -> Schema:
    """One of some words."""
    return text(about, enum=list(allowed))


def maybe(schema: Schema) -> Schema:
    """Null where there is none."""
    if "$ref" in schema or "enum" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def list_of(schema: Schema, about: str = "") -> Schema:
    """An array."""
    return {"type": "array", "items": schema} | ({"description": about} if about else {})


def map_of(schema: Schema, about: str) -> Schema:
    """An object whose keys are names."""
    return {"type": "object", "description": about, "additionalProperties": schema}


def table(properties: dict[str, Schema], about: str = "", *, optional: Iterable[str] = ()) -> Schema:
    """An object with these keys, all there but the optional ones."""
    required = [key for key in properties if key not in set(optional)]
    schema: Schema = {"type": "object", "properties": properties, "required": required}
    return schema | ({"description": about} if about else {})


def ref(name: str) -> Schema:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}
