"""What the decoder refuses: the reason names the key, and boot and seq are settled all the same."""

from __future__ import annotations

import math
import struct

import cbor2
import numpy as np
import pytest

from monitor.model.errors import WireError
from monitor.wire import decode
from monitor.wire.structure import load_map
from tests.messages import GOOD, Content, env, f4, i2, i8, matrix, pack, refusal, without

STAMP = ("v", "boot", "t0", "mono", "clk")
REQUIRED = {
    "env": (*STAMP, "seq", "oldest", "dt", "ch", "x"),
    "shock": (*STAMP, "seq", "oldest", "fs", "pre", "scale", "range_g", "a", "level_g", "rejected"),
    "status": (*STAMP, "state", "serial"),
}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in REQUIRED.items() for key in keys])
def test_a_missing_key_is_named(kind: str, key: str) -> None:
    """Each required key of each kind; boot and seq still settle where both are there."""
    error = refusal(kind, pack(without(GOOD[kind], key)))
    assert str(error).startswith(f"{key}: ")
    assert error.identity == (None if kind == "status" or key in ("boot", "seq") else (1, 4))


INTEGERS = [
    *(("env", key) for key in ("v", "boot", "seq", "t0", "mono", "clk", "oldest", "overrun", "dt")),
    *(("shock", key) for key in ("v", "boot", "seq", "t0", "mono", "clk", "oldest", "overrun", "pre", "rejected")),
    *(("status", key) for key in ("v", "boot", "t0", "mono", "clk", "until", "next", "interval_us")),
]


@pytest.mark.parametrize("value", [True, -1, 1.0, "1", None, 2**63, b"\x01"], ids=repr)
@pytest.mark.parametrize(("kind", "key"), INTEGERS)
def test_an_integer_is_an_integer_in_its_range(kind: str, key: str, value: object) -> None:
    """No bool, no negative, no float, no text; the reason names the key."""
    assert str(refusal(kind, pack(GOOD[kind] | {key: value}))).startswith(f"{key}: expected")


@pytest.mark.parametrize("key", ["boot", "seq", "oldest", "overrun"])
def test_identities_stay_below_two_to_the_53(key: str) -> None:
    """JSON and floats carry every number that is let in."""
    decode("env", pack(env(seq=4) | {key: 2**53 - 1}))
    error = refusal("env", pack(env(seq=4) | {key: 2**53}))
    assert str(error).startswith(f"{key}: expected an integer from 0 to {2**53 - 1}")
    assert error.identity == (None if key in ("boot", "seq") else (1, 4))


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, True, [1.0]], ids=repr)
@pytest.mark.parametrize(
    ("kind", "key"),
    [("env", "sync_age_s"), ("status", "bat_pct"), ("status", "mem_pct")]
    + [("shock", key) for key in ("fs", "range_g", "level_g")],
)
def test_a_number_is_finite(kind: str, key: str, value: object) -> None:
    """Neither NaN nor infinity nor anything that is no number."""
    assert str(refusal(kind, pack(GOOD[kind] | {key: value}))).startswith(f"{key}: expected a finite number")


