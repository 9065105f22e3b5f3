"""The monitor's side of the wire: golden messages, its own encoders, and everything that must be refused."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.errors import WireError
from monitor.model.record import Env, Message, Shock, Status
from monitor.wire import ack_topic, alert_topic, decode, encode_ack, parse_topic
from tests.messages import (
    GOLDEN,
    GOOD,
    MESSAGES,
    Content,
    S,
    env,
    pack,
    shock,
    status,
    without,
)

ACKS = [entry for entry in GOLDEN if entry["topic"].endswith("/down/ack")]


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
        content |= {"boots": None if message.boots is None else [list(entry) for entry in message.boots]}
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


@pytest.mark.parametrize("entry", ACKS, ids=lambda entry: str(entry["name"]))
def test_an_acknowledgement_has_the_golden_bytes(entry: dict[str, Any]) -> None:
    """What the daemon writes is, byte for byte, what the loggers' side reads, keys in their order."""
    content = entry["content"]
    assert encode_ack(content["boot"], content["upto"], content["now"], content["want"]).hex() == entry["hex"]


def test_an_acknowledgement_wants_no_more_than_its_limit() -> None:
    """Of a hundred missing ranges the oldest 64 are asked for; the others follow once these are filled."""
    missing = [(10 * number, 10 * number + 3) for number in range(100)]
    content = cbor2.loads(encode_ack(7, -1, 3, missing))
    assert content == {"v": 1, "boot": 7, "upto": -1, "want": [list(pair) for pair in missing[:64]], "now": 3}


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
