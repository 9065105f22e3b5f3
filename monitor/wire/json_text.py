"""JSON (RFC 8259) to plain Python objects, for input that may be hostile.

The standard library takes NaN and the second of two equal keys in silence; both are refused here, as nobody can say
what they were meant to be.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from monitor.model.errors import WireError

MAX_CONTAINERS = 4_096  # objects and lists; twice the values of a message, and built in 2 ms


def load_json(payload: bytes) -> Any:
    """Decode one JSON text in UTF-8; WireError says what is wrong. The caller has bounded the payload."""
    containers = payload.count(b"{") + payload.count(b"[")
    if containers > MAX_CONTAINERS:
        raise WireError(f"JSON: expected at most {MAX_CONTAINERS} objects and lists, got {containers}")
    try:
        return json.loads(payload.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise WireError(f"JSON: expected UTF-8, got byte {error.object[error.start]:#04x} at {error.start}") from None
    except RecursionError:
        raise WireError("JSON: nested too deep") from None
    except ValueError as error:  # a number of more than 4 300 digits too
        raise WireError(f"JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise WireError("JSON: expected each key of an object once")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise WireError(f"JSON: expected numbers, got {name}")
