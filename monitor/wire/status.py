"""Statuses: a logger's birth, its changes and its last will, with what it says of its memory."""

from __future__ import annotations

from monitor.model.errors import WireError
from monitor.model.record import SEQ_LIMIT, Status
from monitor.wire.fields import (
    MAX_TEXT,
    TIME_LIMIT_NS,
    Content,
    boolean,
    finite,
    integer,
    number,
    optional,
    read_stamp,
    shown,
    text,
)

STATES = ("online", "sleeping", "offline")
SHOCK_SETTINGS = ("fs", "range_g", "level_g", "lp_hz", "hp_hz", "dead_ms")
MAX_HELD = 1_024
MAX_BOOTS = 64  # earlier boots in a logger's ledger
MAX_ACCELEROMETERS = 64


def read_status(content: Content) -> Status:
    """A status out of its map; WireError names the key that is wrong."""
    state, serial = text(content, "state"), text(content, "serial")
    if state not in STATES:
        raise WireError(f"state: expected one of {', '.join(STATES)}, got {shown(state)}")
    if state == "online" and not serial:
        raise WireError("serial: expected text in a status that is online")
    stamp, boots = read_stamp(content), optional(content, "boots", _boots)
    if any(boot == stamp.boot for boot, _ in boots or ()):
        raise WireError("boots: expected earlier boots only, got the one that sent this")
    return Status(
        stamp=stamp,
        state=state,
        serial=serial,
        until_ns=optional(content, "until", lambda c, k: integer(c, k, TIME_LIMIT_NS)),
        model=text(content, "model"),
        firmware=text(content, "fw"),
        next_seq=optional(content, "next", lambda c, k: integer(c, k, SEQ_LIMIT)),
        held=optional(content, "held", _held),
        boots=boots,
        armed=optional(content, "armed", boolean),
        interval_us=optional(content, "interval_us", lambda c, k: integer(c, k, SEQ_LIMIT)),
        accelerometers=optional(content, "accs", _accelerometers) or {},
        battery_pct=optional(content, "bat_pct", number),
        memory_pct=optional(content, "mem_pct", number),
    )


def _held(content: Content, key: str) -> tuple[tuple[int, int, int], ...]:
    entries = _tuples(content, key, MAX_HELD, "boot, from, to")
    for place, (_, first, last) in enumerate(entries):
        if first > last:
            raise WireError(f"{key}[{place}]: expected from <= to, got {first} and {last}")
    return tuple((boot, first, last) for boot, first, last in entries)


def _boots(content: Content, key: str) -> tuple[tuple[int, int], ...]:
    entries = _tuples(content, key, MAX_BOOTS, "boot, next")
    if len({boot for boot, _ in entries}) != len(entries):
        raise WireError(f"{key}: expected each boot once")
    return tuple((boot, next_seq) for boot, next_seq in entries)


def _tuples(content: Content, key: str, limit: int, names: str) -> list[list[int]]:
    """At most `limit` lists of as many integers as `names` names, each below 2^53."""
    entries, size = content[key], names.count(",") + 1
    if not isinstance(entries, list) or len(entries) > limit:
        raise WireError(f"{key}: expected a list of at most {limit} entries [{names}]")
    for place, entry in enumerate(entries):
        is_list = isinstance(entry, list) and len(entry) == size
        if not (is_list and all(type(n) is int and 0 <= n < SEQ_LIMIT for n in entry)):
            raise WireError(f"{key}[{place}]: expected [{names}], each an integer from 0 to {SEQ_LIMIT - 1}")
    return entries


def _accelerometers(content: Content, key: str) -> dict[str, dict[str, float]]:
    table = content[key]
    if not isinstance(table, dict) or len(table) > MAX_ACCELEROMETERS:
        raise WireError(f"{key}: expected a map of at most {MAX_ACCELEROMETERS} accelerometers")
    for name, settings in table.items():
        if not isinstance(name, str) or len(name) > MAX_TEXT or not isinstance(settings, dict):
            raise WireError(f"{key}: expected a map of settings under each accelerometer's name")
    return {name: _settings(f"{key}[{shown(name)}]", settings) for name, settings in table.items()}


def _settings(place: str, settings: Content) -> dict[str, float]:
    return {field: finite(f"{place}.{field}", settings[field]) for field in SHOCK_SETTINGS if field in settings}
