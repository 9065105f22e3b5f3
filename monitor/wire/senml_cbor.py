"""SenML's CBOR form (RFC 8428, 6) to lists and maps, for input that may be hostile.

Its keys are integers, so cbor2 has to admit keys of any kind; among them are arrays, thousands of which an attacker can
make with one hash (those of -1 and -2 are equal). So the payload is walked over first: records are maps whose keys are
integers or text, and no other map, and no tag but the decimal fraction, stands in a pack.
"""

from __future__ import annotations

from typing import Any

import cbor2

from monitor.model.errors import WireError
from monitor.wire.structure import cbor_reason

MAX_PACK_ITEMS = 18_432  # nine heads for each of 2 048 records of four fields
MAX_DEPTH = 5  # array > map > decimal fraction > array > number
MAX_MANTISSA = 1 << 63
MAX_EXPONENT = 400  # a double ends at 308; digits before it may take some off
DECIMAL_FRACTION = 4  # RFC 8949's tag, which RFC 8428 allows for any number
_INT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)  # major types


def load_pack(payload: bytes) -> list[Any]:
    """Decode an array of maps that fills the payload; WireError says what is wrong."""
    _Walk(payload).check()
    try:
        pack: list[Any] = cbor2.loads(
            payload,
            semantic_decoders={DECIMAL_FRACTION: _decimal_fraction},
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORDecodeError, ValueError, OverflowError, RecursionError) as error:
        raise WireError(f"CBOR: {cbor_reason(error)}") from None
    return pack


def _leaf_bytes(first: int, majors: tuple[int, ...]) -> int:
    """How long an item of these major types is that begins with this byte, 0 where that does not tell."""
    major, info = first >> 5, first & 31
    if major not in majors or info > 27:
        return 0
    if major in (_BYTES, _TEXT):
        return 1 + info if info < 24 else 0
    return 1 if info < 24 else 1 + (1 << (info - 24))


_KEYS = bytes(_leaf_bytes(first, (_INT, _NEGATIVE, _TEXT)) for first in range(256))
_VALUES = bytes(_leaf_bytes(first, (_INT, _NEGATIVE, _BYTES, _TEXT, _SIMPLE)) for first in range(256))


class _Walk:
    """Goes over the heads of all items without building any."""

    def __init__(self, payload: bytes) -> None:
        self._payload, self._at, self._left = payload, 0, MAX_PACK_ITEMS

    def check(self) -> None:
        """WireError when the payload is no array of maps as above, or goes on behind it."""
        major, records = self._head()
        if major != _ARRAY:
            raise WireError("CBOR: expected an array of records")
        for _ in range(self._counted(records)):
            major, fields = self._head()
            if major != _MAP:
                raise WireError("CBOR: expected every record to be a map")
            for _ in range(self._counted(2 * fields) // 2):
                if not self._is_leaf(_KEYS):
                    self._key()
                if not self._is_leaf(_VALUES):
                    self._value()
        if self._at != len(self._payload):
            raise WireError(f"CBOR: expected one array of {len(self._payload)} bytes, it ends at {self._at}")

    def _is_leaf(self, leaf_bytes: bytes) -> bool:
        """Pass over the next item if its first byte tells how long it is: nearly all of a pack."""
        at = self._at
        step = leaf_bytes[self._payload[at]] if at < len(self._payload) else 0
        self._at = at + step
        return step > 0

    def _key(self) -> None:
        major, argument = self._head()
        if major != _TEXT:
            raise WireError("CBOR: expected integers or text as keys of a record")
        self._at += argument

    def _value(self) -> None:
        pending = 1
        while pending:
            pending -= 1
            if self._is_leaf(_VALUES):
                continue
            major, argument = self._head()
            if major in (_BYTES, _TEXT):
                self._at += argument
            elif major == _ARRAY:
                pending += self._counted(argument)
            elif major == _TAG and argument == DECIMAL_FRACTION:
                pending += self._counted(1)
            else:
                raise WireError("CBOR: expected no map and no tag but 4 (decimal fraction) within a record")

    def _counted(self, items: int) -> int:
        """So many items are announced; WireError when they are too many."""
        self._left -= items
        if self._left < 0:
            raise WireError(f"CBOR: expected at most {MAX_PACK_ITEMS} items")
        return items

    def _head(self) -> tuple[int, int]:
        """Major type and argument of the next item."""
        at = self._at
        if at >= len(self._payload):
            raise WireError(f"CBOR: ends within an item, after {len(self._payload)} bytes")
        first = self._payload[at]
        info = first & 31
        if info < 24:
            self._at = at + 1
            return first >> 5, info
        if info > 27:
            raise WireError("CBOR: expected definite lengths")
        self._at = at + 1 + (1 << (info - 24))
        return first >> 5, int.from_bytes(self._payload[at + 1 : self._at], "big")


def _decimal_fraction(parts: Any, *_: object) -> float:
    """Tag 4 [exponent, mantissa] as the nearest double."""
    good = isinstance(parts, list | tuple) and len(parts) == 2 and all(type(part) is int for part in parts)
    if not good or abs(parts[0]) > MAX_EXPONENT or abs(parts[1]) > MAX_MANTISSA:
        raise ValueError("expected a decimal fraction [exponent, mantissa] that a double carries")
    return float(f"{parts[1]}e{parts[0]}")  # rounded once, as a product of powers would not be
