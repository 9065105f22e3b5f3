"""Typed values out of a decoded map; each WireError names the key and what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from monitor.model.errors import WireError
from monitor.model.record import SEQ_LIMIT, Stamp

MAX_TEXT = 128  # channel names are two identifiers at most; serials and models are shorter
MAX_SHOWN = 40
TIME_LIMIT_NS = 1 << 63

Content = dict[str, Any]
T = TypeVar("T")


def required(content: Content, key: str) -> Any:
    """The value under `key`, which must be there."""
    if key not in content:
        raise WireError(f"{key}: missing")
    return content[key]


def optional(content: Content, key: str, read: Callable[[Content, str], T]) -> T | None:
    """What `read` makes of the value under `key`, None when there is none."""
    return read(content, key) if key in content else None


def integer(content: Content, key: str, limit: int, default: int | None = None) -> int:
    """An integer from 0 to `limit` - 1, `default` when it is missing and there is one."""
    value = content.get(key, default)
    if type(value) is int and 0 <= value < limit:  # bool is an int to isinstance
        return value
    if key not in content:
        raise WireError(f"{key}: missing")
    raise WireError(f"{key}: expected an integer from 0 to {limit - 1}, got {shown(value)}")


def finite(key: str, value: object) -> float:
    """`value` as a float, which must be a finite number."""
    if type(value) not in (int, float) or not math.isfinite(value):  # type: ignore[arg-type]  # checked just before
        raise WireError(f"{key}: expected a finite number, got {shown(value)}")
    return float(value)  # type: ignore[arg-type]  # int or float, see above


def number(content: Content, key: str) -> float:
    """A finite number under `key`."""
    return finite(key, required(content, key))


def boolean(content: Content, key: str) -> bool:
    """True or false under `key`."""
    value = content[key]
    if not isinstance(value, bool):
        raise WireError(f"{key}: expected true or false, got {shown(value)}")
    return value


def text(content: Content, key: str) -> str | None:
    """Text under `key` of at most MAX_TEXT characters, None when there is none."""
    value = content.get(key)
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_TEXT):
        raise WireError(f"{key}: expected text of at most {MAX_TEXT} characters")
    return value


def read_stamp(content: Content) -> Stamp:
    """The keys that every message carries."""
    return Stamp(
        boot=integer(content, "boot", SEQ_LIMIT),
        t0_ns=integer(content, "t0", TIME_LIMIT_NS),
        mono_ns=integer(content, "mono", TIME_LIMIT_NS),
        clk=integer(content, "clk", 3),
        sync_age_s=optional(content, "sync_age_s", number),
    )


def shown(value: object) -> str:
    """A value as a reason shows it, cut before it is printed: 1 MiB of text or nested lists would print as 16 MiB."""
    if isinstance(value, str | bytes):
        return repr(value[:MAX_SHOWN])[:MAX_SHOWN]
    if value is None or isinstance(value, int | float):
        return str(value)
    return type(value).__name__
