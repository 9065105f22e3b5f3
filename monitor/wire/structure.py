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
MAX_ITEMS = 8_192  # 64 channels + 1 024 held ranges of 4 heads each = 4 161, doubled; 8 192 empty maps are 0.6 MB
MAX_DEPTH = 6  # map > tag 40 > array > tag 85 > bytes is 5
_SMALL_BYTES = MAX_ITEMS  # an item takes a byte or more: a payload this short cannot hold more than MAX_ITEMS
_OTHER_TAGS = (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 43, 100, 256, 258, 260, 261, 1004, 43000, 55799)


def _refuse(*_arguments: object) -> NoReturn:
    raise WireError("CBOR: expected no tags but 40, 77, 79 and 85")


_REFUSED_TAGS: Any = dict.fromkeys(_OTHER_TAGS, _refuse)


def load_map(payload: bytes) -> dict[str, Any]:
    """Decode one CBOR map with text keys that fills the payload; WireError says what is wrong."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(f"size: expected at most {MAX_PAYLOAD_BYTES} bytes, got {len(payload)}")
    if len(payload) > _SMALL_BYTES:
        _check_item_count(payload)
    stream = io.BytesIO(payload)
    try:
        content = cbor2.CBORDecoder(
            stream,
            semantic_decoders=_REFUSED_TAGS,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        ).decode()
    except (cbor2.CBORDecodeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise WireError(f"CBOR: {_reason(error)}") from None
    if stream.tell() != len(payload):
        raise WireError(f"CBOR: expected one map, {len(payload) - stream.tell()} bytes follow it")
    if not isinstance(content, dict):
        raise WireError(f"CBOR: expected a map, got {type(content).__name__}")
    return content


def _reason(error: BaseException) -> str:
    return " ".join(str(error.__cause__ or error).split())[:200] or type(error).__name__


def _check_item_count(payload: bytes) -> None:
    """Walk over the heads of all items without building any; WireError at more than MAX_ITEMS."""
    at, end = 0, len(payload)
    for _ in range(MAX_ITEMS):
        if at >= end:
            return
        major, info = payload[at] >> 5, payload[at] & 31
        at += 1
        if info < 24:
            value = info
        elif info < 28:
            width = 1 << (info - 24)
            value = int.from_bytes(payload[at : at + width], "big")
            at += width
        else:
            raise WireError("CBOR: expected definite lengths")
        if major in (2, 3):  # strings are the only items whose content is not made of items
            at += value
    if at < end:
        raise WireError(f"CBOR: expected at most {MAX_ITEMS} items")
