"""Digests and the hash chain by which either party can prove that no record was changed, added or taken out."""

from __future__ import annotations

import hashlib
import struct

GENESIS = bytes(32)
_U32, _U32_U64 = struct.Struct(">I"), struct.Struct(">IQ")
_NULL = _U32.pack(0)

Field = int | str | bytes | None


def digest(fields: tuple[Field, ...]) -> bytes:
    """SHA-256 over the fields in order, each preceded by its length as u32 big-endian.

    A number is 8 bytes big-endian, text is UTF-8, NULL has length 0.
    """
    parts: list[bytes] = []
    for field in fields:
        if field is None:
            parts.append(_NULL)
        elif isinstance(field, int):
            parts.append(_U32_U64.pack(8, field))
        else:
            data = field.encode() if isinstance(field, str) else field
            parts += (_U32.pack(len(data)), data)
    return hashlib.sha256(b"".join(parts)).digest()


def link(previous: bytes, record_digest: bytes) -> bytes:
    """The chain after one more record: SHA-256(previous || digest)."""
    return hashlib.sha256(previous + record_digest).digest()
