"""The detector's state as bytes: versioned CBOR, small (only lanes that are pending or firing)."""

from __future__ import annotations

from typing import Any, TypeVar

import cbor2
import numpy as np

from monitor.detect.columns import Columns
from monitor.detect.lane import LaneKey, Last, lane_key
from monitor.detect.threshold import FIRING, IDLE, State
from monitor.model.errors import TcmError

Kind = TypeVar("Kind", bound=Columns)
_HINT = "delete it: the state is built anew from the journal"
VERSION = 1  # raise it when a column or a key changes its meaning: an older state is then refused, never misread


def encode(keys: list[LaneKey], state: State, last: Last) -> bytes:
    """Write the active lanes: `v`, their keys, and each column as little-endian bytes."""
    threshold = {"keys": [list(key) for key in keys], "state": _raw(state), "last": _raw(last)}
    return cbor2.dumps({"v": VERSION, "threshold": threshold})


def decode(data: bytes) -> tuple[list[LaneKey], State, Last]:
    """Read what `encode` wrote; TcmError for anything else, another version named as such."""
    try:
        tree = cbor2.loads(data)
        version = tree["v"]
        if version != VERSION:
            raise TcmError("restore the detector", "snapshot", f"version {version}, expected {VERSION}", _HINT)
        part = tree["threshold"]
        keys = [lane_key(fields) for fields in part["keys"]]
        state, last = _columns(State, part["state"], len(keys)), _columns(Last, part["last"], len(keys))
    except (cbor2.CBORDecodeError, KeyError, TypeError, ValueError) as error:
        raise TcmError("restore the detector", "snapshot", f"not readable: {error!r}", _HINT) from error
    if ((state.mode == IDLE) | (state.mode > FIRING)).any():
        raise TcmError("restore the detector", "snapshot", "a lane that is neither pending nor firing", _HINT)
    return keys, state, last


def _raw(columns: Columns) -> dict[str, bytes]:
    return {name: array.astype(columns.dtypes[name]).tobytes() for name, array in columns.arrays().items()}


def _columns(kind: type[Kind], raw: dict[str, Any], length: int) -> Kind:
    """Columns from bytes; ValueError when one has not `length` rows."""
    arrays = [np.frombuffer(raw[name], dtype=dtype) for name, dtype in kind.dtypes.items()]
    if any(len(array) != length for array in arrays):
        raise ValueError(f"expected {length} rows in each column")
    return kind(*arrays)
