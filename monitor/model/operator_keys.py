"""What each type of operator record tells, and what stands under each key of its JSON."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from monitor.model.channel import is_identifier
from monitor.model.clock import parse_rfc3339, rfc3339
from monitor.model.errors import WireError

MAX_REMARK = 1_000  # characters
MAX_NAME = 100  # of whoever enters it, of a file, a place, a number: in characters
MAX_ATTACHMENTS = 16  # of one record
MAX_ATTACHMENT_BYTES = 64 << 20  # of one: a scan of some hundred pages
RESULTS = ("pass", "fail")
ATTACHMENTS = "attachments"  # the key that every type has
_CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # they hide or turn around what a reader of the text sees
_GLOB = re.compile(r"[A-Za-z0-9_.*?\[\]!-]{1,100}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Content = Mapping[str, Any]
Read = Callable[[Content, str], Any]  # what stands under a key, as JSON has it; WireError names the key


def table(content: Any) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(content, dict):
        raise WireError(f"operator record: expected a JSON object, got {type(content).__name__}")
    return content


def identifier(content: Content, key: str) -> str:
    """The id of a container, a logger, an alert, a phase."""
    text = content.get(key)
    if not isinstance(text, str) or not is_identifier(text):
        raise WireError(f"{key}: expected an identifier [A-Za-z0-9_.-]{{1,64}}, got {shown(text)}")
    return text


def line(content: Content, key: str, least: int = 1, most: int = MAX_NAME) -> str:
    """Text of one line, without spaces around it."""
    text = content.get(key)
    if not isinstance(text, str):
        raise WireError(f"{key}: expected text, got {shown(text)}")
    text = text.strip(" ")
    if not least <= len(text) <= most:
        raise WireError(f"{key}: expected {least} to {most} characters, got {len(text)}")
    for character in text:
        if unicodedata.category(character) in _CONTROLS:
            raise WireError(f"{key}: expected one line without control characters, got {character!r}")
    return text


def time_ns(content: Content, key: str) -> int:
    """A time with its zone, in ns UTC."""
    text = content.get(key)
    try:
        if not isinstance(text, str):
            raise ValueError(f"got {shown(text)}")
        found_ns = parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise WireError(f"{key}: expected a time with its zone such as 2026-11-23T06:00:00Z: {error}") from None
    if not 0 <= found_ns < 1 << 63:
        raise WireError(f"{key}: expected a time from 1970 to 2262, got {shown(text)}")
    return found_ns


def position(content: Content, key: str) -> int:
    """A position in the journal."""
    return _whole(content, key, key, 1 << 62)


def shown(value: object) -> str:
    """What stands in a message of what was given."""
    text = repr(value)
    return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."


def _moment(content: Content, key: str) -> str:
    return rfc3339(time_ns(content, key))


def _glob(content: Content, key: str) -> str:
    text = content.get(key)
    if not isinstance(text, str) or not _GLOB.fullmatch(text):
        raise WireError(f"{key}: expected a name, with * for any characters, got {shown(text)}")
    return text


def _result(content: Content, key: str) -> str:
    text = content.get(key)
    if text not in RESULTS:
        raise WireError(f"{key}: expected {' or '.join(RESULTS)}, got {shown(text)}")
    return str(text)


def _whole(content: Content, key: str, place: str, most: int) -> int:
    number = content.get(key)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
        raise WireError(f"{place}: expected a whole number from 0 to {most}, got {shown(number)}")
    return number


def _attachments(content: Content, key: str) -> list[dict[str, Any]]:
    files = content.get(key)
    if not isinstance(files, list) or len(files) > MAX_ATTACHMENTS:
        raise WireError(f"{key}: expected a list of at most {MAX_ATTACHMENTS} files, got {shown(files)}")
    return [_attachment(file, f"{key}[{number}]") for number, file in enumerate(files, 1)]


def _attachment(file: Any, place: str) -> dict[str, Any]:
    if not isinstance(file, dict):
        raise WireError(f"{place}: expected name, sha256 and bytes of a file, got {shown(file)}")
    digest = file.get("sha256")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise WireError(f"{place}.sha256: expected 64 hex digits, got {shown(digest)}")
    n_bytes = _whole(file, "bytes", f"{place}.bytes", MAX_ATTACHMENT_BYTES)
    return {"name": file_name(file.get("name"), f"{place}.name"), "sha256": digest, "bytes": n_bytes}


def file_name(name: Any, place: str = "name") -> str:
    """The name of an attached file, without folders; WireError names its place."""
    text = line({place: name}, place)
    if "/" in text or text in (".", ".."):
        raise WireError(f"{place}: expected the name of a file without folders, got {shown(text)}")
    return text


class Key(NamedTuple):
    """A key of a type's own."""

    read: Read
    is_required: bool = True


_LOGGER, _ANY_LOGGER = Key(identifier), Key(identifier, is_required=False)
_PATTERN = Key(_glob, is_required=False)
TYPES: Mapping[str, Mapping[str, Key]] = MappingProxyType(
    {
        "phase": {"phase": Key(identifier)},
        "custody": {"custodian": Key(identifier)},
        "arm": {"logger": _ANY_LOGGER},
        "disarm": {"until": Key(_moment, is_required=False)},
        "mount": {"logger": _LOGGER, "place": Key(line, is_required=False)},
        "dismount": {"logger": _LOGGER},
        "open": {},
        "close": {},
        "purge": {},
        "inspection": {},
        "functional-check": {"result": Key(_result), "logger": _ANY_LOGGER},
        "seal": {"number": Key(line)},
        "document": {"kind": Key(line), "number": Key(line)},
        "ack": {"alert": Key(identifier)},
        "silence": {"until": Key(_moment), "logger": _PATTERN, "rule": _PATTERN, "channel": _PATTERN},
        "silence-end": {"silence": Key(position)},
    }
)
EVERY_TYPE: Mapping[str, Key] = MappingProxyType({ATTACHMENTS: Key(_attachments, is_required=False)})
