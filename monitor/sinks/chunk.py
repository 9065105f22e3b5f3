"""Chunks of the embedded store: the points of one series from one record, packed and compressed.

A chunk is zlib over: u32 length of the head, the head (JSON), then for each part its times as differences (int64 LE,
mostly equal, so that they compress to almost nothing) and its number columns (f4 or f8 LE), in the head's order.
Text and flags stand in the head.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.model.batch import Points

# The largest legitimate chunk is an event of 170 000 samples: (8 B time + 3 axes x 8 B) x 170 000 = 5.4 MB.
CHUNK_BYTES_MAX = 16 * 1024 * 1024
_LEVEL = 1  # 6 would save a tenth of the space for three times the work
_HEAD = 4  # bytes of the head's length


def pack(parts: Sequence[Points]) -> bytes:
    """Compress parts of one series; the same parts give the same bytes.

    Raises ValueError when columns are of unequal length or the chunk would be larger than can be read back.
    """
    heads: list[dict[str, Any]] = []
    arrays: list[bytes] = []
    for part in parts:
        head, columns = _packed(part)
        heads.append(head)
        arrays += columns
    text = json.dumps(heads, separators=(",", ":")).encode()
    raw = b"".join([len(text).to_bytes(_HEAD, "little"), text, *arrays])
    if len(raw) > CHUNK_BYTES_MAX:
        raise ValueError(f"{len(raw)} bytes in one record, at most {CHUNK_BYTES_MAX} can be stored")
    return zlib.compress(raw, _LEVEL)


def unpack(chunk: bytes, field: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Times and values of `field` in each part that has it, as written; flags become 0 and 1.

    Raises zlib.error when the chunk is damaged or opens to more than the limit, ValueError when the field holds text
    that is no number.
    """
    for times_ns, fields in unpack_all(chunk):
        if field in fields:
            yield times_ns, np.array(fields[field], np.float64)


def unpack_all(chunk: bytes) -> Iterator[tuple[NDArray[np.int64], dict[str, Any]]]:
    """Times of each part and its fields: arrays of numbers as written, lists of text and flags; zlib.error as above."""
    raw = _opened(chunk)
    end = _HEAD + int.from_bytes(raw[:_HEAD], "little")
    for head in json.loads(raw[_HEAD:end]):
        rows, fields = head["n"], dict(head["others"])
        times_ns = np.cumsum(np.frombuffer(raw, "<i8", rows, end), dtype=np.int64)
        end += 8 * rows
        for name, dtype in head["numbers"]:
            fields[name] = np.frombuffer(raw, dtype, rows, end)
            end += np.dtype(dtype).itemsize * rows
        yield times_ns, fields


def _packed(part: Points) -> tuple[dict[str, Any], list[bytes]]:
    rows = len(part.times_ns)
    numbers: list[tuple[str, str]] = []
    others: dict[str, list[Any]] = {}
    arrays = [np.diff(part.times_ns, prepend=0).astype("<i8").tobytes()]
    for name, values in part.fields.items():
        if len(values) != rows:
            raise ValueError(f"field {name}: {len(values)} values for {rows} times")
        if isinstance(values, np.ndarray):
            dtype = "<f4" if values.dtype == np.float32 else "<f8"
            numbers.append((name, dtype))
            arrays.append(values.astype(dtype).tobytes())
        else:
            others[name] = list(values)
    return {"n": rows, "numbers": numbers, "others": others}, arrays


def _opened(chunk: bytes) -> bytes:
    opener = zlib.decompressobj()
    raw = opener.decompress(chunk, CHUNK_BYTES_MAX)
    if not opener.eof:
        raise zlib.error(f"a chunk is cut short or opens to more than {CHUNK_BYTES_MAX} bytes")
    return raw
