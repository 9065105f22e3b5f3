"""Messages in the wire format, right ones and such as are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest

from monitor.model.errors import WireError
from monitor.wire import decode

GOLDEN = json.loads((Path(__file__).parent / "golden" / "wire.json").read_text(encoding="utf-8"))
MESSAGES = [entry for entry in GOLDEN if not entry["topic"].endswith("/down/ack")]
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


def f4(rows: int, columns: int) -> cbor2.CBORTag:
    return matrix(np.zeros((rows, columns), "<f4"))


def i2(axes: int, samples: int) -> cbor2.CBORTag:
    return matrix(np.zeros((axes, samples), "<i2"), "<i2", 77)


def i8(*offsets_us: int) -> cbor2.CBORTag:
    return cbor2.CBORTag(79, np.array(offsets_us, "<i8").tobytes())


def without(content: Content, key: str) -> Content:
    """The same content less one key."""
    return {name: value for name, value in content.items() if name != key}


GOOD: dict[str, Content] = {"env": env(seq=4), "shock": shock(seq=4), "status": status()}


def refusal(kind: str, payload: bytes) -> WireError:
    """The error that a payload meets."""
    with pytest.raises(WireError) as caught:
        decode(kind, payload)
    return caught.value
