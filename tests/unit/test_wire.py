"""The monitor's side of the wire: golden messages, its own encoders, and everything that must be refused."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from monitor.model.errors import WireError
from monitor.model.record import Env, Message, Shock, Status
from monitor.wire import ack_topic, alert_topic, decode, encode_ack, parse_topic
from monitor.wire.encode import encode_env, encode_shock

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "wire.json").read_text(encoding="utf-8"))
MESSAGES = [entry for entry in GOLDEN if not entry["topic"].endswith("/down/ack")]
ACK = next(entry for entry in GOLDEN if entry["topic"].endswith("/down/ack"))
S = 1_000_000_000
T0 = 1_795_413_600 * S

Content = dict[str, Any]


def matrix(values: list[list[float]] | Any, dtype: str = "<f4", tag: int = 85) -> cbor2.CBORTag:
    """A typed array of RFC 8746, built without the project's encoders."""
    array = np.array(values, dtype)
    return cbor2.CBORTag(40, [list(array.shape), cbor2.CBORTag(tag, array.tobytes())])


def env(seq: int = 0, boot: int = 1, values: Any = ((20.0,), (21.0,)), **changes: Any) -> Content:
    """The content of a block of readings, ten seconds apart, from T0 + 1000 s times seq."""
    columns = len(values[0])
    content: Content = {"v": 1, "boot": boot, "seq": seq, "t0": T0 + 1000 * S * seq, "mono": 1000 * S * seq, "clk": 2}
    content |= {"oldest": 0, "dt": 10_000_000, "ch": ["temperature.air", "humidity.air", "mystery"][:columns]}
    return content | {"x": matrix(values)} | changes


def shock(
    seq: int = 0, boot: int = 1, counts: Any = ((0, 900, 10), (0, -9, 0), (128, 128, 128)), **changes: Any
) -> Content:
    """The content of an event of three samples."""
    content: Content = {"v": 1, "boot": boot, "seq": seq, "t0": T0 + 1000 * S * seq, "mono": 1000 * S * seq, "clk": 2}
    content |= {"oldest": 0, "fs": 100.0, "pre": 1, "scale": [0.0078125] * 3, "range_g": 16.0, "level_g": 2.0}
    return content | {"a": matrix(counts, "<i2", 77), "rejected": 0} | changes


def status(boot: int = 1, **changes: Any) -> Content:
    """The content of a plain online status, without memory."""
    return {"v": 1, "boot": boot, "t0": T0, "mono": 0, "clk": 2, "state": "online", "serial": "SN-1"} | changes


def pack(content: Content) -> bytes:
    """CBOR of a content."""
    return cbor2.dumps(content)


def without(content: Content, key: str) -> Content:
    """The same content less one key."""
    return {name: value for name, value in content.items() if name != key}


def refusal(kind: str, payload: bytes) -> WireError:
    """The error that a payload meets."""
    with pytest.raises(WireError) as caught:
        decode(kind, payload)
    return caught.value


def kind_of(entry: dict[str, Any]) -> str:
    return parse_topic(entry["topic"]).kind