MANY = [f"c{n}" for n in range(65)]
BAD_VALUES: list[tuple[str, str, Content]] = [
    ("env", "v", {"v": 2}),
    ("env", "clk", {"clk": 3}),
    ("env", "ch", {"ch": []}),
    ("env", "ch", {"ch": "temperature.air"}),
    ("env", "ch", {"ch": [1]}),
    ("env", "ch", {"ch": [""]}),
    ("env", "ch", {"ch": ["x" * 129]}),
    ("env", "ch", {"ch": ["a", "a"], "x": f4(2, 2)}),
    ("env", "ch", {"ch": MANY, "x": f4(2, 65)}),
    ("env", "x", {"x": [[1.0], [2.0]]}),
    ("env", "x", {"x": matrix([[1.0], [2.0]]).value}),
    ("env", "x", {"x": cbor2.CBORTag(40, matrix([[1.0], [2.0]]).value[1])}),
    ("env", "x", {"x": cbor2.CBORTag(1040, matrix([[1.0], [2.0]]).value)}),
    ("env", "x", {"x": matrix([[1.0], [2.0]], "<f4", 81)}),
    ("env", "x", {"x": matrix([[1.0], [2.0]], "<f8", 86)}),
    ("env", "x", {"x": matrix([1.0, 2.0])}),
    ("env", "x", {"x": cbor2.CBORTag(40, [[2, 1], [1.0, 2.0]])}),
    ("env", "x", {"x": cbor2.CBORTag(40, [[2, 1], cbor2.CBORTag(85, bytes(7))])}),
    ("env", "x", {"x": cbor2.CBORTag(40, [[-2, -1], cbor2.CBORTag(85, bytes(8))])}),
    ("env", "x", {"x": cbor2.CBORTag(40, [[True, 1], cbor2.CBORTag(85, bytes(4))])}),
    ("env", "x", {"x": cbor2.CBORTag(40, [[2**40, 1], cbor2.CBORTag(85, bytes(8))])}),
    ("env", "x", {"x": f4(2, 2)}),
    ("env", "x", {"x": f4(0, 1)}),
    ("env", "x", {"x": f4(100_001, 1)}),
    ("env", "dt", {"dt": i8(0)}),
    ("env", "dt", {"dt": i8(0, 1, 2)}),
    ("env", "dt", {"dt": i8(1, 2)}),
    ("env", "dt", {"dt": i8(0, -1)}),
    ("env", "dt", {"dt": i8(0, 2**62)}),
    ("env", "dt", {"dt": cbor2.CBORTag(77, bytes(16))}),
    ("env", "dt", {"dt": [0, 1]}),
    ("env", "dt", {"dt": 2**60}),
    ("env", "dt", {"dt": 2**60, "x": f4(1, 1)}),
    ("env", "dt", {"t0": 2**63 - 1}),
    ("env", "dt", {"mono": 2**63 - 1}),
    ("shock", "a", {"a": i2(2, 3)}),
    ("shock", "a", {"a": i2(3, 0)}),
    ("shock", "a", {"a": i2(3, 170_001)}),
    ("shock", "a", {"a": matrix(np.zeros((3, 3), "<i2"), "<i2", 73)}),
    ("shock", "fs", {"fs": 0.0}),
    ("shock", "fs", {"fs": -1.0}),
    ("shock", "fs", {"fs": 1e-300}),
    ("shock", "fs", {"fs": 1.001e7}),
    ("shock", "fs", {"fs": 1e19}),
    ("shock", "pre", {"pre": 4}),
    ("shock", "scale", {"scale": [1.0, 1.0]}),
    ("shock", "scale", {"scale": 1.0}),
    ("shock", "scale", {"scale": [1.0, 1.0, math.nan]}),
    ("shock", "acc", {"acc": 1}),
    ("status", "state", {"state": "asleep"}),
    ("status", "state", {"state": None}),
    ("status", "serial", {"serial": ""}),
    ("status", "serial", {"serial": 42}),
    ("status", "serial", {"serial": "x" * 129}),
    ("status", "held", {"held": 3}),
    ("status", "held", {"held": [[1, 2]]}),
    ("status", "held", {"held": [[1, 3, 2]]}),
    ("status", "held", {"held": [[1, -1, 2]]}),
    ("status", "held", {"held": [[1, True, 2]]}),
    ("status", "held", {"held": [[1, 0, 2**53]]}),
    ("status", "held", {"held": [[1, 0, 0]] * 1025}),
    ("status", "held[1]", {"held": [[1, 0, 0], [1, 0]]}),
    ("status", "held[0]", {"held": [{"boot": 1}]}),
    ("status", "boots", {"boots": 3}),
    ("status", "boots", {"boots": {}}),
    ("status", "boots[0]", {"boots": [7]}),
    ("status", "boots[0]", {"boots": [[7]]}),
    ("status", "boots[1]", {"boots": [[7, 8], [9, 1, 2]]}),
    ("status", "boots[0]", {"boots": [[7, -1]]}),
    ("status", "boots[0]", {"boots": [[7, True]]}),
    ("status", "boots[0]", {"boots": [[7, 1.0]]}),
    ("status", "boots[0]", {"boots": [[7, 2**53]]}),
    ("status", "boots[0]", {"boots": [[2**53, 7]]}),
    ("status", "boots", {"boots": [[7, 1], [7, 2]]}),
    ("status", "boots", {"boots": [[1, 5]]}),  # the boot that says so
    ("status", "boots", {"boots": [[boot, 5] for boot in range(2, 67)]}),
    ("status", "armed", {"armed": 1}),
    ("status", "accs", {"accs": []}),
    ("status", "accs", {"accs": {"a": 1}}),
    ("status", "accs", {"accs": {"a": {"fs": "fast"}}}),
    ("status", "accs", {"accs": {"x" * 129: {}}}),
    ("status", "accs", {"accs": {f"a{n}": {} for n in range(65)}}),
]


