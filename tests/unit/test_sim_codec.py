"""The loggers' encoder against the golden bytes, and their reading of acknowledgements."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest

from firmware_sim import codec

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "wire.json").read_text(encoding="utf-8"))
MESSAGES = [entry for entry in GOLDEN if not entry["topic"].endswith("/down/ack")]
ACK = next(entry for entry in GOLDEN if entry["topic"].endswith("/down/ack"))


def build(topic: str, content: dict[str, Any]) -> bytes:
    """Encode the readable content of a golden message with the loggers' encoder."""
    kind = topic.rpartition("/")[2]
    if kind == "ack":  # the loggers only read it
        return cbor2.dumps(content)
    stamp = codec.Stamp(content["boot"], content["t0"], content["mono"], content["clk"], content.get("sync_age_s"))
    if kind == "status":
        optional = ("serial", "model", "fw", "held", "armed", "interval_us", "accs", "bat_pct", "mem_pct", "boots")
        rest = {key: content.get(key) for key in optional}
        status = codec.Status(content["state"], content.get("until"), next_seq=content.get("next"), **rest)
        return codec.encode_status(stamp, status)
    head = (stamp, content["seq"], content["oldest"], content["overrun"])
    if kind == "env":
        x = np.array([[math.nan if v is None else v for v in row] for row in content["x"]], dtype=np.float32)
        dt = content["dt"] if isinstance(content["dt"], int) else np.array(content["dt"], dtype=np.int64)
        return codec.encode_env(*head, codec.Env(content["ch"], dt, x))
    counts = np.array(content["a"], dtype=np.int16)
    shock = codec.Shock(
        content["fs"],
        content["pre"],
        tuple(content["scale"]),
        content["range_g"],
        counts,
        content["acc"],
        content["level_g"],
        content["rejected"],
    )
    return codec.encode_shock(*head, shock)


@pytest.mark.parametrize("entry", MESSAGES, ids=lambda entry: str(entry["name"]))
def test_the_encoder_gives_the_golden_bytes(entry: dict[str, Any]) -> None:
    """Every byte of every message is held by the file that the monitor's decoder is held to as well."""
    assert build(entry["topic"], entry["content"]).hex() == entry["hex"]


def test_boots_is_the_last_key_also_when_there_is_none() -> None:
    """An empty list says that no earlier boot is unsettled; a missing key says nothing."""
    stamp, plain = codec.Stamp(1, 2, 3), codec.Status("online", serial="SN-1", mem_pct=1.0)
    without = codec.encode_status(stamp, plain)
    assert cbor2.loads(codec.encode_status(stamp, dataclasses.replace(plain, boots=[])))["boots"] == []
    birth = cbor2.loads(codec.encode_status(stamp, dataclasses.replace(plain, boots=[(5, 9), (6, 1)])))
    boots = birth.pop("boots")
    assert ([list(entry) for entry in boots], birth) == ([[5, 9], [6, 1]], cbor2.loads(without))


def test_typed_arrays_have_the_tags_of_rfc_8746() -> None:
    """40 is a row-major array, 85 float32, 79 int64 and 77 int16, all little-endian; checked without the encoder."""
    env = cbor2.loads(bytes.fromhex(next(e["hex"] for e in GOLDEN if e["name"] == "env-irregular")))
    assert env["x"].tag == 40
    dimensions, elements = env["x"].value
    assert (list(dimensions), elements.tag) == ([3, 2], 85)
    assert np.frombuffer(elements.value, "<f4")[[0, 3]].tolist() == [100634.0, float(np.float32(55.82))]
    assert np.isnan(np.frombuffer(elements.value, "<f4")[[1, 2]]).all()
    assert env["dt"].tag == 79
    assert np.frombuffer(env["dt"].value, "<i8").tolist() == [0, 1006195, 2006347]
    shock = cbor2.loads(bytes.fromhex(next(e["hex"] for e in GOLDEN if e["name"] == "shock")))
    dimensions, elements = shock["a"].value
    assert (shock["a"].tag, list(dimensions), elements.tag) == (40, [3, 4], 77)
    assert np.frombuffer(elements.value, "<i2").tolist()[3:5] == [-32768, 12]


def test_shapes_that_do_not_fit_are_refused() -> None:
    """A block whose columns are not its channels, and counts that are not int16, never become a message."""
    stamp = codec.Stamp(1, 2, 3)
    x = np.zeros((2, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="3 columns for 1 channels"):
        codec.encode_env(stamp, 0, 0, 0, codec.Env(("temperature.air",), 1, x))
    with pytest.raises(ValueError, match="expected \\(2,\\)"):
        codec.encode_env(stamp, 0, 0, 0, codec.Env(("a", "b", "c"), np.zeros(3, dtype=np.int64), x))
    wrong: Any = np.zeros((3, 4), dtype=np.int32)
    with pytest.raises(ValueError, match="not int16"):
        codec.encode_shock(stamp, 0, 0, 0, codec.Shock(1.0, 0, (1.0, 1.0, 1.0), 16.0, wrong, "a", 1.0))


def test_an_acknowledgement_is_read() -> None:
    """The golden acknowledgement comes back as it was meant."""
    content = ACK["content"]
    ack = codec.decode_ack(bytes.fromhex(ACK["hex"]))
    assert (ack.boot, ack.upto, ack.now_ns) == (content["boot"], content["upto"], content["now"])
    assert [list(pair) for pair in ack.want] == content["want"]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"hello",
        b"\x81" * 1000,
        b"\xc1\xf9\x7e\x00",
        bytes(5000),
        cbor2.dumps([1]),
        cbor2.dumps({"v": 2, "boot": 1, "upto": 1, "want": [], "now": 1}),
        cbor2.dumps({"v": 1, "boot": 1, "want": [], "now": 1}),
        cbor2.dumps({"v": 1, "boot": 1, "upto": -2, "want": [], "now": 1}),
        cbor2.dumps({"v": 1, "boot": True, "upto": 1, "want": [], "now": 1}),
        cbor2.dumps({"v": 1, "boot": 1, "upto": 2**70, "want": [], "now": 1}),
        cbor2.dumps({"v": 1, "boot": 1, "upto": 1, "want": [[1]], "now": 1}),
        cbor2.dumps({"v": 1, "boot": 1, "upto": 1, "want": [[1, "x"]], "now": 1}),
        cbor2.dumps({"v": 1, "boot": 1, "upto": 1, "want": [[1, 1]] * 65, "now": 1}),
    ],
)
def test_rubbish_on_down_ack_is_an_ack_error(payload: bytes) -> None:
    """Whatever comes, the caller has one exception to handle."""
    with pytest.raises(codec.AckError):
        codec.decode_ack(payload)