def readable(message: Message) -> Content:
    """A decoded message in the words of the golden file, without what the message left out."""
    stamp = message.stamp
    content: Content = {"v": 1, "boot": stamp.boot, "t0": stamp.t0_ns, "mono": stamp.mono_ns, "clk": stamp.clk}
    content["sync_age_s"] = stamp.sync_age_s
    if isinstance(message, Status):
        content |= {"state": message.state, "until": message.until_ns, "serial": message.serial, "model": message.model}
        content |= {"fw": message.firmware, "next": message.next_seq, "armed": message.armed}
        content |= {"held": None if message.held is None else [list(entry) for entry in message.held]}
        content |= {"interval_us": message.interval_us, "accs": message.accelerometers or None}
        content |= {"bat_pct": message.battery_pct, "mem_pct": message.memory_pct}
    else:
        content |= {"seq": message.seq, "oldest": message.oldest, "overrun": message.overrun}
    if isinstance(message, Env):
        offsets_us = (message.offsets_ns // 1000).tolist()
        content["dt"] = offsets_us if message.interval_ns is None else message.interval_ns // 1000
        content["ch"] = list(message.channels)
        content["x"] = [[None if math.isnan(v) else v for v in row] for row in message.values.tolist()]
    if isinstance(message, Shock):
        content |= {
            "fs": message.fs_hz,
            "pre": message.pre,
            "scale": message.scale.tolist(),
            "acc": message.accelerometer,
        }
        content |= {"range_g": message.range_g, "a": message.counts.tolist(), "level_g": message.level_g}
        content["rejected"] = message.rejected
    return {key: value for key, value in content.items() if value is not None}


@pytest.mark.parametrize("entry", MESSAGES, ids=lambda entry: str(entry["name"]))
def test_a_golden_message_decodes_to_its_content(entry: dict[str, Any]) -> None:
    """Every key of every message that the loggers' side wrote comes out with its value, NaN as nothing."""
    assert readable(decode(kind_of(entry), bytes.fromhex(entry["hex"]))) == entry["content"]


def test_offsets_are_exact_whether_even_or_not() -> None:
    """A constant `dt` counts from row to row, an array stands as it is; both in ns."""
    by_name = {entry["name"]: bytes.fromhex(entry["hex"]) for entry in MESSAGES}
    even, irregular = decode("env", by_name["env-even"]), decode("env", by_name["env-irregular"])
    assert isinstance(even, Env)
    assert isinstance(irregular, Env)
    assert (even.offsets_ns.tolist(), even.interval_ns) == ([0, 60 * S, 120 * S], 60 * S)
    assert (irregular.offsets_ns.tolist(), irregular.interval_ns) == ([0, 1_006_195_000, 2_006_347_000], None)
    assert even.offsets_ns.dtype == irregular.offsets_ns.dtype == np.int64


def test_the_samples_of_an_event_lie_where_the_wire_format_says() -> None:
    """Sample i is round(i * 1e9 / fs) after the first, in g by the scale of its axis."""
    message = decode("shock", pack(shock(fs=3000.0, scale=[1.0, 0.5, 0.25])))
    assert isinstance(message, Shock)
    assert message.offsets_ns.tolist() == [0, 333_333, 666_667]
    assert message.accel_g.tolist() == [[0.0, 900.0, 10.0], [0.0, -4.5, 0.0], [32.0, 32.0, 32.0]]


def test_an_acknowledgement_has_the_golden_shape() -> None:
    """The golden acknowledgement less its `want` is, byte for byte, what the daemon writes."""
    content = ACK["content"]
    payload = encode_ack(content["boot"], content["upto"], content["now"])
    assert payload == cbor2.dumps(content | {"want": []})
    assert list(cbor2.loads(payload)) == ["v", "boot", "upto", "want", "now"]
    assert cbor2.loads(encode_ack(7, -1, 3)) == {"v": 1, "boot": 7, "upto": -1, "want": [], "now": 3}


BOOTS = st.integers(0, 2**53 - 1)
TIMES = st.integers(0, 2**62)
CHANNELS = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5, unique=True)


@given(st.data(), BOOTS, BOOTS, TIMES, CHANNELS, st.integers(1, 20))
def test_a_block_comes_back_as_it_was_encoded(
    data: st.DataObject, boot: int, seq: int, t0_ns: int, channels: list[str], rows: int
) -> None:
    """encode_env, then decode: the same bits, NaN payloads and infinities included."""
    values = data.draw(st_numpy.arrays(np.float32, (rows, len(channels))))
    offsets_us = np.array([0, *data.draw(st.lists(st.integers(0, 10**12), min_size=rows - 1, max_size=rows - 1))])
    message = decode("env", encode_env(boot, seq, t0_ns, offsets_us, tuple(channels), values))
    assert isinstance(message, Env)
    assert (message.stamp.boot, message.seq, message.stamp.t0_ns, message.stamp.clk) == (boot, seq, t0_ns, 2)
    assert message.channels == tuple(channels)
    assert message.values.tobytes() == values.tobytes()
    assert message.offsets_ns.tolist() == (offsets_us * 1000).tolist()


FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALE = st.floats(-100.0, 100.0)  # g a count, as far as the wire admits


