"""CBOR (RFC 8949) to plain Python objects, for input that may be hostile.

cbor2 with its defaults builds regular expressions, decimals of any exponent and cyclic lists, ignores trailing bytes,
and turns 1 MiB of empty maps into 75 MB: so the structure is looked at before anything is built.
"""

from __future__ import annotations

import io
from typing import Any, NoReturn

import cbor2

from monitor.model.errors import WireError

MAX_PAYLOAD_BYTES = 1 << 20
MAX_ITEMS = 1 << 15  # a status with 1 024 held ranges has 4 200, an event 50; as many empty maps take 2.3 MB and 3 ms
MAX_DEPTH = 6  # map > tag 40 > array > tag 85 > bytes is 5
MAX_TEXT_BYTES = 1 << 15  # no key admits as much; 1 MiB of text in an error's reason is 22 MB
_SMALL_BYTES = 1 << 15  # so short a payload, as most events are, can hold neither more items nor a longer text
_READ_BYTES = 1 << 16  # at once; an event of 3 x 4 096 samples in one piece
_MAX_REASON = 200
_BYTES, _TEXT = 2, 3  # the only major types whose content is not made of items


def _item_bytes(first: int) -> int:
    """How long an item is that begins with this byte (of a string with its content), 0 where that does not tell."""
    major, info = first >> 5, first & 31
    if info < 24:
        return 1 + info if major in (_BYTES, _TEXT) else 1
    return 1 + (1 << (info - 24)) if info < 28 and major not in (_BYTES, _TEXT) else 0


_ITEM_BYTES = bytes(map(_item_bytes, range(256)))
# The tags that cbor2 would make something of; the others come out as CBORTag, which no key but an array's admits.
_OTHER_TAGS = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


def _refuse(*_arguments: object) -> NoReturn:
    raise ValueError("expected no tags but 40, 77, 79 and 85")  # cbor2 makes it the cause of its own error


_REFUSED_TAGS: Any = dict.fromkeys(_OTHER_TAGS, _refuse)


def load_map(payload: bytes) -> dict[str, Any]:
    """Decode one CBOR map with text keys that fills the payload; WireError says what is wrong."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(f"size: expected at most {MAX_PAYLOAD_BYTES} bytes, got {len(payload)}")
    if len(payload) > _SMALL_BYTES:
        _check_items(payload)
    stream = io.BytesIO(payload)
    try:
        content = cbor2.CBORDecoder(
            stream,
            read_size=_READ_BYTES,
            semantic_decoders=_REFUSED_TAGS,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        ).decode()
    except (cbor2.CBORDecodeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise WireError(f"CBOR: {cbor_reason(error)}") from None
    if stream.tell() != len(payload):
        raise WireError(f"CBOR: expected one map, {len(payload) - stream.tell()} bytes follow it")
    if not isinstance(content, dict):
        raise WireError(f"CBOR: expected a map, got {type(content).__name__}")
    return content


def cbor_reason(error: BaseException) -> str:
    """What cbor2 says of a payload, in one line that is no longer than a reason may be."""
    return " ".join(str(error.__cause__ or error)[:_MAX_REASON].split()) or type(error).__name__


def _check_items(payload: bytes) -> None:
    """Walk over the heads of all items without building any; WireError at too many of them or too long a text."""
    at, end = 0, len(payload)
    for _ in range(MAX_ITEMS):
        if at >= end:
            return
        at += _ITEM_BYTES[payload[at]] or _long_string_bytes(payload, at)
    if at < end:
        raise WireError(f"CBOR: expected at most {MAX_ITEMS} items")


def _long_string_bytes(payload: bytes, at: int) -> int:
    """The length of the string at `at`, whose own length stands in 1, 2, 4 or 8 bytes behind its first one."""
    major, info = payload[at] >> 5, payload[at] & 31
    if info > 27:
        raise WireError("CBOR: expected definite lengths")
    head_bytes = 1 + (1 << (info - 24))
    length = int.from_bytes(payload[at + 1 : at + head_bytes], "big")
    if major == _TEXT and length > MAX_TEXT_BYTES:
        raise WireError(f"CBOR: expected text of at most {MAX_TEXT_BYTES} bytes, got {length}")
    return head_bytes + length