@pytest.mark.parametrize(("kind", "key", "changes"), BAD_VALUES, ids=lambda value: str(value)[:50])
def test_a_value_of_the_wrong_shape_is_named(kind: str, key: str, changes: Content) -> None:
    """Wrong tags, sizes and types: the reason begins with the key, and the seq is settled all the same."""
    error = refusal(kind, pack(GOOD[kind] | changes))
    assert str(error).startswith(key)
    assert error.identity == (None if kind == "status" else (1, 4))


GOOD_ENV = pack(GOOD["env"])
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "text": b"hello",
    "truncated": GOOD_ENV[:-1],
    "trailing bytes": GOOD_ENV + b"\0",
    "two maps": GOOD_ENV * 2,
    "array": cbor2.dumps([1]),
    "number": cbor2.dumps(1),
    "tagged map": cbor2.dumps(cbor2.CBORTag(55799, GOOD["env"])),
    "indefinite map": b"\xbf" + GOOD_ENV[1:] + b"\xff",
    "indefinite text": cbor2.dumps({"v": 1})[:-1] + b"\x7f\x61a\xff",
    "duplicate key": bytes([GOOD_ENV[0] + 1]) + GOOD_ENV[1:] + cbor2.dumps("boot") + cbor2.dumps(9),
    "number as key": cbor2.dumps({"v": 1, 2: 3}),
    "invalid UTF-8": b"\xa1\x61v\x61\xff",
    "reserved length": b"\xa1\x61v\x1c",
    "lone break": b"\xff",
    "reference to itself": b"\xd8\x1c\xa1\x61v\xd8\x1d\x00",
    "bignum": cbor2.dumps({"v": 2**64}),
    "regular expression": cbor2.dumps({"v": cbor2.CBORTag(35, "(a+)+$")}),
    "decimal fraction": cbor2.dumps({"v": cbor2.CBORTag(4, [2**60, 1])}),
    "date": cbor2.dumps({"v": cbor2.CBORTag(0, "2026-11-23T06:00:00Z")}),
    "address": cbor2.dumps({"v": cbor2.CBORTag(52, b"\x7f\x00\x00\x01")}),
}


@pytest.mark.parametrize("payload", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_plain_map_is_refused_as_a_whole(payload: bytes) -> None:
    """Not well-formed, not strict or not a map with text keys: reason CBOR, and nothing to settle."""
    for kind in ("env", "shock", "status"):
        error = refusal(kind, payload)
        assert str(error).startswith("CBOR: ")
        assert error.identity is None


VALUES: list[object] = ["2026-11-23", [1, 2], 1, b"abcd", {}, None, [4, b"\x7f"]]
ITEMS = [cbor2.dumps(value) for value in VALUES]
SERIES = 2048  # below lie most registered tags, to be tried with every item; of the others text and a list tell


def test_no_tag_makes_anything() -> None:
    """Under an unknown key, tags that cbor2 knows are refused, and all others stay a number and an item."""
    tags = [(struct.pack(">BH", 0xD9, tag), ITEMS if tag < SERIES else ITEMS[:2]) for tag in range(1 << 16)]
    for tag, items in [*tags, (b"\xda\0\1\0\0", ITEMS), (b"\xdb" + b"\xff" * 8, ITEMS)]:
        for item in items:
            try:
                value = load_map(b"\xa1\x61z" + tag + item)["z"]
            except WireError as error:
                assert str(error) == "CBOR: expected no tags but 40, 77, 79 and 85"
            else:
                assert type(value) is cbor2.CBORTag