@given(
    st.data(),
    BOOTS,
    BOOTS,
    TIMES,
    st.integers(1, 50),
    st.tuples(SCALE, SCALE, SCALE),
    st.text(min_size=1, max_size=20),
)
def test_an_event_comes_back_as_it_was_encoded(
    data: st.DataObject, boot: int, seq: int, t0_ns: int, samples: int, scale: tuple[float, float, float], name: str
) -> None:
    """encode_shock, then decode: the same counts and settings."""
    counts = data.draw(st_numpy.arrays(np.int16, (3, samples)))
    fs_hz, pre = data.draw(st.floats(0.01, 1e6)), data.draw(st.integers(0, samples))
    range_g, level_g = data.draw(FINITE), data.draw(FINITE)
    payload = encode_shock(boot, seq, t0_ns, fs_hz, pre, scale, range_g, counts, name, level_g)
    message = decode("shock", payload)
    assert isinstance(message, Shock)
    assert (message.stamp.boot, message.seq, message.stamp.t0_ns) == (boot, seq, t0_ns)
    assert (message.fs_hz, message.pre, message.range_g, message.level_g) == (fs_hz, pre, range_g, level_g)
    assert (tuple(message.scale.tolist()), message.accelerometer) == (scale, name)
    assert message.counts.tolist() == counts.tolist()


STAMP = ("v", "boot", "t0", "mono", "clk")
REQUIRED = {
    "env": (*STAMP, "seq", "oldest", "dt", "ch", "x"),
    "shock": (*STAMP, "seq", "oldest", "fs", "pre", "scale", "range_g", "a", "level_g", "rejected"),
    "status": (*STAMP, "state", "serial"),
}
GOOD: dict[str, Content] = {"env": env(seq=4), "shock": shock(seq=4), "status": status()}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in REQUIRED.items() for key in keys])
def test_a_missing_key_is_named(kind: str, key: str) -> None:
    """Each required key of each kind; boot and seq still settle where both are there."""
    error = refusal(kind, pack(without(GOOD[kind], key)))
    assert str(error).startswith(f"{key}: ")
    assert error.identity == (None if kind == "status" or key in ("boot", "seq") else (1, 4))


@pytest.mark.parametrize("kind", ["env", "shock", "status"])
def test_unknown_keys_are_ignored(kind: str) -> None:
    """A newer logger may say more."""
    assert readable(decode(kind, pack(GOOD[kind] | {"novel": [1, {"a": 2}]}))) == readable(
        decode(kind, pack(GOOD[kind]))
    )


@pytest.mark.parametrize("key", ["serial", "model", "fw", "bat_pct", "held", "next", "armed", "accs", "interval_us"])
def test_a_will_needs_no_more_than_the_six_keys(key: str) -> None:
    """Of a status that is not online everything but v, boot, t0, mono, clk and state may be left out."""
    message = decode("status", pack(without(status(state="offline"), "serial")))
    assert isinstance(message, Status)
    assert readable(message).get(key) is None


def test_a_block_of_nan_is_fine() -> None:
    """Sensors that gave nothing are for `health`, not for quarantine."""
    message = decode("env", pack(env(values=[[math.nan, math.nan]] * 3)))
    assert isinstance(message, Env)
    assert np.isnan(message.values).all()


def test_an_unknown_channel_does_not_discard_its_neighbours() -> None:
    """What the schema does not know is decoded all the same."""
    message = decode("env", pack(env(values=[[20.0, 40.0, 7.0]])))
    assert isinstance(message, Env)
    assert message.channels == ("temperature.air", "humidity.air", "mystery")
    assert message.values.tolist() == [[20.0, 40.0, 7.0]]


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


def f4(rows: int, columns: int) -> cbor2.CBORTag:
    return matrix(np.zeros((rows, columns), "<f4"))


def i2(axes: int, samples: int) -> cbor2.CBORTag:
    return matrix(np.zeros((axes, samples), "<i2"), "<i2", 77)


def i8(*offsets_us: int) -> cbor2.CBORTag:
    return cbor2.CBORTag(79, np.array(offsets_us, "<i8").tobytes())


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
    ("status", "armed", {"armed": 1}),
    ("status", "accs", {"accs": []}),
    ("status", "accs", {"accs": {"a": 1}}),
    ("status", "accs", {"accs": {"a": {"fs": "fast"}}}),
]


