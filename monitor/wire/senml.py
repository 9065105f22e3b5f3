"""SenML packs (RFC 8428), JSON and CBOR, to measurements with full name, unit and time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from monitor.model.errors import WireError
from monitor.wire.derived import MAX_VALUES
from monitor.wire.fields import finite, shown
from monitor.wire.json_text import load_json
from monitor.wire.senml_cbor import load_pack

VERSION = 10
RELATIVE_LIMIT_S = 1 << 28  # RFC 8428, 4.5.3: a time below counts from now
MAX_TIME_S = 1e10  # the year 2286; so that us are far below what an integer of 63 bits holds
MAX_NAME = 256
MAX_UNIT = 32
MAX_INTEGER = 1 << 63
# RFC 8428, table 4: the integer keys of CBOR from -6 on.
LABELS = dict(enumerate(("bs", "bv", "bu", "bt", "bn", "bver", "n", "u", "v", "vs", "vb", "s", "t", "ut", "vd"), -6))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")  # RFC 8428, 4.5.1
_VALUES = ("v", "vs", "vb", "vd")


class Measurement(NamedTuple):  # thousands in a message
    """A resolved record (RFC 8428, 4.6) with a number; `is_relative` where its time was given relative to now."""

    name: str
    unit: str | None
    time_us: int
    is_relative: bool
    value: float


def read_pack(payload: bytes, *, is_cbor: bool, received_us: int) -> list[Measurement]:
    """The numbers of a pack in its order; text, booleans, data and sums are passed over.

    `received_us` is "now" in us UTC. WireError has the path of what is wrong: `[3].bver`.
    """
    pack = load_pack(payload) if is_cbor else load_json(payload)
    if not isinstance(pack, list):
        raise WireError(f"SenML: expected an array of records, got {shown(pack)}")
    if len(pack) > MAX_VALUES:
        raise WireError(f"SenML: expected at most {MAX_VALUES} records, got {len(pack)}")
    return list(_resolve(pack, received_us))


def _resolve(pack: list[Any], received_us: int) -> Iterator[Measurement]:
    """Apply the base fields: each holds from its record on until another record has it."""
    base: dict[str, Any] = {"bn": "", "bu": None, "bt": 0.0, "bv": 0.0, "bver": None}
    names: set[str] = set()
    for index, entry in enumerate(pack):
        try:
            fields = _fields(entry)
            _rebase(base, fields)
            if "v" not in fields:
                continue
            name = base["bn"] + fields.get("n", "")
            if name not in names:
                names.add(_checked(name))
            time_us, is_relative = _time(base["bt"] + fields.get("t", 0.0), received_us)
            value = base["bv"] + fields["v"]
            yield Measurement(name, fields.get("u", base["bu"]), time_us, is_relative, value)
        except WireError as error:
            raise WireError(f"[{index}].{error}") from None


def _rebase(base: dict[str, Any], fields: dict[str, Any]) -> None:
    for label in base.keys() & fields.keys():
        if label == "bver" and base["bver"] not in (None, fields["bver"]):
            raise WireError(f"bver: expected one version for all records, got {base['bver']} and {fields['bver']}")
        base[label] = fields[label]


def _fields(entry: Any) -> dict[str, Any]:
    """The fields that this reader knows, of the types that RFC 8428 gives them."""
    if not isinstance(entry, dict):
        raise WireError(f"record: expected a map, got {shown(entry)}")
    known: dict[str, Any] = {}
    for key, value in entry.items():
        label = LABELS.get(key, "") if type(key) is int else key
        if label in known:
            raise WireError(f"{label}: given twice")
        read = _READERS.get(label)
        if read is not None:
            known[label] = read(label, value)
        elif label.endswith("_"):
            raise WireError(f"{shown(label)}: a field that has to be understood (RFC 8428, 4.4), and is not")
    given = [label for label in _VALUES if label in known]
    if len(given) > 1:
        raise WireError(f"{given[1]}: expected one value a record, got {given[0]} too")
    return known


def _number(label: str, value: object) -> float:
    if type(value) is int and abs(value) >= MAX_INTEGER:
        raise WireError(f"{label}: expected a number below 2^63")
    return finite(label, value)


def _text(label: str, value: object) -> str:
    limit = MAX_UNIT if label in ("u", "bu") else MAX_NAME
    if not isinstance(value, str) or len(value) > limit:
        raise WireError(f"{label}: expected text of at most {limit} characters, got {shown(value)}")
    return value


def _version(label: str, value: object) -> int:
    if type(value) is not int or not 1 <= value <= VERSION:
        raise WireError(f"{label}: expected a version from 1 to {VERSION}, got {shown(value)}")
    return value


def _other(_label: str, _value: object) -> None:
    """A value that is no number: it is passed over, its neighbours count."""


_READERS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("bn", "bu", "n", "u"), _text),
    **dict.fromkeys(("bt", "bv", "bs", "v", "s", "t", "ut"), _number),
    **dict.fromkeys(("vs", "vb", "vd"), _other),
    "bver": _version,
}


def _checked(name: str) -> str:
    if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
        raise WireError(f"n: expected a name of 1 to {MAX_NAME} letters, digits or - : . / _, got {shown(name)}")
    return name


def _time(time_s: float, received_us: int) -> tuple[int, bool]:
    if not abs(time_s) < MAX_TIME_S:
        raise WireError(f"t: expected a time of less than {MAX_TIME_S:g} s, got {time_s:g}")
    time_us = round(time_s * 1e6)
    return (received_us + time_us, True) if time_s < RELATIVE_LIMIT_S else (time_us, False)
