"""The detector's state as bytes: versioned CBOR, and nothing of streams of which nothing is remembered."""

from __future__ import annotations

from typing import Any

import cbor2

from monitor.model.errors import SnapshotError, TcmError

_OPERATION, _PLACE = "restore the detector", "snapshot"
VERSION = 3  # raise it when a column or a key changes its meaning: an older state is then refused, never misread


def encode(parts: dict[str, Any]) -> bytes:
    """Write the parts' state under their names."""
    return cbor2.dumps({"v": VERSION, "parts": parts})


def decode(data: bytes) -> dict[str, Any]:
    """Read what `encode` wrote; SnapshotError for anything else, an earlier version named as such.

    TcmError for a later one: what it remembers is not to be thrown away.
    """
    try:
        tree = cbor2.loads(data)
        version, parts = tree["v"], tree["parts"] if tree["v"] == VERSION else None
    except (cbor2.CBORDecodeError, KeyError, TypeError, ValueError) as error:
        raise unreadable(error) from error
    cause = f"version {version!r}, expected {VERSION}"
    if isinstance(version, int) and version > VERSION:
        raise TcmError(_OPERATION, _PLACE, cause, "a later version of this program wrote it: start that one")
    if version != VERSION:
        raise SnapshotError(_OPERATION, _PLACE, cause)
    if not isinstance(parts, dict):
        raise unreadable(TypeError(f"expected the state of each part, got {type(parts).__name__}"))
    return parts


def unreadable(error: Exception) -> SnapshotError:
    """The error of a snapshot that is none."""
    return SnapshotError(_OPERATION, _PLACE, f"not readable: {error!r}")