@pytest.mark.parametrize(("kind", "key", "changes"), BAD_VALUES, ids=lambda value: str(value)[:50])
def test_a_value_of_the_wrong_shape_is_named(kind: str, key: str, changes: Content) -> None:
    """Wrong tags, sizes and types: the reason begins with the key, and the seq is settled all the same."""
    error = refusal(kind, pack(GOOD[kind] | changes))
    assert str(error).startswith(key)
    assert error.identity == (None if kind == "status" else (1, 4))


def test_the_largest_that_is_allowed_decodes() -> None:
    """64 channels, 100 000 readings and 170 000 samples are within the limits, as is a payload of 1 MiB."""
    for content in (env(ch=MANY[:64], x=f4(2, 64)), env(x=f4(100_000, 1))):
        assert isinstance(decode("env", pack(content)), Env)
    event = decode("shock", pack(shock(a=i2(3, 170_000))))
    assert isinstance(event, Shock)
    assert event.samples == 170_000
    spare = (1 << 20) - len(pack(env() | {"pad": bytes(1 << 16)})) + (1 << 16)
    padded = pack(env() | {"pad": bytes(spare - 2)})
    padded = padded if len(padded) == 1 << 20 else pack(env() | {"pad": bytes(spare - 2 + (1 << 20) - len(padded))})
    assert len(padded) == 1 << 20
    assert isinstance(decode("env", padded), Env)
    assert str(refusal("env", padded + b"\0")).startswith("size: expected at most 1048576 bytes")


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
}


@pytest.mark.parametrize("payload", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_plain_map_is_refused_as_a_whole(payload: bytes) -> None:
    """Not well-formed, not strict or not a map with text keys: reason CBOR, and nothing to settle."""
    for kind in ("env", "shock", "status"):
        error = refusal(kind, payload)
        assert str(error).startswith("CBOR: ")
        assert error.identity is None


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "tcm/v1/C/L/up",
        "tcm/v1/C/L/up/",
        "tcm/v1/C/L/up/env/",
        "tcm/v1/C/L/up/fill",
        "tcm/v1/C/L/up/fill/status",
        "tcm/v1/C/L/up/fill/env/x",
        "tcm/v1/C/L/up/full/env",
        "tcm/v1/C/L/up/tick",
        "tcm/v1/C/L/up/config",
        "tcm/v1/C/L/down/env",
        "tcm/v2/C/L/up/env",
        "other/v1/C/L/up/env",
        "tcm/v1//L/up/env",
        "tcm/v1/C/L L/up/env",
        "tcm/v1/C/L\n/up/env",
        "tcm/v1/C/Lü/up/env",
        f"tcm/v1/{'C' * 65}/L/up/env",
        "/tcm/v1/C/L/up/env",
    ],
)
def test_a_bad_topic_is_refused_with_its_reason(topic: str) -> None:
    """Every name is an identifier and every kind known; rubbish never becomes a logger."""
    with pytest.raises(WireError, match=r"^topic: expected"):
        parse_topic(topic)


def test_topics_say_who_sent_what() -> None:
    """The five topics of a logger, and the two that the daemon writes."""
    for kind in ("env", "shock", "status"):
        assert parse_topic(f"tcm/v1/C-1/L_1.a/up/{kind}") == ("C-1", "L_1.a", kind, False)
    for kind in ("env", "shock"):
        assert parse_topic(f"tcm/v1/{'C' * 64}/L/up/fill/{kind}") == ("C" * 64, "L", kind, True)
    assert ack_topic("C", "L") == "tcm/v1/C/L/down/ack"
    assert alert_topic("C", "0123") == "tcm/v1/C/alerts/0123"


@given(st.text(max_size=300))
def test_any_topic_is_parsed_or_refused(topic: str) -> None:
    """No text ends the intake."""
    with contextlib.suppress(WireError):
        parse_topic(topic)


