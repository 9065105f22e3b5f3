"""SenML's CBOR form (RFC 8428, 6) to lists and maps, for input that may be hostile.

Its keys are integers, so cbor2 has to admit keys of any kind; among them are arrays, thousands of which an attacker can
make with one hash (those of -1 and -2 are equal). So the payload is walked over first: records are maps whose keys are
integers or text, and no other map, and no tag but the decimal fraction, stands in a pack.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import cbor2

from monitor.model.errors import WireError

MAX_PACK_ITEMS = 18_432  # nine heads for each of 2 048 records of four fields
MAX_DEPTH = 5  # array > map > decimal fraction > array > number
MAX_MANTISSA = 1 << 63
MAX_EXPONENT = 400  # a double ends at 308; digits before it may take some off
DECIMAL_FRACTION = 4  # RFC 8949's tag, which RFC 8428 allows for any number
_INT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)  # major types


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
        raise WireError(f"CBOR: {error.__cause__ or error}") from None
    return pack


class _Walk:
    """Goes over the heads of all items without building any."""

    def __init__(self, payload: bytes) -> None:
        self._payload, self._at, self._left = payload, 0, MAX_PACK_ITEMS

    def check(self) -> None:
        """WireError when the payload is no array of maps as above, or goes on behind it."""
        major, records = self._head()
        if major != _ARRAY:
            raise WireError("CBOR: expected an array of records")
        for _ in range(records):
            major, fields = self._head()
            if major != _MAP:
                raise WireError("CBOR: expected every record to be a map")
            for _ in range(fields):
                major, argument = self._head()
                if major == _TEXT:
                    self._at += argument
                elif major > _NEGATIVE:
                    raise WireError("CBOR: expected integers or text as keys of a record")
                self._value()
        if self._at != len(self._payload):
            raise WireError(f"CBOR: expected one array of {len(self._payload)} bytes, it ends at {self._at}")

    def _value(self) -> None:
        pending = 1
        while pending:
            major, argument = self._head()
            pending -= 1
            if major in (_BYTES, _TEXT):
                self._at += argument
            elif major == _ARRAY:
                pending += argument
            elif major == _TAG and argument == DECIMAL_FRACTION:
                pending += 1
            elif major in (_MAP, _TAG):
                raise WireError("CBOR: expected no map and no tag but 4 (decimal fraction) within a record")

    def _head(self) -> tuple[int, int]:
        """Major type and argument of the next item."""
        at, self._left = self._at, self._left - 1
        if at >= len(self._payload):
            raise WireError(f"CBOR: ends within an item, after {len(self._payload)} bytes")
        if self._left < 0:
            raise WireError(f"CBOR: expected at most {MAX_PACK_ITEMS} items")
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
    return float(Decimal(parts[1]).scaleb(parts[0]))
