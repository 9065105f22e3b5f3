"""Arrays on the wire are what RFC 8746 says, as far as the wire format uses it."""

from __future__ import annotations

from typing import Any

import cbor2
import numpy as np
import pytest

from monitor.model.errors import WireError
from monitor.model.record import Env, Shock
from monitor.wire import decode
from monitor.wire.cbor import FLOAT32_LE, INT16_LE, INT64_LE, MULTI_DIM
from tests.messages import env, pack, shock

MATRIX = [[2, 4, 8], [4, 16, 256]]  # the array of section 3.1.1, figures 1 and 2
FIGURE_1 = bytes.fromhex("d8288282 0203 d8414c 000200040008000400100100".replace(" ", ""))  # uint16 big-endian
FIGURE_2 = bytes.fromhex("d8288282 0203 86 0204 08 04 10 190100".replace(" ", ""))  # a classical array
COLUMN_MAJOR, FLOAT32_BE, HOMOGENEOUS = 1040, 81, 41


def float32(shape: list[int], values: Any, order: str = "<f4", tag: int = FLOAT32_LE, outer: int = MULTI_DIM) -> Any:
    return cbor2.CBORTag(outer, [shape, cbor2.CBORTag(tag, np.array(values, order).tobytes())])


@pytest.mark.parametrize(
    ("tag", "kind", "is_signed", "item_bytes"),
    [(FLOAT32_LE, "float", False, 4), (INT16_LE, "int", True, 2), (INT64_LE, "int", True, 8)],
)
def test_the_tags_say_their_type(tag: int, kind: str, is_signed: bool, item_bytes: int) -> None:
    """Section 2.1: a tag is 0b010_f_s_e_ll; f float, s signed, e little-endian, 2**(f + ll) bytes an item."""
    is_float, signed, is_little, log_bytes = tag >> 4 & 1, tag >> 3 & 1, tag >> 2 & 1, tag & 3
    assert tag >> 5 == 0b010
    assert (bool(is_float), bool(signed), bool(is_little)) == (kind == "float", is_signed, True)
    assert 1 << (is_float + log_bytes) == item_bytes


def test_the_array_of_section_3_1_1() -> None:
    """Dimensions [2, 3], row-major: the first row is 2, 4, 8. As readings, and turned round as counts of an event."""
    readings = decode("env", pack(env() | {"ch": ["a", "b", "c"], "x": float32([2, 3], MATRIX), "dt": 1}))
    assert isinstance(readings, Env)
    assert readings.values.tolist() == MATRIX
    columns = np.array(MATRIX, "<i2").T
    counts = cbor2.CBORTag(MULTI_DIM, [[3, 2], cbor2.CBORTag(INT16_LE, columns.tobytes())])
    event = decode("shock", pack(shock() | {"a": counts, "pre": 0}))
    assert isinstance(event, Shock)
    assert event.counts.T.tolist() == MATRIX


def test_offsets_are_int64_in_order() -> None:
    """Tag 79 is a typed array of int64, least significant byte first."""
    dt = cbor2.CBORTag(INT64_LE, bytes.fromhex("0000000000000000 0102000000000000".replace(" ", "")))
    message = decode("env", pack(env() | {"ch": ["a"], "x": float32([2, 1], [1, 2]), "dt": dt}))
    assert isinstance(message, Env)
    assert message.offsets_ns.tolist() == [0, 0x0201 * 1_000]


@pytest.mark.parametrize(
    "array",
    [
        cbor2.loads(FIGURE_1),
        cbor2.loads(FIGURE_2),
        float32([2, 3], MATRIX, outer=COLUMN_MAJOR),
        float32([2, 3], MATRIX, ">f4", FLOAT32_BE),
        cbor2.CBORTag(HOMOGENEOUS, [1.0, 2.0]),
        float32([2, 3], MATRIX[0]),
        float32([3, 3], MATRIX),
    ],
    ids=["uint16", "classical", "column-major", "big-endian", "homogeneous", "too few", "too many dimensions"],
)
def test_other_arrays_of_the_rfc_are_refused_not_misread(array: Any) -> None:
    """Other types, orders and sizes than the wire format's have a reason that names the key."""
    with pytest.raises(WireError, match=r"^x: expected|^x: shape"):
        decode("env", pack(env() | {"ch": ["a", "b", "c"], "x": array, "dt": 1}))