def decode_or_refuse(payload: bytes) -> None:
    for kind in ("env", "shock", "status"):
        try:
            decode(kind, payload)
        except WireError as error:
            assert str(error)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_random_bytes_are_decoded_or_refused(payload: bytes) -> None:
    """Nothing but WireError leaves the decoder."""
    decode_or_refuse(payload)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(MESSAGES), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_mutated_messages_are_decoded_or_refused(entry: dict[str, Any], changes: list[tuple[int, int]]) -> None:
    """A golden message with a few bytes changed, or cut short, never does more than raise WireError."""
    payload = bytearray.fromhex(entry["hex"])
    for at, value in changes:
        payload[at % len(payload)] = value
    decode_or_refuse(bytes(payload))
    decode_or_refuse(bytes(payload[: changes[0][0] % len(payload)]))


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=24)
)
TAGGED = st.builds(cbor2.CBORTag, st.sampled_from([40, 77, 79, 85, 86, 99]), LEAVES | st.lists(LEAVES, max_size=3))
VALUES = (
    LEAVES | TAGGED | st.lists(LEAVES | TAGGED, max_size=4) | st.dictionaries(st.text(max_size=4), LEAVES, max_size=3)
)


@settings(max_examples=500, deadline=None)
@given(st.data(), st.sampled_from(["env", "shock", "status"]))
def test_good_messages_with_strange_values_are_decoded_or_refused(data: st.DataObject, kind: str) -> None:
    """Well-formed CBOR with any value under a known key never does more than raise WireError that names a key."""
    keys = sorted(
        {*GOOD[kind], "sync_age_s", "overrun", "acc", "until", "next", "held", "armed", "accs", "interval_us"}
    )
    changes = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, min_size=1, max_size=2))
    try:
        decode(kind, pack(GOOD[kind] | changes))
    except WireError as error:
        assert str(error).startswith((*keys, "CBOR:"))  # the values may hold numbers beyond 64 bits, which are tags


MIB = 1 << 20
HOSTILE: dict[str, bytes] = {
    "empty maps": b"\x9a" + (MIB - 5).to_bytes(4, "big") + b"\xa0" * (MIB - 5),
    "empty maps under keys": b"\xb9\x20\x00" + b"".join(cbor2.dumps(f"{n:05d}") + b"\xa0" for n in range(8192)),
    "deep arrays": b"\x81" * MIB,
    "deep maps": b"\xa1\x60" * (MIB // 2),
    "deep tags": b"\xc9" * MIB,
    "huge array": b"\x9b" + b"\x7f" * 8 + bytes(MIB - 9),
    "huge map": b"\xbb" + b"\x7f" * 8 + bytes(MIB - 9),
    "huge bytes": b"\x5b" + b"\x7f" * 8 + bytes(MIB - 9),
    "huge text": b"\x7b" + b"\x7f" * 8 + bytes(MIB - 9),
    "huge array alone": b"\x9b" + b"\xff" * 8,
    "huge map alone": b"\xba" + b"\xff" * 4,
    "indefinite": b"\x9f" * MIB,
    "small numbers": b"\x9a" + (MIB - 5).to_bytes(4, "big") + bytes(MIB - 5),
}  # fmt: skip
_CHILD = """
import resource, sys, time
from monitor.model.errors import WireError
from monitor.wire import decode
payload = sys.stdin.buffer.read()
before_kib, began_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    decode("env", payload)
except WireError:
    took_s = time.process_time() - began_s
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib, took_s)
"""


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_payloads_are_refused_at_once(payload: bytes) -> None:
    """1 MiB that would grow to gigabytes or recurse without end costs milliseconds."""
    began_s = time.process_time()
    error = refusal("env", payload)
    assert str(error).startswith("CBOR: ")
    assert time.process_time() - began_s < 0.25
    assert len(str(error)) < 300


def test_hostile_payloads_take_little_memory() -> None:
    """In a process of its own the peak grows by less than 8 MiB."""
    for name in ("empty maps", "huge array", "huge map", "deep arrays"):
        done = subprocess.run(
            [sys.executable, "-c", _CHILD], input=HOSTILE[name], capture_output=True, check=True, timeout=30
        )
        grown_kib, took_s = done.stdout.split()
        assert int(grown_kib) < 8 * 1024, name
        assert float(took_s) < 0.25, name
